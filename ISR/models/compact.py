"""Compact: a plain chain of 3x3 convolutions that runs at the speed of the machine's matrix product.

The family of Real-ESRGAN's SRVGGNetCompact (Wang et al. 2021) and ECBSR (Zhang, Zeng and Zhang 2021): all work at the
size of the input, sub-pixel output, and the input's nearest-neighbour enlargement added at the end.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle, RepeatChannels


class Compact(ImageModel):
    """`depth` convolutions of `width` channels with LeakyReLU(0.1), then one to 3 * scale^2 channels.

    LeakyReLU because TensorFlow fuses it with the convolution and plain ReLU dies at learning rates worth using.
    ValueError where width or depth is below 1.
    """

    architecture = "compact"

    def __init__(self, scale: int = 2, *, width: int = 32, depth: int = 8, precision: str = "float32") -> None:
        if min(width, depth) < 1:
            raise ValueError(f"width and depth must be at least 1, got {width} and {depth}")
        self.width, self.depth = width, depth
        super().__init__(
            scale=scale, params={"width": width, "depth": depth}, receptive_radius=depth + 1, precision=precision
        )

    def _build(self) -> keras.Model:
        lr = x = keras.Input((None, None, 3), name="LR")
        for i in range(1, self.depth + 1):
            x = layers.Conv2D(self.width, 3, padding="same", kernel_initializer=_initializer(), name=f"conv_{i}")(x)
            x = layers.LeakyReLU(0.1, name=f"act_{i}")(x)
        # A small last convolution: the untrained network is nearest-neighbour enlargement and a little more.
        last = keras.initializers.VarianceScaling(0.01)
        x = layers.Conv2D(3 * self.scale**2, 3, padding="same", kernel_initializer=last, name="sub_pixels")(x)
        skip = RepeatChannels(self.scale**2, dtype="float32", name="nearest")(lr)
        sr: Any = layers.Add(dtype="float32", name="residual")([x, skip])
        return keras.Model(lr, PixelShuffle(self.scale, dtype="float32", name="SR")(sr), name="compact")


def _initializer() -> keras.Initializer:
    """He et al. 2015, one object a layer: a shared unseeded one would give equal layers equal kernels."""
    return keras.initializers.HeNormal()
