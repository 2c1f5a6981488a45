"""Tiles with a context of one's own choice, and the dtypes and channels that are taken. The rest: tests/predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ISR.errors import PictureError
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Tiled, accepted, default_tile

Floats = npt.NDArray[np.float32]


class Doubled:
    """Each pixel twice, of pictures with that many channels."""

    name, scale, receptive_radius = "doubled", 2, 0

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def run(self, batch: Floats) -> Floats:
        assert batch.shape[3] == self.channels
        return batch.repeat(2, axis=1).repeat(2, axis=2)


@pytest.mark.parametrize(("overlap", "shows"), [(0, True), (1, True), (2, False), (7, False)])
def test_an_overlap_below_the_receptive_radius_is_honoured(overlap: int, shows: bool) -> None:
    values = np.random.default_rng(0).random((24, 17, 3), np.float32)
    bicubic = Interpolation("bicubic", 2)
    whole, tiles = (Tiled(bicubic, tile=tile, overlap=overlap).array(values) for tile in (99, 5))
    assert bool(np.abs(whole - tiles).max() > 1e-3) is shows


def test_alpha_has_its_own_context_whatever_the_overlap() -> None:
    values = np.random.default_rng(0).random((24, 17, 4), np.float32)
    whole, tiles = (Tiled(Doubled(3), tile=tile, overlap=0).array(values) for tile in (99, 5))
    np.testing.assert_allclose(tiles, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_model_of_other_channels_is_given_grey(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (4, 5), dtype=np.uint8)
    result = Tiled(Doubled(channels), tile=3).array(values)
    np.testing.assert_array_equal(result, values.repeat(2, axis=0).repeat(2, axis=1), strict=True)


def test_a_model_of_one_channel_refuses_colour() -> None:
    with pytest.raises(PictureError, match=r"doubled takes pictures of 1 channel\(s\), got 3"):
        Tiled(Doubled(1), tile=3).array(np.zeros((4, 4, 3), np.uint8))


def test_the_default_tile_is_twice_what_a_far_sighted_model_sees() -> None:
    far = Interpolation("bicubic", 2)
    assert default_tile(far) == 256
    far.receptive_radius = 150
    assert default_tile(far) == 300


@pytest.mark.parametrize(
    ("came", "taken"),
    [
        (np.uint8, np.uint8),
        (np.uint16, np.uint16),
        (np.int8, np.uint8),
        (np.int32, np.uint8),
        (np.int64, np.uint8),
        (np.uint64, np.uint8),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float32),
        (bool, bool),
        (complex, complex),
    ],
)
def test_integers_become_uint8_and_floats_float32(came: type[Any], taken: type[Any]) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(came)
    np.testing.assert_array_equal(accepted(values), values.astype(taken), strict=True)


@pytest.mark.parametrize("values", [[[-1, 0]], [[0, 256]], [[70_000, 3]]])
def test_integers_beyond_a_byte_are_refused(values: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"expected integers from 0 to 255, got int64 from .* convert"):
        accepted(np.array(values))


def test_a_float_too_large_for_float32_is_refused_like_infinity() -> None:
    with pytest.raises(ValueError, match=r"floats in \[0, 1\], got values from inf to inf"):
        Tiled(Doubled(3), tile=3).array(accepted(np.full((2, 2, 3), 1e300)))
