"""ZSSR (Shocher, Cohen and Irani 2018): "Zero-Shot" Super-Resolution using Deep Internal Learning."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers

from ISR.models.image_model import ImageModel
from ISR.models.layers import BicubicEnlarge, bicubic_reach


class ZSSR(ImageModel):
    """The picture enlarged by bicubic interpolation, plus what `depth` hidden convolutions with ReLU say it lacks.

    Section 3.2 of the paper: 8 hidden layers of 64 channels. scale: whole, 1 to 8; 1 takes a picture that has been
    interpolated already, as `ISR.zero_shot` trains it. kernel_size: side of every convolution, odd. c_dim: channels,
    1 for grey. The last convolution starts at zero, so that the untrained network is the interpolation.
    ValueError for anything else.
    """

    architecture = "zssr"

    def __init__(
        self,
        scale: int = 2,
        *,
        width: int = 64,
        depth: int = 8,
        kernel_size: int = 3,
        c_dim: int = 3,
        precision: str = "float32",
    ) -> None:
        if not 1 <= scale <= 8:
            raise ValueError(f"zssr enlarges by 1 to 8, got scale {scale!r}")
        if min(width, depth, kernel_size, c_dim) < 1 or kernel_size % 2 == 0:
            wanted = "zssr takes width, depth and c_dim of at least 1 and an odd kernel_size"
            raise ValueError(f"{wanted}, got {width}, {depth}, {c_dim} and {kernel_size}")
        self.width, self.depth, self.kernel_size, self.c_dim = width, depth, kernel_size, c_dim
        reach = (depth + 1) * (kernel_size // 2) + (bicubic_reach(scale) if scale > 1 else 0)
        super().__init__(
            scale=scale,
            params={"width": width, "depth": depth, "kernel_size": kernel_size, "c_dim": c_dim},
            receptive_radius=-(-reach // scale),
            precision=precision,
        )

    def _build(self) -> keras.Model:
        x = lr = keras.Input((None, None, self.c_dim), name="LR")
        if self.scale > 1:
            x = BicubicEnlarge(self.scale, dtype="float32", name="bicubic")(lr)
        enlarged = x
        for i in range(1, self.depth + 1):
            x = layers.ReLU(name=f"act_{i}")(self._conv(self.width, keras.initializers.HeNormal(), f"conv_{i}")(x))
        residual = self._conv(self.c_dim, "zeros", "residual")(x)
        return keras.Model(lr, layers.Add(dtype="float32", name="SR")([enlarged, residual]), name="zssr")

    def _conv(self, filters: int, initializer: Any, name: str) -> keras.layers.Layer:
        side = self.kernel_size
        return layers.Conv2D(filters, side, padding="same", kernel_initializer=initializer, name=name)

    def initialise(self, seed: int) -> None:
        """First weights from the seed, alike on every backend: He et al. 2015, zeros in the last layer."""
        rng = np.random.default_rng(seed)
        for name in (f"conv_{i}" for i in range(1, self.depth + 1)):
            kernel = self.model.get_layer(name).kernel
            spread = math.sqrt(2.0 / math.prod(kernel.shape[:3]))
            kernel.assign(rng.normal(0.0, spread, kernel.shape).astype(np.float32))
