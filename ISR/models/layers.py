"""Small serialisable layers that the networks share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ISR.images.resize import KERNELS


@keras.saving.register_keras_serializable(package="ISR")
class PixelShuffle(keras.layers.Layer):  # type: ignore[misc]
    """The periodic shuffling of Shi et al. 2016, equation 4: (n, h, w, c * scale^2) -> (n, h * scale, w * scale, c).

    Channel (dy * scale + dx) * c + k of a pixel becomes channel k of the pixel (dy, dx) below and right of its corner,
    the order of TensorFlow's depth_to_space on every backend.
    """

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        # Keras knows no depth_to_space of 1.
        return inputs if self.scale == 1 else ops.depth_to_space(inputs, self.scale, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        n, height, width, channels = input_shape
        assert channels is not None
        sides = [None if side is None else side * self.scale for side in (height, width)]
        return (n, *sides, channels // self.scale**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="ISR")
class RepeatChannels(keras.layers.Layer):  # type: ignore[misc]
    """All channels `times` over, (n, h, w, c) -> (n, h, w, c * times): PixelShuffle then repeats pixels."""

    def __init__(self, times: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def call(self, inputs: Any) -> Any:
        return ops.concatenate([inputs] * self.times, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        channels = input_shape[-1]
        assert channels is not None
        return (*input_shape[:-1], channels * self.times)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "times": self.times}


@keras.saving.register_keras_serializable(package="ISR")
class MultiplyBeta(keras.layers.Layer):  # type: ignore[misc]
    """Everything times `beta`: the residual scaling of Wang et al. 2018, section 3.1."""

    def __init__(self, beta: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        return inputs * self.beta

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="ISR")
class BicubicEnlarge(keras.layers.Layer):  # type: ignore[misc]
    """Bicubic interpolation (Keys 1981, a = -1/2) to `scale` times the size: ISR.images.resize.enlarge in the graph.

    (n, h, w, c) -> (n, h * scale, w * scale, c). A sample outside the picture is the nearest one inside.
    """

    # Not ops.image.resize: torch's differs from the others' where it does not antialias.
    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        return self._along(self._along(inputs, 1), 2)

    def _along(self, values: Any, axis: int) -> Any:
        """Output sample i * scale + p lies (p + 0.5) / scale - 0.5 from input sample i and reads i - 2 to i + 2."""
        padded = _repeat_edges(values, axis, 2)
        taps = [_part(padded, axis, tap, tap - 4 or None) for tap in range(5)]
        phases = []
        for phase in range(self.scale):
            offset = (phase + 0.5) / self.scale - 0.5
            weights = KERNELS["bicubic"][0](offset - np.arange(-2.0, 3.0))
            phases.append(sum(float(w) * tap for w, tap in zip(weights, taps, strict=True) if w != 0.0))
        shape = list(ops.shape(values))
        shape[axis] *= self.scale
        return ops.reshape(ops.stack(phases, axis=axis + 1), shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        n, height, width, channels = input_shape
        return (n, *(None if side is None else side * self.scale for side in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="ISR")
class EdgePad(keras.layers.Layer):  # type: ignore[misc]
    """The picture with its outermost samples repeated, `pixels` on every side, as MATLAB's imfilter has `replicate`.

    (n, h, w, c) -> (n, h + 2 * pixels, w + 2 * pixels, c). A network of few layers that sees zeros there makes a dark
    frame: they are none of a picture's values, and it cannot learn them apart.
    """

    def __init__(self, pixels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, inputs: Any) -> Any:
        # Not ops.pad: TensorFlow has no such mode.
        return _repeat_edges(_repeat_edges(inputs, 1, self.pixels), 2, self.pixels)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        n, height, width, channels = input_shape
        return (n, *(None if side is None else side + 2 * self.pixels for side in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": self.pixels}


def bicubic_reach(scale: int) -> int:
    """How many HR pixels beyond its own block of scale x scale an LR pixel changes by bicubic (scale above 1)."""
    return 3 * scale // 2


def _part(values: Any, axis: int, start: int, stop: int | None) -> Any:
    return values[(slice(None),) * axis + (slice(start, stop),)]


def _repeat_edges(values: Any, axis: int, times: int) -> Any:
    first, last = _part(values, axis, 0, 1), _part(values, axis, -1, None)
    return ops.concatenate([first] * times + [values] + [last] * times, axis=axis)
