"""Rows read from a file and rows written to one, against Pillow's whole pictures. Needs pyvips."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import drawn
from PIL import Image, ImageCms

from ISR.errors import PictureError
from ISR.images import files, rows
from ISR.images.files import Picture

pytest.importorskip("pyvips", reason="streaming is an extra: pip install '.[large]'")

Array = npt.NDArray[Any]
MANY = 10**6


def exif() -> bytes:
    tags = Image.Exif()
    tags[271] = "Maker"
    tags.get_ifd(34665)[33434] = (1, 100)
    return b"Exif\0\0" + tags.tobytes().removeprefix(b"Exif\0\0")


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(channels: int, dtype: type[np.generic]) -> Array:
    values = np.random.default_rng(channels).integers(0, np.iinfo(dtype).max, (41, 50, channels), endpoint=True)
    return values.astype(dtype)


def read_in_bands(path: Path, *, band: int = 7) -> Array:
    reader = rows.reader(path, max_pixels=MANY)
    height = reader.shape[0]
    return np.concatenate([reader.rows(slice(top, min(top + band, height))) for top in range(0, height, band)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str, channels: int, dtype: type[np.generic]) -> None:
    values, path = noise(channels, dtype), tmp_path / f"a{ending}"
    image = rows.of_array(values) if channels % 2 else rows.of_array(values[..., :-1], values[..., -1])
    rows.save(image, path, rows.About(), quality=95)
    np.testing.assert_array_equal(read_in_bands(path), values, strict=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_profile_exif_and_resolution_are_kept(tmp_path: Path, ending: str) -> None:
    path, icc = tmp_path / f"a{ending}", profile()
    rows.save(rows.of_array(drawn(20, 30)), path, rows.About(icc, exif(), (300.0, 150.0)), quality=95)
    picture, about = files.read(path), rows.reader(path, max_pixels=MANY).about
    assert (picture.icc_profile, picture.exif) == (about.icc_profile, about.exif) == (icc, exif())
    for dpi in (picture.dpi, about.dpi):
        assert dpi == pytest.approx((300.0, 150.0), rel=1e-4)  # a PNG counts pixels to the metre, in whole numbers


def test_a_file_without_a_resolution_has_none(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        Image.fromarray(drawn(9, 8)).save(tmp_path / name)
        assert rows.reader(tmp_path / name, max_pixels=MANY).about == rows.About()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_every_orientation_is_undone(tmp_path: Path, ending: str, turn: int) -> None:
    path, tags = tmp_path / f"a{ending}", Image.Exif()
    tags[274] = turn
    Image.fromarray(drawn(24, 17)).save(path, exif=tags)
    np.testing.assert_array_equal(read_in_bands(path), files.read(path).pixels)


@pytest.mark.parametrize("grey", [False, True])
def test_a_jpeg_is_to_the_byte_what_pillow_writes(tmp_path: Path, grey: bool) -> None:
    pixels = drawn(40, 30)[..., : 1 if grey else 3]
    files.write(Picture(pixels, exif=exif(), dpi=(300, 300)), tmp_path / "pillow.jpg", quality=80)
    rows.save(rows.of_array(pixels), tmp_path / "vips.jpg", rows.About(None, exif(), (300, 300)), quality=80)
    assert (tmp_path / "pillow.jpg").read_bytes() == (tmp_path / "vips.jpg").read_bytes()


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("alpha", [None, np.arange(1200, dtype=np.uint8).reshape(40, 30)])
def test_a_large_picture_is_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, alpha: npt.NDArray[np.uint8] | None
) -> None:
    monkeypatch.setattr(files, "LARGE", 1)
    path = tmp_path / f"a{ending}"
    files.write(Picture(drawn(40, 30), alpha), path, quality=100)
    result = files.read(path)
    np.testing.assert_array_equal(result.pixels, drawn(40, 30))
    assert (result.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(np.asarray(result.alpha), alpha)


def test_rows_that_are_left_behind_are_gone(tmp_path: Path) -> None:
    Image.fromarray(drawn(40, 30)).save(tmp_path / "a.png")
    reader = rows.reader(tmp_path / "a.png", max_pixels=MANY)
    for part in (slice(0, 10), slice(4, 20), slice(4, 12), slice(30, 40)):
        np.testing.assert_array_equal(reader.rows(part), drawn(40, 30)[part])
    with pytest.raises(ValueError, match="rows from 29 on were asked for, and those before 30 are gone"):
        reader.rows(slice(29, 40))


def test_what_cannot_be_streamed_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(drawn(12, 10))
    image.save(tmp_path / "a.webp")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.convert("F").save(tmp_path / "float.tif")
    image.save(tmp_path / "pages.tif", save_all=True, append_images=[image])
    image.save(tmp_path / "a.png")
    said = {
        "a.webp": "expected a PNG, JPEG or TIFF",
        "cmyk.jpg": "4 channels of uchar cmyk: it cannot be streamed",
        "float.tif": "1 channels of float",
        "pages.tif": "got 2 pages",
        "a.png": "expected at most 119 pixels, got 10x12 = 120: --max-pixels 120",
    }
    for name, message in said.items():
        with pytest.raises(PictureError, match=message):
            rows.reader(tmp_path / name, max_pixels=119 if name == "a.png" else MANY)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_a_file_that_is_cut_off_is_refused_in_one_line(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    Image.fromarray(drawn(200, 150)).save(path)
    whole = path.read_bytes()
    for sixteenths in (1, 8, 15):
        path.write_bytes(whole[: len(whole) * sixteenths // 16])
        with pytest.raises(PictureError, match=r"^'.*' is damaged and cannot be read whole: .+$"):
            read_in_bands(path)


def test_damage_is_said_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(drawn(200, 150)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    code = (
        "import sys; from pathlib import Path; from ISR.images import rows; from ISR.errors import PictureError\n"
        "try: rows.reader(Path(sys.argv[1]), max_pixels=10**6).rows(slice(0, 200))\n"
        "except PictureError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_write_that_fails_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    image = rows.of_array(drawn(200, 150))
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as full:
        rows._save_with_part(image, full, "PNG", b"", 95)
    (tmp_path / "a.txt").write_text("no folder")
    for ending in (".png", ".jpg", ".tif"):
        with pytest.raises(PictureError, match="cannot be written"):
            rows.save(image, tmp_path / "a.txt" / f"b{ending}", rows.About(), quality=9)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_the_library_s_log_is_quiet() -> None:
    rows.of_array(drawn(4, 4))
    assert not logging.getLogger("pyvips").isEnabledFor(logging.WARNING)
