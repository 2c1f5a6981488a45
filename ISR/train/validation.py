"""How good the generator is on pictures that it is not trained on, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR.datasets.patches import Pair, crop, middle
from ISR.images import resize
from ISR.images.files import to_float, to_samples
from ISR.metrics import psnr_y

Floats = npt.NDArray[np.float32]
Forward = Callable[[Floats], Floats]
Loss = Callable[[Any, Any], Any]

SAMPLES, SAMPLE_SIDE = 4, 64


def measure(pairs: Sequence[Pair], forward: Forward, losses: dict[str, Loss]) -> dict[str, float]:
    """Means over the pictures, each enlarged whole: of `psnr_y`, luma PSNR in dB of 8-bit output with a border of the
    scale shaved, and of each loss of (HR, SR) batches in [0, 1], SR not clipped. Of a network that pads nothing SR is
    compared with the middle of HR."""
    rows = [_measure_one(pair, forward, losses) for pair in pairs]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def _measure_one(pair: Pair, forward: Forward, losses: dict[str, Loss]) -> dict[str, float]:
    sr = forward(to_float(pair.lr)[None])
    samples = to_samples(sr[0]).astype(np.uint8, copy=False)
    seen = middle(pair.hr, *samples.shape[:2])
    measured = {"psnr_y": psnr_y(seen, samples, border=pair.hr.shape[0] // pair.lr.shape[0])}
    hr = to_float(seen)[None]
    return measured | {name: float(loss(hr, sr)) for name, loss in losses.items()}


def middles(pairs: Sequence[Pair], side: int, hr_side: int) -> tuple[Floats, Floats]:
    """The middle patch of every picture that has one of `side` LR pixels: LR (n, side, side, 3), HR of `hr_side`."""
    patches = [_middle(pair, side) for pair in pairs if min(pair.lr.shape[:2]) >= side]
    if not patches:
        return np.zeros((0, side, side, 3), np.float32), np.zeros((0, hr_side, hr_side, 3), np.float32)
    hr = np.stack([middle(patch.hr, hr_side, hr_side) for patch in patches])
    return to_float(np.stack([patch.lr for patch in patches])), to_float(hr)


def samples(pairs: Sequence[Pair], forward: Forward) -> npt.NDArray[np.uint8]:
    """One picture, a row for each of the first SAMPLES pairs: its middle by bicubic interpolation, as SR and as HR."""
    shown = pairs[:SAMPLES]
    side = min(SAMPLE_SIDE, *(min(pair.lr.shape[:2]) for pair in shown))
    return np.concatenate([_row(_middle(pair, side), forward) for pair in shown])


def _row(patch: Pair, forward: Forward) -> npt.NDArray[np.uint8]:
    lr = to_float(patch.lr)
    bicubic, sr = resize.enlarge(lr, patch.hr.shape[0] // patch.lr.shape[0]), forward(lr[None])[0]
    shown = [to_samples(picture).astype(np.uint8, copy=False) for picture in (bicubic, sr)] + [patch.hr]
    return np.concatenate([middle(picture, *sr.shape[:2]) for picture in shown], axis=1)


def _middle(pair: Pair, side: int) -> Pair:
    height, width = pair.lr.shape[:2]
    return crop(pair, (height - side) // 2, (width - side) // 2, side)
