"""A picture made worse: blur, noise, JPEG and reduction, alone and as named recipes, given a numpy Generator.

The parts take and give (height, width, 1 or 3) float32 in [0, 1]; the recipes take and give integers.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from ISR.images import resize
from ISR.images.files import Samples, to_float, to_samples

Values = npt.NDArray[np.float32]
Kernel = npt.NDArray[np.float64]

RECIPES = ("bicubic", "realistic")
# What a patch needs around it, in LR pixels, to be made as it would be within its picture. Bicubic reduction reaches
# two pixels; of the widest blur at x4, after the reduction, less than 1 % of the weight lies beyond eight on an axis.
MARGINS = {"bicubic": 3, "realistic": 8}

# BSRGAN (Zhang et al. 2021, "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution", sections
# 3.1 to 3.3, and the program that its authors published): kernels of 7 to 21 pixels; standard deviations of 0.1 to
# 2 + 0.2 * scale along both axes, or variances of 0.5 to 4 + scale along two, each half of the time; Gaussian noise of
# 1 to 25 levels of 255, as often equal in all channels as not; JPEG of quality 30 to 95. Poisson noise is their
# program's: one time in ten, 10^2 to 10^4 photons at white. The order of the four is drawn.
KERNEL_SIDES = (7, 21)
SIGMA_LEAST, VARIANCE_LEAST = 0.1, 0.5
NOISE_LEVELS = (1.0, 25.0)
POISSON_SHARE, PHOTONS_EXPONENT = 0.1, (2.0, 4.0)
QUALITIES = (30, 95)
# `nearest` is left out: at an even scale it moves the picture by half a pixel.
REDUCTIONS = (("bicubic", True), ("bilinear", True), ("lanczos", True), ("bicubic", False), ("bilinear", False))


def degrade(hr: Samples, scale: int, *, recipe: str = "bicubic", rng: np.random.Generator | None = None) -> Samples:
    """The LR picture that the recipe makes of an HR picture: (height / scale, width / scale, channels), same dtype.

    hr: (height, width, 1 or 3) uint8 or uint16, both sides multiples of `scale`. recipe: `bicubic`, MATLAB's reduction
    alone, or `realistic`, blur, noise, JPEG (8 bits) and a reduction in random order and strength, for which `rng` is
    needed; the same state of the Generator gives the same picture. ValueError for another recipe, size or no rng.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown degradation {recipe!r}: expected one of {', '.join(RECIPES)}")
    height, width = hr.shape[:2]
    if scale < 1 or height % scale or width % scale or 0 in hr.shape:
        raise ValueError(f"a {width}x{height} picture cannot be reduced by {scale} exactly: crop_to_multiple first")
    if recipe == "realistic":
        if rng is None:
            raise ValueError("the realistic degradation draws its strengths: give it a Generator")
        return to_samples(_realistic(to_float(hr), scale, rng), hr.dtype)
    if hr.dtype == np.uint8:
        return resize.reduce(hr.astype(np.uint8, copy=False), scale)
    return to_samples(resize.resize(to_float(hr), (height // scale, width // scale)), hr.dtype)


def _realistic(values: Values, scale: int, rng: np.random.Generator) -> Values:
    size = (values.shape[0] // scale, values.shape[1] // scale)
    method, antialias = REDUCTIONS[rng.integers(len(REDUCTIONS))]
    steps: list[Callable[[Values], Values]] = [
        partial(blur, kernel=_random_kernel(scale, rng)),
        partial(_random_noise, rng=rng),
        partial(jpeg, quality=int(rng.integers(QUALITIES[0], QUALITIES[1] + 1))),
        partial(resize.resize, size=size, method=method, antialias=antialias),
    ]
    for index in rng.permutation(len(steps)):
        values = np.clip(steps[index](values), 0.0, 1.0)
    return values


def gaussian_kernel(side: int, covariance: npt.ArrayLike) -> Kernel:
    """The Gaussian of that covariance in pixels^2, (2, 2) over (x, y), sampled on side x side pixels, summing to 1.

    ValueError for an even side or a covariance that is not positive definite.
    """
    matrix = np.asarray(covariance, np.float64)
    if side < 1 or side % 2 == 0 or matrix.shape != (2, 2) or np.linalg.eigvalsh(matrix).min() <= 0.0:
        raise ValueError(f"expected an odd side and a positive definite 2x2 covariance, got {side} and {matrix}")
    inverse = np.linalg.inv(matrix)
    y, x = np.mgrid[: float(side), : float(side)] - (side - 1) / 2
    kernel = np.exp(-0.5 * (inverse[0, 0] * x * x + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y * y))
    return np.asarray(kernel / kernel.sum())


def blur(values: Values, kernel: Kernel) -> Values:
    """The picture convolved with an odd-sided kernel, same size; a sample outside is the nearest one inside."""
    below, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(values, ((below, below), (right, right), (0, 0)), mode="edge")
    size = padded.shape[:2]
    spectrum = np.fft.rfft2(padded, axes=(0, 1)) * np.fft.rfft2(kernel.astype(np.float32), size)[..., None]
    # The kernel's corner lies at the origin, so that the wrapped samples are the first ones.
    full = np.fft.irfft2(spectrum, size, axes=(0, 1))
    return np.ascontiguousarray(full[2 * below :, 2 * right :], dtype=np.float32)


def gaussian_noise(values: Values, sigma: float, *, rng: np.random.Generator, grey: bool = False) -> Values:
    """The picture and normal noise of standard deviation `sigma` (white: 1), not clipped; grey: in all channels equal."""
    shape = (*values.shape[:2], 1) if grey else values.shape
    return values + np.float32(sigma) * rng.standard_normal(shape, dtype=np.float32)


def poisson_noise(values: Values, photons: float, *, rng: np.random.Generator) -> Values:
    """The picture as a sensor counts it that catches `photons` at white: variance value / photons; not clipped."""
    return (rng.poisson(np.clip(values, 0.0, 1.0) * photons) / photons).astype(np.float32)


def jpeg(values: Values, quality: int) -> Values:
    """The picture written as a JPEG of that quality, 1 to 100, colour at half resolution, and read again."""
    samples = to_samples(values)
    file = io.BytesIO()
    Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples).save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as image:
        return to_float(np.asarray(image).reshape(samples.shape))


def _random_kernel(scale: int, rng: np.random.Generator) -> Kernel:
    side = 2 * int(rng.integers(KERNEL_SIDES[0] // 2, KERNEL_SIDES[1] // 2 + 1)) + 1
    if rng.random() < 0.5:
        return gaussian_kernel(side, np.eye(2) * rng.uniform(SIGMA_LEAST, 2.0 + 0.2 * scale) ** 2)
    angle, variances = rng.uniform(0.0, np.pi), rng.uniform(VARIANCE_LEAST, 4.0 + scale, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return gaussian_kernel(side, turn @ np.diag(variances) @ turn.T)


def _random_noise(values: Values, *, rng: np.random.Generator) -> Values:
    if rng.random() < POISSON_SHARE:
        return poisson_noise(values, 10.0 ** rng.uniform(*PHOTONS_EXPONENT), rng=rng)
    return gaussian_noise(values, rng.uniform(*NOISE_LEVELS) / 255.0, rng=rng, grey=bool(rng.random() < 0.5))
