"""Patches stay aligned, come in all eight ways, and flat places are passed over."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from conftest import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from ISR.datasets.patches import (
    FLIPS_AND_TURNS,
    MAX_DRAWS,
    Flatness,
    Pair,
    crop,
    degraded,
    flip_and_turn,
    liveliness,
    random_patch,
)
from ISR.images import resize

WAYS = range(FLIPS_AND_TURNS)


def nearest_pair(height: int, width: int, scale: int) -> Pair:
    """An LR picture without two equal pixels, and an HR picture that repeats each scale x scale times."""
    lr = np.zeros((height, width, 3), np.uint8)
    lr[..., 0], lr[..., 1] = np.mgrid[:height, :width]
    return Pair(lr, lr.repeat(scale, axis=0).repeat(scale, axis=1))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**32), st.data())
def test_lr_and_hr_stay_aligned(height: int, width: int, scale: int, seed: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, min(height, width)))
    patch = random_patch(nearest_pair(height, width, scale), size, rng=np.random.default_rng(seed))
    assert patch.lr.shape == (size, size, 3)
    np.testing.assert_array_equal(patch.hr, patch.lr.repeat(scale, axis=0).repeat(scale, axis=1))


@pytest.mark.parametrize("way", WAYS)
def test_each_way_keeps_the_samples_and_the_alignment(way: int) -> None:
    pair = nearest_pair(4, 4, 3)
    lr, hr = flip_and_turn(pair.lr, way), flip_and_turn(pair.hr, way)
    np.testing.assert_array_equal(hr, lr.repeat(3, axis=0).repeat(3, axis=1))
    assert sorted(map(tuple, lr.reshape(-1, 3))) == sorted(map(tuple, pair.lr.reshape(-1, 3)))


def test_the_eight_ways_are_distinct_and_the_first_changes_nothing() -> None:
    patch = np.arange(9, dtype=np.uint8).reshape(3, 3, 1)
    assert len({flip_and_turn(patch, way).tobytes() for way in WAYS}) == 8
    np.testing.assert_array_equal(flip_and_turn(patch, 0), patch)
    np.testing.assert_array_equal(flip_and_turn(patch, 1)[..., 0], [[2, 5, 8], [1, 4, 7], [0, 3, 6]])
    np.testing.assert_array_equal(flip_and_turn(patch, 4)[..., 0], [[2, 1, 0], [5, 4, 3], [8, 7, 6]])


def test_all_ways_and_places_occur_evenly() -> None:
    """800 patches of 2x2 in 3x3: 8 ways at 4 places, 25 each, 5 standard deviations apart at most."""
    pair, rng = nearest_pair(3, 3, 2), np.random.default_rng(0)
    seen = Counter(random_patch(pair, 2, rng=rng).lr.tobytes() for _ in range(800))
    assert len(seen) == 32
    assert 5 < min(seen.values()) <= max(seen.values()) < 50


def test_is_a_pure_function_of_the_generator() -> None:
    pair = Pair(drawn(20, 30), drawn(40, 60))
    first, again, other = (random_patch(pair, 9, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.hr, again.hr)
    assert not np.array_equal(first.hr, other.hr)


def test_crop_covers_the_same_part() -> None:
    patch = crop(nearest_pair(8, 9, 3), 2, 5, 4)
    np.testing.assert_array_equal(patch.lr[0, 0], [2, 5, 0])
    np.testing.assert_array_equal(patch.hr[-1, -1], [5, 8, 0])
    assert patch.hr.shape == (12, 12, 3)


def half_flat(colour: tuple[int, int, int]) -> Pair:
    """The left three quarters of one colour, the rest of noise."""
    lr = np.empty((16, 64, 3), np.uint8)
    lr[:] = colour
    lr[:, 48:] = np.random.default_rng(0).integers(0, 256, (16, 16, 3))
    return Pair(lr, lr.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("colour", [(90, 90, 90), (255, 0, 0)])
def test_flat_places_are_drawn_again(colour: tuple[int, int, int]) -> None:
    """A flat patch of red is flat: its three channels differ from each other, not from place to place."""

    def flat_share(flatness: float) -> float:
        rng = np.random.default_rng(1)
        patches = [random_patch(half_flat(colour), 8, rng=rng, flatness=flatness).lr for _ in range(100)]
        return float(np.mean([patch.std(axis=(0, 1)).max() < 0.05 * 255 for patch in patches]))

    assert flat_share(0.0) > 0.5
    assert flat_share(0.05) < 0.2


def test_a_picture_that_is_flat_all_over_still_gives_a_patch() -> None:
    pair = Pair(np.full((16, 16, 3), 9, np.uint8), np.full((32, 32, 3), 9, np.uint8))
    rng, draws = np.random.default_rng(0), np.random.default_rng(0)
    assert random_patch(pair, 8, rng=rng, flatness=0.5).lr.shape == (8, 8, 3)
    for _ in range(MAX_DRAWS):
        draws.integers(9), draws.integers(9)
    draws.integers(8)
    assert rng.integers(2**60) == draws.integers(2**60), "not MAX_DRAWS places and one way"


@pytest.mark.parametrize("shape", [(7, 20), (20, 7)])
def test_refuses_a_patch_larger_than_the_picture(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"patch of 8 does not fit into an LR picture of {shape[1]}x{shape[0]}"):
        random_patch(nearest_pair(*shape, 2), 8, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Flatness(), [0.0, 0.0, 0.0, 0.0]),
        (Flatness(0.1), [0.1, 0.1, 0.1, 0.1]),
        (Flatness(0.1, increase=0.02, every=2), [0.1, 0.1, 0.12, 0.14]),
        (Flatness(0.0, increase=0.1, every=1, most=0.15), [0.0, 0.1, 0.15, 0.15]),
    ],
)
def test_flatness_rises_as_in_the_reference(schedule: Flatness, expected: list[float]) -> None:
    """min(max, min + increase * (epoch // every)), in epochs 0, 1, 2 and 5; as it was where nothing is added."""
    assert [schedule.at(epoch) for epoch in (0, 1, 2, 5)] == pytest.approx(expected)


def test_liveliness_is_the_deviation_of_the_liveliest_channel() -> None:
    patch = np.zeros((4, 4, 3), np.uint8)
    patch[:2, :, 1] = 255
    patch[:, :, 2] = 200
    assert liveliness(patch) == pytest.approx(0.5)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("place", [(0, 0), (3, 4), (5, 7), (6, 0), (7, 9)])
def test_a_degraded_patch_looks_as_it_would_in_its_picture(scale: int, place: tuple[int, int]) -> None:
    """LR places of a 16x18 picture, at its edges too; a grid that begins off the picture's is that of its crop."""
    hr = drawn(16 * scale, 18 * scale)
    lr = resize.reduce(hr, scale)
    top, left = place
    patch = degraded(hr, top * scale, left * scale, 9, scale=scale, degradation="bicubic")
    np.testing.assert_array_equal(patch.lr, lr[top : top + 9, left : left + 9])
    np.testing.assert_array_equal(patch.hr, crop(Pair(lr, hr), top, left, 9).hr)
    shifted = resize.reduce(hr[1 : 1 + 15 * scale, 1 : 1 + 17 * scale], scale)
    off = degraded(hr, 4 * scale + 1, 5 * scale + 1, 9, scale=scale, degradation="bicubic")
    np.testing.assert_array_equal(off.lr, shifted[4:13, 5:14])


def test_a_realistic_patch_keeps_its_place_and_is_made_anew() -> None:
    """The HR patch is the one that would be drawn with bicubic pictures; LR differs, and from draw to draw."""
    hr = drawn(80, 80)
    pair = Pair(resize.reduce(hr, 2), hr)
    for seed in range(4):
        plain, real = (
            random_patch(pair, 12, rng=np.random.default_rng(seed), degradation=name)
            for name in ("bicubic", "realistic")
        )
        np.testing.assert_array_equal(plain.hr, real.hr)
        assert real.lr.shape == (12, 12, 3) and not np.array_equal(plain.lr, real.lr)
        assert abs(real.lr.mean() - plain.lr.mean()) < 10
    rng = np.random.default_rng(0)
    assert len({degraded(hr, 8, 8, 12, scale=2, degradation="realistic", rng=rng).lr.tobytes() for _ in range(5)}) == 5
