"""Interpolation by any factor: MATLAB's antialiased bicubic reduction, and four ways of enlarging.

Every kernel is applied along one axis at a time. A sample outside the picture is the nearest one inside
(MATLAB's old `imresize`, which made the low-resolution pictures of the literature, replicates the border pixel).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]
Kernel = Callable[[Floats], Floats]

# Input samples of a strip: 8 MiB as float32, and as much again for each of the few arrays between.
_STRIP = 2**21


def _box(x: Floats) -> Floats:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def _triangle(x: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x: Floats) -> Floats:
    """Keys' cubic convolution with a = -1/2 (Keys 1981, equation 15)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Floats) -> Floats:
    """The sinc under the main lobe of a sinc three times as wide (Duchon 1979)."""
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


# name -> (kernel, radius of its support in input samples)
KERNELS: dict[str, tuple[Kernel, float]] = {
    "nearest": (_box, 0.5),
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


def enlarge(values: npt.NDArray[np.floating], scale: int, *, method: str = "bicubic") -> npt.NDArray[np.float32]:
    """The picture interpolated to `scale` times its size, not clipped.

    values: (height, width, channels) floats. method: nearest, bilinear, bicubic (Keys, a = -1/2) or lanczos (3 lobes).
    Returns (height * scale, width * scale, channels) float32. ValueError for another method, shape or scale.
    """
    if scale < 1:
        raise ValueError(f"scale must be a whole number of at least 1, got {scale}")
    height, width = _height_width(values)
    return resize(values, (height * scale, width * scale), method=method)


def reduce(samples: npt.NDArray[np.uint8], scale: int) -> npt.NDArray[np.uint8]:
    """The picture reduced by antialiased bicubic exactly as MATLAB's `imresize(picture, 1/scale)` writes it.

    samples: (height, width, channels) uint8, both sides multiples of `scale`. Returns (height / scale, width / scale,
    channels) uint8, rounded after each of the two passes as MATLAB does. ValueError where a side is no multiple.
    """
    height, width = _height_width(samples)
    if scale < 1 or height % scale or width % scale:
        raise ValueError(f"a {width}x{height} picture cannot be reduced by {scale} exactly: crop_to_multiple first")
    rows = _round(_along_rows(samples, height // scale, "bicubic", antialias=True))
    return _round(_along_columns(rows, width // scale, "bicubic", antialias=True))


def shrink(samples: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """What `resize` gives by antialiased bicubic, rounded, within 2 of 255: Pillow's, which is ten times as fast.

    samples: (height, width, channels) uint8. Returns (*size, channels) uint8. ValueError for a size below 1.
    """
    _height_width(samples)
    _check(size, "bicubic")
    channels = [Image.fromarray(np.ascontiguousarray(samples[..., i])) for i in range(samples.shape[2])]
    return np.stack([np.asarray(c.resize(size[::-1], Image.Resampling.BICUBIC)) for c in channels], axis=2)


def resize(
    values: npt.NDArray[np.generic], size: tuple[int, int], *, method: str = "bicubic", antialias: bool = True
) -> npt.NDArray[np.float32]:
    """The picture interpolated to `size` = (height, width), antialiased where it shrinks, not clipped.

    values: (height, width, channels) numbers. Returns (*size, channels) float32. ValueError for another method or
    shape, or a size below 1.
    """
    _height_width(values)
    _check(size, method)
    rows = _along_rows(values, size[0], method, antialias=antialias)
    return _along_columns(rows, size[1], method, antialias=antialias).astype(np.float32, copy=False)


def strips(
    read: Callable[[slice], npt.NDArray[np.float32]],
    shape: tuple[int, int, int],
    size: tuple[int, int],
    *,
    method: str = "bicubic",
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """What `resize` gives, a few rows at a time, so that memory does not grow with the height: (rows, their values).

    read: gives the rows of a slice of the picture as floats; some are read twice. shape: of the picture, (height,
    width, channels). Errors are those of `resize`.
    """
    _check(size, method)
    height, width, channels = shape
    taps, weights = _taps(height, size[0], method, True)
    step = max(1, int(_STRIP / (channels * max(width, size[1]) * max(1.0, height / size[0]))))
    for top in range(0, size[0], step):
        rows = slice(top, min(top + step, size[0]))
        first, last = int(taps[rows].min()), int(taps[rows].max()) + 1
        values = _summed(read(slice(first, last)), taps[rows] - first, weights[rows])
        yield rows, _along_columns(values, size[1], method, antialias=True).astype(np.float32, copy=False)


def crop_to_multiple(values: npt.NDArray[np.generic], scale: int) -> npt.NDArray[np.generic]:
    """The picture without the rows and columns at its bottom and right that exceed a multiple of `scale` (a view)."""
    height, width = values.shape[0] - values.shape[0] % scale, values.shape[1] - values.shape[1] % scale
    return values[:height, :width]


def _check(size: tuple[int, int], method: str) -> None:
    if method not in KERNELS:
        raise ValueError(f"unknown interpolation {method!r}: expected one of {', '.join(KERNELS)}")
    if min(size) < 1:
        raise ValueError(f"a picture is at least 1x1, got a size of {size[1]}x{size[0]}")


def _height_width(values: npt.NDArray[np.generic]) -> tuple[int, int]:
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"expected a (height, width, channels) array with no empty axis, got shape {values.shape}")
    return values.shape[0], values.shape[1]


def _round(values: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    # MATLAB rounds halves away from zero; after clipping to [0, 255] that is floor(x + 0.5).
    return np.asarray(np.floor(np.clip(values, 0.0, 255.0) + 0.5), dtype=np.uint8)


@lru_cache(maxsize=64)
def _taps(length: int, target: int, method: str, antialias: bool) -> tuple[npt.NDArray[np.intp], Floats]:
    """For every output sample its input samples (target, taps) and their weights (target, taps), summing to 1.

    Output sample i lies at (i + 0.5) * length / target - 0.5 in the input; a reduction stretches the kernel.
    """
    kernel, radius = KERNELS[method]
    stretch = max(1.0, length / target) if antialias and method != "nearest" else 1.0
    centres = (np.arange(target) + 0.5) * (length / target) - 0.5
    first = np.floor(centres - radius * stretch + 0.5).astype(np.intp)
    taps = first[:, None] + np.arange(int(np.ceil(2 * radius * stretch)) + 1)
    weights = kernel((centres[:, None] - taps) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.any(weights != 0.0, axis=0)
    return np.clip(taps[:, used], 0, length - 1), weights[:, used]


def _along_rows(
    values: npt.NDArray[np.generic], target: int, method: str, *, antialias: bool
) -> npt.NDArray[np.floating]:
    return _summed(values, *_taps(values.shape[0], target, method, antialias))


def _summed(values: npt.NDArray[np.generic], taps: npt.NDArray[np.intp], weights: Floats) -> npt.NDArray[np.floating]:
    """One pass down the columns, one tap at a time: the memory it needs is two outputs, whatever the kernel's width."""
    # float64 for integers: MATLAB computes in double, and a tie decided in float32 would round to the other side.
    dtype = np.float64 if np.issubdtype(values.dtype, np.integer) else np.float32
    result: npt.NDArray[np.floating] = np.zeros((len(taps), *values.shape[1:]), dtype)
    for tap in range(taps.shape[1]):
        result += np.multiply(weights[:, tap, None, None].astype(dtype), values[taps[:, tap]], dtype=dtype)
    return result


def _along_columns(
    values: npt.NDArray[np.generic], target: int, method: str, *, antialias: bool
) -> npt.NDArray[np.floating]:
    turned = _along_rows(values.swapaxes(0, 1), target, method, antialias=antialias)
    return np.ascontiguousarray(turned.swapaxes(0, 1))
