"""The shortest chain, against every chain there is."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ISR.errors import ConfigError, PictureError
from ISR.predict.chain import MOST_PIXELS, Chain, plan, shortest
from ISR.predict.size import Size

sides = st.integers(1, 1000)
some_scales = st.sets(st.integers(2, 8), min_size=1).map(tuple)


@pytest.mark.parametrize(
    ("needed", "scales", "expected"),
    [
        (1, (2,), ()),
        (2, (2,), (2,)),
        (3, (2,), (2, 2)),
        (3, (2, 4), (4,)),
        (3, (2, 3, 4), (3,)),
        (3, (4, 3, 2), (3,)),
        (5, (2, 3, 4), (2, 3)),
        (6, (2, 3, 4), (2, 3)),
        (7, (2, 3, 4), (2, 4)),
        (8, (2, 4), (2, 4)),
        (8, (2,), (2, 2, 2)),
        (9, (2, 3, 4), (3, 3)),
        (8, (1, 2), (2, 2, 2)),
        (7, None, (7,)),
        (1, None, ()),
    ],
)
def test_chains_by_hand(needed: int, scales: tuple[int, ...] | None, expected: tuple[int, ...]) -> None:
    assert shortest(needed, scales) == expected


@given(st.integers(2, 70), some_scales)
def test_no_chain_is_shorter_nor_as_short_and_closer(needed: int, scales: tuple[int, ...]) -> None:
    chain = shortest(needed, scales)
    assert math.prod(chain) >= needed and set(chain) <= set(scales) and list(chain) == sorted(chain)
    shorter = itertools.product(scales, repeat=len(chain) - 1)
    assert all(math.prod(other) < needed for other in shorter)
    as_short = [math.prod(other) for other in itertools.product(scales, repeat=len(chain))]
    assert math.prod(chain) == min(product for product in as_short if product >= needed)


@given(sides, sides, st.decimals("0.05", "9", places=2).map(float), some_scales)
def test_every_plan_reaches_its_target(width: int, height: int, scale: float, scales: tuple[int, ...]) -> None:
    target = Size(scale=scale).of(width, height)
    chain = plan((width, height), target, scales)
    assert chain.target == target and chain.start == (width, height)
    assert all(got >= wanted for got, wanted in zip(chain.reached, target, strict=True))
    assert chain.factors or all(had >= wanted for had, wanted in zip((width, height), target, strict=True))
    assert scale <= 1 or len(chain.factors) <= len(shortest(math.ceil(scale), scales))


@given(sides, sides, st.integers(1, 9))
def test_an_interpolation_goes_to_a_whole_scale_as_a_network(width: int, height: int, scale: int) -> None:
    chain = plan((width, height), (width * scale, height * scale), None, direct=True)
    assert chain.factors == ((scale,) if scale > 1 else ()) and not chain.resized


def test_an_interpolation_goes_to_a_fraction_by_the_resize_alone() -> None:
    assert plan((10, 20), (15, 30), None, direct=True) == Chain((10, 20), (), (15, 30))
    assert plan((10, 20), (15, 30), None) == Chain((10, 20), (2,), (15, 30))


def test_the_pixels_of_every_step_are_counted() -> None:
    assert Chain((10, 20), (2, 3), (55, 110)).pixels() == [800, 7200, 6050]
    assert Chain((10, 20), (2, 3), (60, 120)).pixels() == [800, 7200]
    assert Chain((10, 20), (), (10, 20)).pixels() == [200]


@pytest.mark.parametrize(
    ("factors", "target", "text"),
    [
        ((2, 2), (30, 60), "a, b, reduced from 4x to 3x"),
        ((2, 2), (40, 80), "a, b"),
        ((2,), (19, 38), "a, reduced from 2x to 1.9x"),
        ((), (5, 10), "no network, reduced from 1x to 0.5x"),
        ((), (10, 20), "no network: the picture has that size"),
    ],
)
def test_a_chain_is_described_on_a_line(factors: tuple[int, ...], target: tuple[int, int], text: str) -> None:
    assert Chain((10, 20), factors, target).described(["a", "b"][: len(factors)]) == text


def test_a_result_or_a_step_beyond_the_limit_is_refused() -> None:
    side = math.isqrt(MOST_PIXELS)
    assert plan((1, 1), (side, side), (2,)).reached == (side, side)
    with pytest.raises(PictureError, match=f"at most {MOST_PIXELS} pixels on the way, got {side}x{side + 1}: choose"):
        plan((side, side + 1), (side, side + 1), (2,))
    with pytest.raises(PictureError, match="on the way, got 80000x80000"):
        plan((20_000, 20_000), (60_000, 60_000), (2,))


@pytest.mark.parametrize("scales", [(), (1,)])
def test_networks_that_do_not_enlarge_cannot_make_a_chain(scales: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="expected a network that enlarges"):
        plan((5, 5), (8, 8), scales)
