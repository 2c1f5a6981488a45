"""What becomes of a zero-shot network's output: the median over flips and turns, and back-projection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ISR.datasets.patches import FLIPS_AND_TURNS, flip_and_turn
from ISR.images import resize, tiling

Floats = npt.NDArray[np.float32]
Run = Callable[[Floats], Floats]
Reduce = Callable[[Floats, tuple[int, int]], Floats]


def median_of_turns(values: Floats, run: Run, *, ways: int, tile: int, overlap: int) -> Floats:
    """The network's picture of the values, tile by tile: the median over `ways` of the eight flips and turns.

    values: (height, width, c). run: (1, h, w, c) -> the same shape. overlap: how far the network sees, in pixels.
    """
    plan = tiling.plan(*values.shape[:2], tile=tile, overlap=overlap, scale=1)
    output = np.empty_like(values)
    for index in range(len(plan)):
        window = tiling.cut(values, plan, index)
        # 4 is the first mirrored way, so that few ways are of both kinds.
        several = [_turned(window, run, way) for way in (0, 4, 2, 6, 1, 5, 3, 7)[:ways]]
        tiling.paste(output, plan, index, np.median(several, axis=0))
    return output


def _turned(window: Floats, run: Run, way: int) -> Floats:
    turned = np.ascontiguousarray(flip_and_turn(window, way))
    return turn_back(run(turned[None])[0], way)


def turn_back(values: npt.NDArray[np.float32], way: int) -> npt.NDArray[np.float32]:
    """The inverse of `ISR.datasets.patches.flip_and_turn`."""
    upright = np.rot90(values, -(way % (FLIPS_AND_TURNS // 2)))
    return upright[:, ::-1] if way >= FLIPS_AND_TURNS // 2 else upright


def back_projected(sr: Floats, lr: Floats, reduce: Reduce, *, times: int) -> Floats:
    """The enlargement with what its reduction lacks of the picture added to it, enlarged, so many times.

    Irani and Peleg 1991; section 3.2 of Shocher et al. 2018. sr, lr: (height, width, c). reduce: values and a size in,
    the values reduced to it out.
    """
    for _ in range(times):
        sr = sr + resize.resize(lr - reduce(sr, lr.shape[:2]), sr.shape[:2])
    return sr
