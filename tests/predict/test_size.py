"""The size that a picture becomes: by hand, and as properties of every size."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ISR.errors import ConfigError, PictureError
from ISR.predict.size import MOST_SCALE, Size

sides = st.integers(1, 20_000)
factors = st.decimals("0.01", "40", places=3).map(float)


@pytest.mark.parametrize(
    ("size", "picture", "expected"),
    [
        (Size(scale=1.5), (10, 7), (15, 11)),  # 10.5 rounds up
        (Size(scale=2), (10, 7), (20, 14)),
        (Size(scale=1), (10, 7), (10, 7)),
        (Size(scale=0.01), (10, 7), (1, 1)),
        (Size(scale=1.005), (100, 300), (101, 302)),  # 100.5 and 301.5, which float arithmetic makes a little less
        (Size(width=1920), (640, 480), (1920, 1440)),
        (Size(width=1), (640, 480), (1, 1)),
        (Size(width=5), (2, 3), (5, 8)),  # 7.5
        (Size(height=480), (1920, 1080), (853, 480)),
        (Size(width=1920, height=1080), (1280, 720), (1920, 1080)),
        (Size(fit=(1920, 1080)), (640, 480), (1440, 1080)),
        (Size(fit=(1920, 1080)), (640, 100), (1920, 300)),
        (Size(fit=(100, 100)), (4000, 3), (100, 1)),
        (Size(fit=(50, 50)), (100, 3000), (2, 50)),
    ],
)
def test_sizes_by_hand(size: Size, picture: tuple[int, int], expected: tuple[int, int]) -> None:
    assert size.of(*picture) == expected


def test_a_picture_is_not_stretched() -> None:
    assert Size(width=100, height=66).of(301, 200) == (100, 66)  # 66.4
    with pytest.raises(PictureError, match="a 301x200 picture would be stretched to 100x67: --fit 100x67 keeps"):
        Size(width=100, height=67).of(301, 200)


@given(sides, sides, factors)
def test_a_scale_is_met_to_half_a_pixel(width: int, height: int, scale: float) -> None:
    for side, became in zip((width, height), Size(scale=scale).of(width, height), strict=True):
        exact = side * Fraction(str(scale))
        assert became == 1 or abs(became - exact) <= Fraction(1, 2)
        assert became >= 1 and (became > 1 or exact < Fraction(3, 2))


@given(sides, sides, sides)
def test_a_side_is_met_and_the_other_keeps_the_proportions(width: int, height: int, wanted: int) -> None:
    by_width, by_height = Size(width=wanted).of(width, height), Size(height=wanted).of(height, width)
    assert by_width[0] == wanted and by_width == by_height[::-1]
    assert by_width[1] == max(1, math.floor(Fraction(height * wanted, width) + Fraction(1, 2)))
    assert Size(width=by_width[0], height=by_width[1]).of(width, height) == by_width


@given(sides, sides, sides, sides)
def test_what_fits_is_inside_the_box_and_touches_it(width: int, height: int, across: int, down: int) -> None:
    became = Size(fit=(across, down)).of(width, height)
    assert became[0] <= across and became[1] <= down and (became[0] == across or became[1] == down)
    assert became in (Size(width=became[0]).of(width, height), Size(height=became[1]).of(width, height))


@given(sides, sides)
def test_the_picture_s_own_size_is_itself(width: int, height: int) -> None:
    own = [Size(scale=1), Size(width=width), Size(height=height), Size(width=width, height=height)]
    assert {size.of(width, height) for size in [*own, Size(fit=(width, height))]} == {(width, height)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of scale, width or height, and fit, got none"),
        ({"scale": 2, "width": 5}, "got scale=2, width=5"),
        ({"height": 2, "fit": (5, 5)}, r"got height=2, fit=\(5, 5\)"),
        ({"scale": 0}, "scale must be a number above 0 and at most 65536, got 0"),
        ({"scale": -1.5}, "got -1.5"),
        ({"scale": math.nan}, "got nan"),
        ({"scale": math.inf}, "got inf"),
        ({"scale": MOST_SCALE + 1}, "got 65537"),
        ({"width": 0}, "at least 1 pixel wide and high, got w0"),
        ({"height": -3}, "got h-3"),
        ({"fit": (0, 5)}, "got 0x5"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Size(**options)


@pytest.mark.parametrize(
    ("size", "label"),
    [
        (Size(scale=2.0), "x2"),
        (Size(scale=1.5), "x1.5"),
        (Size(width=1920), "w1920"),
        (Size(height=1080), "h1080"),
        (Size(width=1920, height=1080), "1920x1080"),
        (Size(fit=(1920, 1080)), "1920x1080"),
    ],
)
def test_a_size_has_a_name_for_files(size: Size, label: str) -> None:
    assert size.label == label
