"""ESPCN (Shi et al. 2016): "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN"."""

from __future__ import annotations

import keras
from keras import layers

from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle


class ESPCN(ImageModel):
    """Three convolutions, 5-3-3 with 64 and 32 channels and tanh, all at the size of the input, then sub-pixel output.

    Section 3.3 of the paper. There it enlarges luma; here it enlarges RGB.
    """

    architecture = "espcn"

    def __init__(self, scale: int = 3, *, precision: str = "float32") -> None:
        super().__init__(scale=scale, params={}, receptive_radius=2 + 1 + 1, precision=precision)

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, 3), name="LR")
        x = layers.Conv2D(64, 5, padding="same", activation="tanh", name="conv_1")(lr)
        x = layers.Conv2D(32, 3, padding="same", activation="tanh", name="conv_2")(x)
        x = layers.Conv2D(3 * self.scale**2, 3, padding="same", name="sub_pixels")(x)
        return keras.Model(lr, PixelShuffle(self.scale, dtype="float32", name="SR")(x), name="espcn")
