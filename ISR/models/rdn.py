"""RDN (Zhang et al. 2018): "Residual Dense Network for Image Super-Resolution", as idealo's ISR 2 laid it out.

Layer names are the paper's, and those of ISR 2, so that its weights find their layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import keras
from keras import layers

from ISR.models.arch_params import build, check
from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle

ARCH_PARAMS = ("C", "D", "G", "G0", "x")
UPSCALING = ("ups", "shuffle")


class RDN(ImageModel):
    """Residual dense blocks, local and global feature fusion, and an upsampling network (UPN).

    arch_params: C convolutions in each of D blocks, growth G, G0 channels between blocks, x the scale. upscaling: `ups`
    enlarges by nearest neighbour before the last convolution, `shuffle` by sub-pixels. init_extreme_val: kernels start
    uniform in [-v, v]. patch_size: side of a fixed square input, None for any size. ValueError for anything else.
    """

    architecture = "rdn"

    def __init__(
        self,
        arch_params: Mapping[str, int],
        patch_size: int | None = None,
        c_dim: int = 3,
        kernel_size: int = 3,
        upscaling: str = "ups",
        init_extreme_val: float = 0.05,
        *,
        precision: str = "float32",
    ) -> None:
        check(arch_params, ARCH_PARAMS)
        if upscaling not in UPSCALING:
            raise ValueError(f"upscaling must be one of {', '.join(UPSCALING)}, got {upscaling!r}")
        self.C, self.D, self.G, self.G0 = (arch_params[key] for key in ["C", "D", "G", "G0"])
        self.patch_size, self.c_dim, self.kernel_size = patch_size, c_dim, kernel_size
        self.upscaling, self.init_extreme_val = upscaling, init_extreme_val
        scale, half = arch_params["x"], kernel_size // 2
        # F_m1, F_0 and GFF_2; C convolutions in each block; UPN1 to UPN3 reach 2 + 1 + 1; SR works on HR pixels.
        radius = half * (3 + self.C * self.D) + 4 + -(-half // scale)
        params: dict[str, Any] = {key: arch_params[key] for key in ["C", "D", "G", "G0"]}
        params |= {"c_dim": c_dim, "kernel_size": kernel_size, "upscaling": upscaling}
        super().__init__(scale=scale, params=params, receptive_radius=radius, precision=precision)

    @classmethod
    def from_params(cls, scale: int, params: Mapping[str, Any], *, precision: str = "float32") -> Self:
        return build(cls, ARCH_PARAMS, scale=scale, params=params, precision=precision)

    def _build(self) -> keras.Model:
        lr = keras.Input((self.patch_size, self.patch_size, self.c_dim), name="LR")
        f_m1 = self._conv(self.G0, self.kernel_size, "F_m1")(lr)
        x = self._conv(self.G0, self.kernel_size, "F_0")(f_m1)
        x = self._blocks(x)
        x = self._conv(self.G0, 1, "GFF_1")(x)
        x = self._conv(self.G0, self.kernel_size, "GFF_2")(x)
        x = layers.Add(name="FDF")([x, f_m1])
        return keras.Model(lr, self._upsampled(x), name="generator")

    def _blocks(self, x: Any) -> Any:
        """The D residual dense blocks; returns the outputs of all of them side by side."""
        outputs = []
        for d in range(1, self.D + 1):
            dense = x
            for c in range(1, self.C + 1):
                grown = self._conv(self.G, self.kernel_size, f"F_{d}_{c}")(dense)
                grown = layers.ReLU(name=f"F_{d}_{c}_Relu")(grown)
                dense = layers.Concatenate(name=f"RDB_Concat_{d}_{c}")([dense, grown])
            x = layers.Add(name=f"LRL_{d}")([self._conv(self.G0, 1, f"LFF_{d}")(dense), x])
            outputs.append(x)
        return layers.Concatenate(name="LRLs_Concat")(outputs) if self.D > 1 else outputs[0]

    def _upsampled(self, x: Any) -> Any:
        x = layers.ReLU(name="UPN1_Relu")(self._conv(64, 5, "UPN1")(x))
        x = layers.ReLU(name="UPN2_Relu")(self._conv(32, 3, "UPN2")(x))
        x = self._conv(self.c_dim * self.scale**2, 3, "UPN3")(x)
        if self.upscaling == "shuffle":
            x = PixelShuffle(self.scale, name="PixelShuffle")(x)
        else:
            x = layers.UpSampling2D(self.scale, name="UPsample")(x)
        return self._conv(self.c_dim, self.kernel_size, "SR", dtype="float32")(x)

    def _conv(self, filters: int, kernel_size: int, name: str, **options: Any) -> keras.layers.Layer:
        # One initializer a layer: a shared unseeded one would give equal layers equal kernels.
        initializer = keras.initializers.RandomUniform(-self.init_extreme_val, self.init_extreme_val)
        return layers.Conv2D(filters, kernel_size, padding="same", kernel_initializer=initializer, name=name, **options)
