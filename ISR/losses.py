"""Pixel losses on keras.ops, computed in float32 whatever the network computes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from ISR.images.colour import LUMA_WEIGHTS

Loss = Callable[[Any, Any], Any]


def mae(hr: Any, sr: Any) -> Any:
    """Mean absolute difference of two tensors of one shape: a scalar."""
    return ops.mean(ops.abs(_float32(hr) - _float32(sr)))


def mse(hr: Any, sr: Any) -> Any:
    """Mean squared difference of two tensors of one shape: a scalar."""
    return ops.mean(ops.square(_float32(hr) - _float32(sr)))


def charbonnier(hr: Any, sr: Any) -> Any:
    """Mean of sqrt(difference^2 + 1e-6), a differentiable L1 (Lai et al. 2017, equation 3, with their eps of 1e-3)."""
    return ops.mean(ops.sqrt(ops.square(_float32(hr) - _float32(sr)) + 1e-6))


PIXEL = {"mae": mae, "mse": mse, "charbonnier": charbonnier}


def pixel(name: str, *, luma_weight: float = 0.0) -> Loss:
    """The named pixel loss of RGB batches (n, h, w, 3) in [0, 1], plus `luma_weight` times the same loss of their luma.

    Luma here is BT.601's without offset, scaled to [0, 1]. ValueError where the name is not known.
    """
    if name not in PIXEL:
        raise ValueError(f"unknown pixel loss {name!r}: expected one of {', '.join(PIXEL)}")
    compare = PIXEL[name]

    def loss(hr: Any, sr: Any) -> Any:
        total = compare(hr, sr)
        return total + luma_weight * compare(_luma(hr), _luma(sr)) if luma_weight else total

    return loss


def _luma(rgb: Any) -> Any:
    weights = [w / sum(LUMA_WEIGHTS) for w in LUMA_WEIGHTS]
    return sum(w * _float32(rgb)[..., i] for i, w in enumerate(weights))


def _float32(values: Any) -> Any:
    return ops.cast(values, "float32")
