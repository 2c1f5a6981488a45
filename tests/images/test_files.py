"""Pictures go to disk and come back: every mode, every format, whole or not at all."""

from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ISR.errors import ISRError, PictureError
from ISR.images.files import Picture, read, to_float, to_samples, write

Array = npt.NDArray[Any]


def noise(*shape: int, dtype: npt.DTypeLike = np.uint8) -> Array:
    return np.random.default_rng(7).integers(0, np.iinfo(np.dtype(dtype)).max, shape, dtype, endpoint=True)


def listing(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def photo(height: int, width: int) -> Array:
    """Smooth, so that a lossy format stays near it."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    return (np.dstack((rows, columns, (rows + columns) / 2)) * 255).astype(np.uint8)


def png(size: tuple[int, int], bits: int, colour: int, rows: list[bytes], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand, for what Pillow does not write."""
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")]
    pack = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pack)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_sample_survives_float(dtype: npt.DTypeLike) -> None:
    samples = np.arange(np.iinfo(np.dtype(dtype)).max + 1).astype(dtype)
    values = to_float(samples)
    assert values.dtype == np.float32
    assert (values[0], values[-1]) == (0.0, 1.0)
    np.testing.assert_array_equal(to_samples(values, dtype), samples)


@given(arrays(np.float32, (3, 4, 3), elements=st.floats(-3, 3, width=32)), st.sampled_from([np.uint8, np.uint16]))
def test_samples_are_the_nearest_and_clipped(values: Array, dtype: type[np.integer]) -> None:
    before, top = values.copy(), np.iinfo(dtype).max
    samples = to_samples(values, dtype)
    np.testing.assert_array_equal(values, before)
    assert samples.dtype == dtype
    rounding = top * 2.0**-23  # of the product, a float32: 0.9 * 255 lies within it of 229.5
    assert np.abs(samples - np.clip(values.astype(np.float64), 0, 1) * top).max() <= 0.5 + rounding


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_samples_from_every_float(kind: npt.DTypeLike) -> None:
    np.testing.assert_array_equal(
        to_samples(np.array([-1, 0, 0.5, 1, 2], kind), np.uint16), [0, 0, 32768, 65535, 65535]
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_are_finite(bad: float) -> None:
    with pytest.raises(PictureError, match="NaN or infinity"):
        to_samples(np.array([0.5, bad, 0.1], np.float32))


def test_floats_come_from_integers_of_8_or_16_bits() -> None:
    with pytest.raises(ValueError, match="int64"):
        to_float(np.zeros((1, 1, 1), np.int64))


@pytest.mark.parametrize("extension", [".png", ".tif", ".tiff", ".webp", ".PNG"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 17), (2, 3), (31, 29)])
def test_lossless_to_the_bit(
    tmp_path: Path, extension: str, channels: int, with_alpha: bool, size: tuple[int, int]
) -> None:
    alpha = noise(*size) // 2 if with_alpha else None
    picture = Picture(noise(*size, channels), alpha)
    write(picture, tmp_path / f"x{extension}", quality=100)
    back = read(tmp_path / f"x{extension}")
    grown = 3 if extension == ".webp" else channels  # WebP has no grey
    np.testing.assert_array_equal(back.pixels, np.broadcast_to(picture.pixels, (*size, grown)))
    assert (back.alpha is None) == (alpha is None)
    np.testing.assert_array_equal(back.alpha, alpha)
    assert (back.height, back.width, back.bits, back.is_grey) == (*size, 8, grown == 1)
    assert listing(tmp_path) == [f"x{extension}"]


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_sixteen_bit_grey_to_the_bit(tmp_path: Path, extension: str) -> None:
    picture = Picture(noise(13, 7, 1, dtype=np.uint16))
    write(picture, tmp_path / f"x{extension}")
    back = read(tmp_path / f"x{extension}")
    assert (str(back.pixels.dtype), back.bits, back.is_grey) == ("uint16", 16, True)
    np.testing.assert_array_equal(back.pixels, picture.pixels)


@pytest.mark.parametrize(("extension", "channels"), [(".jpg", 1), (".jpeg", 3), (".webp", 3)])
def test_lossy_stays_near(tmp_path: Path, extension: str, channels: int) -> None:
    picture = Picture(photo(40, 50)[..., :channels])
    write(picture, tmp_path / f"x{extension}")
    back = read(tmp_path / f"x{extension}")
    assert back.pixels.shape == picture.pixels.shape
    assert np.abs(back.pixels.astype(int) - picture.pixels).max() <= 12
    write(picture, tmp_path / f"low{extension}", quality=20)
    assert len((tmp_path / f"low{extension}").read_bytes()) < len((tmp_path / f"x{extension}").read_bytes())


def test_jpeg_keeps_the_full_colour_resolution(tmp_path: Path) -> None:
    write(Picture(photo(16, 16)), tmp_path / "x.jpg")
    with Image.open(tmp_path / "x.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_colour_under_clear_pixels_survives_webp(tmp_path: Path) -> None:
    picture = Picture(noise(9, 9, 3), np.zeros((9, 9), np.uint8))
    write(picture, tmp_path / "x.webp", quality=100)
    np.testing.assert_array_equal(read(tmp_path / "x.webp").pixels, picture.pixels)


def pillow_modes() -> list[tuple[str, Image.Image]]:
    rgb = Image.fromarray(photo(12, 15))
    clear = rgb.quantize(16)
    clear.info["transparency"] = 3
    return [
        *((mode, rgb.convert(mode)) for mode in ("1", "L", "LA", "RGB", "RGBA", "P")),
        ("P with transparency", clear),
    ]


@pytest.mark.parametrize(("mode", "image"), pillow_modes())
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_mode_keeps_its_meaning(tmp_path: Path, mode: str, image: Image.Image, kind: str) -> None:
    if (mode, kind) == ("P with transparency", "TIFF"):
        pytest.skip("TIFF has no transparent palette entry")
    image.save(tmp_path / "x", kind)
    picture = read(tmp_path / "x")
    rgba = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(np.broadcast_to(picture.pixels, (12, 15, 3)), rgba[..., :3])
    assert picture.is_grey == (mode in ("1", "L", "LA"))
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA", "P with transparency"))
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, rgba[..., 3])
    assert picture.format == kind


@pytest.mark.parametrize(
    ("bits", "row", "key", "pixels", "alpha"),
    [
        (1, b"\x40", b"\0\1", [0, 255], [255, 0]),
        (2, b"\x60", b"\0\2", [85, 170], [255, 0]),
        (4, b"\x1f", b"\0\x0f", [17, 255], [255, 0]),
        (8, b"\x07\x08", b"\0\x08", [7, 8], [255, 0]),
        (16, b"\1\2\1\3", b"\1\3", [258, 259], [65535, 0]),
    ],
)
def test_a_transparent_grey_value_becomes_alpha(
    tmp_path: Path, bits: int, row: bytes, key: bytes, pixels: list[int], alpha: list[int]
) -> None:
    (tmp_path / "x.png").write_bytes(png((2, 1), bits, 0, [row], (b"tRNS", key)))
    picture = read(tmp_path / "x.png")
    assert picture.pixels.ravel().tolist() == pixels
    assert picture.alpha is not None and picture.alpha.ravel().tolist() == alpha


@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate"])
def test_white_is_zero_at_sixteen_bits(tmp_path: Path, compression: str) -> None:
    grey = noise(5, 6, dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "x.tif", tiffinfo={262: 0}, compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels[..., 0], 65535 - grey)


@pytest.mark.parametrize(
    ("extension", "shape", "dtype", "alpha", "text"),
    [
        (".jpg", (2, 2, 3), np.uint8, True, "JPEG keeps no alpha.*png.*webp"),
        (".jpg", (2, 2, 1), np.uint16, False, "JPEG keeps 8 bits"),
        (".webp", (2, 2, 1), np.uint16, False, "WEBP keeps 8 bits"),
        (".avif", (2, 2, 3), np.uint16, True, "AVIF keeps 8 bits"),
        (".gif", (2, 2, 3), np.uint8, False, "GIF keeps 256 colours"),
        (".jpg", (1, 65501, 1), np.uint8, False, "65500 pixels a side, got 65501x1"),
        (".webp", (16384, 1, 1), np.uint8, False, "16383 pixels a side, got 1x16384"),
        (".bmp", (2, 2, 3), np.uint8, False, r"\.png \.jpg \.jpeg \.webp \.tif \.tiff \.gif"),
        ("", (2, 2, 3), np.uint8, False, "ends in one of"),
    ],
)
def test_what_a_format_cannot_keep_is_refused(
    tmp_path: Path, extension: str, shape: tuple[int, int, int], dtype: npt.DTypeLike, alpha: bool, text: str
) -> None:
    picture = Picture(np.zeros(shape, dtype), np.zeros(shape[:2], dtype) if alpha else None)
    with pytest.raises(PictureError, match=text):
        write(picture, tmp_path / f"x{extension}")
    assert listing(tmp_path) == []


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_has_a_range(tmp_path: Path, quality: int) -> None:
    with pytest.raises(PictureError, match="1 to 100"):
        write(Picture(photo(2, 2)), tmp_path / "x.jpg", quality=quality)


def test_writing_makes_folders_and_keeps_the_umask(tmp_path: Path) -> None:
    write(Picture(photo(4, 4)), tmp_path / "a" / "b" / "x.png")
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a/b/x.png")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tif"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, extension: str) -> None:
    resource = pytest.importorskip("resource")
    path, limits = tmp_path / f"x{extension}", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"precious")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(PictureError, match="cannot be written"):
            write(Picture(noise(128, 128, 3)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"precious"
    assert listing(tmp_path) == [path.name]


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(PictureError, match="cannot be written"):
        write(Picture(photo(4, 4)), tmp_path / "x.png")
    assert listing(tmp_path) == ["x.png"]


def test_a_file_is_no_parent_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ISRError, match="cannot be written"):
        write(Picture(photo(4, 4)), tmp_path / "a" / "x.png")


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2), (2, 2, 4), (0, 2, 3)])
def test_a_picture_has_one_or_three_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError, match="pixels, got"):
        Picture(np.zeros(shape, np.uint8))


def test_alpha_fits_its_picture() -> None:
    with pytest.raises(PictureError, match="alpha, got"):
        Picture(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3), np.uint8))
