"""Any size from any network: what comes out, in how many bits it is kept on the way, what is told and held."""

from __future__ import annotations

import logging
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ISR.errors import PictureError
from ISR.images import files, resize
from ISR.images.files import Picture
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Upscaler
from ISR.predict import Networks, Predictor, Size

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
SHAPES = [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4)]


class Smooth:
    """Bicubic as a network would be: of one scale, and not an Interpolation."""

    receptive_radius = 2

    def __init__(self, scale: int = 2) -> None:
        self.scale = scale
        self.name = "smooth"
        self.runs = 0

    def run(self, batch: Floats) -> Floats:
        self.runs += 1
        return np.stack([resize.enlarge(picture, self.scale) for picture in batch])


def noise(*shape: int, dtype: Any = np.float32) -> Array:
    rng = np.random.default_rng(0)
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True, dtype=dtype)


def sized(model: Upscaler, *, tile: int | None = None, **size: Any) -> Predictor:
    return Predictor(model, tile=tile, size=Size(**size))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.4, 1, 1.5, 2, 3, 4])
def test_an_array_comes_back_as_the_kind_it_was(shape: tuple[int, ...], dtype: Any, scale: float) -> None:
    values = noise(*shape, dtype=dtype)
    values.flags.writeable = False
    width, height = Size(scale=scale).of(7, 9)
    for model in (Smooth(), Interpolation("bicubic", 2)):
        result = sized(model, tile=4, scale=scale).upscale(values)
        assert result.dtype == dtype and result.shape == (height, width, *shape[2:])
        if scale == 1:
            np.testing.assert_allclose(result, values, rtol=0, atol=1e-6 if dtype == np.float32 else 0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 25),
    st.integers(1, 25),
    st.decimals("0.2", "5", places=2).map(float),
    st.integers(1, 9),
    st.sampled_from([Smooth(2), Smooth(3), Interpolation("lanczos", 2)]),
)
def test_constant_stays_constant_at_every_size(
    height: int, width: int, scale: float, tile: int, model: Upscaler
) -> None:
    result = sized(model, tile=tile, scale=scale).upscale(np.full((height, width, 3), 77, np.uint8))
    np.testing.assert_array_equal(result, np.full((*Size(scale=scale).of(width, height)[::-1], 3), 77), strict=False)


@pytest.mark.parametrize("size", [{"scale": 3}, {"width": 50}, {"height": 20}, {"scale": 0.6}])
def test_tiled_equals_whole(size: dict[str, int]) -> None:
    values = noise(17, 23, 3)
    whole, tiles = (sized(Smooth(), tile=tile, **size).upscale(values) for tile in (99, 4))
    np.testing.assert_allclose(tiles, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", [Smooth(2), Smooth(3), Interpolation("bicubic", 2), Interpolation("bilinear", 2)])
def test_a_slope_is_a_slope_at_one_and_a_half(model: Upscaler) -> None:
    """Output i lies at (i + 0.5) / 1.5 - 0.5 of the input; the borders, which are replicated, apart.

    To a hundredth of a pixel: the cubic, stretched by the 4/3 of a reduction, is not quite linear.
    """
    slope = np.broadcast_to(np.linspace(0, 1, 40, dtype=np.float32)[None, :, None], (30, 40, 3))
    expected = ((np.arange(60) + 0.5) / 1.5 - 0.5) / 39
    result = sized(model, scale=1.5).upscale(slope)
    np.testing.assert_allclose(result[20, 6:-6, 1], expected[6:-6], rtol=0, atol=0.01 / 39)


def test_between_networks_sixteen_bits_are_kept() -> None:
    """That is running twice in float, to the half step of the first rounding, which bicubic makes at most 1.41 times
    larger (the square of 1.1875, the sum of its taps' magnitudes), and that of the second.
    """
    values = noise(12, 15, 3, dtype=np.uint16)
    float_once = Predictor(Smooth()).upscale(files.to_float(values))
    twice = Predictor(Smooth()).upscale(float_once)
    result = sized(Smooth(), scale=4).upscale(values)
    assert np.abs(files.to_float(result) - twice).max() <= 1.21 / 65535
    np.testing.assert_array_equal(sized(Smooth(), scale=4).upscale(files.to_float(values)), twice)
    eight = (values >> 8).astype(np.uint8)
    exact = Predictor(Smooth()).upscale(Predictor(Smooth()).upscale(files.to_float(eight)))
    in_eight = Predictor(Smooth()).upscale(Predictor(Smooth()).upscale(eight))
    came = sized(Smooth(), scale=4).upscale(eight)
    assert np.abs(files.to_float(came) - exact).max() <= 0.501 / 255
    assert np.abs(files.to_float(in_eight) - exact).max() > 0.6 / 255


def test_the_reduction_is_matlabs_of_the_larger_picture() -> None:
    values = noise(10, 14, 3, dtype=np.uint8)
    larger = Predictor(Smooth()).upscale(files.to_float(values))
    expected = files.to_samples(resize.resize(larger, (15, 21)))
    difference = sized(Smooth(), scale=1.5).upscale(values).astype(int) - expected
    assert np.abs(difference).max() <= 1 and np.mean(difference != 0) < 0.01  # rounded to 16 bits between


def test_a_picture_keeps_what_it_has() -> None:
    source = Picture(noise(6, 5, 3, dtype=np.uint8), np.full((6, 5), 77, np.uint8), b"icc", b"exif", (300, 150), "PNG")
    for size in ({"scale": 0.5}, {"scale": 1}, {"scale": 1.5}, {"width": 10}, {"scale": 4}):
        result = sized(Smooth(), **size).upscale(source)
        assert (result.width, result.height) == Size(**size).of(5, 6)  # type: ignore[arg-type]
        assert result.alpha is not None and np.all(result.alpha == 77) and result.bits == 8
        assert (result.icc_profile, result.exif, result.dpi, result.format) == (b"icc", b"exif", (300, 150), "PNG")


@pytest.mark.parametrize(("model", "scale"), [(Smooth(), 0.5), (Smooth(), 1), (Interpolation("bicubic", 2), 1.5)])
def test_hidden_colours_do_not_show_at_an_edge(model: Upscaler, scale: float) -> None:
    """Red, and green where nothing is seen: whatever is visible afterwards is red."""
    values = np.zeros((40, 40, 4), np.uint8)
    values[:, :19], values[:, 19:] = (200, 0, 0, 255), (0, 255, 0, 0)
    for result in (
        sized(model, scale=scale).upscale(values),
        np.dstack(_planes(sized(model, scale=scale).upscale(Picture(values[..., :3], values[..., 3])))),
    ):
        visible = result[result[..., 3] > 2]
        assert visible[:, 0].min() >= 190 and visible[:, 1].max() <= 10 and (visible[:, 3] < 250).any() == (scale != 1)
        assert np.all(result[:, -1] == (0, 255, 0, 0))


def _planes(picture: Picture) -> tuple[Array, Array]:
    assert picture.alpha is not None
    return picture.pixels, picture.alpha


def test_the_fitting_network_is_chosen_and_each_loaded_when_needed() -> None:
    there: dict[int, Smooth] = {}

    def load(scale: int) -> Upscaler:
        return there.setdefault(scale, Smooth(scale))

    networks, values = Networks(load, (2, 3)), noise(8, 8, 3)
    for wanted, runs in [(24, {3: 1}), (16, {2: 1, 3: 1}), (48, {2: 2, 3: 2}), (5, {2: 2, 3: 2}), (8, {2: 2, 3: 2})]:
        Predictor(Smooth(), size=Size(width=wanted), networks=networks).upscale(values)
        assert {scale: network.runs for scale, network in there.items()} == runs


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [0.5, 1.5, 3])
def test_an_interpolation_goes_to_any_size_by_itself(name: str, scale: float) -> None:
    values = noise(8, 12, 3)
    expected = resize.resize(values, (int(8 * scale), int(12 * scale)), method=name).clip(0, 1)
    result = sized(Interpolation(name, 2), scale=scale).upscale(values)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "line"),
    [
        ({"scale": 3}, "smooth-x2, smooth-x2, reduced from 4x to 3x"),
        ({"scale": 4}, "smooth-x2, smooth-x2"),
        ({"width": 9}, "smooth-x2, reduced from 2x to 1.5x"),
        ({"width": 3}, "no network, reduced from 1x to 0.5x"),
        ({"width": 6}, "no network: the picture has that size"),
        ({"scale": 2}, None),
    ],
)
def test_a_chain_is_told(size: dict[str, int], line: str | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ISR.predict.sized")
    sized(Smooth(), **size).upscale(noise(4, 6, 3))
    assert caplog.messages == ([] if line is None else [line])


@pytest.mark.parametrize("scale", [0.5, 1, 1.5, 2, 3, 4])
@pytest.mark.parametrize("alpha", [False, True])
def test_progress_runs_once_through_all_steps(scale: float, alpha: bool) -> None:
    calls: list[tuple[int, int]] = []
    predictor = Predictor(
        Smooth(), tile=4, progress=lambda done, total: calls.append((done, total)), size=Size(scale=scale)
    )
    samples = noise(12, 10, 4, dtype=np.uint8)
    predictor.upscale(Picture(samples[..., :3], samples[..., 3] if alpha else None))
    finished, (total,) = [done for done, _ in calls], {total for _, total in calls}
    assert finished == sorted(set(finished)) and finished[-1] == total


def test_sizes_are_told_and_refused_before_the_work() -> None:
    model = Smooth()
    assert Predictor(model).size_of(5, 6) == (10, 12)
    assert sized(model, width=8).size_of(5, 6) == (8, 10)
    with pytest.raises(PictureError, match="pixels on the way, got 200000x200000"):
        sized(model, width=200_000).upscale(noise(4, 4, 3))
    with pytest.raises(PictureError, match="would be stretched to 8x8"):
        sized(model, width=8, height=8).upscale(noise(4, 6, 3))
    with pytest.raises(ValueError, match="expected an array of shape"):
        sized(model, scale=0.5).upscale(noise(4, 6, 5))
    assert model.runs == 0


def extra_memory(side: int, scale: float) -> int:
    """Bytes that a reduction takes at its peak beyond its input and output."""
    values = noise(side, side, 3, dtype=np.uint16)
    tracemalloc.start()
    try:
        result = sized(Smooth(), scale=scale).upscale(values)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


def test_a_reduction_holds_no_second_picture() -> None:
    """2500 x 2500 x 3 samples are 75 MB as float32; the few strips are less, whatever the height."""
    assert extra_memory(2500, 0.9) < 60e6


def test_strips_take_no_more_memory_for_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resize, "_STRIP", 2**14)
    small, large = extra_memory(256, 0.8), extra_memory(1024, 0.8)
    assert large < 2 * small
