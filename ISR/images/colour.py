"""Luma and chroma after ITU-R BT.601, as MATLAB's `rgb2ycbcr` computes them and the literature measures with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Y = 16 + 65.481 R + 128.553 G + 24.966 B for R, G, B in [0, 1]: ITU-R BT.601-7, section 2.5.1, scaled to 219 steps.
LUMA_WEIGHTS = (65.481, 128.553, 24.966)
LUMA_OFFSET = 16.0


def luma(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The BT.601 luma of an 8-bit picture, rounded to 8 bits as MATLAB's `rgb2ycbcr` does for uint8.

    rgb: (height, width, 3) or (height, width, 1) uint8. Returns (height, width) uint8 in 16 to 235.
    """
    return np.rint(luma_float(rgb.astype(np.float64) / 255.0)).astype(np.uint8)


def luma_float(rgb: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The BT.601 luma, unrounded.

    rgb: (..., 3) or grey (..., 1), floats in [0, 1]. Returns (...) float64 in [16, 235].
    """
    if rgb.shape[-1] not in (1, 3):
        raise ValueError(f"luma needs 1 or 3 channels in the last axis, got shape {rgb.shape}")
    if rgb.shape[-1] == 1:
        return np.asarray(rgb[..., 0] * sum(LUMA_WEIGHTS) + LUMA_OFFSET, dtype=np.float64)
    return np.asarray(rgb.astype(np.float64) @ np.array(LUMA_WEIGHTS) + LUMA_OFFSET, dtype=np.float64)
