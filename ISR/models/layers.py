"""Small serialisable layers that the networks share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


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
        return ops.depth_to_space(inputs, self.scale, data_format="channels_last")

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
