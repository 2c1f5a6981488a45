"""First weights with which a network that has no skip begins as an interpolation, and learns only what that lacks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ISR.images.resize import KERNELS


@keras.saving.register_keras_serializable(package="ISR")
class PassOn(keras.initializers.Initializer):  # type: ignore[misc]
    """A kernel (rows, columns, in, out) that gives `gain` times its first inputs, pixel for pixel, as first outputs.

    channels: how many inputs are passed on. outputs: how many outputs they go to in turn, None for all: to as many as
    there are channels, or over and over, as a sub-pixel layer repeats them. Where the layer has fewer inputs or
    outputs, those that it has are passed on. The other outputs begin as He et al.'s, but blind to
    brightness: their filters of what is passed on sum to 0. That is positive and nearly flat within a filter, so that
    a filter with a sum would be on or off everywhere, and a network of such filters the best linear one for long.
    """

    def __init__(self, channels: int, *, outputs: int | None = None, gain: float = 1.0) -> None:
        self.channels, self.outputs, self.gain = channels, outputs, gain

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        rows, columns, inputs, filters = shape
        passed = np.arange(filters if self.outputs is None else min(self.outputs, filters))
        kernel = np.array(keras.ops.convert_to_numpy(keras.initializers.HeNormal()(shape, "float32")))
        kernel[:, :, : self.channels] -= kernel[:, :, : self.channels].mean(axis=(0, 1))
        kernel[..., passed] = 0.0
        kernel[rows // 2, columns // 2, passed % min(self.channels, inputs), passed] = self.gain
        return keras.ops.convert_to_tensor(kernel, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"channels": self.channels, "outputs": self.outputs, "gain": self.gain}


@keras.saving.register_keras_serializable(package="ISR")
class Bilinear(keras.initializers.Initializer):  # type: ignore[misc]
    """A kernel (side, side, out, in) of a transposed convolution that enlarges its first inputs bilinearly.

    scale: its stride. before: how many rows and columns are cropped before its output. Other inputs have weights of 0.
    """

    def __init__(self, scale: int, *, before: int) -> None:
        self.scale, self.before = scale, before

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        side, _, outputs, inputs = shape
        line = KERNELS["bilinear"][0]((np.arange(side) - self.before + 0.5) / self.scale - 0.5)
        kernel = np.zeros(shape, np.float32)
        passed = np.arange(min(inputs, outputs))
        kernel[:, :, passed, passed] = np.outer(line, line)[..., None]
        return keras.ops.convert_to_tensor(kernel, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "before": self.before}
