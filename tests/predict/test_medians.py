"""The median over flips and turns, tile by tile, and back-projection."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import drawn

from ISR.datasets.patches import flip_and_turn
from ISR.images import files, resize
from ISR.predict import medians

PICTURE = files.to_float(drawn(23, 31))


@pytest.mark.parametrize("way", range(8))
def test_turning_back_undoes_every_turn(way: int) -> None:
    np.testing.assert_array_equal(medians.turn_back(flip_and_turn(PICTURE, way), way), PICTURE)


@pytest.mark.parametrize("ways", [1, 2, 4, 8])
def test_what_does_nothing_gives_the_picture(ways: int) -> None:
    result = medians.median_of_turns(PICTURE, lambda batch: batch, ways=ways, tile=9, overlap=2)
    np.testing.assert_array_equal(result, PICTURE)


def test_the_median_passes_over_what_one_turn_gets_wrong() -> None:
    calls = []

    def run(batch: np.ndarray) -> np.ndarray:
        calls.append(batch.shape)
        return batch + (100.0 if len(calls) == 1 else 0.0)

    result = medians.median_of_turns(PICTURE, run, ways=8, tile=64, overlap=3)
    np.testing.assert_allclose(result, PICTURE, atol=1e-6)
    assert calls.count((1, 23, 31, 3)) == 4 and calls.count((1, 31, 23, 3)) == 4


def test_tiles_do_not_show() -> None:
    def blur(batch: np.ndarray) -> np.ndarray:  # sees one pixel, and is not the same for every turn
        padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return (padded[:, 1:-1, 2:] + 2 * padded[:, :-2, 1:-1]) / 3

    whole = medians.median_of_turns(PICTURE, blur, ways=8, tile=64, overlap=1)
    np.testing.assert_allclose(medians.median_of_turns(PICTURE, blur, ways=8, tile=5, overlap=1), whole, atol=1e-6)


def test_back_projection_brings_the_reduction_to_the_picture() -> None:
    lr = PICTURE
    sr = resize.enlarge(lr, 2)
    off = [
        float(np.abs(resize.resize(medians.back_projected(sr, lr, resize.resize, times=n), lr.shape[:2]) - lr).mean())
        for n in (0, 1, 8)
    ]
    assert off[1] < 0.7 * off[0] and off[2] < 0.1 * off[0]
