"""Compact: the chain of Real-ESRGAN's SRVGGNetCompact and ECBSR."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.models.compact import Compact


def test_parameter_count() -> None:
    """By hand: 9*3*32+32, seven times 9*32*32+32, 9*32*12+12."""
    assert Compact(2, width=32, depth=8).model.count_params() == 896 + 7 * 9_248 + 3_468


@pytest.mark.parametrize(("depth", "radius"), [(1, 2), (12, 13)])
def test_each_convolution_reaches_one_pixel_further(depth: int, radius: int) -> None:
    assert Compact(2, width=4, depth=depth).receptive_radius == radius


def test_untrained_it_is_close_to_nearest_neighbour() -> None:
    lr = np.random.default_rng(0).uniform(0, 1, (1, 6, 7, 3)).astype(np.float32)
    sr = Compact(2, width=8, depth=3).run(lr)
    assert np.abs(sr - lr.repeat(2, axis=1).repeat(2, axis=2)).mean() < 0.1


def test_bfloat16_stays_close_and_comes_out_as_float32() -> None:
    exact, rough = (Compact(2, width=16, depth=4, precision=p) for p in ("float32", "bfloat16"))
    rough.model.set_weights(exact.model.get_weights())
    lr = np.random.default_rng(0).uniform(0, 1, (1, 12, 13, 3)).astype(np.float32)
    assert rough.run(lr).dtype == np.float32
    difference = np.abs(rough.run(lr) - exact.run(lr)).max()
    assert 0 < difference < 0.02
