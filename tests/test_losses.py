"""Pixel losses against NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from keras import ops

from ISR import losses

Floats = npt.NDArray[np.float32]
HR: Floats = np.random.default_rng(0).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
SR: Floats = np.random.default_rng(1).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
EXPECTED: dict[str, Callable[[Floats], float]] = {
    "mae": lambda difference: float(np.mean(np.abs(difference))),
    "mse": lambda difference: float(np.mean(difference**2)),
    "charbonnier": lambda difference: float(np.mean(np.sqrt(difference**2 + 1e-6))),
}
# The grey of BT.601: 0.299 red, 0.587 green, 0.114 blue.
GREY = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("name", sorted(losses.PIXEL))
@pytest.mark.parametrize("luma_weight", [0.0, 0.5])
def test_is_what_numpy_says(name: str, luma_weight: float) -> None:
    expected = EXPECTED[name](HR - SR) + luma_weight * EXPECTED[name]((HR - SR) @ GREY)
    assert float(losses.pixel(name, luma_weight=luma_weight)(HR, SR)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(losses.PIXEL))
@pytest.mark.parametrize("luma_weight", [0.0, 0.5])
def test_computes_in_float32_whatever_comes(name: str, luma_weight: float) -> None:
    """Half a batch of 1 and half of 1 - 2^-8, a bfloat16 value: their mean is one only in float32."""
    ones = np.ones((1, 2, 256, 3), np.float32)
    nearly = np.where(np.arange(2)[:, None, None] == 0, ones, ones - 2.0**-8).astype(np.float32)
    loss = losses.pixel(name, luma_weight=luma_weight)
    came = loss(ops.cast(ones, "bfloat16"), ops.cast(nearly, "bfloat16"))
    assert ops.dtype(came) == "float32"
    assert float(came) == pytest.approx(float(loss(ones, nearly)), rel=1e-6)


@pytest.mark.parametrize(("name", "least"), [("mae", 0.0), ("mse", 0.0), ("charbonnier", 1e-3)])
def test_is_least_where_they_are_equal(name: str, least: float) -> None:
    assert float(losses.pixel(name)(HR, HR)) == pytest.approx(least)


def test_refuses_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="unknown pixel loss 'l3': expected one of mae, mse, charbonnier"):
        losses.pixel("l3")
