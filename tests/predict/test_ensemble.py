"""Turning before equals turning after, mixes have their ends, and tiles cannot show; with a small network in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ISR.errors import ConfigError
from ISR.images import resize
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Tiled, Upscaler
from ISR.predict.ensemble import Blended, SelfEnsemble, improved

Floats = npt.NDArray[np.float32]


class Lopsided:
    """A zero-padded 3x3 convolution without any symmetry, then each pixel in other shades: it sees 1 pixel far."""

    name, receptive_radius = "lopsided", 1

    def __init__(self, scale: int = 2, channels: int = 3) -> None:
        rng = np.random.default_rng(0)
        self.scale = scale
        self.channels = channels
        self.kernel = rng.uniform(0.0, 0.06, (3, 3, channels, channels)).astype(np.float32)
        self.shades = rng.uniform(0.5, 1.0, (scale, scale, 1)).astype(np.float32)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Floats) -> Floats:
        self.shapes.append(batch.shape)
        count, height, width, _ = batch.shape
        padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
        taps = [padded[:, y : y + height, x : x + width] @ self.kernel[y, x] for y in range(3) for x in range(3)]
        pixels = np.add.reduce(taps)[:, :, None, :, None] * self.shades[:, None]
        return pixels.reshape(count, height * self.scale, width * self.scale, self.channels)


def noise(*shape: int) -> Floats:
    return np.random.default_rng(0).random(shape, np.float32)


def turned(values: Floats, turns: int, mirrored: bool) -> Floats:
    """Of (height, width, channels) or a batch of these."""
    rows = values.ndim - 3
    result = np.rot90(values, turns, axes=(rows, rows + 1))
    return np.ascontiguousarray(np.flip(result, rows + 1) if mirrored else result)


EIGHT = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize(("turns", "mirrored"), EIGHT[1:])
def test_turning_the_picture_turns_the_result(turns: int, mirrored: bool) -> None:
    model, values = Lopsided(), noise(2, 5, 8, 3)
    alone, ensemble = model.run, SelfEnsemble(model).run
    assert np.abs(alone(turned(values, turns, mirrored)) - turned(alone(values), turns, mirrored)).max() > 0.01
    came = ensemble(turned(values, turns, mirrored))
    np.testing.assert_allclose(came, turned(ensemble(values), turns, mirrored), rtol=0, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 19), st.integers(1, 19), st.integers(1, 6), st.integers(1, 3), st.sampled_from(EIGHT))
def test_turning_equals_turning_for_every_size_and_tile(
    height: int, width: int, tile: int, scale: int, turn: tuple[int, bool]
) -> None:
    values = noise(height, width, 3)
    tiles = Tiled(SelfEnsemble(Lopsided(scale)), tile=tile)
    came = tiles.array(turned(values, *turn))
    np.testing.assert_allclose(came, turned(tiles.array(values), *turn), rtol=0, atol=2e-6)


def test_it_is_the_mean_of_eight_by_hand() -> None:
    """A network that marks its top left pixel marks, in the mean, each corner twice of eight."""

    class Corner(Lopsided):
        def run(self, batch: Floats) -> Floats:
            result = np.zeros((len(batch), batch.shape[1] * 2, batch.shape[2] * 2, 3), np.float32)
            result[:, 0, 0] = 1.0
            return result

    expected = np.zeros((6, 10), np.float32)
    expected[[0, 0, -1, -1], [0, -1, 0, -1]] = 2 / 8
    np.testing.assert_array_equal(SelfEnsemble(Corner()).run(noise(1, 3, 5, 3))[0, ..., 0], expected)


MIXES = [(True, 1.0), (True, 0.3), (False, 0.3), (False, 0.0)]


@pytest.mark.parametrize(("self_ensemble", "strength"), MIXES)
@pytest.mark.parametrize(("height", "width", "tile"), [(1, 1, 4), (3, 17, 4), (23, 14, 5), (31, 40, 8)])
def test_tiles_cannot_show(height: int, width: int, tile: int, self_ensemble: bool, strength: float) -> None:
    model = improved(Lopsided(), self_ensemble=self_ensemble, strength=strength)
    values = noise(height, width, 3)
    whole = model.run(values[None])[0].clip(0, 1)
    np.testing.assert_allclose(Tiled(model, tile=tile, batch_size=2).array(values), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("self_ensemble", "strength"), [*MIXES, (False, 1.0)])
def test_a_constant_stays_constant(self_ensemble: bool, strength: float) -> None:
    model = improved(Interpolation("lanczos", 3), self_ensemble=self_ensemble, strength=strength)
    result = model.run(np.full((1, 6, 9, 3), 0.3, np.float32))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, 0.3, rtol=0, atol=1e-6)


def test_strength_0_is_bicubic_and_1_the_network() -> None:
    model, values = Lopsided(), noise(2, 7, 5, 3)
    bicubic = np.stack([resize.enlarge(picture, 2) for picture in values])
    np.testing.assert_array_equal(Blended(model, 0).run(values), bicubic, strict=True)
    assert model.shapes == []
    np.testing.assert_array_equal(Blended(model, 1).run(values), model.run(values), strict=True)
    mixed = 0.25 * model.run(values) + 0.75 * bicubic
    np.testing.assert_allclose(Blended(model, 0.25).run(values), mixed, rtol=0, atol=1e-6)


def test_an_ensemble_runs_eight_times_and_a_mix_once() -> None:
    model = Lopsided()
    improved(model, self_ensemble=True, strength=0.5).run(noise(1, 4, 6, 3))
    assert sorted(model.shapes) == [(1, 4, 6, 3)] * 4 + [(1, 6, 4, 3)] * 4
    assert improved(model) is model


@pytest.mark.parametrize(("strength", "radius"), [(0, 2), (0.5, 2), (1, 1)])
def test_a_mix_sees_as_far_as_what_it_mixes(strength: float, radius: int) -> None:
    mixed = Blended(SelfEnsemble(Lopsided(4)), strength)
    assert (mixed.name, mixed.scale, mixed.receptive_radius) == ("lopsided", 4, radius)


def test_a_model_of_one_channel_stays_one() -> None:
    mixed: Upscaler = Blended(SelfEnsemble(Lopsided(2, channels=1)), 0.5)
    assert Tiled(mixed, tile=4).array(noise(9, 7, 1)).shape == (18, 14, 1)


def test_what_is_no_number_stays_none() -> None:
    values = noise(1, 4, 4, 3)
    values[0, 1, 1] = np.nan
    assert np.isnan(SelfEnsemble(Lopsided()).run(values)).any()


def test_what_else_is_asked_of_a_model_is_passed_on() -> None:
    class Coarse(Lopsided):
        floats_per_pixel, on_accelerator = 17, True

        def in_float32(self) -> Lopsided | None:
            return Lopsided() if self.scale == 2 else None

    mixed = improved(Coarse(), self_ensemble=True, strength=0.5)
    assert (mixed.floats_per_pixel, mixed.on_accelerator, mixed.channels) == (17, True, 3)  # type: ignore[attr-defined]
    values = noise(1, 4, 5, 3)
    expected = improved(Lopsided(), self_ensemble=True, strength=0.5).run(values)
    np.testing.assert_array_equal(mixed.in_float32().run(values), expected)  # type: ignore[attr-defined]
    assert SelfEnsemble(Coarse(3)).in_float32() is None and SelfEnsemble(Lopsided()).in_float32() is None
    assert not hasattr(SelfEnsemble(Lopsided()), "floats_per_pixel") and not hasattr(mixed, "model")


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_beyond_0_to_1_is_refused(strength: Any) -> None:
    with pytest.raises(ConfigError, match="strength must be a number from 0 to 1, got"):
        Blended(Lopsided(), strength)


def test_a_network_of_the_backend_is_turned_too() -> None:
    from ISR.models import Compact

    model, values = SelfEnsemble(Compact(2, width=4, depth=1)), noise(7, 12, 3)
    whole, tiles = (Tiled(model, tile=tile).array(values) for tile in (99, 5))
    np.testing.assert_allclose(tiles, whole, rtol=0, atol=1e-5)
    came = Tiled(model, tile=99).array(turned(values, 1, True))
    np.testing.assert_allclose(came, turned(whole, 1, True), rtol=0, atol=1e-5)
