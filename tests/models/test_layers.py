"""The shared layers: what they compute, and that they survive being saved."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from ISR.images import resize
from ISR.models.layers import BicubicEnlarge, EdgePad, MultiplyBeta, PixelShuffle, RepeatChannels, bicubic_reach


@pytest.mark.parametrize(("scale", "channels"), [(1, 3), (2, 3), (3, 1), (4, 2)])
def test_pixel_shuffle_is_equation_4(scale: int, channels: int) -> None:
    """Channel (dy * scale + dx) * c + k becomes channel k of the pixel (dy, dx) of each block."""
    values = np.random.default_rng(0).normal(size=(2, 4, 5, channels * scale**2)).astype(np.float32)
    came = ops.convert_to_numpy(PixelShuffle(scale)(values))
    assert came.shape == (2, 4 * scale, 5 * scale, channels)
    for dy in range(scale):
        for dx in range(scale):
            first = (dy * scale + dx) * channels
            np.testing.assert_array_equal(came[:, dy::scale, dx::scale], values[..., first : first + channels])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_repeated_channels_shuffled_are_nearest_neighbour(scale: int) -> None:
    values = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    came = ops.convert_to_numpy(PixelShuffle(scale)(RepeatChannels(scale**2)(values)))
    np.testing.assert_array_equal(came, values.repeat(scale, axis=1).repeat(scale, axis=2))


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (2, 3), (11, 6)])
def test_bicubic_enlarge_is_the_interpolation_of_pictures(scale: int, height: int, width: int) -> None:
    pictures = np.random.default_rng(scale).uniform(0, 1, (2, height, width, 3)).astype(np.float32)
    came = ops.convert_to_numpy(BicubicEnlarge(scale)(pictures))
    wanted = np.stack([resize.enlarge(picture, scale, method="bicubic") for picture in pictures])
    np.testing.assert_allclose(came, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_bicubic_reach_is_how_far_an_impulse_comes(scale: int) -> None:
    impulse = np.zeros((1, 11, 11, 1), np.float32)
    impulse[0, 5, 5] = 1.0
    rows = np.nonzero(ops.convert_to_numpy(BicubicEnlarge(scale)(impulse)))[1]
    assert (5 * scale - rows.min(), rows.max() - (5 * scale + scale - 1)) == (bicubic_reach(scale),) * 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (5, 3)])
def test_the_edge_is_repeated(height: int, width: int) -> None:
    """As NumPy pads in its mode `edge`."""
    pictures = np.random.default_rng(0).uniform(0, 1, (2, height, width, 3)).astype(np.float32)
    wanted = np.pad(pictures, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    np.testing.assert_array_equal(ops.convert_to_numpy(EdgePad(4)(pictures)), wanted)


def test_multiply_beta_scales() -> None:
    assert ops.convert_to_numpy(MultiplyBeta(0.2)(np.full((1, 2), 5.0, np.float32))).tolist() == [[1.0, 1.0]]


LAYERS: list[tuple[keras.layers.Layer, tuple[int | None, ...]]] = [
    (PixelShuffle(3, name="up"), (None, None, None, 2)),
    (RepeatChannels(5, name="again"), (None, None, None, 90)),
    (MultiplyBeta(0.2, name="beta"), (None, None, None, 18)),
    (BicubicEnlarge(2, name="bicubic"), (None, None, None, 18)),
    (EdgePad(2, name="edge"), (None, None, None, 18)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_shapes_are_known_before_anything_is_computed(layer: Any, shape: tuple[int | None, ...]) -> None:
    assert layer.compute_output_shape((None, None, None, 18)) == shape
    assert layer(keras.Input((None, None, 18))).shape == shape
    assert layer.compute_output_shape((2, 4, 7, 18)) == tuple(layer(np.zeros((2, 4, 7, 18), np.float32)).shape)


@pytest.mark.parametrize(("layer", "_"), LAYERS)
def test_is_built_again_from_its_config(layer: Any, _: Any) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    values = np.random.default_rng(0).normal(size=(1, 2, 3, 18)).astype(np.float32)
    np.testing.assert_array_equal(ops.convert_to_numpy(again(values)), ops.convert_to_numpy(layer(values)))


def test_a_whole_model_loads_in_safe_mode(tmp_path: Any) -> None:
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, PixelShuffle(2)(RepeatChannels(4)(inputs)))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    values = np.random.default_rng(0).normal(size=(1, 2, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(ops.convert_to_numpy(again(values)), ops.convert_to_numpy(model(values)))
