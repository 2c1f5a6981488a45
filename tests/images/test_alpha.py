"""Hidden colours: what is under transparent pixels never shows at an edge, and windows do not change the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import drawn

from ISR.images import alpha
from ISR.images.files import Picture
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Tiled

Array = npt.NDArray[Any]
BLACK, GREEN = (0, 0, 0), (0, 255, 0)


def disc(hidden: tuple[int, int, int], dtype: npt.DTypeLike = np.uint8, side: int = 40) -> tuple[Array, Array]:
    """A red disc with a hard edge: colours (side, side, 3), and alpha (side, side)."""
    top = np.iinfo(np.dtype(dtype)).max
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = x * x + y * y < (side / 3) ** 2
    colour = np.where(inside[..., None], np.array((255, 0, 0)), np.array(hidden)) * (top // 255)
    return colour.astype(dtype), (inside * top).astype(dtype)


def whole(colour: Array, opacity: Array) -> Array:
    return alpha.bled_window(colour, opacity[..., None], (0, 0), colour.shape[:2])


def on_white(picture: Picture) -> Array:
    """Colours in [0, 1] over white."""
    assert picture.alpha is not None
    top = float(np.iinfo(picture.pixels.dtype).max)
    opacity = picture.alpha[..., None] / top
    return np.asarray(picture.pixels / top * opacity + (1 - opacity))


@pytest.mark.parametrize("hidden", [BLACK, GREEN], ids=["black", "green"])
@pytest.mark.parametrize("method", ["bicubic", "lanczos"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_disc_has_no_fringe(hidden: tuple[int, int, int], method: str, dtype: npt.DTypeLike) -> None:
    colour, opacity = disc(hidden, dtype)
    picture = Tiled(Interpolation(method, 3), tile=16).picture(Picture(colour, opacity))
    red, green, blue = np.moveaxis(on_white(picture), -1, 0)
    # Of red over white, red is full everywhere and green equals blue.
    assert red.min() > 0.99
    assert np.abs(green - blue).max() < 0.01
    assert picture.alpha is not None and 0 < np.mean(picture.alpha > 0) < 1


def test_only_what_is_hidden_changes_and_only_nearby() -> None:
    colour = drawn(90, 80)
    opacity = np.full((90, 80), 255, np.uint8)
    opacity[:, 10:] = 0
    opacity[40, 5] = 1
    bled = whole(colour, opacity)
    np.testing.assert_array_equal(bled[:, :10], colour[:, :10])
    np.testing.assert_array_equal(bled[:, 10 + 2 * alpha.REACH :], colour[:, 10 + 2 * alpha.REACH :])
    np.testing.assert_array_equal(bled[:, 10], colour[:, 9])  # the nearest one visible


def test_an_opaque_window_is_a_view() -> None:
    colour, opacity = drawn(9, 8), np.full((9, 8, 1), 3, np.uint8)
    assert np.shares_memory(alpha.bled_window(colour, opacity, (2, 3), (4, 4)), colour)
    assert alpha.bled_window(colour, None, (2, 3), (4, 4)).shape == (4, 4, 3)


def test_nothing_visible_stays() -> None:
    colour = drawn(9, 8)
    np.testing.assert_array_equal(whole(colour, np.zeros((9, 8), np.uint8)), colour)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_windows_give_what_the_whole_gives(dtype: npt.DTypeLike) -> None:
    colour = drawn(100, 90).astype(dtype)
    opacity = (np.random.default_rng(1).random((100, 90, 1)) < 0.01).astype(dtype)
    expected = whole(colour, opacity[..., 0])
    assert expected.dtype == dtype and (expected != colour).any()
    for origin, window in (((0, 0), (30, 30)), ((37, 41), (20, 49)), ((99, 0), (1, 90))):
        found = alpha.bled_window(colour, opacity, origin, window)
        rows, columns = slice(origin[0], origin[0] + window[0]), slice(origin[1], origin[1] + window[1])
        np.testing.assert_array_equal(found, expected[rows, columns])


def test_a_turned_picture_is_bled_alike() -> None:
    colour, opacity = drawn(50, 40), (np.random.default_rng(2).random((50, 40)) < 0.02).astype(np.uint8)
    bled = whole(colour, opacity).astype(int)
    for turn in (lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a.swapaxes(0, 1)):
        again = whole(turn(colour), turn(opacity)).astype(int)
        assert np.abs(again - turn(bled)).max() <= 1  # sums in another order, rounded
