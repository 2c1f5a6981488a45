"""16 bits stay 16 bits: RGB, RGBA and grey with alpha as PNG and TIFF, with all that the file says of them."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image, ImageCms

from ISR.errors import PictureError
from ISR.images import containers, files, sixteen_bit
from ISR.images.files import Picture, read, read_header, write

Array = npt.NDArray[Any]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="a"/></x:xmpmeta>'
BIG = ">"
LITTLE = "<"


def noise(*shape: int) -> Array:
    return np.random.default_rng(11).integers(0, 65_536, shape, np.uint16)


def png(samples: Array, colour: int, *chunks: bytes, interlace: int = 0) -> bytes:
    """A 16-bit PNG written here, byte by byte, and not by the library that is tested."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = containers.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlace))
    data = containers.chunk(b"IDAT", zlib.compress(rows))
    before = [part for part in chunks if part[4:8] != b"eXIf"]
    behind = [part for part in chunks if part[4:8] == b"eXIf"]
    parts = (b"\x89PNG\r\n\x1a\n", head, *before, data, *behind, containers.chunk(b"IEND", b""))
    return b"".join(parts)


def tiff(samples: Array, order: str, *, extra: int | None = None, turn: int = 1) -> bytes:
    """An uncompressed 16-bit TIFF of one strip, its samples interleaved."""
    height, width, bands = samples.shape
    data = samples.astype(order + "u2").tobytes()
    bits = struct.pack(order + f"{bands}H", *[16] * bands)
    photometric, at = (2 if bands > 2 else 1), 8 + len(data)
    tags: list[tuple[int, int, int, int]] = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, bands, at)]
    tags += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 8), (274, 3, 1, turn), (277, 3, 1, bands)]
    tags += [(279, 4, 1, len(data))] + ([] if extra is None else [(338, 3, 1, extra)])

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        if bands == 2 and tag == 258:
            return struct.pack(order + "HHI", tag, kind, count) + bits
        form = "HHIHxx" if kind == 3 and count == 1 else "HHII"
        return struct.pack(order + form, tag, kind, count, value)

    directory = struct.pack(order + "H", len(tags)) + b"".join(entry(*tag) for tag in tags) + bytes(4)
    start = {BIG: b"MM\0*", LITTLE: b"II*\0"}[order] + struct.pack(order + "I", at + len(bits))
    return start + data + bits + directory


def equal(picture: Picture, samples: Array) -> None:
    colours = 1 if samples.shape[2] < 3 else 3
    assert picture.bits == 16
    np.testing.assert_array_equal(picture.pixels, samples[..., :colours])
    assert (picture.alpha is not None) == (samples.shape[2] in (2, 4))
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, samples[..., -1])


@pytest.mark.parametrize(("bands", "colour"), [(2, 4), (3, 2), (4, 6)], ids=["LA", "RGB", "RGBA"])
def test_pngs_from_elsewhere_are_read_to_the_bit(tmp_path: Path, bands: int, colour: int) -> None:
    samples = noise(7, 5, bands)
    (tmp_path / "x.png").write_bytes(png(samples, colour))
    equal(read(tmp_path / "x.png"), samples)
    header = read_header(tmp_path / "x.png")
    assert (header.bits, header.grey, header.alpha) == (16, bands == 2, bands != 3)


@pytest.mark.parametrize("order", [BIG, LITTLE])
@pytest.mark.parametrize("bands", [2, 3, 4])
def test_tiffs_from_elsewhere_are_read_to_the_bit(tmp_path: Path, bands: int, order: str) -> None:
    samples = noise(7, 5, bands)
    (tmp_path / "x.tif").write_bytes(tiff(samples, order, extra=2 if bands != 3 else None))
    equal(read(tmp_path / "x.tif"), samples)
    header = read_header(tmp_path / "x.tif")
    assert (header.bits, header.grey, header.alpha) == (16, bands == 2, bands != 3)


def test_what_is_no_alpha_is_left_out(tmp_path: Path) -> None:
    samples = noise(7, 5, 4)
    (tmp_path / "x.tif").write_bytes(tiff(samples, LITTLE, extra=0))
    equal(read(tmp_path / "x.tif"), samples[..., :3])
    assert read_header(tmp_path / "x.tif").alpha is False


def test_alpha_is_divided_out_of_colours_that_it_was_multiplied_into(tmp_path: Path) -> None:
    samples = np.array([[[1000, 0, 500, 2000], [0, 0, 0, 0], [65535, 1, 2, 65535], [3, 3, 3, 3]]], np.uint16)
    (tmp_path / "x.tif").write_bytes(tiff(samples, LITTLE, extra=1))
    picture = read(tmp_path / "x.tif")
    # colour * 65535 / alpha: 32767.5, 16383.75
    expected = [[32768, 0, 16384], [0, 0, 0], [65535, 1, 2], [65535] * 3]
    assert np.abs(picture.pixels[0].astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(picture.alpha, samples[..., 3])


def test_a_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    samples = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    (tmp_path / "x.png").write_bytes(png(samples, 2, containers.chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))))
    picture = read(tmp_path / "x.png")
    np.testing.assert_array_equal(picture.pixels, samples)
    assert picture.alpha is not None and picture.alpha.tolist() == [[0, 65535]]


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 29)])
def test_lossless_to_the_bit(tmp_path: Path, extension: str, bands: int, size: tuple[int, int]) -> None:
    samples = noise(*size, bands)
    alpha = samples[..., -1] if bands % 2 == 0 else None
    write(Picture(samples[..., : 1 if bands < 3 else 3], alpha), tmp_path / f"x{extension}")
    equal(read(tmp_path / f"x{extension}"), samples)
    seen = pyvips.Image.new_from_file(str(tmp_path / f"x{extension}"))  # another reader
    assert (seen.format, seen.bands, seen.interpretation) == ("ushort", bands, "rgb16" if bands > 2 else "grey16")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_are_read_upright(tmp_path: Path, orientation: int) -> None:
    samples = noise(3, 5, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    late = containers.chunk(b"eXIf", exif.tobytes()[6:])  # behind the pixels, where a PNG may hold it
    (tmp_path / "x.png").write_bytes(png(samples, 2, late))
    (tmp_path / "x.tif").write_bytes(tiff(samples, BIG, turn=orientation))
    eight = Image.fromarray((samples >> 8).astype(np.uint8))
    eight.save(tmp_path / "eight.png", exif=exif)
    expected = read(tmp_path / "eight.png").pixels
    for name in ("x.png", "x.tif"):
        np.testing.assert_array_equal(read(tmp_path / name).pixels >> 8, expected)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("bands", [3, 4])
def test_metadata_are_kept(tmp_path: Path, extension: str, bands: int) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8769], exif[0x8825] = "Maker", 6, {0x829A: 0.25}, {1: "N"}
    samples = noise(9, 6, bands)
    alpha = samples[..., 3] if bands == 4 else None
    picture = Picture(samples[..., :3], alpha, SRGB, exif.tobytes(), (300.0, 150.0), None, XMP)
    write(picture, tmp_path / f"x{extension}")
    back = read(tmp_path / f"x{extension}")
    equal(back, samples)  # the pixels are upright: orientation 6 must not be applied to them
    assert back.icc_profile == SRGB and back.dpi == pytest.approx((300, 150), abs=0.02)
    assert back.xmp is not None and b'dc:title="a"' in back.xmp and b'Orientation="1"' in back.xmp
    assert back.exif is not None
    kept = Image.Exif()
    kept.load(back.exif)
    assert (kept[0x010F], kept.get(0x0112, 1)) == ("Maker", 1)
    assert (float(kept.get_ifd(0x8769)[0x829A]), kept.get_ifd(0x8825)[1]) == (0.25, "N")
    write(picture, tmp_path / f"bare{extension}", strip_metadata=True)
    bare = read(tmp_path / f"bare{extension}")
    assert (bare.exif, bare.xmp, bare.dpi, bare.icc_profile) == (None, None, None, SRGB)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_cut_off_files_are_whole_or_refused(tmp_path: Path, kind: str) -> None:
    write(Picture(noise(33, 21, 3)), tmp_path / f"whole.{kind}")
    content, path = (tmp_path / f"whole.{kind}").read_bytes(), tmp_path / "x"
    whole, refused = read(tmp_path / f"whole.{kind}").pixels, 0
    for end in [len(content) * part // 16 for part in range(16)] + [len(content) - 1]:
        path.write_bytes(content[:end])
        try:
            np.testing.assert_array_equal(read(path).pixels, whole)
        except PictureError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 15


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    content = bytearray(png(noise(4, 4, 3), 2))
    content[content.rindex(b"IEND") - 5] ^= 1
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(PictureError, match="checksum"):
        read(tmp_path / "x.png")


def test_ten_bits_of_an_avif_become_sixteen(tmp_path: Path) -> None:
    samples = noise(16, 24, 3) & 0xFFC0
    image = pyvips.Image.new_from_memory(samples.tobytes(), 24, 16, 3, "ushort").copy(interpretation="rgb16")
    (tmp_path / "x.avif").write_bytes(image.heifsave_buffer(compression="av1", bitdepth=10, lossless=True))
    picture = read(tmp_path / "x.avif")
    assert (picture.bits, picture.format, read_header(tmp_path / "x.avif").bits) == (16, "AVIF", 16)
    assert np.abs(picture.pixels.astype(int) - samples).max() <= 64  # the low 6 bits are libvips' to fill


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_large_tiff_is_a_bigtiff(
    tmp_path: Path, bands: int, dtype: npt.DTypeLike, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sixteen_bit, "CLASSIC_TIFF", 50)  # as if 4 GB were 50 bytes
    samples = (noise(9, 7, bands) >> 8).astype(dtype)
    picture = Picture(samples[..., :3], samples[..., 3] if bands == 4 else None, SRGB, dpi=(72.0, 72.0))
    write(picture, tmp_path / "x.tif")
    back = read(tmp_path / "x.tif")
    assert (tmp_path / "x.tif").read_bytes()[:4] == b"II+\0"
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    np.testing.assert_array_equal(back.alpha, picture.alpha)
    assert (back.icc_profile, back.dpi, back.bits) == (SRGB, (72.0, 72.0), picture.bits)


def test_libvips_is_loaded_for_such_pictures_alone(tmp_path: Path) -> None:
    write(Picture(noise(4, 4, 3)), tmp_path / "deep.png")
    write(Picture(noise(4, 4, 1)), tmp_path / "grey.png")
    code = "import sys; from ISR.images import files; files.read(sys.argv[1]); print('pyvips' in sys.modules)"
    for name, loaded in (("deep.png", "True"), ("grey.png", "False")):
        done = subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == (loaded, "")


def test_without_libvips_the_error_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.png").write_bytes(png(noise(4, 4, 3), 2))
    monkeypatch.setitem(sys.modules, "pyvips", None)  # as where it is not installed
    with pytest.raises(PictureError, match=r"pip install 'pyvips\[binary\]'"):
        files.read(tmp_path / "x.png")
