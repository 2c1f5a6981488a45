"""The geometry of tiles: cores cover the picture once, windows stay inside it and keep their distance."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ISR.images import tiling

SIDES = st.integers(1, 60)
PLANS = st.builds(
    lambda height, width, tile, overlap, scale: tiling.plan(height, width, tile=tile, overlap=overlap, scale=scale),
    SIDES,
    SIDES,
    st.integers(1, 20),
    st.integers(0, 12),
    st.integers(1, 4),
)
QUICK = settings(max_examples=60, deadline=None)


def _margins(start: int, size: int, core: slice, length: int) -> list[tuple[int, bool]]:
    """Per side: the core's distance from the window's edge, and whether that edge is the picture's."""
    return [(core.start - start, start == 0), (start + size - core.stop, start + size == length)]


@QUICK
@given(PLANS)
def test_cores_cover_every_pixel_exactly_once(plan: tiling.TilePlan) -> None:
    times = np.zeros((plan.height, plan.width), np.int64)
    areas = 0
    for index in range(len(plan)):
        tile = plan.tile(index)
        times[tile.core] += 1
        areas += tile.area
    assert (times == 1).all()
    assert areas == plan.height * plan.width


@QUICK
@given(PLANS)
def test_windows_have_one_shape_inside_the_picture(plan: tiling.TilePlan) -> None:
    picture = np.zeros((plan.height, plan.width, 3), np.uint8)
    for index in range(len(plan)):
        top, left = plan.tile(index).origin
        assert 0 <= top <= plan.height - plan.window[0]
        assert 0 <= left <= plan.width - plan.window[1]
        assert tiling.cut(picture, plan, index).shape == (*plan.window, 3)


@QUICK
@given(PLANS)
def test_a_core_is_overlap_away_from_its_window_or_the_window_ends_with_the_picture(plan: tiling.TilePlan) -> None:
    for index in range(len(plan)):
        tile = plan.tile(index)
        margins = _margins(tile.origin[0], plan.window[0], tile.core[0], plan.height)
        margins += _margins(tile.origin[1], plan.window[1], tile.core[1], plan.width)
        assert all(margin >= 0 and (margin >= plan.overlap or at_border) for margin, at_border in margins)


@QUICK
@given(SIDES, SIDES, st.integers(1, 20), st.integers(0, 12))
def test_cores_are_no_larger_than_asked_unless_the_axis_is_one_window(
    height: int, width: int, tile: int, overlap: int
) -> None:
    plan = tiling.plan(height, width, tile=tile, overlap=overlap, scale=2)
    for index in range(len(plan)):
        for piece, length in zip(plan.tile(index).core, (height, width), strict=True):
            fits = length <= tile + 2 * overlap
            assert piece == slice(0, length) if fits else piece.stop - piece.start <= tile


@QUICK
@given(PLANS)
def test_cutting_and_pasting_gives_the_enlarged_picture_back(plan: tiling.TilePlan) -> None:
    picture = np.arange(plan.height * plan.width).reshape(plan.height, plan.width)
    larger = picture.repeat(plan.scale, axis=0).repeat(plan.scale, axis=1)
    output = np.full_like(larger, -1)
    for index in range(len(plan)):
        window = tiling.cut(picture, plan, index)
        tiling.paste(output, plan, index, window.repeat(plan.scale, axis=0).repeat(plan.scale, axis=1))
    np.testing.assert_array_equal(output, larger)


@QUICK
@given(PLANS, st.integers(1, 50))
def test_batches_have_one_length_and_name_every_tile_in_order(plan: tiling.TilePlan, batch_size: int) -> None:
    lists = list(tiling.batches(plan, batch_size))
    assert {len(batch) for batch in lists} == {min(batch_size, len(plan))}
    named = [index for batch in lists for index in batch]
    assert named[: len(plan)] == list(range(len(plan)))
    assert set(named[len(plan) :]) <= {len(plan) - 1}
    assert len(named) - len(plan) < len(lists[0])


def test_a_cut_is_a_view() -> None:
    picture = np.zeros((9, 9, 3), np.uint8)
    plan = tiling.plan(9, 9, tile=2, overlap=1, scale=2)
    assert np.shares_memory(tiling.cut(picture, plan, 3), picture)


def test_convert_sees_the_core_alone() -> None:
    plan = tiling.plan(12, 12, tile=4, overlap=2, scale=3)
    output = np.zeros((36, 36), np.uint8)
    shapes: list[tuple[int, ...]] = []

    def convert(core: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shapes.append(core.shape)
        return core + 1

    tiling.paste(output, plan, 4, np.zeros((24, 24), np.uint8), convert=convert)
    assert shapes == [(12, 12)]
    assert output.sum() == 12 * 12 and (output[12:24, 12:24] == 1).all()


def test_a_plan_of_sixteen_megapixels_in_single_pixels_is_cheap() -> None:
    started = time.perf_counter()
    plan = tiling.plan(4096, 4096, tile=1, overlap=10, scale=4)
    assert len(plan) == 4096 * 4096
    assert next(islice(tiling.batches(plan, 8), 1000, None)) == list(range(8000, 8008))
    assert plan.tile(len(plan) - 1).core == (slice(4095, 4096), slice(4095, 4096))
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(("name", "value"), [("height", 0), ("width", -1), ("tile", 0), ("scale", 0), ("overlap", -1)])
def test_a_plan_out_of_range_is_refused_by_name(name: str, value: int) -> None:
    numbers = {"height": 5, "width": 5, "tile": 5, "scale": 2, "overlap": 1, name: value}
    with pytest.raises(ValueError, match=f"^{name} must be .* got {value}$"):
        tiling.plan(
            numbers["height"],
            numbers["width"],
            tile=numbers["tile"],
            overlap=numbers["overlap"],
            scale=numbers["scale"],
        )


def test_a_batch_of_none_is_refused_before_the_first_is_asked_for() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        tiling.batches(tiling.plan(5, 5, tile=5, overlap=1, scale=2), 0)


def test_arrays_of_another_size_and_tiles_that_are_not_there_are_refused() -> None:
    plan = tiling.plan(9, 8, tile=3, overlap=1, scale=2)
    with pytest.raises(ValueError, match="the picture to be 9 rows by 8 columns"):
        tiling.cut(np.zeros((8, 9)), plan, 0)
    with pytest.raises(ValueError, match="the output to be 18 rows by 16 columns"):
        tiling.paste(np.zeros((9, 8)), plan, 0, np.zeros((10, 10)))
    with pytest.raises(ValueError, match="the enlarged window to be 10 rows by 10 columns"):
        tiling.paste(np.zeros((18, 16)), plan, 0, np.zeros((1, 1)))
    for index in (-1, len(plan)):
        with pytest.raises(IndexError, match="has no tile"):
            plan.tile(index)
