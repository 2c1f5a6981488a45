"""What is measured on pictures that are not trained on, and what is shown of them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import drawn

from ISR import metrics
from ISR.datasets.patches import Pair
from ISR.images import resize
from ISR.images.files import to_float
from ISR.train import validation


def pairs(*sizes: tuple[int, int]) -> list[Pair]:
    made = [drawn(*size, seed=i) for i, size in enumerate(sizes)]
    return [Pair(resize.reduce(hr, 2), hr) for hr in made]


def bicubic(batch: np.ndarray) -> np.ndarray:
    return np.stack([resize.enlarge(lr, 2) for lr in batch])


def test_psnr_is_that_of_evaluation_and_losses_see_what_is_not_rounded() -> None:
    both = pairs((40, 30), (26, 50))
    seen: list[tuple[int, ...]] = []

    def mae(hr: np.ndarray, sr: np.ndarray) -> float:
        seen.append(hr.shape)
        return float(np.abs(hr - sr).mean())

    measured = validation.measure(both, bicubic, {"loss": mae})
    eight = [np.rint(np.clip(resize.enlarge(p.lr / np.float32(255), 2), 0, 1) * 255).astype(np.uint8) for p in both]
    expected = np.mean([metrics.psnr_y(p.hr, sr, border=2) for p, sr in zip(both, eight, strict=True)])
    assert measured["psnr_y"] == pytest.approx(expected, abs=1e-6)
    assert seen == [(1, 40, 30, 3), (1, 26, 50, 3)] and 0 < measured["loss"] < 0.2
    assert validation.measure([], bicubic, {}) == {}


def test_of_a_network_that_pads_nothing_the_middle_is_compared() -> None:
    both = pairs((40, 30), (26, 50))

    def inner(batch: np.ndarray) -> np.ndarray:
        return bicubic(batch)[:, 6:-6, 6:-6]

    def mae(hr: np.ndarray, sr: np.ndarray) -> float:
        return float(np.abs(hr - sr).mean())

    cropped = [Pair(pair.lr, pair.hr[6:-6, 6:-6]) for pair in both]
    eight = [np.rint(np.clip(inner(p.lr[None] / np.float32(255))[0], 0, 1) * 255).astype(np.uint8) for p in both]
    expected = np.mean([metrics.psnr_y(p.hr, sr, border=2) for p, sr in zip(cropped, eight, strict=True)])
    measured = validation.measure(both, inner, {"loss": mae})
    assert measured["psnr_y"] == pytest.approx(expected, abs=1e-6) and 0 < measured["loss"] < 0.2
    shown = validation.samples(both, inner)
    assert shown.shape == (2 * 14, 3 * 14, 3)
    np.testing.assert_array_equal(shown[:14, 28:], both[0].hr[6 + 6 : 32 - 6, 2 + 6 : 28 - 6])
    np.testing.assert_array_equal(validation.middles(both, 12, 12)[1][0], to_float(both[0].hr[14:26, 8:20]))


def test_the_middles_are_aligned_and_small_pictures_have_none() -> None:
    lr, hr = validation.middles(pairs((40, 30), (18, 50)), 12, 24)
    assert lr.shape == (1, 12, 12, 3) and hr.shape == (1, 24, 24, 3)
    whole = pairs((40, 30))[0]
    np.testing.assert_array_equal(np.rint(hr[0] * 255), whole.hr[8:32, 2:26])
    assert validation.middles(pairs((18, 50)), 12, 24)[0].shape == (0, 12, 12, 3)


def test_samples_are_bicubic_sr_and_hr_side_by_side() -> None:
    shown = validation.samples(pairs((40, 30), (26, 50)), lambda batch: np.zeros_like(bicubic(batch)))
    assert shown.shape == (2 * 26, 3 * 26, 3) and shown.dtype == np.uint8
    assert shown[:, 26:52].max() == 0
    np.testing.assert_array_equal(shown[:26, 52:], pairs((40, 30))[0].hr[6:32, 2:28])
    difference = np.abs(shown[:, :26].astype(int) - shown[:, 52:].astype(int)).mean()
    assert 0 < difference < 30
