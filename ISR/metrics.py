"""PSNR and SSIM on luma, as the super-resolution papers report them: one definition for training and evaluation.

Both pictures are 8 bit. Of three channels the BT.601 luma, rounded to 8 bits, is compared; of one channel its samples
as they are, as the papers' MATLAB programs do. `border` pixels are shaved off each side before comparing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ISR.images.colour import luma

Samples = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def psnr_y(hr: Samples, sr: Samples, *, border: int = 0) -> float:
    """Peak signal-to-noise ratio of the luma planes in dB, peak 255; infinite where they are equal.

    hr, sr: (height, width, 1 or 3) uint8 of equal shape. ValueError where the shapes differ or nothing is left.
    """
    a, b = _luma_pair(hr, sr, border, smallest=1)
    mse = float(np.mean((a - b) ** 2))
    return float("inf") if mse == 0.0 else 10.0 * float(np.log10(255.0**2 / mse))


def ssim_y(hr: Samples, sr: Samples, *, border: int = 0) -> float:
    """Structural similarity of the luma planes (Wang et al. 2004, equation 13).

    The window is a Gaussian of 11 pixels with sigma 1.5; only where it lies inside the picture is it counted.
    hr, sr: (height, width, 1 or 3) uint8 of equal shape. ValueError where fewer than 11 pixels a side are left.
    """
    a, b = _luma_pair(hr, sr, border, smallest=11)
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    mean_a, mean_b = _window(a), _window(b)
    var_a, var_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(likeness / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def _luma_pair(hr: Samples, sr: Samples, border: int, *, smallest: int) -> tuple[Floats, Floats]:
    if hr.shape != sr.shape or hr.dtype != np.uint8 or sr.dtype != np.uint8:
        raise ValueError(
            f"expected two uint8 pictures of one shape, got {hr.dtype} {hr.shape} and {sr.dtype} {sr.shape}"
        )
    height, width = hr.shape[0] - 2 * border, hr.shape[1] - 2 * border
    if border < 0 or min(height, width) < smallest:
        raise ValueError(
            f"a border of {border} leaves {width}x{height} pixels to compare, at least {smallest} a side are needed"
        )
    inner = np.s_[border : border + height, border : border + width]
    return _plane(hr[inner]), _plane(sr[inner])


def _plane(samples: Samples) -> Floats:
    return (samples[..., 0] if samples.shape[-1] == 1 else luma(samples)).astype(np.float64)


def _window(plane: Floats) -> Floats:
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    rows = sum(w * plane[i : plane.shape[0] - 10 + i] for i, w in enumerate(taps))
    return np.asarray(sum(w * rows[:, i : rows.shape[1] - 10 + i] for i, w in enumerate(taps)))  # type: ignore[index]
