"""ESPCN (Shi et al. 2016): "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN"."""

from __future__ import annotations

import keras
from keras import layers

from ISR.models.first_weights import PassOn
from ISR.models.image_model import ImageModel
from ISR.models.layers import BicubicEnlarge, EdgePad, PixelShuffle
from ISR.models.luma import Luma, luma_params, with_luma

# The tanh of values up to this is nearly the values.
LINEAR = 0.1


class ESPCN(ImageModel):
    """Three convolutions, 5-3-3 with 64 and 32 channels and tanh, all at the size of the input, then sub-pixel output.

    Section 3.3 of the paper. luma: as there, enlarge luma alone, and the colour of the RGB picture bicubically; else
    RGB. The picture's edge is repeated outwards, once for all three. The first weights make it nearest-neighbour
    enlargement, to half a percent, from which it learns.
    """

    architecture = "espcn"

    def __init__(self, scale: int = 3, *, luma: bool = False, precision: str = "float32") -> None:
        self.luma = luma
        params = luma_params(self.architecture, luma)
        super().__init__(scale=scale, params=params, receptive_radius=2 + 1 + 1, precision=precision)

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, 3), name="LR")
        channels, x = (1, Luma(name="luma")(lr)) if self.luma else (3, lr)
        x = EdgePad(self.receptive_radius, dtype="float32", name="edge")(x)
        first, passed = PassOn(channels, outputs=channels, gain=LINEAR), PassOn(channels, outputs=channels)
        last = PassOn(channels, gain=1.0 / LINEAR)
        x = layers.Conv2D(64, 5, activation="tanh", kernel_initializer=first, name="conv_1")(x)
        x = layers.Conv2D(32, 3, activation="tanh", kernel_initializer=passed, name="conv_2")(x)
        x = layers.Conv2D(channels * self.scale**2, 3, kernel_initializer=last, name="sub_pixels")(x)
        sr = PixelShuffle(self.scale, dtype="float32", name="SR")(x)
        if self.luma:
            sr = with_luma(BicubicEnlarge(self.scale, dtype="float32", name="bicubic")(lr), sr)
        return keras.Model(lr, sr, name="espcn")
