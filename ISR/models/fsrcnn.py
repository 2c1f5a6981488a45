"""FSRCNN (Dong, Loy and Tang 2016): "Accelerating the Super-Resolution Convolutional Neural Network"."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ISR.models.first_weights import Bilinear, PassOn
from ISR.models.image_model import ImageModel, check_scale
from ISR.models.layers import BicubicEnlarge, EdgePad
from ISR.models.luma import Luma, luma_params, with_luma

DECONVOLUTION = 9


class FSRCNN(ImageModel):
    """Feature extraction, shrinking, mapping and expanding at the size of the input, then one deconvolution.

    Section 3.2 of the paper. scale: 2, 3 or 4. d feature channels, s of them after shrinking, m mapping layers: the
    paper's FSRCNN is (56, 12, 4), its FSRCNN-s (32, 5, 1). c_dim: channels that it takes and gives.
    luma: of RGB, enlarge luma alone, as the paper does, and the colour bicubically. The picture's edge is repeated
    outwards, once for all layers. The first weights make it bilinear interpolation, from which it learns.
    ValueError for anything else.
    """

    architecture = "fsrcnn"

    def __init__(
        self,
        scale: int = 3,
        *,
        d: int = 56,
        s: int = 12,
        m: int = 4,
        c_dim: int = 3,
        luma: bool = False,
        precision: str = "float32",
    ) -> None:
        check_scale(self.architecture, scale, (2, 3, 4))
        if min(d, s, m, c_dim) < 1:
            raise ValueError(f"d, s, m and c_dim must be at least 1, got {d}, {s}, {m} and {c_dim}")
        self.d, self.s, self.m, self.c_dim, self.luma = d, s, m, c_dim, luma
        before = _cropping(scale)[0]
        self._reach = max(-(-before // scale), (DECONVOLUTION - 1 - before) // scale)  # of the deconvolution
        super().__init__(
            scale=scale,
            params={"d": d, "s": s, "m": m, "c_dim": c_dim} | luma_params(self.architecture, luma, c_dim),
            receptive_radius=2 + m + self._reach,
            precision=precision,
        )

    def _build(self) -> keras.Model:
        lr = keras.Input((None, None, self.c_dim), name="LR")
        x = EdgePad(self.receptive_radius, dtype="float32", name="edge")(Luma(name="luma")(lr) if self.luma else lr)
        x = self._conv(x, self.d, 5, "extract")
        x = self._conv(x, self.s, 1, "shrink")
        for i in range(1, self.m + 1):
            x = self._conv(x, self.s, 3, f"map_{i}")
        x = self._conv(x, self.d, 1, "expand")
        # Not padding="same": the backends do not crop that alike.
        before, after = _cropping(self.scale)
        first = Bilinear(self.scale, before=before)
        crop = (before + self.scale * self._reach, after + self.scale * self._reach)
        x = layers.Conv2DTranspose(
            self._channels, DECONVOLUTION, strides=self.scale, kernel_initializer=first, dtype="float32", name="deconv"
        )(x)
        sr = layers.Cropping2D((crop, crop), dtype="float32", name="SR")(x)
        if self.luma:
            sr = with_luma(BicubicEnlarge(self.scale, dtype="float32", name="bicubic")(lr), sr)
        return keras.Model(lr, sr, name="fsrcnn")

    @property
    def _channels(self) -> int:
        return 1 if self.luma else self.c_dim

    def _conv(self, x: Any, filters: int, side: int, name: str) -> Any:
        """A convolution and a PReLU with one slope a channel (section 3.2); the first weights pass the colours on."""
        first = PassOn(self._channels, outputs=self._channels)
        x = layers.Conv2D(filters, side, kernel_initializer=first, name=name)(x)
        slope = keras.initializers.Constant(0.25)
        return layers.PReLU(alpha_initializer=slope, shared_axes=[1, 2], name=f"{name}_act")(x)


def _cropping(scale: int) -> tuple[int, int]:
    """Rows before and after scale * h of the deconvolution's scale * (h - 1) + 9: as centred as whole pixels allow."""
    surplus = DECONVOLUTION - scale
    return surplus // 2, surplus - surplus // 2
