"""SRGAN's generator, SRResNet (Ledig et al. 2017): "Photo-Realistic Single Image Super-Resolution Using a GAN"."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ISR.models.image_model import ImageModel, check_scale
from ISR.models.layers import PixelShuffle

# scale -> the sub-pixel stages that make it
STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}


class SRGAN(ImageModel):
    """Residual blocks with batch norm and PReLU between 9x9 convolutions, then sub-pixel stages: figure 4, top.

    scale: 2, 3, 4 or 8; the paper's is 4. blocks: 16 in the paper. width: channels, 64 in the paper. c_dim: channels
    of the picture. Output is in [0, 1] as the input is, where the paper has [-1, 1]. ValueError for anything else.
    """

    architecture = "srgan"

    def __init__(
        self, scale: int = 4, *, blocks: int = 16, width: int = 64, c_dim: int = 3, precision: str = "float32"
    ) -> None:
        check_scale(self.architecture, scale, tuple(STAGES))
        if min(blocks, width, c_dim) < 1:
            raise ValueError(f"blocks, width and c_dim must be at least 1, got {blocks}, {width} and {c_dim}")
        self.blocks, self.width, self.c_dim = blocks, width, c_dim
        super().__init__(
            scale=scale,
            params={"blocks": blocks, "width": width, "c_dim": c_dim},
            receptive_radius=_receptive_radius(blocks, scale),
            precision=precision,
        )

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, self.c_dim), name="LR")
        x = first = _prelu("act_1")(_conv(self.width, 9, "conv_1")(lr))
        for i in range(1, self.blocks + 1):
            x = self._block(x, f"block_{i}")
        x = layers.BatchNormalization(name="norm_2")(_conv(self.width, 3, "conv_2")(x))
        x = layers.Add(name="sum")([x, first])
        for i, factor in enumerate(STAGES[self.scale], 1):
            x = _conv(self.width * factor**2, 3, f"up_{i}_conv")(x)
            x = _prelu(f"up_{i}_act")(PixelShuffle(factor, name=f"up_{i}_shuffle")(x))
        return keras.Model(lr, _conv(self.c_dim, 9, "SR", dtype="float32")(x), name="generator")

    def _block(self, x: Any, name: str) -> Any:
        y = layers.BatchNormalization(name=f"{name}_norm_1")(_conv(self.width, 3, f"{name}_conv_1")(x))
        y = _conv(self.width, 3, f"{name}_conv_2")(_prelu(f"{name}_act")(y))
        y = layers.BatchNormalization(name=f"{name}_norm_2")(y)
        return layers.Add(name=f"{name}_sum")([y, x])


# The paper's name for the network when it is trained on the mean squared error alone.
SRResNet = SRGAN


def _receptive_radius(blocks: int, scale: int) -> int:
    """In LR pixels: what is reached before the stages grows with them, and the last 9x9 convolution sees HR pixels."""
    reach = 4 + 2 * blocks + 1
    for factor in STAGES[scale]:
        reach = (reach + 1) * factor
    return -(-(reach + 4) // scale)


def _conv(filters: int, side: int, name: str, **options: Any) -> keras.layers.Layer:
    return layers.Conv2D(filters, side, padding="same", name=name, **options)


def _prelu(name: str) -> keras.layers.Layer:
    """One slope a channel, 1/4 at first (He et al. 2015, section 2.1)."""
    return layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2], name=name)
