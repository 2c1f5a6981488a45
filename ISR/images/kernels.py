"""Blur kernels: read from a file, checked, and applied as the reduction that made a low-resolution picture.

A low-resolution sample is the weighted sum of the high-resolution samples around its own place, which is
(i + 0.5) * scale - 0.5 on each axis: where MATLAB's imresize and every interpolation of ISR put it. The middle of the
kernel lies on that place. Where the place falls between two samples and the kernel's middle on one (an even scale and
an odd side), or the reverse, the kernel is moved half a sample by interpolation, so that the picture stays in place.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ISR.errors import PictureError

Kernel = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

MOST_SIDE = 127  # wider than any blur that leaves something to restore
MOST_BYTES = 1 << 20
# Keys' cubic half way between two samples: what moves a kernel by half a sample.
HALF = np.array([-0.0625, 0.5625, 0.5625, -0.0625])


def read(path: str | os.PathLike[str]) -> Kernel:
    """The kernel in a .npy file, or in a text file of one row a line (spaces, tabs or commas between): summing to 1.

    PictureError where there is no such file, it holds something else, or its numbers are no kernel (`checked`).
    """
    name = repr(os.fspath(path))
    try:
        content = Path(path).read_bytes() if Path(path).stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise PictureError(f"{name}: expected a kernel file, got {error.strerror}") from error
    if content is None:
        raise PictureError(f"{name}: expected a kernel file of at most {MOST_BYTES} bytes, got a larger one")
    try:
        matrix = _parsed(content, is_npy=content.startswith(b"\x93NUMPY"))
    except (ValueError, EOFError, OSError, MemoryError) as error:
        wanted = "expected a .npy file or lines of numbers, one row a line, all of one length"
        raise PictureError(f"{name}: {wanted}: {error}") from error
    return checked(matrix, name=name)


def _parsed(content: bytes, *, is_npy: bool) -> npt.NDArray[np.generic]:
    if is_npy:
        return np.asarray(np.lib.format.read_array(io.BytesIO(content), allow_pickle=False))
    text = content.decode("utf-8-sig").replace(",", " ")
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    return np.array([[float(number) for number in line] for line in lines if line], np.float64)


def checked(matrix: npt.ArrayLike, *, name: str = "the kernel") -> Kernel:
    """The matrix over its sum, float64. PictureError where it is no matrix, too wide, not finite or sums to 0 or less.

    A single row or column is a kernel: it blurs along one axis. Weights below 0 are allowed: bicubic has some.
    """
    kernel = np.asarray(matrix)
    if kernel.ndim != 2 or 0 in kernel.shape or kernel.dtype.kind not in "iuf":
        raise PictureError(f"{name}: expected a matrix of numbers, got shape {kernel.shape} {kernel.dtype}")
    if max(kernel.shape) > MOST_SIDE:
        raise PictureError(f"{name}: expected at most {MOST_SIDE} samples a side, got {kernel.shape}: cut it")
    kernel = kernel.astype(np.float64)
    if not np.isfinite(kernel).all() or kernel.sum() <= 1e-6 * np.abs(kernel).sum():
        raise PictureError(f"{name}: expected finite weights with a sum above 0, got a sum of {kernel.sum()}")
    return np.asarray(kernel / kernel.sum())


def aligned(kernel: Kernel, scale: int) -> Kernel:
    """The kernel with sides of the scale's parity, moved by half a sample along each axis where they were not."""
    for axis in (0, 1):
        if kernel.shape[axis] % 2 != scale % 2:
            kernel = np.apply_along_axis(np.convolve, axis, kernel, HALF)
    return kernel


def reduce(values: Floats, kernel: Kernel, scale: int) -> Floats:
    """The picture correlated with the kernel and sampled at every `scale`-th place: (height / scale, width / scale, c).

    values: (height, width, c) floats; a sample outside is the nearest one inside. ValueError where a side is not a
    multiple of the scale.
    """
    height, width = values.shape[:2]
    if scale < 1 or height % scale or width % scale or 0 in values.shape:
        raise ValueError(f"a {width}x{height} picture cannot be reduced by {scale} exactly: crop_to_multiple first")
    taps = aligned(kernel, scale)
    # The first output's place is (scale - 1) / 2, the kernel's middle (side - 1) / 2: both are whole or both are not.
    before = [(side - scale) // 2 for side in taps.shape]
    rows = np.arange(0, height, scale) - before[0]
    columns = np.arange(0, width, scale) - before[1]
    result = np.zeros((height // scale, width // scale, values.shape[2]), np.float32)
    for y, line in enumerate(taps.astype(np.float32)):
        row = values[np.clip(rows + y, 0, height - 1)]
        for x, weight in enumerate(line):
            if weight != 0.0:
                result += weight * row[:, np.clip(columns + x, 0, width - 1)]
    return result
