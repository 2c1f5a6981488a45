"""Cutting a picture into overlapping windows and pasting the enlarged ones together: geometry and copying alone.

A tile has a window, which the network sees, and a core, which is kept of the result. The cores of a plan cover the
picture exactly once. Where a window's edge lies inside the picture, its core keeps `overlap` pixels away from it; so a
network that sees no further than that gives the same core as on the whole picture. At the picture's own border the
window ends where the picture ends, and the network pads there as it would pad the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Samples = TypeVar("Samples", bound=np.generic)


@dataclass(frozen=True)
class Tile:
    """One window and what is kept of it, in low-resolution pixels of the picture.

    origin: the window's first (row, column). core: the (rows, columns) that are kept, as slices of the picture.
    """

    origin: tuple[int, int]
    core: tuple[slice, slice]

    @property
    def area(self) -> int:
        """The number of low-resolution pixels in the core."""
        rows, columns = self.core
        return int((rows.stop - rows.start) * (columns.stop - columns.start))


@dataclass(frozen=True)
class TilePlan:
    """How a picture is cut: made by `plan`, a few numbers whatever the size of the picture.

    height, width: of the picture, in pixels. scale: the enlargement. overlap: real neighbours around a core, in pixels.
    window: (rows, columns) of every window. counts: (rows, columns) of tiles; tiles are numbered row by row from 0.
    first_row: of the picture, where the first cores begin: the cores cover the picture from there on.
    """

    height: int
    width: int
    scale: int
    overlap: int
    window: tuple[int, int]
    counts: tuple[int, int]
    first_row: int = 0

    def __len__(self) -> int:
        """The number of tiles, at least 1."""
        return self.counts[0] * self.counts[1]

    def tile(self, index: int) -> Tile:
        """The tile of that number. IndexError where there is none."""
        if not 0 <= index < len(self):
            raise IndexError(f"a plan of {len(self)} tiles has no tile {index}")
        row, column = divmod(index, self.counts[1])
        rows = _cores(self.first_row, self.height, self.counts[0], row)
        columns = _cores(0, self.width, self.counts[1], column)
        top = _window_start(rows.start, self.overlap, self.height - self.window[0])
        left = _window_start(columns.start, self.overlap, self.width - self.window[1])
        return Tile((top, left), (rows, columns))


def plan(height: int, width: int, *, tile: int, overlap: int, scale: int, first_row: int = 0) -> TilePlan:
    """The plan for a picture of `height` x `width` pixels, or for what of it begins at `first_row`.

    tile: the greatest side of a core, in low-resolution pixels; an axis that fits into one window is one core, whatever
    its length. overlap: low-resolution pixels of context on each side of a core, the network's receptive radius for a
    result without seams. Every window has the shape min(side, tile + 2 * overlap) and lies inside the picture.
    ValueError for a side, tile or scale below 1, an overlap below 0, or a first row outside the picture.
    """
    for name, value, least in (("height", height, 1), ("width", width, 1), ("tile", tile, 1), ("scale", scale, 1)):
        _at_least(name, value, least)
    _at_least("overlap", overlap, 0)
    if not 0 <= first_row < height:
        raise ValueError(f"first_row must be one of the picture's {height} rows, got {first_row}")
    window = (min(height, tile + 2 * overlap), min(width, tile + 2 * overlap))
    counts = (_count(height, window[0], tile, first_row), _count(width, window[1], tile))
    return TilePlan(height, width, scale, overlap, window, counts, first_row)


def cut(array: npt.NDArray[Samples], plan: TilePlan, index: int) -> npt.NDArray[Samples]:
    """A view of the window of tile `index`: `plan.window` rows and columns of the (height, width, ...) array."""
    _same_size("the picture", array, (plan.height, plan.width))
    top, left = plan.tile(index).origin
    return array[top : top + plan.window[0], left : left + plan.window[1]]


def paste(
    output: npt.NDArray[Samples],
    plan: TilePlan,
    index: int,
    result: npt.NDArray[np.generic],
    *,
    convert: Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]] | None = None,
) -> None:
    """Copy the core of tile `index` from its enlarged window into the output; pasting a tile twice changes nothing.

    output: (height * scale, width * scale, ...). result: (window rows * scale, window columns * scale, ...).
    convert: applied to the core before it is copied, for instance from floats to integers; it keeps the shape.
    ValueError where the output or the result has another height or width.
    """
    _same_size("the output", output, (plan.height * plan.scale, plan.width * plan.scale))
    _same_size("the enlarged window", result, (plan.window[0] * plan.scale, plan.window[1] * plan.scale))
    tile = plan.tile(index)
    rows, columns = tile.core
    core = result[_scaled(rows, tile.origin[0], plan.scale), _scaled(columns, tile.origin[1], plan.scale)]
    output[_scaled(rows, 0, plan.scale), _scaled(columns, 0, plan.scale)] = core if convert is None else convert(core)


def batches(plan: TilePlan, batch_size: int) -> Iterator[list[int]]:
    """The numbers of all tiles in lists of one length: `batch_size`, or the plan's number of tiles if that is less.

    The last list is filled by repeating its last number, so that a framework compiling for each shape compiles once.
    ValueError for a batch size below 1.
    """
    _at_least("batch_size", batch_size, 1)
    size, last = min(batch_size, len(plan)), len(plan) - 1
    return ([min(first + i, last) for i in range(size)] for first in range(0, len(plan), size))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")


def _same_size(what: str, array: npt.NDArray[np.generic], size: tuple[int, int]) -> None:
    if array.shape[:2] != size:
        raise ValueError(f"the plan expects {what} to be {size[0]} rows by {size[1]} columns, got shape {array.shape}")


def _count(length: int, window: int, tile: int, first: int = 0) -> int:
    return 1 if window == length else -(-(length - first) // tile)


def _cores(first: int, length: int, count: int, index: int) -> slice:
    """Piece `index` of an axis cut, from `first` on, into `count` pieces whose lengths differ by at most one pixel."""
    rest = length - first
    return slice(first + rest * index // count, first + rest * (index + 1) // count)


def _window_start(core_start: int, overlap: int, last: int) -> int:
    return min(max(core_start - overlap, 0), last)


def _scaled(piece: slice, origin: int, scale: int) -> slice:
    return slice((piece.start - origin) * scale, (piece.stop - origin) * scale)
