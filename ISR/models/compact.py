"""Compact: a plain chain of 3x3 convolutions that runs at the speed of the machine's matrix product.

The family of Real-ESRGAN's SRVGGNetCompact (Wang et al. 2021) and ECBSR (Zhang, Zeng and Zhang 2021): all work at the
size of the input, sub-pixel output, and the input's nearest-neighbour enlargement added at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from ISR.errors import WeightsError
from ISR.models import pretrained
from ISR.models.edge_conv import EdgeConv2D
from ISR.models.grown import Convolution, embedded
from ISR.models.image_model import ImageModel
from ISR.models.layers import PixelShuffle, RepeatChannels


class Compact(ImageModel):
    """`depth` convolutions of `width` channels with LeakyReLU(0.1), then one to 3 * scale^2 channels.

    LeakyReLU because TensorFlow fuses it with the convolution and plain ReLU dies at learning rates worth using.
    branches: for training, each of the `depth` is an `EdgeConv2D`; `collapsed()` is the plain chain that it comes to.
    ValueError where width or depth is below 1.
    """

    architecture = "compact"

    def __init__(
        self,
        scale: int = 2,
        *,
        width: int = 32,
        depth: int = 8,
        branches: bool = False,
        precision: str = "float32",
    ) -> None:
        if min(width, depth) < 1:
            raise ValueError(f"width and depth must be at least 1, got {width} and {depth}")
        self.width, self.depth, self.branches = width, depth, branches
        params = {"width": width, "depth": depth} | ({"branches": True} if branches else {})
        super().__init__(scale=scale, params=params, receptive_radius=depth + 1, precision=precision)

    def _build(self) -> keras.Model:
        lr = x = keras.Input((None, None, 3), name="LR")
        for i in range(1, self.depth + 1):
            x = layers.LeakyReLU(0.1, name=f"act_{i}")(self._convolution(f"conv_{i}")(x))
        # A small last convolution: the untrained network is nearest-neighbour enlargement and a little more.
        last = keras.initializers.VarianceScaling(0.01)
        x = layers.Conv2D(3 * self.scale**2, 3, padding="same", kernel_initializer=last, name="sub_pixels")(x)
        skip = RepeatChannels(self.scale**2, dtype="float32", name="nearest")(lr)
        sr: Any = layers.Add(dtype="float32", name="residual")([x, skip])
        return keras.Model(lr, PixelShuffle(self.scale, dtype="float32", name="SR")(sr), name="compact")

    def _convolution(self, name: str) -> keras.layers.Layer:
        # One initializer a layer: a shared unseeded one would give equal layers equal kernels.
        if self.branches:  # they and the identity add to the kernel, which therefore begins smaller than He et al.'s
            return EdgeConv2D(self.width, kernel_initializer=keras.initializers.VarianceScaling(0.5), name=name)
        return layers.Conv2D(self.width, 3, padding="same", kernel_initializer=keras.initializers.HeNormal(), name=name)

    def collapsed(self) -> Compact:
        """The plain chain that computes the same: itself, but without branches."""
        plain = Compact(self.scale, width=self.width, depth=self.depth, precision=self.precision)
        plain._become(list(self._hidden()), self._last.get_weights())
        return plain

    def begin_from(self, path: str | Path) -> None:
        """Read the weights of another compact, with or without branches, to train on from there.

        Where that is less deep, the convolutions that it lacks stand in its middle and begin as the identity. Where it
        is at most half as wide, it is put in twice, once turned by 180 degrees: this network then computes the mean of
        both, as a self-ensemble of two does (Timofte et al. 2016). Further channels begin as they would without it, and
        none of its own reads them yet. Where its scale is another, the last convolution is left as it is. WeightsError
        for any other network.
        """
        other = pretrained.load_model(str(path), precision="float32")
        if not isinstance(other, Compact):
            raise WeightsError(f"{str(path)!r} is for the architecture {other.name}, not {self.architecture}")
        if other.width > self.width or other.depth > self.depth:
            sizes = f"{other.width} wide and {other.depth} deep"
            raise WeightsError(
                f"{str(path)!r} is {sizes}, but the network is {self.width} wide and {self.depth} deep: it can begin "
                "from one that is neither wider nor deeper"
            )
        hidden, middle = list(other._hidden()), (other.depth + 1) // 2
        hidden[middle:middle] = [other._identity() for _ in range(self.depth - other.depth)]
        last = other._last.get_weights()
        if self.width >= 2 * other.width:
            hidden, last = _with_half_turn(hidden, last)
        hidden = [embedded(*pair) for pair in zip(hidden, self._hidden(), strict=True)]
        self._become(hidden, embedded(last, self._last.get_weights()) if other.scale == self.scale else None)

    @property
    def _last(self) -> keras.layers.Layer:
        return self.model.get_layer("sub_pixels")

    def _hidden(self) -> Iterator[Convolution]:
        for i in range(1, self.depth + 1):
            layer = self.model.get_layer(f"conv_{i}")
            yield layer.collapsed() if self.branches else layer.get_weights()

    def _become(self, hidden: list[Convolution], last: Convolution | None) -> None:
        for i, convolution in enumerate(hidden, start=1):
            layer = self.model.get_layer(f"conv_{i}")
            layer.become(*convolution) if self.branches else layer.set_weights(convolution)
        if last is not None:
            self._last.set_weights(last)

    def _identity(self) -> Convolution:
        kernel = np.zeros((3, 3, self.width, self.width), np.float32)
        kernel[1, 1] = np.eye(self.width)
        return [kernel, np.zeros(self.width, np.float32)]


def _with_half_turn(hidden: list[Convolution], last: Convolution) -> tuple[list[Convolution], Convolution]:
    """The chain and itself turned by 180 degrees side by side, and the mean of what the two give."""
    first, *others = hidden
    kernel, bias = first
    wide = [[np.concatenate([kernel, kernel[::-1, ::-1]], axis=3), np.concatenate([bias, bias])]]
    for kernel, bias in others:
        none = np.zeros_like(kernel)
        rows = [np.concatenate(row, axis=3) for row in ((kernel, none), (none, kernel[::-1, ::-1]))]
        wide.append([np.concatenate(rows, axis=2), np.concatenate([bias, bias])])
    kernel, bias = last
    # Sub-pixels are counted row by row, and the three colours within each: turned, the last is the first.
    back = np.arange(len(bias)).reshape(-1, 3)[::-1].ravel()
    half = np.float32(0.5)
    return wide, [half * np.concatenate([kernel, kernel[::-1, ::-1, :, back]], axis=2), half * (bias + bias[back])]
