"""RDN (Zhang et al. 2018): "Residual Dense Network for Image Super-Resolution", as idealo's ISR 2 laid it out.

Layer names are the paper's, and those of ISR 2, so that its weights find their layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
from keras import layers

from ISR.models import grown
from ISR.models.arch_params import build, network_of, settle, weights_urls
from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle

__all__ = ["RDN", "WEIGHTS_URLS", "get_network", "make_model"]

ARCH_PARAMS = ("C", "D", "G", "G0", "x")
UPSCALING = ("ups", "shuffle")
WEIGHTS_URLS = weights_urls("rdn", ARCH_PARAMS)


class RDN(ImageModel):
    """Residual dense blocks, local and global feature fusion, and an upsampling network (UPN).

    arch_params: C convolutions in each of D blocks, growth G, G0 channels between blocks, x the scale. upscaling: `ups`
    enlarges by nearest neighbour before the last convolution, `shuffle` by sub-pixels. init_extreme_val: kernels start
    uniform in [-v, v]. patch_size: side of a fixed square input, None for any size. weights: a name that decides on
    sizes and upscaling as well (`rdn-tiny`, shipped, or `psnr-small`, downloaded), or the path of a file that decides
    where arch_params is left out. `.arch_params` is what ISR 2 called `.params`; `.params` is what `ISR.models.build`
    takes. ValueError for any other size or option; WeightsError, a ValueError, for weights that cannot be had or do not
    fit.
    """

    architecture = "rdn"

    def __init__(
        self,
        arch_params: Mapping[str, int] | None = None,
        patch_size: int | None = None,
        c_dim: int = 3,
        kernel_size: int = 3,
        upscaling: str = "ups",
        init_extreme_val: float = 0.05,
        weights: str | Path = "",
        *,
        precision: str = "float32",
    ) -> None:
        options: dict[str, Any] = {"c_dim": c_dim, "kernel_size": kernel_size, "upscaling": upscaling}
        settled = settle(self.architecture, ARCH_PARAMS, arch_params, weights=weights, options=options)
        self.arch_params, options = settled.arch_params, settled.options
        if options["upscaling"] not in UPSCALING:
            raise ValueError(f"upscaling must be one of {', '.join(UPSCALING)}, got {options['upscaling']!r}")
        self.C, self.D, self.G, self.G0, scale = (self.arch_params[key] for key in ARCH_PARAMS)
        self.c_dim, self.kernel_size, self.upscaling = (options[key] for key in ["c_dim", "kernel_size", "upscaling"])
        self.patch_size, self.init_extreme_val = patch_size, init_extreme_val
        half = self.kernel_size // 2
        # F_m1, F_0 and GFF_2; C convolutions in each block; UPN1 to UPN3 reach 2 + 1 + 1; SR works on HR pixels.
        radius = half * (3 + self.C * self.D) + 4 + -(-half // scale)
        params = {key: self.arch_params[key] for key in ["C", "D", "G", "G0"]} | options
        super().__init__(scale=scale, params=params, receptive_radius=radius, precision=precision)
        if settled.weights is not None:
            self.load(settled.weights)

    @classmethod
    def from_params(cls, scale: int, params: Mapping[str, Any], *, precision: str = "float32") -> Self:
        return build(cls, ARCH_PARAMS, scale=scale, params=params, precision=precision)

    def begin_from(self, path: str | Path) -> None:
        """Read the weights that a training begins from: of this network, of another scale, or of a smaller one.

        Where C, D, G or G0 are smaller, this network then computes what that one does. What it has more begins as it
        would without it, and is not read yet. Where the scale is another, UPN3 and SR are left as they are.
        WeightsError for weights of any other network.
        """
        other = grown.smaller(self, path, ARCH_PARAMS[:-1])
        if not isinstance(other, RDN):
            super().begin_from(path)
            return
        dense = grown.dense_block(other, self)
        inputs: dict[str, list[int]] = {"GFF_1": grown.side_by_side(other.D, other.G0, apart=self.G0)}
        for d in range(1, other.D + 1):
            inputs[f"LFF_{d}"] = dense
            inputs |= {f"F_{d}_{c}": dense[: other.G0 + (c - 1) * other.G] for c in range(1, other.C + 1)}
        names = ["F_m1", "F_0", *inputs, "GFF_2", "UPN1", "UPN2", *["UPN3", "SR"] * (other.scale == self.scale)]
        grown.begin(self, other, {name: inputs.get(name) for name in names})

    @property
    def initializer(self) -> keras.initializers.Initializer:
        # A new one each time: layers that share an unseeded one start with equal kernels.
        return keras.initializers.RandomUniform(-self.init_extreme_val, self.init_extreme_val)

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
        start = self.initializer
        return layers.Conv2D(filters, kernel_size, padding="same", kernel_initializer=start, name=name, **options)


def make_model(arch_params: Mapping[str, int], patch_size: int | None = None) -> RDN:
    """The network of these sizes, all else as by default. ValueError where a size is unknown or below 1."""
    return RDN(arch_params, patch_size)


def get_network(weights: str) -> tuple[Any, ...]:
    """arch_params (a dict), c_dim, kernel_size, upscaling, url and file name of weights that are downloaded.

    WeightsError where none have that name.
    """
    return network_of(weights, WEIGHTS_URLS, ("arch_params", "c_dim", "kernel_size", "upscaling", "url", "name"))
