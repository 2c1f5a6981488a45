"""Batches of patches for `fit`, from pictures or from a store: each a pure function of (seed, epoch, step)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from ISR.datasets.patches import FLIPS_AND_TURNS, Flatness, Pair, flip_and_turn, middle, random_patch
from ISR.datasets.store import PatchStore
from ISR.images.files import to_float

Batch = npt.NDArray[np.float32]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """`steps` batches an epoch. Set `epoch` before each epoch: a run that was stopped goes on with the same batches.

    Element i is (lr, hr): (batch, size, size, 3) and (batch, side, side, 3) float32 in [0, 1].
    """

    def __init__(self, *, batch_size: int, steps: int, seed: int, flatness: Flatness) -> None:
        super().__init__(workers=1)
        self.batch_size, self.steps, self.seed, self.flatness = batch_size, steps, seed, flatness
        self.epoch = 0

    @property
    def num_batches(self) -> int:
        return self.steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        rng = self._rng(self.epoch, step)
        patches = self._patches(self._chosen(self.epoch, rng), rng)
        return to_float(np.stack([p.lr for p in patches])), to_float(np.stack([p.hr for p in patches]))

    def files(self, epoch: int, step: int) -> list[Path]:
        """The pictures that the patches of that batch were cut from, each once, in the batch's order."""
        chosen = self._chosen(epoch, self._rng(epoch, step))
        return list(dict.fromkeys(self._file(int(index)) for index in chosen))

    def _rng(self, epoch: int, step: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, step])

    def _chosen(self, epoch: int, rng: np.random.Generator) -> npt.NDArray[np.integer]:
        raise NotImplementedError

    def _patches(self, chosen: npt.NDArray[np.integer], rng: np.random.Generator) -> list[Pair]:
        raise NotImplementedError

    def _file(self, index: int) -> Path:
        raise NotImplementedError


class PatchBatches(Batches):
    """Batches of aligned random patches, every picture equally likely.

    paths: the pictures' files, one for each pair, for `files`, which else gives their numbers. degradation: other than
    `bicubic`, it makes every LR patch anew, each epoch another. border: pixels that HR patches lack on every side.
    ValueError where there is no pair or a picture smaller than a patch.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        patch_size: int,
        batch_size: int,
        steps: int,
        seed: int,
        flatness: Flatness = Flatness(),  # noqa: B008
        degradation: str = "bicubic",
        border: int = 0,
        paths: Sequence[Path] = (),
    ) -> None:
        super().__init__(batch_size=batch_size, steps=steps, seed=seed, flatness=flatness)
        if not pairs:
            raise ValueError("PatchBatches needs at least one pair of pictures")
        smallest = min(min(pair.lr.shape[:2]) for pair in pairs)
        if smallest < patch_size:
            raise ValueError(f"a patch of {patch_size} does not fit the smallest LR picture, {smallest} pixels a side")
        self.pairs, self.patch_size, self.degradation, self.paths = pairs, patch_size, degradation, paths
        self.border = border

    def _chosen(self, epoch: int, rng: np.random.Generator) -> npt.NDArray[np.integer]:
        return rng.integers(len(self.pairs), size=self.batch_size)

    def _patches(self, chosen: npt.NDArray[np.integer], rng: np.random.Generator) -> list[Pair]:
        flatness = self.flatness.at(self.epoch)
        patches = [
            random_patch(self.pairs[i], self.patch_size, rng=rng, flatness=flatness, degradation=self.degradation)
            for i in chosen
        ]
        sides = [patch.hr.shape[0] - 2 * self.border for patch in patches]
        return [Pair(patch.lr, middle(patch.hr, side, side)) for patch, side in zip(patches, sides, strict=True)]

    def _file(self, index: int) -> Path:
        return self.paths[index] if self.paths else Path(f"picture {index}")


class StoreBatches(Batches):
    """Batches of patches from a store, every patch equally likely that is not too flat, in one of the eight ways."""

    def __init__(
        self,
        store: PatchStore,
        *,
        batch_size: int,
        steps: int,
        seed: int,
        flatness: Flatness = Flatness(),  # noqa: B008
    ) -> None:
        super().__init__(batch_size=batch_size, steps=steps, seed=seed, flatness=flatness)
        self.store = store

    def _chosen(self, epoch: int, rng: np.random.Generator) -> npt.NDArray[np.integer]:
        lively = np.flatnonzero(self.store.liveliness >= self.flatness.at(epoch))
        indices = rng.integers(len(lively) or len(self.store), size=self.batch_size)
        return lively[indices] if len(lively) else indices

    def _patches(self, chosen: npt.NDArray[np.integer], rng: np.random.Generator) -> list[Pair]:
        ways = rng.integers(FLIPS_AND_TURNS, size=len(chosen))
        patches = [self.store[int(index)] for index in chosen]
        return [
            Pair(flip_and_turn(patch.lr, way), flip_and_turn(patch.hr, way))
            for patch, way in zip(patches, ways.tolist(), strict=True)
        ]

    def _file(self, index: int) -> Path:
        return self.store.file(index)
