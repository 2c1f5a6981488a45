"""Pictures and arrays as float planes and back: kinds, depths, grey, alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import drawn

from ISR.images import resize
from ISR.images.files import Picture
from ISR.predict import planes


def twice(values: np.ndarray) -> np.ndarray:
    assert values.dtype == np.float32 and values.min() >= 0.0 and values.max() <= 1.0
    return resize.enlarge(values, 2, method="nearest")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_an_array_keeps_its_kind(dtype: Any, channels: int) -> None:
    array = drawn(6, 5) if channels else drawn(6, 5)[..., 0]
    array = np.dstack([array, array])[..., :channels] if channels else array
    array = array.astype(dtype)
    array = array * dtype(257) if dtype == np.uint16 else array
    array = array / dtype(255) if np.issubdtype(dtype, np.floating) else array
    larger = planes.enlarged_array(array, twice)
    assert larger.dtype == array.dtype and larger.shape == (12, 10, *array.shape[2:])
    colours = {0: 1, 1: 1, 2: 1, 3: 3, 4: 3}[channels]
    flat, small = larger.reshape(12, 10, -1), array.reshape(6, 5, -1)
    np.testing.assert_allclose(flat[::2, ::2, :colours], small[..., :colours], rtol=1e-6)
    if channels in (2, 4):
        alpha = resize.resize(small[..., -1:].astype(np.float32), (12, 10))
        top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
        np.testing.assert_allclose(flat[..., -1:], np.clip(alpha, 0, top), atol=0.51 if top > 1 else 1e-5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), "1 to 4"),
        (np.zeros((0, 4, 3), np.uint8), "no empty axis"),
        (np.zeros(4, np.uint8), "1 to 4"),
        (np.full((4, 4), 1.5), r"floats in \[0, 1\]"),
        (np.full((4, 4), np.nan), r"floats in \[0, 1\]"),
        (np.full((4, 4), -1), "integers from 0 to 255"),
    ],
)
def test_refuses_other_arrays(array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        planes.enlarged_array(array, twice)


def test_a_picture_keeps_bits_alpha_and_the_rest() -> None:
    alpha = np.full((6, 5), 30_000, np.uint16)
    picture = Picture(drawn(6, 5).astype(np.uint16) * 257, alpha, dpi=(300.0, 300.0), format="PNG")
    larger = planes.enlarged_picture(picture, twice)
    assert (larger.pixels.dtype, larger.dpi, larger.format) == (np.uint16, (300.0, 300.0), "PNG")
    np.testing.assert_array_equal(larger.pixels[::2, ::2], picture.pixels)
    assert larger.alpha is not None and np.all(larger.alpha == 30_000) and larger.alpha.shape == (12, 10)


@pytest.mark.parametrize(("channels", "wanted", "count"), [(3, 3, 1), (3, 1, 3), (1, 3, 1), (1, 1, 1)])
def test_split_and_join_are_inverse(channels: int, wanted: int, count: int) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (4, 5, channels)).astype(np.float32)
    parts = planes.split(values, wanted)
    assert len(parts) == count and {part.shape for part in parts} == {(4, 5, wanted)}
    np.testing.assert_allclose(planes.join(parts, channels), values, atol=1e-6)
