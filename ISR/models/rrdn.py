"""RRDN: residual in residual dense blocks (Wang et al. 2018, "ESRGAN", section 3.1), as idealo's ISR 2 laid them out.

Layer names are those of ISR 2, so that its weights find their layers. Unlike the paper's network it has ReLU, not
LeakyReLU, and a single sub-pixel step.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import keras
from keras import layers

from ISR.models import grown
from ISR.models.arch_params import build, network_of, settle, weights_urls
from ISR.models.image_model import ImageModel
from ISR.models.layers import MultiplyBeta, PixelShuffle

# ISR 2's programs take the layers from here.
__all__ = ["RRDN", "WEIGHTS_URLS", "MultiplyBeta", "PixelShuffle", "get_network", "make_model"]

ARCH_PARAMS = ("C", "D", "G", "G0", "T", "x")
WEIGHTS_URLS = weights_urls("rrdn", ARCH_PARAMS)


class RRDN(ImageModel):
    """Dense blocks inside residual blocks inside a global residual, without batch norm, then sub-pixel output.

    arch_params: T residual blocks of D dense blocks of C convolutions, growth G, G0 channels between blocks, x the
    scale. patch_size: side of a fixed square input, None for any size. beta: residual scaling, on both levels.
    init_val: kernels start uniform in [-v, v]. weights: a name (`gans`) that decides on sizes and beta as well and may
    download, or the path of a file that decides where arch_params is left out. `.arch_params` is what ISR 2 called
    `.params`; `.params` is what `ISR.models.build` takes. ValueError for any other size or option; WeightsError, a
    ValueError, for weights that cannot be had or do not fit.
    """

    architecture = "rrdn"

    def __init__(
        self,
        arch_params: Mapping[str, int] | None = None,
        patch_size: int | None = None,
        beta: float = 0.2,
        c_dim: int = 3,
        kernel_size: int = 3,
        init_val: float = 0.05,
        weights: str | Path = "",
        *,
        precision: str = "float32",
    ) -> None:
        options: dict[str, Any] = {"beta": beta, "c_dim": c_dim, "kernel_size": kernel_size}
        settled = settle(self.architecture, ARCH_PARAMS, arch_params, weights=weights, options=options)
        self.arch_params, options = settled.arch_params, settled.options
        self.C, self.D, self.G, self.G0, self.T, scale = (self.arch_params[key] for key in ARCH_PARAMS)
        self.beta, self.c_dim, self.kernel_size = (options[key] for key in ["beta", "c_dim", "kernel_size"])
        self.patch_size, self.init_val = patch_size, init_val
        half = self.kernel_size // 2
        # Pre_blocks_conv; C convolutions and LFF in each dense block; post_blocks_conv, PreShuffle; SR on HR pixels.
        radius = half + self.T * self.D * (half * self.C + 1) + 2 + -(-half // scale)
        params = {key: self.arch_params[key] for key in ["C", "D", "G", "G0", "T"]} | options
        super().__init__(scale=scale, params=params, receptive_radius=radius, precision=precision)
        if settled.weights is not None:
            self.load(settled.weights)

    @classmethod
    def from_params(cls, scale: int, params: Mapping[str, Any], *, precision: str = "float32") -> Self:
        return build(cls, ARCH_PARAMS, scale=scale, params=params, precision=precision)

    def begin_from(self, path: str | Path) -> None:
        """Read the weights that a training begins from: of this network, of another scale, or of a smaller one.

        Where C, D, G, G0 or T are smaller, this network then computes what that one does: what its dense and residual
        blocks have more begins as it would without it, and is not read yet, but blocks that it has more pass on their
        input. Where the scale is another, PreShuffle is left as it is. WeightsError for weights of any other network.
        """
        other = grown.smaller(self, path, ARCH_PARAMS[:-1])
        if not isinstance(other, RRDN):
            super().begin_from(path)
            return
        dense = grown.dense_block(other, self)
        inputs: dict[str, list[int]] = {}
        for t, d in itertools.product(range(1, other.T + 1), range(1, other.D + 1)):
            inputs[f"LFF_{t}_{d}"] = dense
            inputs |= {f"F_{t}_{d}_{c}": dense[: other.G0 + (c - 1) * other.G] for c in range(1, other.C + 1)}
        ends = ["Pre_blocks_conv", "post_blocks_conv", "SR", *["PreShuffle"] * (other.scale == self.scale)]
        grown.begin(self, other, {name: inputs.get(name) for name in [*inputs, *ends]})
        for t, d in itertools.product(range(1, self.T + 1), range(1, self.D + 1)):
            if t > other.T or d > other.D:
                layer = self.model.get_layer(f"LFF_{t}_{d}")
                kernel, bias = layer.get_weights()
                kernel[..., : other.G0] = bias[: other.G0] = 0.0
                layer.set_weights([kernel, bias])
        # A residual block whose dense blocks give 0 gives its input and beta times that.
        layer = self.model.get_layer("post_blocks_conv")
        kernel, bias = layer.get_weights()
        kernel[..., : other.G0] /= (1.0 + self.beta) ** (self.T - other.T)
        layer.set_weights([kernel, bias])

    @property
    def initializer(self) -> keras.initializers.Initializer:
        # A new one each time: layers that share an unseeded one start with equal kernels.
        return keras.initializers.RandomUniform(-self.init_val, self.init_val)

    def _build(self) -> keras.Model:
        lr = keras.Input((self.patch_size, self.patch_size, self.c_dim), name="LR_input")
        x = pre_blocks = self._conv(self.G0, self.kernel_size, "Pre_blocks_conv")(lr)
        for t in range(1, self.T + 1):
            x = self._residual_block(x, t)
        x = self._conv(self.G0, 3, "post_blocks_conv")(x)
        x = layers.Add(name="GRL")([x, pre_blocks])
        x = self._conv(self.c_dim * self.scale**2, 3, "PreShuffle")(x)
        x = PixelShuffle(self.scale, name="PixelShuffle")(x)
        sr = self._conv(self.c_dim, self.kernel_size, "SR", dtype="float32")(x)
        return keras.Model(lr, sr, name="generator")

    def _residual_block(self, block_input: Any, t: int) -> Any:
        """D dense blocks with local residuals, the last one's output scaled and added to what came in."""
        x = block_input
        for d in range(1, self.D + 1):
            scaled = MultiplyBeta(self.beta, name=f"MultiplyBeta_{t}_{d}")(self._dense_block(x, f"{t}_{d}"))
            x = layers.Add(name=f"LRL_{t}_{d}")([x, scaled])
        x = MultiplyBeta(self.beta, name=f"MultiplyBeta_{t}")(x)
        return layers.Add(name=f"RRDB_{t}_out")([block_input, x])

    def _dense_block(self, x: Any, name: str) -> Any:
        """C convolutions that each see all before them, brought back to G0 channels by local feature fusion (LFF)."""
        for c in range(1, self.C + 1):
            grown = layers.ReLU(name=f"F_{name}_{c}_Relu")(self._conv(self.G, self.kernel_size, f"F_{name}_{c}")(x))
            x = layers.Concatenate(name=f"RDB_Concat_{name}_{c}")([x, grown])
        return self._conv(self.G0, 3, f"LFF_{name}")(x)

    def _conv(self, filters: int, kernel_size: int, name: str, **options: Any) -> keras.layers.Layer:
        start = self.initializer
        return layers.Conv2D(filters, kernel_size, padding="same", kernel_initializer=start, name=name, **options)


def make_model(arch_params: Mapping[str, int], patch_size: int | None = None) -> RRDN:
    """The network of these sizes, all else as by default. ValueError where a size is unknown or below 1."""
    return RRDN(arch_params, patch_size)


def get_network(weights: str) -> tuple[Any, ...]:
    """arch_params (a dict), c_dim, kernel_size, url and file name of weights that are downloaded.

    WeightsError where none have that name.
    """
    return network_of(weights, WEIGHTS_URLS, ("arch_params", "c_dim", "kernel_size", "url", "name"))
