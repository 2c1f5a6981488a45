"""Aligned LR and HR patches: pure functions of the pictures and a numpy Generator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint8]

FLIPS_AND_TURNS = 8
# How often a patch flatter than wanted is drawn again before the last one is taken: a picture may be flat all over.
MAX_DRAWS = 10


class Pair(NamedTuple):
    """An LR picture (h, w, c) uint8 and its HR picture (h * scale, w * scale, c) uint8."""

    lr: Samples
    hr: Samples


def random_patch(pair: Pair, size: int, *, rng: np.random.Generator, flatness: float = 0.0) -> Pair:
    """An aligned pair of patches from a random place, flipped or turned in one of the eight ways (views, no copies).

    size: side of the LR patch in pixels. flatness: least standard deviation of the LR patch's samples in [0, 1], of its
    liveliest channel; up to MAX_DRAWS places are tried. ValueError where the picture is smaller than the patch.
    """
    height, width = pair.lr.shape[:2]
    if min(height, width) < size:
        raise ValueError(f"a patch of {size} does not fit into an LR picture of {width}x{height}")
    for _ in range(MAX_DRAWS if flatness > 0.0 else 1):
        top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
        patch = crop(pair, top, left, size)
        if flatness == 0.0 or patch.lr.std(axis=(0, 1)).max() >= flatness * 255.0:
            break
    way = int(rng.integers(FLIPS_AND_TURNS))
    return Pair(flip_and_turn(patch.lr, way), flip_and_turn(patch.hr, way))


def crop(pair: Pair, top: int, left: int, size: int) -> Pair:
    """The LR patch of side `size` at (top, left) and the HR patch that covers the same part of the picture."""
    scale = pair.hr.shape[0] // pair.lr.shape[0]
    lr = pair.lr[top : top + size, left : left + size]
    hr = pair.hr[top * scale : (top + size) * scale, left * scale : (left + size) * scale]
    return Pair(lr, hr)


def flip_and_turn(patch: Samples, way: int) -> Samples:
    """The symmetries of the square, 0 to 7: quarter turns by way % 4, first mirrored left to right from 4 on."""
    mirrored = patch[:, ::-1] if way >= 4 else patch
    return np.rot90(mirrored, way % 4)
