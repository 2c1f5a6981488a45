"""PSNR and SSIM against hand arithmetic and scikit-image."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ISR.metrics import psnr_y, ssim_y

Samples = npt.NDArray[np.uint8]


def _pair() -> tuple[Samples, Samples]:
    y, x = np.mgrid[:32, :40]
    hr = np.stack([(x * 5 + y * 3) % 256, (x * y) % 256, (x * x + y * 7) % 256], axis=-1).astype(np.uint8)
    sr = hr.copy()
    sr[::2, ::3] = sr[::2, ::3] // 2 + 60
    return hr, sr


def _grey_pair() -> tuple[Samples, Samples]:
    y, x = np.mgrid[:32, :40]
    hr = (x * 6)[..., None].astype(np.uint8)
    return hr, np.clip(hr.astype(int) + ((x + y) % 7)[..., None] * 4 - 12, 0, 255).astype(np.uint8)


# scikit-image 0.26.0, NumPy 2.4: structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
# use_sample_covariance=False, data_range=255), which leaves out a frame of 5 pixels, and peak_signal_noise_ratio(a, b,
# data_range=255), on luma planes rounded to 8 bits (grey: on its samples) and shaved by the border.
GOLDEN = [
    (_pair, 0, 0.9535625502722286, 28.010377413604253),
    (_pair, 3, 0.9643466153877336, 29.14322924498655),
    (_grey_pair, 0, 0.7751809659137561, 30.174392712000177),
]


@pytest.mark.parametrize(("pair", "border", "ssim", "psnr"), GOLDEN)
def test_as_scikit_image(pair: Callable[[], tuple[Samples, Samples]], border: int, ssim: float, psnr: float) -> None:
    hr, sr = pair()
    assert ssim_y(hr, sr, border=border) == pytest.approx(ssim, abs=1e-9)
    assert psnr_y(hr, sr, border=border) == pytest.approx(psnr, abs=1e-9)


def test_psnr_by_hand() -> None:
    """Black has luma 16, white 235; a quarter of the pixels differ by 219."""
    hr, sr = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    sr[:2, :2] = 255
    assert psnr_y(hr, sr) == pytest.approx(10 * math.log10(255**2 / (219**2 / 4)))


def test_psnr_is_of_luma_rounded_to_8_bits() -> None:
    """Blue 2 adds 0.2 to the luma, which rounds away."""
    hr, sr = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    sr[..., 2] = 2
    assert psnr_y(hr, sr) == math.inf


def test_border_is_not_compared() -> None:
    hr, sr = _pair()[0], _pair()[0]
    sr[:3], sr[-3:], sr[:, :3], sr[:, -3:] = 0, 0, 0, 0
    assert psnr_y(hr, sr, border=3) == math.inf
    assert ssim_y(hr, sr, border=3) == pytest.approx(1.0, abs=1e-12)
    assert psnr_y(hr, sr, border=2) < 60


def test_both_are_symmetric() -> None:
    for measure in (psnr_y, ssim_y):
        for hr, sr in (_pair(), _grey_pair()):
            assert measure(hr, sr) == pytest.approx(measure(sr, hr))


def test_grey_is_compared_on_its_samples() -> None:
    """As in the papers' MATLAB programs: a difference of 10 is 10, and not 10 * 219 / 255."""
    hr, sr = np.full((4, 4, 1), 90, np.uint8), np.full((4, 4, 1), 100, np.uint8)
    assert psnr_y(hr, sr) == pytest.approx(20 * math.log10(255 / 10))


BLACK = np.zeros((12, 15, 3), np.uint8)


@pytest.mark.parametrize("measure", [psnr_y, ssim_y])
@pytest.mark.parametrize(
    ("sr", "border", "message"),
    [
        (BLACK[:, 1:], 0, "one shape"),
        (BLACK[..., :1], 0, "one shape"),
        (BLACK.astype(np.float32), 0, "uint8"),
        (BLACK.astype(np.uint16), 0, "uint8"),
        (BLACK, 6, "leaves 3x0 pixels"),
        (BLACK, 7, "leaves 1x-2 pixels"),
        (BLACK, -1, "border of -1"),
    ],
)
def test_refuses_what_it_cannot_compare(measure: Callable[..., float], sr: Samples, border: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(BLACK, sr, border=border)


def test_refuses_two_channels() -> None:
    with pytest.raises(ValueError, match="1 or 3 channels"):
        psnr_y(BLACK[..., :2], BLACK[..., :2])


def test_ssim_needs_eleven_pixels_a_side() -> None:
    assert ssim_y(BLACK[:11, :11], BLACK[:11, :11]) == 1.0
    with pytest.raises(ValueError, match="at least 11"):
        ssim_y(BLACK[:10], BLACK[:10])
