"""BT.601 luma: known colours, grey as equal channels, every rounding."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.images.colour import LUMA_OFFSET, LUMA_WEIGHTS, luma, luma_float

# The 8-bit luma of the colour bars: 16 plus the weights 65.481, 128.553 and 24.966 of the channels that are full.
BARS = [
    ((0, 0, 0), 16),
    ((255, 255, 255), 235),
    ((255, 0, 0), 81),
    ((0, 255, 0), 145),
    ((0, 0, 255), 41),
    ((255, 255, 0), 210),
    ((0, 255, 255), 170),
    ((255, 0, 255), 106),
    ((128, 128, 128), 126),
]


@pytest.mark.parametrize(("rgb", "expected"), BARS)
def test_luma_of_the_colour_bars(rgb: tuple[int, int, int], expected: int) -> None:
    plane = luma(np.array(rgb, np.uint8)[None, None])
    assert (plane.dtype, plane.shape, plane.item()) == (np.uint8, (1, 1), expected)


def test_luma_is_the_exact_value_rounded() -> None:
    """Against whole numbers; within half a level, for a tie may fall either way."""
    rgb = np.random.default_rng(0).integers(0, 256, (97, 101, 3), dtype=np.uint8)
    thousandths = rgb.astype(np.int64) @ np.array([65_481, 128_553, 24_966])
    assert np.abs((luma(rgb).astype(np.int64) - 16) * 255_000 - thousandths).max() <= 127_500


def test_grey_is_like_equal_channels() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(luma(grey), luma(grey.repeat(3, axis=2)))
    floats = grey / 255.0
    np.testing.assert_allclose(luma_float(floats), luma_float(floats.repeat(3, axis=2)), rtol=0, atol=1e-12)


def test_luma_float_is_linear_float64_of_any_leading_shape() -> None:
    rgb = np.random.default_rng(0).uniform(0, 1, (2, 3, 4, 3)).astype(np.float32)
    plane = luma_float(rgb)
    assert (plane.dtype, plane.shape) == (np.float64, (2, 3, 4))
    expected = LUMA_OFFSET + sum(weight * rgb[..., i].astype(np.float64) for i, weight in enumerate(LUMA_WEIGHTS))
    np.testing.assert_allclose(plane, expected, rtol=0, atol=1e-12)
    assert sum(LUMA_WEIGHTS) == pytest.approx(219)


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_refuses_other_channels(channels: int) -> None:
    with pytest.raises(ValueError, match="1 or 3 channels"):
        luma_float(np.zeros((2, 2, channels)))
