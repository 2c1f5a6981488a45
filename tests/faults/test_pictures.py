"""Pictures that are none, broken, odd or hostile: a clear line and an exit code, no partial file, the others done."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Said, bicubic, contents, names, photo
from PIL import Image

from ISR.cli import main
from ISR.images import containers, files, frames

PNG_START = b"\x89PNG\r\n\x1a\n"


def refused(bad: Path, said: Said, *texts: str, options: tuple[str, ...] = ()) -> None:
    """The bad picture costs exit code 1 and one line with the texts; its neighbour is enlarged, nothing is lost."""
    good, out = photo(bad.parent / "zz_good.jpg", height=5, width=4), bad.parent / "out"
    before = contents(bad.parent)
    assert bicubic(*options, "-o", out, "--", bad, good) == 1
    line = said.readouterr().err
    assert line.startswith("isr: ") and line.count("\n") == 1 and line[:-1].isprintable(), line
    for text in texts:
        assert text in line
    assert names(out) == ["zz_good_x2.jpg"]
    assert {name: content for name, content in contents(bad.parent).items() if "/out/" not in name} == before


def enlarged(source: Path, extension: str | None = None) -> files.Picture:
    """What the command makes of the picture, which must work without a word."""
    target = source.parent / f"large{extension or source.suffix}"
    assert bicubic(source, "-o", target) == 0
    return files.read(target)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def png(width: int, height: int, bits: int, colour: int, *chunks: bytes) -> bytes:
    head = containers.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return PNG_START + head + b"".join(chunks) + containers.chunk(b"IEND", b"")


def rows(*lines: bytes) -> bytes:
    return containers.chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines), 9))


# What is no picture


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "an empty file"),
        (b"hello", "begins with b'hello'"),
        (b"<!DOCTYPE html>\n<html>", "begins with b'<!DOCTYPE html>"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
    ids=["0 bytes", "text", "HTML", "a Git LFS pointer"],
)
def test_no_picture_at_all(tmp_path: Path, content: bytes, text: str, capsys: Said) -> None:
    refused(written(tmp_path / "x.png", content), capsys, text, "expected a PNG")


def test_a_folder_named_x_png(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "x.png").mkdir()
    refused(tmp_path / "x.png", capsys, "got a folder")


def test_a_dangling_link(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "x.png").symlink_to(tmp_path / "nowhere")
    refused(tmp_path / "x.png", capsys, "a link that leads nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_an_unreadable_file(tmp_path: Path, capsys: Said) -> None:
    photo(tmp_path / "locked" / "x.png")
    (tmp_path / "locked" / "x.png").chmod(0)
    assert bicubic(tmp_path / "locked" / "x.png") == 1
    assert "cannot be read: " in capsys.readouterr().err and names(tmp_path / "locked") == ["x.png"]


def test_a_fifo(tmp_path: Path, capsys: Said) -> None:
    os.mkfifo(tmp_path / "x.png")
    refused(tmp_path / "x.png", capsys, "a pipe")


@pytest.mark.parametrize("name", ["a\nb", "\N{GRINNING FACE}", "-rf", "x" * 248])
def test_odd_names(tmp_path: Path, name: str, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / f"{name}.png")
    assert bicubic("--", f"{name}.png") == 0
    assert sorted(names(tmp_path)) == sorted([f"{name}.png", f"{name}_x2.png"])
    refused(written(tmp_path / f"{name}.png", b""), capsys, "an empty file")


def test_a_name_of_255_bytes(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / ("n" * 251 + ".png"))
    assert enlarged(source).width == 20
    assert bicubic(source) == 1  # whose result's name would be longer than names can be
    assert "name too long" in capsys.readouterr().err and names(tmp_path) == ["large.png", source.name]


def test_an_extension_that_lies(tmp_path: Path) -> None:
    source = photo(tmp_path / "x.jpg", kind="PNG")
    assert files.read(source).format == "PNG"
    assert enlarged(source).format == "JPEG"


# Damage


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "gif", "avif"])
def test_cut_off_at_every_sixteenth(tmp_path: Path, extension: str, capsys: Said) -> None:
    whole = photo(tmp_path / f"whole.{extension}", height=33, width=21).read_bytes()
    cut = [written(tmp_path / f"{part}.{extension}", whole[: len(whole) * part // 16]) for part in range(16)]
    assert bicubic("-o", tmp_path / "out", *cut, tmp_path / f"whole.{extension}") == 1
    told = capsys.readouterr().err.splitlines()
    done = [name for name in names(tmp_path / "out") if not name.startswith("whole")]
    assert len(told) + len(done) == 16 and len(done) <= 2
    expected = files.read(tmp_path / f"whole.{extension}").pixels
    for name in done:  # only bytes were missing that the pixels do not need
        np.testing.assert_array_equal(files.read(tmp_path / name.replace("_x2", "")).pixels, expected)


def test_a_png_with_a_wrong_crc(tmp_path: Path, capsys: Said) -> None:
    content = bytearray(photo(tmp_path / "x.png").read_bytes())
    content[content.rindex(b"IEND") - 5] ^= 1
    refused(written(tmp_path / "x.png", bytes(content)), capsys, "the checksum of its pixels is wrong")


def test_a_tiff_with_a_directory_loop(tmp_path: Path) -> None:
    content = bytearray(photo(tmp_path / "x.tif").read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * count, start)
    expected = files.read(tmp_path / "x.tif").pixels
    np.testing.assert_array_equal(files.read(written(tmp_path / "x.tif", bytes(content))).pixels, expected)


# Sizes


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (17, 1), (2, 3), (31, 29)])
def test_small_and_prime_sizes_work(tmp_path: Path, size: tuple[int, int]) -> None:
    whole = enlarged(photo(tmp_path / "x.png", height=size[0], width=size[1]))
    assert (whole.height, whole.width) == (2 * size[0], 2 * size[1])
    assert bicubic(tmp_path / "x.png", "-o", tmp_path / "tiled.png", "--tile", "4") == 0  # smaller than the overlap
    np.testing.assert_array_equal(files.read(tmp_path / "tiled.png").pixels, whole.pixels)


@pytest.mark.parametrize(("side", "texts"), [(0, ["damaged"]), (65535, ["at most 134217728 pixels", "= 4294836225"])])
def test_a_header_of_no_or_too_many_pixels(tmp_path: Path, side: int, texts: list[str], capsys: Said) -> None:
    refused(written(tmp_path / "x.png", png(side, side, 8, 2, rows())), capsys, *texts)


def test_a_bomb_of_169_megapixels(tmp_path: Path, capsys: Said) -> None:
    bomb = png(13_000, 13_000, 8, 0, containers.chunk(b"IDAT", zlib.compress(bytes(13_001 * 13_000), 9)))
    assert len(bomb) < 170_000
    texts = ("at most 134217728 pixels", "got 13000x13000 = 169000000", "--max-pixels 169000000")
    refused(written(tmp_path / "x.png", bomb), capsys, *texts)


@pytest.mark.parametrize(("option", "unit"), [("--max-pixels", "pixels"), ("--max-bytes", "bytes")])
def test_limits_of_the_command_line(tmp_path: Path, option: str, unit: str, capsys: Said) -> None:
    source = photo(tmp_path / "x.png")
    value = 120 if unit == "pixels" else source.stat().st_size
    assert bicubic(source, option, str(value)) == 0
    assert bicubic(source, option, str(value - 1)) == 1
    text = capsys.readouterr().err
    assert f"at most {value - 1} {unit}" in text and f"{value}: {option} {value}" in text


def test_the_help_tells_the_defaults(capsys: Said) -> None:
    assert main(["upscale", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for default in (files.Limits().pixels, files.Limits().frames, files.Limits().bytes):
        assert f"(default {default})" in told


@pytest.mark.parametrize(("kind", "start"), [(b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0")])
def test_a_bomb_in_a_chunk(tmp_path: Path, kind: bytes, start: bytes, capsys: Said) -> None:
    bomb = containers.chunk(kind, start + zlib.compress(bytes(70_000_000), 1))
    refused(written(tmp_path / "x.png", png(1, 1, 8, 0, bomb, rows(b"\0"))), capsys, "damaged")


@pytest.mark.parametrize("count", [1, 2**32 - 1])
def test_a_bomb_in_exif(tmp_path: Path, count: int, caplog: pytest.LogCaptureFixture) -> None:
    entry = struct.pack("<HHII", 0x8769, 4, count, 8)  # a directory that is itself, or has four billion entries
    exif = b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    for extension in (".png", ".jpg", ".tif"):
        Image.new("RGB", (4, 4)).save(tmp_path / "x.png", exif=b"Exif\0\0" + exif)
        assert enlarged(tmp_path / "x.png", extension).width == 8


# Files that are not what is listed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("x.psd", b"8BPS\0\1" + bytes(20)),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("x.wmf", b"\xd7\xcd\xc6\x9a" + bytes(20)),
    ],
)
def test_other_formats_are_not_opened(tmp_path: Path, name: str, content: bytes, capsys: Said) -> None:
    refused(written(tmp_path / name, content), capsys, "expected a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIF picture")


@pytest.mark.parametrize(
    ("change", "text"),
    [(Path.unlink, "nothing of that name"), (lambda path: path.write_bytes(b"\x89PNG"), "begins with b'\\x89PNG'")],
    ids=["vanishes", "changes"],
)
def test_a_file_that_changes_between_listing_and_opening(
    tmp_path: Path, change: Callable[[Path], object], text: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ISR.models import pretrained

    source, load = photo(tmp_path / "a.png"), pretrained.load_model

    def loading(*given: object, **options: object) -> object:
        change(source)
        return load(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pretrained, "load_model", loading)  # which comes after the files have been looked at
    assert bicubic(source, photo(tmp_path / "b.png"), "-o", tmp_path / "out") == 1
    assert text in capsys.readouterr().err and names(tmp_path / "out") == ["b_x2.png"]


# Animations


@pytest.mark.parametrize("extension", ["gif", "png", "webp"])
def test_an_animation_is_enlarged_frame_by_frame(tmp_path: Path, extension: str, capsys: Said) -> None:
    shown = [Image.new("RGB", (6, 5), colour) for colour in ("red", "green", "blue")]
    source = tmp_path / f"x.{extension}"
    shown[0].save(source, save_all=True, append_images=shown[1:], duration=[40, 50, 60], loop=2)
    assert bicubic(source) == 0
    before, after = frames.read(source), frames.read(tmp_path / f"x_x2.{extension}")
    assert isinstance(before, frames.Animation) and isinstance(after, frames.Animation)
    assert (after.durations, after.loop, after.format) == ((40, 50, 60), before.loop, before.format)
    for old, new in zip(before.frames, after.frames, strict=True):
        assert np.abs(new.pixels.astype(int) - old.pixels.repeat(2, axis=0).repeat(2, axis=1)).max() <= 4
    capsys.readouterr()
    refused(source, capsys, "at most 2 frames, got 3: --max-frames 3", options=("--max-frames", "2"))
