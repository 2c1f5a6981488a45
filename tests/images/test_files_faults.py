"""Whatever lies at the path, `read` gives the whole picture or one line that says what is wrong."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from ISR.errors import PictureError
from ISR.images.files import Limits, read

KINDS = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"]


def noise(*shape: int, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
    return np.random.default_rng(3).integers(0, 255, shape).astype(dtype)


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(noise(33, 21, 3))).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def pixels(rows: list[bytes]) -> bytes:
    return chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))


def bomb(kind: bytes, head: bytes) -> bytes:
    return png(1, 1, 8, 0, chunk(kind, head + zlib.compress(bytes(70_000_000), 1)), pixels([b"\0"]))


def tiff(bits: tuple[int, ...], photometric: int, sample_format: int, data: bytes) -> bytes:
    """An uncompressed 2x2 TIFF, for what Pillow does not write."""
    count, extra = len(bits), b"".join(struct.pack("<H", value) for value in bits)
    at = 8 + 2 + 12 * 9 + 4
    inline = bits[0] if count == 1 else bits[0] | bits[1] << 16 if count == 2 else at
    tags = [(256, 3, 1, 2), (257, 3, 1, 2), (258, 3, count, inline), (259, 3, 1, 1), (262, 3, 1, photometric)]
    tags += [(273, 4, 1, at + len(extra)), (277, 3, 1, count), (279, 4, 1, len(data)), (339, 3, 1, sample_format)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + extra + data


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(os.fspath(path)) in message
    return message


NO_PICTURES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "text": (b"hello world", "begins with b'hello world'"),
    "html": (b"<!DOCTYPE html>\n<html>", "begins with b'<!DOCTYPE"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "psd": (b"8BPS\0\1" + bytes(20), "begins with b'8BPS"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 'begins with b"<svg'),
    "wmf": (b"\xd7\xcd\xc6\x9a" + bytes(20), "begins with b'"),
    "gif magic alone": (b"GIF89a", "damaged"),
    "avif magic alone": (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "damaged"),
    "bmp": (encoded("BMP"), "begins with b'BM"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "begins with b'%!PS"),
    "png magic alone": (b"\x89PNG\r\n\x1a\n", "damaged"),
    "jpeg magic alone": (b"\xff\xd8\xff", "damaged"),
    "tiff magic alone": (b"II*\0", "damaged"),
    "webp magic alone": (b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
    "no rows": (png(4, 0, 8, 0, pixels([])), "damaged"),
    "no columns": (png(0, 4, 8, 0, pixels([])), "damaged"),
    "no pixels": (png(4, 4, 8, 0), "damaged"),
    "bomb in iCCP": (bomb(b"iCCP", b"x\0\0"), "damaged"),
    "bomb in zTXt": (bomb(b"zTXt", b"x\0\0"), "damaged"),
    "16-bit CMYK TIFF": (tiff((16, 16, 16, 16), 5, 1, bytes(32)), "16-bit CMYK"),
    "signed 16-bit RGB TIFF": (tiff((16, 16, 16), 2, 2, bytes(24)), "damaged"),
    "12-bit grey TIFF": (tiff((12,), 1, 1, bytes(6)), "12-bit"),
    "signed 8-bit TIFF": (tiff((8,), 1, 2, bytes(4)), "8-bit signed"),
    "float TIFF": (encoded("TIFF", Image.fromarray(np.full((2, 2), np.nan, np.float32))), "32-bit .*floating-point"),
    "32-bit TIFF": (encoded("TIFF", Image.fromarray(np.zeros((2, 2), np.int32))), "32-bit or signed"),
    "LAB TIFF": (tiff((8, 8, 8), 8, 1, bytes(12)), r"L\*a\*b\*"),
}


@pytest.mark.parametrize(("content", "text"), NO_PICTURES.values(), ids=NO_PICTURES)
def test_no_picture_for_us(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=text):
        read(path)
    refusal(path)


@pytest.mark.parametrize("name", ["a\nb.png", "\N{GRINNING FACE}.png", "-rf.png", "x" * 251 + ".png"])
def test_names_stay_on_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    refusal(tmp_path / name)
    (tmp_path / name).write_bytes(encoded("PNG"))
    assert read(tmp_path / name).width == 21


@pytest.mark.parametrize("name", ["x" * 300, "nul\0.png"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    assert "cannot be read" in refusal(tmp_path / name)


def test_missing_files_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, text in (("gone.png", "nothing of that name"), ("link.png", "leads nowhere")):
        with pytest.raises(FileNotFoundError, match=text):
            read(tmp_path / name)
        refusal(tmp_path / name)


def test_folders_and_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert "got a folder" in refusal(tmp_path / "folder.png")
    assert "got a pipe" in refusal(tmp_path / "pipe.png")


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encoded("PNG"))
    (tmp_path / "x.png").chmod(0)
    if os.access(tmp_path / "x.png", os.R_OK):
        pytest.skip("this user may read everything")
    assert "cannot be read" in refusal(tmp_path / "x.png")


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_says_the_format(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.gif").write_bytes(encoded(kind))
    assert read(tmp_path / "x.gif").format == kind


def variants() -> list[tuple[str, bytes]]:
    grey = Image.fromarray(noise(33, 21))
    return [
        *((kind, encoded(kind)) for kind in KINDS),
        ("grey JPEG", encoded("JPEG", grey)),
        ("progressive JPEG", encoded("JPEG", progressive=True)),
        ("lossless WebP", encoded("WEBP", lossless=True)),
        ("deflated TIFF", encoded("TIFF", compression="tiff_adobe_deflate")),
        ("LZW TIFF", encoded("TIFF", compression="tiff_lzw")),
        ("16-bit PNG", encoded("PNG", Image.fromarray(noise(33, 21, dtype=np.uint16)))),
    ]


@pytest.mark.parametrize(("label", "content"), variants(), ids=[label for label, _ in variants()])
@pytest.mark.parametrize("lenient", [False, True])
def test_cut_off_files_are_whole_or_refused(
    tmp_path: Path, label: str, content: bytes, lenient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)  # a program around us may have set it
    path = tmp_path / "x"
    path.write_bytes(content)
    whole = read(path).pixels
    refused = 0
    for end in [len(content) * part // 16 for part in range(16)] + [len(content) - 1, len(content) - 2]:
        path.write_bytes(content[:end])
        try:
            np.testing.assert_array_equal(read(path).pixels, whole)
        except PictureError:
            refused += 1
    assert refused >= 14
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


def test_a_wrong_checksum_in_the_pixels(tmp_path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[content.rindex(b"IEND") - 5] ^= 1  # the last byte of the checksum before the last chunk
    (tmp_path / "x.png").write_bytes(content)
    assert "checksum" in refusal(tmp_path / "x.png")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(variants()), st.data())
def test_damage_never_escapes(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[str, bytes], data: st.DataObject
) -> None:
    content = bytearray(case[1])
    for at in data.draw(st.lists(st.integers(0, min(len(content), 300) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        picture = read(path, limits=Limits(pixels=10_000))
    except PictureError as error:
        assert "\n" not in str(error)
    else:
        assert picture.pixels.size


@pytest.mark.parametrize(
    "content",
    [
        png(65535, 65535, 8, 2, pixels([])),
        png(13000, 13768, 1, 0, pixels([])),
        tiff((8,), 1, 1, b"").replace(struct.pack("<HHII", 256, 3, 1, 2), struct.pack("<HHII", 256, 4, 1, 10**9)),
    ],
    ids=["square", "just over", "tiff"],
)
def test_too_many_pixels_are_refused_from_the_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    message = refusal(tmp_path / "x")
    assert "134217728" in message and "--max-pixels" in message


def test_a_webp_canvas_is_refused_before_it_is_made(tmp_path: Path) -> None:
    content = bytearray(encoded("WEBP", Image.fromarray(noise(4, 4, 4)), exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0"))
    assert content[12:16] == b"VP8X"
    content[24:30] = b"\xfe\xff\0\xfe\xff\0"
    (tmp_path / "x").write_bytes(content)
    assert "65535x65535" in refusal(tmp_path / "x")


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_is_the_callers(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # ours holds, whatever Pillow's own says
    (tmp_path / "x").write_bytes(encoded(kind))
    assert read(tmp_path / "x", limits=Limits(pixels=693)).pixels.shape == (33, 21, 3)
    assert "at most 692 pixels, got 21x33 = 693" in refusal(tmp_path / "x", limits=Limits(pixels=692))
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_one_frame_is_never_read_alone(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (0, 90, 180)]
    (tmp_path / "x").write_bytes(encoded(kind, frames[0], save_all=True, append_images=frames[1:]))
    assert "animation or several pages" in refusal(tmp_path / "x")


def test_a_photo_with_previews_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = encoded("MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])
    (tmp_path / "x.jpg").write_bytes(content)
    assert read(tmp_path / "x.jpg").pixels.shape == (33, 21, 3)
    assert "only the main picture" in caplog.text


def test_a_tiff_whose_directories_loop_ends(tmp_path: Path) -> None:
    whole = tiff((8,), 1, 1, b"\1\2\3\4")
    loop = whole[:118] + struct.pack("<I", 8) + whole[122:]
    (tmp_path / "x").write_bytes(loop)
    np.testing.assert_array_equal(read(tmp_path / "x").pixels.ravel(), [1, 2, 3, 4])
