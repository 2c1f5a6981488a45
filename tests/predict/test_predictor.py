"""Tiles cannot show, kinds are kept, memory stays, and what goes wrong is said: with small networks in NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ISR.errors import ISRError, PictureError
from ISR.images import files, resize
from ISR.images.files import Picture
from ISR.predict import Predictor
from ISR.predict.predictor import Progress

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
SIDES = (1, 2, 3, 7, 13, 31, 64, 97)
SIZES = [*zip(SIDES, SIDES, strict=True), *zip(SIDES[1:], SIDES[:-1], strict=True), (1, 97), (7, 31)]


class Stacked:
    """Zero-padded 3x3 convolutions, one after another, then nearest: it sees exactly `layers` pixels far.

    Its weights are positive and sum to 1, so that values stay in [0, 1] and clipping hides no difference.
    """

    name = "stacked"

    def __init__(self, layers: int = 2, scale: int = 2) -> None:
        rng = np.random.default_rng(layers)
        self.scale = scale
        self.receptive_radius = layers
        kernels = rng.uniform(0.2, 1.0, (layers, 3, 3, 3, 3))
        self.kernels = (kernels / kernels.sum(axis=(1, 2, 3), keepdims=True)).astype(np.float32)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Floats) -> Floats:
        assert batch.dtype == np.float32
        self.shapes.append(batch.shape)
        height, width = batch.shape[1:3]
        for kernel in self.kernels:
            padded = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
            taps = [padded[:, y : y + height, x : x + width] @ kernel[y, x] for y in range(3) for x in range(3)]
            batch = np.add.reduce(taps)
        return batch.repeat(self.scale, axis=1).repeat(self.scale, axis=2)


class Nearest:
    """Sees one pixel; gives what it was given, plus `offset` on each channel."""

    name = "nearest"
    receptive_radius = 0
    runs = 0

    def __init__(self, scale: int = 2, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        self.scale = scale
        self.offset = np.array(offset, np.float32)

    def run(self, batch: Floats) -> Floats:
        return (batch + self.offset).repeat(self.scale, axis=1).repeat(self.scale, axis=2)


class Poisoned(Nearest):
    """Gives one value that is no number in its second run."""

    name = "poisoned"

    def run(self, batch: Floats) -> Floats:
        result = super().run(batch)
        self.runs += 1
        if self.runs == 2:
            result[0, 0, 0, 0] = np.nan
        return result


def noise(*shape: int, dtype: type[np.generic] = np.float32) -> Array:
    rng = np.random.default_rng(0)
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(0, 255 if dtype == np.uint8 else 65535, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize(("batch_size", "scale"), [(1, 2), (4, 3)])
@pytest.mark.parametrize("tile", [1, 5, 8, 16, 1000])
def test_tiled_equals_whole_for_every_size(tile: int, batch_size: int, scale: int) -> None:
    model = Stacked(scale=scale)
    predictor = Predictor(model, tile=tile, batch_size=batch_size)
    for height, width in SIZES:
        values = noise(height, width, 3)
        np.testing.assert_allclose(predictor.upscale(values), model.run(values[None])[0], rtol=0, atol=1e-6)


def test_tiles_that_overlap_by_less_than_the_network_sees_do_show() -> None:
    model, values = Stacked(), noise(64, 31, 3)
    whole = model.run(values[None])[0]
    model.receptive_radius -= 1
    assert np.abs(Predictor(model, tile=8).upscale(values) - whole).max() > 1e-3


def test_every_run_of_a_picture_has_one_shape() -> None:
    model = Stacked()
    Predictor(model, tile=8, batch_size=4).upscale(noise(64, 31, 3))
    assert set(model.shapes) == {(4, 12, 12, 3)}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4)])
def test_an_array_comes_back_as_the_kind_it_was(shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    values = noise(*shape, dtype=dtype)
    values.flags.writeable = False
    result = Predictor(Nearest(), tile=4).upscale(values)
    assert result.dtype == dtype and result.shape == (18, 14, *shape[2:])
    colour = values[..., : shape[2] - 1] if shape[2:] in ((2,), (4,)) else values
    expected = colour.repeat(2, axis=0).repeat(2, axis=1)
    result = result[..., : colour.shape[2]] if values.ndim == 3 else result
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6 if dtype == np.float32 else 0)


def test_floats_are_clipped() -> None:
    values = np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 5, 3)
    low = Predictor(Nearest(offset=(-0.5, -0.5, -0.5))).upscale(values)
    high = Predictor(Nearest(offset=(0.5, 0.5, 0.5))).upscale(values)
    assert (low.min(), low.max(), high.min(), high.max()) == (0.0, 0.5, 0.5, 1.0)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1)])
def test_grey_is_the_mean_of_the_three_channels(shape: tuple[int, ...]) -> None:
    values = np.full(shape, 100, np.uint8)
    model = Nearest(offset=(6 / 255, 3 / 255, 0.0))
    np.testing.assert_array_equal(Predictor(model).upscale(values), np.full((8, 8, *shape[2:]), 103, np.uint8))


@pytest.mark.parametrize("model", [Nearest(), Stacked()])
def test_alpha_in_tiles_is_the_bicubic_of_the_whole(model: Nearest | Stacked) -> None:
    values = noise(23, 31, 4)
    result = Predictor(model, tile=5, batch_size=4).upscale(values)
    whole = resize.enlarge(values[..., 3:], 2, method="bicubic")
    assert whole.min() < 0.0 and whole.max() > 1.0
    np.testing.assert_allclose(result[..., 3:], whole.clip(0, 1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(result[..., :3], model.run(values[None, ..., :3])[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_keeps_everything_but_its_size(dtype: type[np.generic], channels: int) -> None:
    source = Picture(noise(6, 5, channels, dtype=dtype), np.full((6, 5), 77, dtype), b"icc", b"exif", (300, 150), "PNG")
    result = Predictor(Nearest(scale=3), tile=2).upscale(source)
    np.testing.assert_array_equal(result.pixels, source.pixels.repeat(3, axis=0).repeat(3, axis=1), strict=True)
    np.testing.assert_array_equal(np.asarray(result.alpha), np.full((18, 15), 77, dtype), strict=True)
    assert (result.icc_profile, result.exif, result.dpi, result.format) == (b"icc", b"exif", (300, 150), "PNG")
    assert Predictor(Nearest()).upscale(Picture(source.pixels)).alpha is None


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5, np.uint8), r"expected an array of shape .* got \(5,\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got \(1, 4, 4, 3\)"),
        (np.zeros((4, 4, 5), np.uint8), r"got \(4, 4, 5\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float64), "expected uint8, uint16 or float32 .* got float64"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.full((4, 4, 3), 255, np.float32), r"floats in \[0, 1\], got values from 255.0 to 255.0"),
        (np.full((4, 4, 3), np.nan, np.float32), "got values from nan"),
        (np.full((4, 4, 3), -np.inf, np.float32), "got values from -inf"),
    ],
)
def test_another_array_is_refused(array: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Predictor(Nearest()).upscale(array)


def test_tile_and_batch_below_one_are_refused() -> None:
    for tile, batch_size in [(0, None), (-5, None), (None, 0)]:
        with pytest.raises(ValueError, match="tile and batch_size must be at least 1"):
            Predictor(Nearest(), tile=tile, batch_size=batch_size)


def test_a_value_that_is_no_number_is_an_error_that_names_model_and_place() -> None:
    with pytest.raises(ISRError, match=r"poisoned .* not finite .* rows 0 to 4, columns 4 to 8 of the 12x8 picture"):
        Predictor(Poisoned(), tile=4).upscale(noise(8, 12, 3, dtype=np.uint8))


def test_a_model_that_gives_another_size_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nearest, "run", lambda self, batch: batch)
    with pytest.raises(ISRError, match=r"nearest gave shape \(1, 4, 4, 3\) instead of \(1, 8, 8, 3\)"):
        Predictor(Nearest()).upscale(noise(4, 4, 3))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_progress_counts_output_pixels_up_to_all(batch_size: int) -> None:
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))

    Predictor(Nearest(), tile=4, batch_size=batch_size, progress=progress).upscale(noise(12, 10, 3))
    finished = [done for done, total in calls if total == 24 * 20]
    assert len(finished) == len(calls) == -(-9 // batch_size)
    assert finished == sorted(set(finished)) and finished[-1] == 24 * 20


class CancelledError(Exception):
    pass


def cancel(done: int, total: int) -> None:
    raise CancelledError


def written(path: Path, *shape: int) -> Path:
    files.write(Picture(noise(*shape, dtype=np.uint8)), path)
    return path


def test_a_path_is_read_and_a_file_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    source, destination = written(tmp_path / "a.png", 6, 5, 3), tmp_path / "new" / "deep" / "b.png"
    Predictor(Nearest()).upscale_file(str(source), destination)
    expected = files.read(source).pixels.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(files.read(destination).pixels, expected)
    np.testing.assert_array_equal(Predictor(Nearest()).upscale(source).pixels, expected)


@pytest.mark.parametrize(("model", "progress"), [(Nearest(), cancel), (Poisoned(), None)])
def test_work_that_ends_early_leaves_everything(tmp_path: Path, model: Nearest, progress: Progress | None) -> None:
    source, earlier = written(tmp_path / "a.png", 6, 5, 3), written(tmp_path / "b.png", 3, 3, 3)
    before = earlier.read_bytes()
    for destination in (earlier, tmp_path / "c.png", tmp_path / "new" / "d.png"):
        model.runs = 0
        with pytest.raises(CancelledError if progress else ISRError):
            Predictor(model, tile=2, progress=progress).upscale_file(source, destination)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"] and earlier.read_bytes() == before


@pytest.mark.parametrize("name", ["a.png", "link.png", "hard.png", "folder/../a.png"])
def test_the_source_is_never_the_destination(tmp_path: Path, name: str) -> None:
    source = written(tmp_path / "a.png", 6, 5, 3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.png").symlink_to(source)
    os.link(source, tmp_path / "hard.png")
    before = source.read_bytes()
    with pytest.raises(PictureError, match="another file than the source"):
        Predictor(Nearest()).upscale_file(source, tmp_path / name)
    assert source.read_bytes() == before


def test_files_that_cannot_be_read_or_written_are_refused_before_the_work(tmp_path: Path) -> None:
    source, model = written(tmp_path / "a.png", 6, 5, 3), Stacked()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match="got a folder"):
        Predictor(model).upscale_file(source, tmp_path / "folder.png")
    with pytest.raises(PictureError, match=r"ends in one of \.png"):
        Predictor(model).upscale_file(source, tmp_path / "b.bmp")
    with pytest.raises(PictureError, match=r"missing\.png"):
        Predictor(model).upscale_file(tmp_path / "missing.png", tmp_path / "b.png")
    with pytest.raises(PictureError, match="folder that can be written"):
        Predictor(model).upscale_file(source, source / "b.png")
    for destination in ("/proc/b.png", "/proc/new/b.png"):  # permissions do not bind root, /proc does
        with pytest.raises(PictureError, match="folder that can be written"):
            Predictor(model).upscale_file(source, destination)
    assert model.shapes == []


def extra_memory(side: int, channels: int, dtype: type[np.generic]) -> int:
    """Bytes that an enlargement takes at its peak beyond its input and output."""
    values = noise(side, side, channels, dtype=dtype)
    tracemalloc.start()
    try:
        result = Predictor(Nearest(), tile=64).upscale(values)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_does_not_grow_with_the_picture(channels: int, dtype: type[np.generic]) -> None:
    small, large = extra_memory(256, channels, dtype), extra_memory(1024, channels, dtype)
    assert large < 1.2 * small + 50_000


def test_the_package_is_light_until_the_predictor_is_asked_for() -> None:
    code = (
        "import sys, ISR.predict; assert 'ISR.predict.predictor' not in sys.modules;"
        "assert 'Predictor' in dir(ISR.predict); assert not hasattr(ISR.predict, 'Absent');"
        "from ISR.predict import Predictor; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
