"""ESPCN (Shi et al. 2016): "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN"."""

from __future__ import annotations

import keras
from keras import layers

from ISR.models.first_weights import PassOn
from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle

# The tanh of values up to this is nearly the values.
LINEAR = 0.1


class ESPCN(ImageModel):
    """Three convolutions, 5-3-3 with 64 and 32 channels and tanh, all at the size of the input, then sub-pixel output.

    Section 3.3 of the paper. There it enlarges luma; here it enlarges RGB. The first weights make it nearest-neighbour
    enlargement, to half a percent, from which it learns.
    """

    architecture = "espcn"

    def __init__(self, scale: int = 3, *, precision: str = "float32") -> None:
        super().__init__(scale=scale, params={}, receptive_radius=2 + 1 + 1, precision=precision)

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, 3), name="LR")
        tanh = {"padding": "same", "activation": "tanh"}
        x = layers.Conv2D(64, 5, kernel_initializer=PassOn(3, outputs=3, gain=LINEAR), name="conv_1", **tanh)(lr)
        x = layers.Conv2D(32, 3, kernel_initializer=PassOn(3, outputs=3), name="conv_2", **tanh)(x)
        last = PassOn(3, gain=1.0 / LINEAR)
        x = layers.Conv2D(3 * self.scale**2, 3, padding="same", kernel_initializer=last, name="sub_pixels")(x)
        return keras.Model(lr, PixelShuffle(self.scale, dtype="float32", name="SR")(x), name="espcn")
