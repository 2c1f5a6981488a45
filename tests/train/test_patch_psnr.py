"""PSNR of patches on any backend, against the one of whole pictures in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from conftest import drawn

from ISR.errors import ConfigError
from ISR.images.colour import luma_float
from ISR.train import patch_psnr


def patches(noise: float) -> tuple[np.ndarray, np.ndarray]:
    hr = np.stack([drawn(24, 24, seed=i) for i in range(3)]).astype(np.float32) / 255
    return hr, hr + np.random.default_rng(0).normal(0, noise, hr.shape).astype(np.float32)


@pytest.mark.parametrize("border", [0, 3])
def test_luma_is_that_of_evaluation_without_the_rounding(border: int) -> None:
    hr, sr = patches(0.05)
    inner = np.s_[:, border : 24 - border, border : 24 - border]
    difference = luma_float(np.clip(sr, 0, 1)[inner]) - luma_float(hr[inner])
    expected = 20 * np.log10(255 / np.sqrt(np.mean(difference**2, axis=(1, 2))))
    got = keras.ops.convert_to_numpy(patch_psnr.psnr_y(hr, sr, border=border))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_rgb_by_hand_and_clipped() -> None:
    hr, sr = patches(0.5)
    expected = [-10 * np.log10(np.mean((np.clip(b, 0, 1) - a) ** 2)) for a, b in zip(hr, sr, strict=True)]
    got = keras.ops.convert_to_numpy(patch_psnr.psnr(keras.ops.array(hr), keras.ops.array(sr)))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_what_is_met_exactly_is_finite() -> None:
    hr, _ = patches(0.0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(patch_psnr.psnr_y(hr, hr)), 100.0, rtol=1e-5)


def test_names_and_functions_are_taken() -> None:
    def sharpness(hr: object, sr: object) -> float:
        return 1.0

    assert list(patch_psnr.named({"generator": "PSNR"}, border=2)) == ["PSNR"]
    assert patch_psnr.named({"generator": sharpness}, border=2) == {"sharpness": sharpness}
    assert patch_psnr.named({}, border=2) == {}
    with pytest.raises(ConfigError, match="got 'SSIM'"):
        patch_psnr.named({"generator": "SSIM"}, border=2)
