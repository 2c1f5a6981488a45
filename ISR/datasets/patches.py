"""Aligned LR and HR patches: pure functions of the pictures and a numpy Generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ISR.images import degrade

Samples = npt.NDArray[np.uint8]
Sample = TypeVar("Sample", bound=np.generic)

FLIPS_AND_TURNS = 8
# How often a patch flatter than wanted is drawn again before the last one is taken: a picture may be flat all over.
MAX_DRAWS = 10


class Pair(NamedTuple):
    """An LR picture (h, w, c) uint8 and its HR picture (h * scale, w * scale, c) uint8."""

    lr: Samples
    hr: Samples


class Place(NamedTuple):
    """A patch's first row and column in the LR picture, and its way for `flip_and_turn`."""

    top: int
    left: int
    way: int


@dataclass(frozen=True)
class Flatness:
    """The least standard deviation of a patch, samples in [0, 1], epoch by epoch; flatter ones are drawn again.

    `start` in the first epochs, `increase` more after every `every` of them, up to `most`.
    """

    start: float = 0.0
    increase: float = 0.0
    every: int = 1
    most: float = 1.0

    def at(self, epoch: int) -> float:
        """The value in that epoch, counted from 0."""
        return min(self.most, self.start + self.increase * (epoch // self.every)) if self.increase else self.start


def liveliness(lr: Samples) -> float:
    """The standard deviation of the samples in [0, 1] of an (h, w, c) uint8 patch, of its liveliest channel."""
    return float(lr.std(axis=(0, 1)).max()) / 255.0


def random_patch(
    pair: Pair, size: int, *, rng: np.random.Generator, flatness: float = 0.0, degradation: str = "bicubic"
) -> Pair:
    """An aligned pair of patches from a random place, flipped or turned in one of the eight ways (views, no copies).

    size: side of the LR patch in pixels. flatness: least `liveliness` of the LR patch; up to MAX_DRAWS places are
    tried. degradation: `bicubic` takes the pair's LR picture as it is, another recipe of ISR.images.degrade makes the
    LR patch anew from the HR picture. ValueError where the picture is smaller than the patch.
    """
    top, left, way = random_place(pair.lr, size, rng=rng, flatness=flatness)
    if degradation == "bicubic":
        patch = crop(pair, top, left, size)
    else:
        scale = pair.hr.shape[0] // pair.lr.shape[0]
        patch = degraded(pair.hr, top * scale, left * scale, size, scale=scale, degradation=degradation, rng=rng)
    return Pair(flip_and_turn(patch.lr, way), flip_and_turn(patch.hr, way))


def random_place(lr: Samples, size: int, *, rng: np.random.Generator, flatness: float = 0.0) -> Place:
    """Where in the LR picture `random_patch` cuts, with the same arguments, and which way it turns what it cut."""
    height, width = lr.shape[:2]
    if min(height, width) < size:
        raise ValueError(f"a patch of {size} does not fit into an LR picture of {width}x{height}")
    for _ in range(MAX_DRAWS if flatness > 0.0 else 1):
        top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
        if flatness == 0.0 or liveliness(lr[top : top + size, left : left + size]) >= flatness:
            break
    return Place(top, left, int(rng.integers(FLIPS_AND_TURNS)))


def degraded(
    hr: Samples, top: int, left: int, size: int, *, scale: int, degradation: str, rng: np.random.Generator | None = None
) -> Pair:
    """The HR patch of side `size` * `scale` at (top, left) in HR pixels, and the LR patch that a recipe makes of it.

    The LR patch is cut from a larger one, so that it looks as it would within its picture, reduced from a grid of
    pixels that begins at (top, left). At the picture's edges it is made as there.
    """
    margin = degrade.MARGINS[degradation]
    (before_y, after_y), (before_x, after_x) = (
        (min(margin, start // scale), min(margin, (side - start) // scale - size))
        for start, side in ((top, hr.shape[0]), (left, hr.shape[1]))
    )
    rows = slice(top - before_y * scale, top + (size + after_y) * scale)
    columns = slice(left - before_x * scale, left + (size + after_x) * scale)
    lr = degrade.degrade(hr[rows, columns], scale, recipe=degradation, rng=rng).astype(np.uint8, copy=False)
    side = size * scale
    return Pair(lr[before_y : before_y + size, before_x : before_x + size], hr[top : top + side, left : left + side])


def crop(pair: Pair, top: int, left: int, size: int) -> Pair:
    """The LR patch of side `size` at (top, left) and the HR patch that covers the same part of the picture."""
    scale = pair.hr.shape[0] // pair.lr.shape[0]
    lr = pair.lr[top : top + size, left : left + size]
    hr = pair.hr[top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    return Pair(lr, hr)


def middle(picture: Samples, height: int, width: int) -> Samples:
    """The middle of the picture, of that size: what a network that pads nothing makes has lost as much on all sides."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def flip_and_turn(patch: npt.NDArray[Sample], way: int) -> npt.NDArray[Sample]:
    """The symmetries of the square, 0 to 7: quarter turns by way % 4, first mirrored left to right from 4 on."""
    mirrored = patch[:, ::-1] if way >= 4 else patch
    return np.rot90(mirrored, way % 4)
