"""Files enlarged from disk to disk, against the same files enlarged in memory: by bicubic, which needs no Keras."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from command import bicubic, isr, names, one_line
from conftest import drawn
from PIL import Image

from ISR import memory
from ISR.errors import FormatError, PictureError
from ISR.images import files, resize, rows
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Progress
from ISR.predict import Predictor, stream

pytest.importorskip("pyvips", reason="streaming is an extra: pip install '.[large]'")

Floats = npt.NDArray[np.float32]
PHOTO = Image.fromarray(drawn(60, 71))
GREY16 = Image.fromarray(drawn(60, 71)[..., 0].astype(np.uint16) * 257 + 5)


def with_exif(turn: int) -> dict[str, Any]:
    tags = Image.Exif()
    tags[271], tags[274] = "Maker", turn
    return {"exif": tags, "dpi": (300, 300)}


SOURCES: dict[str, tuple[Image.Image, dict[str, Any]]] = {
    "rgb.png": (PHOTO, {}),
    "grey.jpg": (PHOTO.convert("L"), {}),
    "turned.jpg": (PHOTO, with_exif(6)),
    "turned.tif": (PHOTO, with_exif(3)),
    "alpha.png": (Image.merge("RGBA", (*PHOTO.split(), PHOTO.split()[1])), {}),
    "grey-alpha.png": (Image.merge("LA", PHOTO.split()[:2]), {}),
    "palette.png": (PHOTO.quantize(17), {}),
    "bits.png": (PHOTO.convert("1"), {}),
    "deep.tif": (GREY16, {}),
    "deep.png": (GREY16, {}),
}
CASES = [(source, ending) for source in SOURCES for ending in (".png", ".tif", ".jpg")]
CASES = [case for case in CASES if case[1] != ".jpg" or not case[0].startswith(("alpha", "grey-alpha", "deep"))]


def saved(folder: Path, name: str) -> Path:
    image, options = SOURCES[name]
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize(("name", "ending"), CASES)
def test_streamed_equals_whole_to_the_last_integer(tmp_path: Path, name: str, ending: str) -> None:
    source, whole, streamed = saved(tmp_path, name), tmp_path / f"w{ending}", tmp_path / f"s{ending}"
    predictor = Predictor(Interpolation("bicubic", 2), tile=20, batch_size=3)
    predictor.upscale_file(source, whole, stream=False)
    predictor.upscale_file(source, streamed, stream=True)
    one, other = files.read(whole), files.read(streamed)
    np.testing.assert_array_equal(one.pixels, other.pixels, strict=True)
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None and other.alpha is not None:
        np.testing.assert_array_equal(one.alpha, other.alpha)
    assert (one.exif, one.icc_profile) == (other.exif, other.icc_profile)
    if "dpi" in SOURCES[name][1]:
        assert one.dpi == pytest.approx(other.dpi)
    assert sorted(names(tmp_path)) == sorted([name, whole.name, streamed.name])


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_colour_are_kept(tmp_path: Path, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (30, 25, channels), dtype=np.uint16)
    image = rows.of_array(values[..., :3], values[..., 3] if channels == 4 else None)
    rows.save(image, tmp_path / "a.tif", rows.About(), quality=95)
    Predictor(Interpolation("nearest", 3), tile=7).upscale_file(tmp_path / "a.tif", tmp_path / "b.png", stream=True)
    result = rows.reader(tmp_path / "b.png", max_pixels=10**6).rows(slice(0, 90))
    # Alpha is enlarged bicubically, whatever the model.
    np.testing.assert_array_equal(result[..., :3], values[..., :3].repeat(3, axis=0).repeat(3, axis=1), strict=True)
    if channels == 4:
        alpha = resize.enlarge(files.to_float(values[..., 3:]), 3)
        np.testing.assert_array_equal(result[..., 3:], files.to_samples(alpha, np.uint16))


def test_a_tiled_big_tiff_is_written_where_the_samples_may_pass_its_limit(tmp_path: Path) -> None:
    saved(tmp_path, "rgb.png")
    Predictor(Interpolation("nearest", 2)).upscale_file(tmp_path / "rgb.png", tmp_path / "a.tif", stream=True)
    with Image.open(tmp_path / "a.tif") as image:
        assert (image.tag_v2[322], image.tag_v2[259], image.info["compression"]) == (256, 8, "tiff_adobe_deflate")


class Forgetful:
    """Bicubic that is out of memory for windows above 30 pixels a side, once it has run five times."""

    name, scale, receptive_radius = "forgetful", 2, 2

    def __init__(self) -> None:
        self.runs = 0

    def run(self, batch: Floats) -> Floats:
        self.runs += 1
        if self.runs > 5 and batch.shape[1] > 70:
            raise MemoryError
        return np.stack([resize.enlarge(picture, 2) for picture in batch])


def test_running_out_of_memory_midway_changes_nothing(tmp_path: Path) -> None:
    Image.fromarray(drawn(230, 250)).save(tmp_path / "a.png")
    model = Forgetful()
    Predictor(model, tile=75).upscale_file(tmp_path / "a.png", tmp_path / "b.png", stream=True)
    assert model.runs > 20
    Predictor(Interpolation("bicubic", 2)).upscale_file(tmp_path / "a.png", tmp_path / "c.png", stream=False)
    np.testing.assert_array_equal(files.read(tmp_path / "b.png").pixels, files.read(tmp_path / "c.png").pixels)


class CancelledError(Exception):
    pass


def cancel(done: int, total: int) -> None:
    if done > total // 2:
        raise CancelledError


def read_only(done: int, total: int) -> None:
    raise OSError("the caller's own")


@pytest.mark.parametrize(("progress", "error"), [(cancel, CancelledError), (read_only, OSError)])
def test_work_that_ends_early_leaves_nothing(tmp_path: Path, progress: Progress, error: type[Exception]) -> None:
    source = saved(tmp_path, "rgb.png")
    predictor = Predictor(Interpolation("bicubic", 2), tile=16, progress=progress)
    for place in (tmp_path / "b.png", tmp_path / "new" / "c.tif"):
        with pytest.raises(error):
            predictor.upscale_file(source, place, stream=True)
    assert names(tmp_path) == ["rgb.png"]


def test_a_file_cut_off_leaves_nothing(tmp_path: Path) -> None:
    source = saved(tmp_path, "rgb.png")
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(PictureError, match="damaged"):
        Predictor(Interpolation("bicubic", 2), tile=16).upscale_file(source, tmp_path / "b.png", stream=True)
    assert names(tmp_path) == ["rgb.png"]


def test_what_the_destination_cannot_keep_is_said_before_the_work(tmp_path: Path) -> None:
    predictor = Predictor(Interpolation("bicubic", 2), progress=read_only)
    for name, place, message in [
        ("alpha.png", "b.jpg", "neither alpha nor 16 bits"),
        ("deep.tif", "b.jpg", "neither alpha nor 16 bits"),
        ("rgb.png", "b.webp", "can be streamed to"),
    ]:
        with pytest.raises(FormatError, match=message):
            predictor.upscale_file(saved(tmp_path, name), tmp_path / place, stream=True)
    Image.fromarray(drawn(1, 33_000)).save(tmp_path / "long.png")
    with pytest.raises(FormatError, match="at most 65500 pixels a side, got 66000x2"):
        predictor.upscale_file(tmp_path / "long.png", tmp_path / "b.jpg", stream=True)


def test_a_disk_without_room_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * 120 * 142 * 3 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(PictureError, match=r"has 0\.0 GiB left, and streaming needs .* make room"):
        predictor = Predictor(Interpolation("bicubic", 2), progress=read_only)
        predictor.upscale_file(saved(tmp_path, "rgb.png"), tmp_path / "b.png", stream=True)
    assert names(tmp_path) == ["rgb.png"]


def test_it_is_needed_where_both_pictures_would_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved(tmp_path, "rgb.png")
    both = 60 * 71 * 3 * 5 + stream.BEYOND
    for free, needed in [(None, False), (both / 0.9 + 2, False), (both / 0.9 - 2, True)]:
        monkeypatch.setattr(memory, "free", lambda free=free: free)
        assert stream.is_needed(source, tmp_path / "b.png", scale=2, limits=files.Limits()) is needed
    assert not stream.is_needed(tmp_path / "absent.png", tmp_path / "b.png", scale=2, limits=files.Limits())
    Predictor(Interpolation("nearest", 2)).upscale_file(source, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert "dpi" in image.info  # which libvips always writes: it was streamed


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = saved(tmp_path, "rgb.png")
    assert bicubic(source, "--stream", "-o", tmp_path / "b.tif") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'b.tif'}\n"
    assert bicubic(source, "--stream", "-o", tmp_path / "c.png", "--max-pixels", "4259") == 1
    assert "expected at most 4259 pixels, got 71x60 = 4260: --max-pixels 4260" in one_line(capsys)
    assert bicubic(source, "--tile", "auto", "-o", tmp_path / "d.png") == 0
    assert bicubic(source, "--tile", "some", "-o", tmp_path / "e.png") == 2
    assert names(tmp_path) == ["b.tif", "d.png", "rgb.png"]


def test_a_process_says_nothing_but_the_path(tmp_path: Path) -> None:
    done = isr("upscale", "--model", "bicubic", "--stream", saved(tmp_path, "turned.tif"), "-o", tmp_path / "b.tif")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'b.tif'}\n", "")
