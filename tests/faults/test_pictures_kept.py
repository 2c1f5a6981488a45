"""What a picture is and what its file says survives enlarging, or is refused by name: never changed in silence."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from command import Said, bicubic, contents, names
from conftest import drawn
from PIL import Image, ImageCms

from ISR.images import files
from ISR.images.files import Picture

Array = npt.NDArray[Any]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The primaries of SMPTE EG 432-1 (P3) with white D65, adapted to D50, as Apple's "Display P3" profile has them.
P3 = {b"rXYZ": (0.51512, 0.2412, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.1571, 0.06657, 0.78407)}


def enlarged(source: Path, *options: str) -> Picture:
    """What the command makes of the picture at twice its size, beside it, in its format."""
    assert bicubic(source, *options) == 0
    return files.read(source.with_stem(f"{source.stem}_x2"))


def refused(source: Path, said: Said, text: str) -> None:
    before = contents(source.parent)
    assert bicubic(source) == 1
    line = said.readouterr().err
    assert text in line and line.count("\n") == 1 and contents(source.parent) == before


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def near(picture: Picture, expected: Array, most: float) -> None:
    """That the enlargement, reduced to the means of its squares, is the picture that went in."""
    rows, columns = picture.height // 2, picture.width // 2
    means = picture.pixels.reshape(rows, 2, columns, 2, -1).mean(axis=(1, 3))
    assert np.abs(means - expected.reshape(rows, columns, -1)).mean() <= most


def slope(mode: str = "RGB") -> Image.Image:
    rows, columns = np.mgrid[:12, :16] * 12
    return Image.fromarray(np.dstack((rows, columns, rows + columns // 2)).astype(np.uint8)).convert(mode)


def deep(*shape: int) -> Array:
    """16 bits whose lower eight matter."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    planes = [(rows * 300 + columns * 517 + 1000 * band + 13) for band in range(shape[2])]
    return np.stack(planes, axis=-1).astype(np.uint16)


# Kinds of pictures


@pytest.mark.parametrize("extension", ["png", "tif", "jpg"])
def test_grey_stays_grey(tmp_path: Path, extension: str) -> None:
    picture = enlarged(saved(tmp_path / f"x.{extension}", slope("L")))
    assert picture.is_grey and picture.alpha is None
    near(picture, np.asarray(slope("L")), 3)


def test_grey_with_alpha(tmp_path: Path) -> None:
    image = slope("LA")
    image.putalpha(77)
    picture = enlarged(saved(tmp_path / "x.png", image))
    assert picture.is_grey and picture.alpha is not None and (picture.alpha == 77).all()


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_a_palette_becomes_its_colours(tmp_path: Path, extension: str) -> None:
    image = slope().quantize(200)
    picture = enlarged(saved(tmp_path / f"x.{extension}", image))
    assert not picture.is_grey and picture.alpha is None
    near(picture, np.asarray(image.convert("RGB")), 3)


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.repeat([[0, 1]], 6, axis=0).repeat(3, axis=1).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    picture = enlarged(saved(tmp_path / "x.png", image, transparency=1))
    assert picture.alpha is not None
    assert (picture.alpha[:, :4] == 255).all() and (picture.alpha[:, -4:] == 0).all()
    assert (picture.pixels[picture.alpha > 0] == (255, 0, 0)).all()  # no green of what is hidden


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_one_bit_is_black_and_white(tmp_path: Path, extension: str) -> None:
    image = Image.new("1", (8, 8))
    image.paste(1, (0, 0, 4, 8))
    picture = enlarged(saved(tmp_path / f"x.{extension}", image))
    assert picture.is_grey and (picture.pixels[:, :4] == 255).all() and (picture.pixels[:, -4:] == 0).all()


@pytest.mark.parametrize("extension", ["png", "tif"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4], ids=["I;16", "LA", "RGB", "RGBA"])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, bands: int, extension: str) -> None:
    samples = deep(12, 16, bands)
    source = tmp_path / f"x.{extension}"
    image = pyvips.Image.new_from_memory(samples.tobytes(), 16, 12, bands, "ushort")
    image.copy(interpretation="grey16" if bands < 3 else "rgb16").write_to_file(str(source))
    picture = enlarged(source)
    assert picture.bits == 16 and (picture.alpha is not None) == (bands in (2, 4))
    near(picture, samples[..., : 1 if bands < 3 else 3], 60)  # of 65535: 8 bits would be 128 off
    assert (picture.pixels % 257 != 0).mean() > 0.9


@pytest.mark.parametrize(("extension", "text"), [("jpg", "JPEG keeps 8 bits"), ("webp", "WEBP keeps 8 bits")])
def test_sixteen_bits_never_become_eight_unasked(tmp_path: Path, extension: str, text: str, capsys: Said) -> None:
    files.write(Picture(deep(4, 4, 3)), tmp_path / "x.png")
    assert bicubic(tmp_path / "x.png", "-o", tmp_path / f"y.{extension}") == 1
    assert text in capsys.readouterr().err and names(tmp_path) == ["x.png"]


@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_cmyk_without_a_profile(tmp_path: Path, extension: str) -> None:
    image = slope("CMYK")
    picture = enlarged(saved(tmp_path / f"x.{extension}", image))
    assert picture.icc_profile is None and picture.pixels.shape == (24, 32, 3)
    near(picture, np.asarray(image.convert("RGB")), 6)


def test_cmyk_with_a_profile(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The profile's own colours: tests/images/test_files_metadata.py; here, one that cannot be used is said."""
    picture = enlarged(saved(tmp_path / "x.tif", slope("CMYK"), icc_profile=SRGB))
    assert "only approximate" in caplog.text and picture.icc_profile is None


def test_lab_is_refused_by_name(tmp_path: Path, capsys: Said) -> None:
    refused(saved(tmp_path / "x.tif", Image.new("LAB", (4, 4))), capsys, "L*a*b*")


def test_floats_with_nan_are_refused_by_name(tmp_path: Path, capsys: Said) -> None:
    image = Image.fromarray(np.full((4, 4), np.nan, np.float32))
    refused(saved(tmp_path / "x.tif", image), capsys, "32-bit signed floating-point")


# What a file says of its picture


@pytest.mark.parametrize("orientation", [*range(1, 9), 9])
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp"])
def test_orientation_is_applied_and_reset(tmp_path: Path, extension: str, orientation: int, capsys: Said) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    source = saved(tmp_path / f"x.{extension}", Image.fromarray(drawn(8, 6)), exif=exif.tobytes())
    picture = enlarged(source)
    assert (picture.width, picture.height) == ((16, 12) if orientation in (5, 6, 7, 8) else (12, 16))
    with Image.open(tmp_path / f"x_x2.{extension}") as image:
        assert (image.getexif().get(0x0112, 1), image.getexif()[0x010F]) == (1, "Maker")
    assert ("none of 1 to 8" in capsys.readouterr().err) == (orientation == 9)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_broken_exif_is_a_warning(tmp_path: Path, extension: str, capsys: Said) -> None:
    enlarged(saved(tmp_path / f"x.{extension}", slope(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert "EXIF is broken and left out" in capsys.readouterr().err


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif"])
def test_a_broken_icc_profile_is_a_warning(tmp_path: Path, extension: str, capsys: Said) -> None:
    assert enlarged(saved(tmp_path / f"x.{extension}", slope(), icc_profile=SRGB[:200])).icc_profile is None
    assert "profile is broken and left out" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--strip-metadata",)], ids=["kept", "stripped"])
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif"])
def test_a_display_p3_profile_is_kept(tmp_path: Path, extension: str, options: tuple[str, ...]) -> None:
    profile = bytearray(SRGB)
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if tag in P3:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in P3[tag]))
    source = saved(tmp_path / f"x.{extension}", slope(), icc_profile=bytes(profile))
    assert enlarged(source, *options).icc_profile == bytes(profile)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "avif"])
def test_strip_metadata_leaves_the_profile_alone(tmp_path: Path, extension: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    picture = Picture(drawn(6, 6), None, SRGB, exif.tobytes(), (300.0, 300.0), None, b"<x:xmpmeta/>")
    files.write(picture, tmp_path / f"x.{extension}")
    kept = enlarged(tmp_path / f"x.{extension}")
    assert kept.exif is not None and kept.xmp == b"<x:xmpmeta/>"
    assert kept.dpi == (None if extension in ("webp", "avif") else pytest.approx((300, 300), abs=0.02))
    bare = enlarged(tmp_path / f"x.{extension}", "--strip-metadata")
    assert (bare.exif, bare.xmp, bare.dpi, bare.icc_profile) == (None, None, None, SRGB)
    content = (tmp_path / f"x_x2.{extension}").read_bytes()
    assert b"Maker" not in content and b"xmpmeta" not in content
