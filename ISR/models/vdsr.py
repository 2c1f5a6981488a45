"""VDSR (Kim, Lee and Lee 2016): "Accurate Image Super-Resolution Using Very Deep Convolutional Networks"."""

from __future__ import annotations

import keras
from keras import layers

from ISR.models.image_model import ImageModel, check_scale
from ISR.models.layers import BicubicEnlarge, bicubic_reach
from ISR.models.luma import Luma, luma_params


class VDSR(ImageModel):
    """The picture enlarged by bicubic interpolation, plus what `depth` 3x3 convolutions with ReLU say is missing in it.

    Sections 3.1 and 3.2 of the paper. scale: 2, 3 or 4; the weights do not depend on it (section 3.2, "Multi-Scale").
    depth: 20 in the paper, at least 2. width: channels between. c_dim: channels that it takes and gives. luma: of RGB,
    enlarge luma alone, as the paper does, and the colour bicubically. ValueError for anything else.
    """

    architecture = "vdsr"

    def __init__(
        self,
        scale: int = 2,
        *,
        depth: int = 20,
        width: int = 64,
        c_dim: int = 3,
        luma: bool = False,
        precision: str = "float32",
    ) -> None:
        check_scale(self.architecture, scale, (2, 3, 4))
        if depth < 2 or min(width, c_dim) < 1:
            raise ValueError(f"depth must be at least 2, width and c_dim at least 1, got {depth}, {width} and {c_dim}")
        self.depth, self.width, self.c_dim, self.luma = depth, width, c_dim, luma
        super().__init__(
            scale=scale,
            params={"depth": depth, "width": width, "c_dim": c_dim} | luma_params(self.architecture, luma, c_dim),
            receptive_radius=-(-(bicubic_reach(scale) + depth) // scale),
            precision=precision,
        )

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, self.c_dim), name="LR")
        enlarged = BicubicEnlarge(self.scale, dtype="float32", name="bicubic")(lr)
        channels, x = (1, Luma(name="luma")(enlarged)) if self.luma else (self.c_dim, enlarged)
        for i in range(1, self.depth):
            x = layers.ReLU(name=f"act_{i}")(_conv(self.width, f"conv_{i}")(x))
        # What luma lacks, one channel, all three colours lack alike.
        residual = _conv(channels, f"conv_{self.depth}")(x)
        return keras.Model(lr, layers.Add(dtype="float32", name="SR")([enlarged, residual]), name="vdsr")


def _conv(filters: int, name: str) -> keras.layers.Layer:
    he = keras.initializers.HeNormal()
    return layers.Conv2D(filters, 3, padding="same", kernel_initializer=he, name=name)
