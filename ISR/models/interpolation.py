"""Plain interpolation through the same door as the networks: the baseline to compare them with. Needs no Keras."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ISR.images import resize

# How many LR samples away a kernel reads from the sample that an output lies in.
RECEPTIVE_RADIUS = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos": 3}


class Interpolation:
    """Enlarges by nearest, bilinear, bicubic (Keys, a = -1/2) or lanczos (3 lobes).

    ValueError for another name or a scale below 1.
    """

    def __init__(self, name: str, scale: int) -> None:
        if name not in RECEPTIVE_RADIUS:
            raise ValueError(f"unknown interpolation {name!r}: expected one of {', '.join(RECEPTIVE_RADIUS)}")
        if scale < 1:
            raise ValueError(f"scale must be a whole number of at least 1, got {scale}")
        self.name = name
        self.scale = scale
        self.receptive_radius = RECEPTIVE_RADIUS[name]

    def run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A batch enlarged: (n, h, w, 3) float32 in [0, 1] -> (n, h * scale, w * scale, 3) float32, not clipped."""
        return np.stack([resize.enlarge(picture, self.scale, method=self.name) for picture in batch])
