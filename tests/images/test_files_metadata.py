"""What a file says of its picture: orientation, EXIF, colour profile and resolution."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from ISR.images.files import Picture, read, write

Array = npt.NDArray[Any]
EXTENSIONS = [".png", ".jpg", ".webp", ".tif"]

# EXIF 2.32, tag 0x0112: where the stored first row and first column lie in the upright picture, as array operations.
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


def noise(*shape: int) -> Array:
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def exif_of(orientation: int, order: str = "<") -> bytes:
    """EXIF of three tags: Make, Orientation, and a byte string at the end that offsets must go on to reach."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 6, 50)
    entries += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    entries += struct.pack(order + "HHII", 0x0131, 2, 8, 56)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, 3)
    return b"Exif\0\0" + head + entries + bytes(4) + b"Camer\0" + b"Softwar\0"


def cmyk_profile(lab: tuple[int, int, int]) -> bytes:
    """An ICC profile that calls every CMYK colour the one L*a*b* (8 bits each): lut8Type, ICC.1:2022, 10.11."""
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    lut += struct.pack(">9i", *(65536 * (row == column) for row in range(3) for column in range(3)))
    lut += ramp * 4 + bytes(lab) * 16 + ramp * 3
    size = 128 + 4 + 12 + len(lut)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pictures_are_read_upright(tmp_path: Path, extension: str, orientation: int, order: str) -> None:
    stored, path = noise(3, 5, 4), tmp_path / f"x{extension}"
    options: dict[str, Any] = {"lossless": True, "exact": True} if extension == ".webp" else {}
    Image.fromarray(stored).save(path, exif=exif_of(orientation, order), **options)
    picture, upright = read(path), UPRIGHT[orientation](stored)
    np.testing.assert_array_equal(picture.pixels, upright[..., :3])
    np.testing.assert_array_equal(picture.alpha, upright[..., 3])
    assert picture.exif is not None
    kept = Image.Exif()
    kept.load(picture.exif)
    assert (kept[0x010F], kept.get(0x0112, 1), kept[0x0131]) == ("Camer", 1, "Softwar")
    if extension != ".tif":
        assert picture.exif == exif_of(1, order)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate"])
def test_sixteen_bits_are_read_upright(tmp_path: Path, orientation: int, compression: str) -> None:
    stored = noise(3, 5).astype(np.uint16) * 257
    Image.fromarray(stored).save(tmp_path / "x.tif", exif=exif_of(orientation), compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels[..., 0], UPRIGHT[orientation](stored))


@pytest.mark.parametrize("orientation", [1, 6])
def test_jpegs_are_read_upright(tmp_path: Path, orientation: int) -> None:
    stored = np.repeat(np.repeat(noise(2, 3), 16, axis=0), 16, axis=1)
    Image.fromarray(stored).save(tmp_path / "x.jpg", exif=exif_of(orientation), quality=100)
    upright = read(tmp_path / "x.jpg").pixels[..., 0].astype(int)
    assert np.abs(upright - UPRIGHT[orientation](stored)).max() <= 2


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("orientation", [0, 9])
def test_an_invalid_orientation_is_ignored(
    tmp_path: Path, extension: str, orientation: int, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(noise(3, 5, 3)).save(tmp_path / f"x{extension}", exif=exif_of(orientation))
    assert read(tmp_path / f"x{extension}").pixels.shape == (3, 5, 3)
    assert f"orientation {orientation} is none of 1 to 8" in caplog.text


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("broken", [b"junk", b"II*\0\xff\xff\xff\xff", exif_of(6)[6:20], b"II*\0\x08\0\0\0\xff\xff"])
def test_broken_exif_is_left_out(
    tmp_path: Path, extension: str, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(noise(3, 5, 3)).save(tmp_path / f"x{extension}", exif=b"Exif\0\0" + broken)
    picture = read(tmp_path / f"x{extension}")
    assert (picture.exif, picture.pixels.shape) == (None, (3, 5, 3))
    assert "EXIF is broken" in caplog.text


def test_the_exif_of_old_pngs(tmp_path: Path) -> None:
    text, info = exif_of(6).hex(), PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(text) // 2:8}\n{text[:72]}\n{text[72:]}\n", zip=True)
    Image.fromarray(noise(3, 5, 3)).save(tmp_path / "x.png", pnginfo=info)
    picture = read(tmp_path / "x.png")
    assert (picture.exif, picture.pixels.shape) == (exif_of(1), (5, 3, 3))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_metadata_survive_writing(tmp_path: Path, extension: str) -> None:
    picture = Picture(noise(4, 6, 3), None, SRGB, exif_of(6), (300.0, 150.0))
    write(picture, tmp_path / f"x{extension}")
    back = read(tmp_path / f"x{extension}")
    assert back.pixels.shape == (4, 6, 3)  # the pixels are upright: orientation 6 must not be applied to them
    assert back.icc_profile == SRGB
    assert back.exif is not None
    kept = Image.Exif()
    kept.load(back.exif)
    assert (kept[0x010F], kept.get(0x0112, 1)) == ("Camer", 1)
    if extension != ".webp":  # which has no resolution of its own
        assert back.dpi == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("source", EXTENSIONS)
def test_exif_travels_between_formats(tmp_path: Path, source: str, extension: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x8769], exif[0x8825] = "Maker", {0x829A: 0.25}, {1: "N"}
    Image.fromarray(noise(4, 6, 3)).save(tmp_path / f"a{source}", exif=exif.tobytes())
    write(read(tmp_path / f"a{source}"), tmp_path / f"b{extension}")
    with Image.open(tmp_path / f"b{extension}") as image:
        kept = image.getexif()
        assert (image.size, kept[0x010F]) == ((6, 4), "Maker")
        assert (float(kept.get_ifd(0x8769)[0x829A]), kept.get_ifd(0x8825)[1]) == (0.25, "N")
        if extension != ".tif":
            assert 0x0100 not in kept  # a TIFF's layout means nothing elsewhere


def test_exif_cannot_change_the_layout_of_a_tiff(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0100], exif[0x0106], exif[0x0111], exif[0x010F] = 9999, 0, 1, "Maker"
    picture = Picture(noise(4, 6, 1), exif=exif.tobytes())
    write(picture, tmp_path / "x.tif")
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels, picture.pixels)


def test_more_exif_than_a_jpeg_holds_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(Picture(noise(4, 6, 3), exif=exif_of(1) + bytes(70_000)), tmp_path / "x.jpg")
    assert read(tmp_path / "x.jpg").exif is None
    assert "65533" in caplog.text


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("broken", [b"junk" * 50, SRGB[:200]])
def test_a_broken_profile_is_left_out(
    tmp_path: Path, extension: str, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(noise(4, 6, 3)).save(tmp_path / f"x{extension}", icc_profile=broken)
    assert read(tmp_path / f"x{extension}").icc_profile is None
    assert "profile is broken" in caplog.text


def test_webp_gets_no_grey_profile(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    grey = SRGB[:16] + b"GRAY" + SRGB[20:]
    write(Picture(noise(4, 6, 1), icc_profile=grey), tmp_path / "x.webp")
    assert read(tmp_path / "x.webp").icc_profile is None
    write(Picture(noise(4, 6, 1), icc_profile=grey), tmp_path / "x.png")
    assert read(tmp_path / "x.png").icc_profile == grey


@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_resolution_turns_with_the_picture(tmp_path: Path, extension: str, orientation: int) -> None:
    Image.fromarray(noise(4, 6, 3)).save(tmp_path / f"x{extension}", dpi=(300, 72), exif=exif_of(orientation))
    expected = (300, 72) if orientation == 1 else (72, 300)
    assert read(tmp_path / f"x{extension}").dpi == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("dpi", [(0.0, 0.0), (float("nan"), 72.0), (1e9, 1e9)])
def test_an_absurd_resolution_is_left_out(tmp_path: Path, dpi: tuple[float, float]) -> None:
    write(Picture(noise(4, 6, 3), dpi=dpi), tmp_path / "x.png")
    write(Picture(noise(4, 6, 3), dpi=dpi), tmp_path / "x.jpg")
    assert read(tmp_path / "x.png").dpi is None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(tmp_path: Path, kind: str) -> None:
    image = Image.new("CMYK", (6, 4), (200, 30, 90, 10))
    image.save(tmp_path / "x", kind, icc_profile=cmyk_profile((128, 128, 128)))
    picture = read(tmp_path / "x")
    assert (picture.pixels.shape, picture.icc_profile) == ((4, 6, 3), None)
    assert np.abs(picture.pixels.astype(int) - 119).max() <= 3  # L* 50 is sRGB 119


@pytest.mark.parametrize("profile", [None, SRGB])
def test_cmyk_without_its_profile(tmp_path: Path, profile: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    image = Image.new("CMYK", (6, 4), (200, 30, 90, 10))
    image.save(tmp_path / "x", "TIFF", icc_profile=profile)
    np.testing.assert_array_equal(read(tmp_path / "x").pixels, np.asarray(image.convert("RGB")))
    assert ("only approximate" in caplog.text) == (profile is not None)
