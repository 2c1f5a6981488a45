"""Networks without a skip begin as an interpolation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

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
    """Away from the border, where the networks see zeros and the interpolation the nearest sample."""
    sr = models.build(name, scale, params).run(LR[None])[0]
    border = 6 * scale
    difference = np.abs(sr - resize.enlarge(LR, scale, method=method))[border:-border, border:-border]
    assert difference.max() <= within


def test_the_other_outputs_begin_at_random() -> None:
    kernel = np.asarray(PassOn(3, outputs=3, gain=0.5)((3, 3, 4, 6)))
    np.testing.assert_array_equal(kernel[1, 1, :, :3], 0.5 * np.eye(4, 3))
    assert np.count_nonzero(kernel[..., :3]) == 3 and np.count_nonzero(kernel[..., 3:]) == 9 * 4 * 3


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
