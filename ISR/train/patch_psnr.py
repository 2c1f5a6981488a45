"""PSNR of the patches that are trained on, by ISR 2's names: each patch by itself, clipped, its border shaved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from keras import ops

from ISR.errors import ConfigError
from ISR.images.colour import LUMA_WEIGHTS
from ISR.losses import Loss

# A patch that is met exactly has no PSNR; this one is beyond what 8 bits can show.
LEAST_MSE = 1e-10


def psnr(hr: Any, sr: Any, *, border: int = 0) -> Any:
    """PSNR in dB of each of n patches: (n, h, w, 3) in [0, 1], SR clipped there -> (n,). At most 100."""
    return _decibels(_shaved(hr, border) - _shaved(ops.clip(sr, 0.0, 1.0), border))


def psnr_y(hr: Any, sr: Any, *, border: int = 0) -> Any:
    """The same of the BT.601 luma planes, whose samples reach from 16 to 235 of 255."""
    difference = _shaved(hr, border) - _shaved(ops.clip(sr, 0.0, 1.0), border)
    return _decibels(sum(weight / 255.0 * difference[..., i] for i, weight in enumerate(LUMA_WEIGHTS)))


PSNR = {"PSNR": psnr, "PSNR_Y": psnr_y}


def named(metrics: Mapping[str, Any], *, border: int) -> dict[str, Loss]:
    """ISR 2's `metrics` as functions of (HR, SR) by name. ConfigError for what is neither a name nor a function."""
    metric = metrics.get("generator")
    if metric is None:
        return {}
    if callable(metric):
        return {str(getattr(metric, "__name__", "metric")): metric}
    if metric not in PSNR:
        raise ConfigError(f"metrics['generator'] must be one of {', '.join(PSNR)} or a function, got {metric!r}")
    return {metric: partial(PSNR[metric], border=border)}


def _shaved(patches: Any, border: int) -> Any:
    return patches[:, border : patches.shape[1] - border, border : patches.shape[2] - border]


def _decibels(difference: Any) -> Any:
    mse = ops.mean(ops.square(difference), axis=tuple(range(1, len(difference.shape))))
    return -10.0 / math.log(10.0) * ops.log(ops.maximum(mse, LEAST_MSE))
