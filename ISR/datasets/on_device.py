"""Pictures that lie where the network is trained, and patches cut from them there: only places cross over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from ISR import backend
from ISR.datasets.batches import PatchBatches
from ISR.datasets.patches import FLIPS_AND_TURNS, Pair, Samples, flip_and_turn, random_place
from ISR.errors import ConfigError
from ISR.images.files import to_float

# A sample is found by a 32-bit index: the most pixels that can be told apart.
MOST_PIXELS = 2**31 - 1


class DeviceBatches(PatchBatches):
    """The batches of PatchBatches, to the bit, as tensors that never were on the host; bicubic LR pictures alone.

    All pictures are on the device from the first batch on. ConfigError where they have more than MOST_PIXELS pixels.
    """

    def __init__(self, pairs: Sequence[Pair], **options: Any) -> None:
        super().__init__(pairs, **options)
        scale = pairs[0].hr.shape[0] // pairs[0].lr.shape[0]
        self._cut_lr = _Cutter([pair.lr for pair in pairs], self.patch_size)
        self._cut_hr = _Cutter([pair.hr for pair in pairs], self.patch_size * scale, scale=scale, border=self.border)

    def __getitem__(self, step: int) -> tuple[Any, Any]:
        rng, flatness = self._rng(self.epoch, step), self.flatness.at(self.epoch)
        chosen = self._chosen(self.epoch, rng)
        places = [random_place(self.pairs[i].lr, self.patch_size, rng=rng, flatness=flatness) for i in chosen]
        where = np.column_stack([chosen, places]).astype(np.int32)
        return self._cut_lr(where), self._cut_hr(where)


class _Cutter:
    """Square patches of pictures on the device: (n, 4) int32 of picture, LR row, LR column and way -> (n, side', side',
    channels) float32 in [0, 1], side' being `side` without `border` on either side."""

    def __init__(self, pictures: Sequence[Samples], side: int, *, scale: int = 1, border: int = 0) -> None:
        sizes = np.array([picture.shape[0] * picture.shape[1] for picture in pictures], np.int64)
        if sizes.sum() > MOST_PIXELS:
            pixels = f"{len(pictures)} pictures of {sizes.sum():,} pixels in all"
            raise ConfigError(f"data.on_device: {pixels} are more than {MOST_PIXELS:,}: leave it out")
        flat = np.concatenate([picture.reshape(-1, picture.shape[2]) for picture in pictures])
        firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        widths = np.array([picture.shape[1] for picture in pictures], np.int32)
        # Compilers turn a division by 255 into a product, which rounds otherwise than the host.
        levels = to_float(np.arange(256, dtype=np.uint8))
        self._held = [ops.convert_to_tensor(values) for values in (flat, firsts, widths, levels)]
        self._rows, self._columns = (grid[:, border : side - border, border : side - border] for grid in _ways(side))
        self._scale = scale
        self._cut = backend.compiled(self._patches)

    def __call__(self, where: npt.NDArray[np.int32]) -> Any:
        return self._cut(*self._held, ops.convert_to_tensor(where))

    def _patches(self, flat: Any, firsts: Any, widths: Any, levels: Any, where: Any) -> Any:
        picture, top, left, way = (where[:, i] for i in range(4))
        rows = ops.take(ops.convert_to_tensor(self._rows), way, axis=0) + _each(top * self._scale)
        columns = ops.take(ops.convert_to_tensor(self._columns), way, axis=0) + _each(left * self._scale)
        index = _each(ops.take(firsts, picture)) + rows * _each(ops.take(widths, picture)) + columns
        return ops.take(levels, ops.cast(ops.take(flat, index, axis=0), "int32"))


def _each(values: Any) -> Any:
    """One value a patch, for all of its pixels."""
    return values[:, None, None]


def _ways(side: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """For each of the ways of `flip_and_turn`, which row and which column of a patch each pixel comes from: two arrays
    (ways, side, side)."""
    grids = np.mgrid[:side, :side].astype(np.int32)
    turned = [[flip_and_turn(grid, way) for way in range(FLIPS_AND_TURNS)] for grid in grids]
    rows, columns = (np.stack(each) for each in turned)
    return rows, columns
