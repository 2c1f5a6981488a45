"""Batches of patches for `fit`: each a pure function of (seed, epoch, step)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from ISR.datasets.patches import Pair, random_patch
from ISR.images.files import to_float

Batch = npt.NDArray[np.float32]


class PatchBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """`steps` batches an epoch of aligned random patches, every picture equally likely.

    Element i is (lr, hr): (batch, size, size, 3) and (batch, size * scale, size * scale, 3) float32 in [0, 1]. Set
    `epoch` before each epoch: a run that was stopped goes on with the same batches.
    """

    def __init__(
        self, pairs: Sequence[Pair], *, patch_size: int, batch_size: int, steps: int, seed: int, flatness: float = 0.0
    ) -> None:
        super().__init__(workers=1)
        if not pairs:
            raise ValueError("PatchBatches needs at least one pair of pictures")
        smallest = min(min(pair.lr.shape[:2]) for pair in pairs)
        if smallest < patch_size:
            raise ValueError(f"a patch of {patch_size} does not fit the smallest LR picture, {smallest} pixels a side")
        self.pairs, self.patch_size, self.batch_size = pairs, patch_size, batch_size
        self.steps, self.seed, self.flatness = steps, seed, flatness
        self.epoch = 0

    @property
    def num_batches(self) -> int:
        return self.steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        rng = np.random.default_rng([self.seed, self.epoch, step])
        chosen = rng.integers(len(self.pairs), size=self.batch_size)
        patches = [random_patch(self.pairs[i], self.patch_size, rng=rng, flatness=self.flatness) for i in chosen]
        return to_float(np.stack([p.lr for p in patches])), to_float(np.stack([p.hr for p in patches]))
