"""Networks without a skip begin as an interpolation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from conftest import drawn

from ISR import models
from ISR.images import resize
from ISR.models.first_weights import Bilinear, PassOn

LR = np.random.default_rng(0).uniform(0.2, 0.8, (20, 24, 3)).astype(np.float32)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    ("name", "params", "method", "within"),
    [
        ("srcnn", {"layout": "9-5-5"}, "bicubic", 1e-6),
        ("fsrcnn", {}, "bilinear", 1e-6),
        ("espcn", {}, "nearest", 0.005),  # tanh(tanh(0.08)) is 0.5 percent below 0.08
    ],
)
def test_untrained_it_is_the_interpolation(
    name: str, params: dict[str, Any], method: str, within: float, scale: int
) -> None:
    """Up to the border, where both see the nearest sample."""
    sr = models.build(name, scale, params).run(LR[None])[0]
    assert np.abs(sr - resize.enlarge(LR, scale, method=method)).max() <= within


def test_the_other_outputs_begin_at_random() -> None:
    kernel = np.asarray(PassOn(3, outputs=3, gain=0.5)((3, 3, 4, 6)))
    np.testing.assert_array_equal(kernel[1, 1, :, :3], 0.5 * np.eye(4, 3))
    assert np.count_nonzero(kernel[..., :3]) == 3 and np.count_nonzero(kernel[..., 3:]) == 9 * 4 * 3
    np.testing.assert_allclose(kernel[:, :, :3, 3:].sum(axis=(0, 1)), 0.0, atol=1e-6)
    assert np.abs(kernel[:, :, 3, 3:].sum(axis=(0, 1))).min() > 1e-3, "what is not passed on is seen as it is"


@pytest.mark.parametrize(("name", "layer"), [("srcnn", "conv_1"), ("fsrcnn", "extract")])
def test_no_filter_is_on_or_off_all_over_a_picture(name: str, layer: str) -> None:
    """Such filters make the network linear. Of a picture whose brightness is far above its contrast, as most are."""
    network = models.build(name, 2, {"luma": True}).model
    kept = network.get_layer(layer)
    lr = (0.5 + 0.2 * drawn(40, 40).astype(np.float32) / 255.0)[None]
    before = keras.Model(network.input, kept.input).predict_on_batch(lr)
    sums = keras.ops.convert_to_numpy(keras.ops.conv(before, kept.kernel))
    on = (sums > 0.0).mean(axis=(0, 1, 2))[1:]  # but for the one that passes luma on
    assert on.min() > 0.05 and on.max() < 0.95


def test_a_narrow_layer_passes_on_what_it_has() -> None:
    narrow = np.asarray(PassOn(3, outputs=3)((1, 1, 4, 2)))
    np.testing.assert_array_equal(narrow[0, 0], np.eye(4, 2))
    wide = np.asarray(PassOn(3, outputs=3)((1, 1, 2, 4)))
    np.testing.assert_array_equal(wide[0, 0, :, :3], [[1, 0, 1], [0, 1, 0]])
    assert np.count_nonzero(np.asarray(Bilinear(2, before=3)((9, 9, 3, 2)))[4, 4]) == 2


@pytest.mark.parametrize("made", [PassOn(3, outputs=2, gain=0.1), Bilinear(3, before=3)])
def test_they_are_read_back_as_they_were_written(made: keras.initializers.Initializer) -> None:
    again = keras.initializers.deserialize(keras.initializers.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()
