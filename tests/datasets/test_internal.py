"""Pairs from one picture: which fathers are drawn, and what a son is."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import drawn

from ISR.datasets.internal import InternalPairs, Reduction
from ISR.images import degrade, files, kernels, resize

PICTURE = files.to_float(drawn(40, 52))


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    pairs = InternalPairs((PICTURE,), Reduction(2.0, noise=0.01), crop=16, batch_size=3, seed=(5, 0))
    sons, fathers = pairs.batch(7)
    assert sons.shape == fathers.shape == (3, 16, 16, 3)
    assert sons.dtype == fathers.dtype == np.float32
    for again, same in [(pairs, True), (InternalPairs((PICTURE,), Reduction(2.0), 16, 3, seed=(6, 0)), False)]:
        np.testing.assert_equal(np.array_equal(again.batch(7)[1], fathers), same)
    np.testing.assert_array_equal(pairs.batch(7)[0], sons)
    assert not np.array_equal(pairs.batch(8)[1], fathers)


def test_a_son_is_its_father_reduced_and_interpolated() -> None:
    for factor, small in [(2.0, 8), (3**0.5, 9), (4.0, 4)]:
        sons, fathers = InternalPairs((PICTURE,), Reduction(factor), crop=16).batch(0)
        expected = resize.resize(resize.resize(fathers[0], (small, small)), (16, 16))
        np.testing.assert_allclose(sons[0], expected, atol=1e-6)


def test_a_kernel_takes_the_place_of_bicubic() -> None:
    kernel = degrade.gaussian_kernel(9, np.eye(2) * 4)
    father = PICTURE[:16, :20]
    son = Reduction(2.0, kernel).interpolated_son(father)
    np.testing.assert_allclose(son, resize.resize(kernels.reduce(father, kernel, 2), (16, 20)), atol=1e-6)
    assert np.abs(son - Reduction(2.0).interpolated_son(father)).max() > 0.01


def test_noise_is_added_to_sons_alone() -> None:
    flat = np.full((64, 64, 1), 0.5, np.float32)
    sons, fathers = InternalPairs((flat,), Reduction(2.0, noise=0.1), crop=64).batch(0)
    np.testing.assert_allclose(fathers, 0.5, atol=1e-6)
    # Deviation 0.1 at half the size: 1024 draws; bicubic interpolation by 2 keeps 0.67 of their variance, squared
    # taps 0.0225^2 + 0.2266^2 + 0.8672^2 + 0.0713^2 = 0.81 along each axis.
    assert sons.std() == pytest.approx(0.1 * 0.81, rel=0.15)


def test_larger_fathers_are_drawn_more_often() -> None:
    """Two sources, of sides 64 and 32, at two sizes: chances as 64, 32, 32 (16 would not hold a crop of 32)."""
    sources = tuple(np.full((side, side, 1), value, np.float32) for side, value in ((64, 0.9), (32, 0.1)))
    pairs = InternalPairs(sources, Reduction(2.0), crop=32, scales=2, smallest=0.5, batch_size=1)
    values = np.array([pairs.batch(step)[1].mean() for step in range(400)])
    share = np.mean(values > 0.5)
    assert share == pytest.approx(3 / 4, abs=0.07)  # 96 of 128; three deviations of 400 draws are 0.065


def test_all_eight_flips_and_turns_come() -> None:
    """A crop that is the whole picture has nothing but these to vary in."""
    whole = files.to_float(drawn(16, 16))
    pairs = InternalPairs((whole,), Reduction(2.0), crop=16, scales=1)
    seen = {pairs.batch(step)[1].tobytes() for step in range(80)}
    assert len(seen) == 8


def test_reduced_fathers_are_the_window_made_smaller() -> None:
    """With the smallest size alone to fit once, a father is the whole picture at half its size."""
    whole = files.to_float(drawn(32, 32))
    pairs = InternalPairs((whole,), Reduction(2.0), crop=16, scales=2, smallest=0.5)
    half = resize.resize(whole, (16, 16))
    upright = [father for step in range(60) if np.allclose(father := pairs.batch(step)[1][0], half, atol=1e-5)]
    assert upright
