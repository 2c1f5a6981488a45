"""SRCNN (Dong, Loy, He and Tang 2016): "Image Super-Resolution Using Deep Convolutional Networks"."""

from __future__ import annotations

import keras
from keras import layers

from ISR.models.first_weights import PassOn
from ISR.models.image_model import ImageModel, check_scale
from ISR.models.layers import BicubicEnlarge, EdgePad, bicubic_reach
from ISR.models.luma import Luma, luma_params, with_luma

LAYOUTS = ("9-1-5", "9-3-5", "9-5-5")
PADDINGS = ("same", "valid")


class SRCNN(ImageModel):
    """The picture enlarged by bicubic interpolation, then three convolutions with 64 and 32 filters and ReLU.

    Section 3.1 of the paper, equations 1 to 3: patch extraction, non-linear mapping, reconstruction. scale: 2, 3 or 4.
    layout: the three kernels' sides (section 4.3.2). c_dim: channels that it takes and gives. luma: of RGB, enlarge
    luma alone, as the paper does, and the colour bicubically (section 4.5 compares the two).
    padding: `valid` as the paper trains, so that `border` HR pixels are missing on every side of the output
    (section 4.1: 33x33 interpolated pixels become 21x21); `same` for whole pictures, whose edge is repeated outwards,
    as in the authors' code. The weights are the same.
    The first ones make it bicubic interpolation, from which it learns, where the paper's are random.
    ValueError for anything else.
    """

    architecture = "srcnn"

    def __init__(
        self,
        scale: int = 3,
        *,
        layout: str = "9-1-5",
        c_dim: int = 3,
        luma: bool = False,
        padding: str = "same",
        precision: str = "float32",
    ) -> None:
        check_scale(self.architecture, scale, (2, 3, 4))
        if layout not in LAYOUTS or padding not in PADDINGS or c_dim < 1:
            choices = f"layout {', '.join(LAYOUTS)}, padding {', '.join(PADDINGS)}, c_dim at least 1"
            raise ValueError(f"srcnn takes {choices}: got {layout!r}, {padding!r}, {c_dim}")
        self.layout, self.c_dim, self.luma, self.padding = layout, c_dim, luma, padding
        reach = sum(side // 2 for side in self._sides())
        self.border = reach if padding == "valid" else 0
        radius = -(-(bicubic_reach(scale) + reach) // scale)
        # Not the padding: weights trained with the one are read with the other.
        params = {"layout": layout, "c_dim": c_dim} | luma_params(self.architecture, luma, c_dim)
        super().__init__(scale=scale, params=params, receptive_radius=radius, precision=precision)

    def _sides(self) -> list[int]:
        return [int(side) for side in self.layout.split("-")]

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, self.c_dim), name="LR")
        f1, f2, f3 = self._sides()
        enlarged = BicubicEnlarge(self.scale, dtype="float32", name="bicubic")(lr)
        channels, x = (1, Luma(name="luma")(enlarged)) if self.luma else (self.c_dim, enlarged)
        if self.padding == "same":
            x = EdgePad(sum(side // 2 for side in (f1, f2, f3)), dtype="float32", name="edge")(x)
        passed = PassOn(channels, outputs=channels)
        for i, (filters, side) in enumerate([(64, f1), (32, f2)], start=1):
            x = layers.Conv2D(filters, side, activation="relu", kernel_initializer=passed, name=f"conv_{i}")(x)
        last = PassOn(channels)
        sr = layers.Conv2D(channels, f3, kernel_initializer=last, dtype="float32", name="SR")(x)
        if self.luma:
            sr = with_luma(layers.Cropping2D(self.border, dtype="float32", name="inside")(enlarged), sr)
        return keras.Model(lr, sr, name="srcnn")
