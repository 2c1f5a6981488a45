"""Animations: every frame as it is seen, for its time, as often as it is played; from and to every format."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ISR.errors import FormatError, PictureError
from ISR.images import files, frames
from ISR.images.files import Limits, Picture
from ISR.images.frames import Animation

Array = npt.NDArray[Any]
DURATIONS = (40, 70, 100, 250)
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)


def picture(index: int, *, alpha: bool = False) -> Picture:
    """A slope that changes from frame to frame, with a disc of it visible."""
    y, x = np.mgrid[:24, :32]
    pixels = np.stack([x * 4 + 20 * index, y * 10, np.full_like(x, 60 * index)], axis=-1).astype(np.uint8)
    disc = (x - 8 - 4 * index) ** 2 + (y - 12) ** 2 < 64
    return Picture(pixels, np.where(disc, 255, 0).astype(np.uint8) if alpha else None)


def animation(*, alpha: bool = False, loop: int = 3) -> Animation:
    return Animation(tuple(picture(index, alpha=alpha) for index in range(4)), DURATIONS, loop)


def read(path: Path, **options: Any) -> Animation:
    content = frames.read(path, **options)
    assert isinstance(content, Animation)
    return content


def gif_image(indices: Array, left: int, top: int, *, disposal: int, clear: int | None, delay: int) -> bytes:
    """One frame: graphic control, descriptor, and LZW that clears its table for every pixel (GIF89a, 20 to 23, F)."""
    height, width = indices.shape
    flags = disposal << 2 | (clear is not None)
    control = b"!\xf9\x04" + struct.pack("<BHBB", flags, delay, clear or 0, 0)
    place = b"," + struct.pack("<HHHHB", left, top, width, height, 0)
    codes = [code for index in indices.ravel() for code in (4, int(index))] + [4, 5]
    bits = sum(code << 3 * at for at, code in enumerate(codes))
    data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return control + place + b"\2" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def gif(*images: bytes, size: tuple[int, int], loop: int | None = None) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x91, 0, 0) + PALETTE.tobytes()
    repeat = b"" if loop is None else b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0"
    return head + repeat + b"".join(images) + b";"


def test_a_gif_s_frames_are_what_is_seen(tmp_path: Path) -> None:
    whole, spot = np.full((4, 6), 1), np.full((2, 2), 2)
    images = [
        gif_image(whole, 0, 0, disposal=1, clear=None, delay=5),
        gif_image(spot, 1, 1, disposal=3, clear=None, delay=6),  # then as before
        gif_image(spot + 1, 3, 0, disposal=2, clear=0, delay=7),  # then transparent
        gif_image(np.array([[0, 2]]), 0, 3, disposal=0, clear=0, delay=8),
    ]
    (tmp_path / "x.gif").write_bytes(gif(*images, size=(6, 4), loop=4))
    found = read(tmp_path / "x.gif")
    assert (found.durations, found.loop, found.format) == ((50, 60, 70, 80), 5, "GIF")
    # GIF89a, 23: 1 leaves the frame, 2 clears its place, 3 brings back what was there before.
    first = np.full((4, 6), 1)
    second, third, fourth = first.copy(), first.copy(), first.copy()
    second[1:3, 1:3], third[0:2, 3:5], fourth[3, 1] = 2, 3, 2
    for frame, indices in zip(found.frames, (first, second, third, fourth), strict=True):
        seen = np.ones((4, 6), bool)
        if indices is fourth:
            seen[0:2, 3:5] = False
        np.testing.assert_array_equal(frame.pixels[seen], PALETTE[indices][seen])
        assert frame.alpha is None or (frame.alpha == np.where(seen, 255, 0)).all()
    assert found.frames[3].alpha is not None


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("extension", [".png", ".apng", ".webp"])
def test_lossless_with_timing_and_loop(tmp_path: Path, extension: str, alpha: bool) -> None:
    frames.write(animation(alpha=alpha), tmp_path / f"x{extension}", quality=100)
    back = read(tmp_path / f"x{extension}")
    assert (back.durations, back.loop) == (DURATIONS, 3)
    for frame, given in zip(back.frames, animation(alpha=alpha).frames, strict=True):
        seen = np.ones((24, 32), bool) if given.alpha is None else given.alpha > 0
        np.testing.assert_array_equal(frame.pixels[seen], given.pixels[seen])
        np.testing.assert_array_equal(frame.alpha, given.alpha)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(("extension", "loop"), [(".gif", 3), (".avif", 0)])
def test_lossy_with_timing(tmp_path: Path, extension: str, loop: int, alpha: bool) -> None:
    frames.write(animation(alpha=alpha), tmp_path / f"x{extension}")
    back = read(tmp_path / f"x{extension}")
    assert (back.durations, back.loop) == (DURATIONS, loop)
    for frame, given in zip(back.frames, animation(alpha=alpha).frames, strict=True):
        seen = np.ones((24, 32), bool) if given.alpha is None else given.alpha > 0
        assert np.abs(frame.pixels.astype(int) - given.pixels)[seen].mean() < 4
        np.testing.assert_array_equal(frame.alpha, given.alpha)


@pytest.mark.parametrize("extension", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("loop", [0, 1, 5])
def test_loops_mean_the_same_in_every_format(tmp_path: Path, extension: str, loop: int) -> None:
    frames.write(animation(loop=loop), tmp_path / f"x{extension}")
    assert read(tmp_path / f"x{extension}").loop == loop


def test_avif_says_that_it_plays_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames.write(animation(loop=0), tmp_path / "x.avif")
    assert caplog.text == ""
    frames.write(animation(loop=2), tmp_path / "x.avif")
    assert "played for ever, got 2 times" in caplog.text


def test_what_is_rounded_off_one_frame_of_a_gif_goes_to_the_next(tmp_path: Path) -> None:
    shown = tuple(picture(index) for index in range(4))
    frames.write(Animation(shown, (33, 33, 33, 33)), tmp_path / "x.gif")
    assert read(tmp_path / "x.gif").durations == (30, 40, 30, 30)


def test_half_transparent_pixels_of_a_gif_are_seen_or_not(tmp_path: Path) -> None:
    alpha = np.repeat(np.array([[0, 127, 128, 255]], np.uint8), 4, axis=0)
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    shown = (Picture(red, alpha), Picture(red // 2, alpha))
    frames.write(Animation(shown, (50, 50)), tmp_path / "x.gif")
    for frame in read(tmp_path / "x.gif").frames:
        assert frame.alpha is not None and frame.alpha[0].tolist() == [0, 0, 255, 255]


def test_the_first_frame_has_the_metadata(tmp_path: Path) -> None:
    first = Picture(picture(0).pixels, None, None, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", None, None, b"<x/>")
    shown = Animation((first, picture(1)), (50, 50))
    frames.write(shown, tmp_path / "x.png")
    back = read(tmp_path / "x.png")
    assert (back.frames[0].xmp, back.frames[1].xmp) == (b"<x/>", None)
    frames.write(shown, tmp_path / "bare.png", strip_metadata=True)
    assert (read(tmp_path / "bare.png").frames[0].xmp, read(tmp_path / "bare.png").frames[0].exif) == (None, None)


def test_the_picture_for_programs_without_animation_is_no_frame(tmp_path: Path) -> None:
    images = [Image.fromarray(picture(index).pixels) for index in range(3)]
    images[0].save(tmp_path / "x.png", save_all=True, append_images=images[1:], default_image=True, duration=60)
    back = read(tmp_path / "x.png")
    assert back.durations == (60, 60)
    np.testing.assert_array_equal(back.frames[0].pixels, picture(1).pixels)


def test_a_still_is_a_picture(tmp_path: Path) -> None:
    image = Image.fromarray(picture(0).pixels).quantize(16)
    image.save(tmp_path / "x.gif")
    for content in (frames.read(tmp_path / "x.gif"), files.read(tmp_path / "x.gif")):
        assert isinstance(content, Picture) and content.format == "GIF"
        np.testing.assert_array_equal(content.pixels, np.asarray(image.convert("RGB")))


def test_pages_of_a_tiff_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(picture(index).pixels) for index in range(2)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(PictureError, match="several pages"):
        frames.read(tmp_path / "x.tif")


@pytest.mark.parametrize("extension", [".jpg", ".tif", ".heic"])
def test_formats_of_one_picture_are_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(FormatError, match="keeps one picture, got 4"):
        frames.write(animation(), tmp_path / f"x{extension}")
    assert list(tmp_path.iterdir()) == []


def test_limits_are_counted_before_decoding(tmp_path: Path) -> None:
    for extension in ("gif", "png", "webp", "avif"):
        path = tmp_path / f"x.{extension}"
        frames.write(animation(), path)
        with pytest.raises(PictureError, match=r"at most 3 frames, got 4: --max-frames 4"):
            frames.read(path, limits=Limits(frames=3))
        with pytest.raises(PictureError, match=r"at most 3071 pixels, got 32x24 in 4 frames = 3072"):
            frames.read(path, limits=Limits(pixels=3071))
        assert len(read(path, limits=Limits(pixels=3072, frames=4)).frames) == 4


def test_a_gif_s_frames_are_counted_without_being_decoded(tmp_path: Path) -> None:
    spot = gif_image(np.array([[1]]), 0, 0, disposal=1, clear=None, delay=1)
    (tmp_path / "many.gif").write_bytes(gif(*[spot] * 2000, size=(1, 1)))
    with pytest.raises(PictureError, match="at most 1000 frames"):
        frames.read(tmp_path / "many.gif")
    far = bytearray(gif(spot, spot, size=(1, 1)))
    far[far.rindex(b",") + 1 : far.rindex(b",") + 9] = struct.pack("<HHHH", 0, 0, 65535, 65535)
    for content in (far, far[:25] + b"\0junk" + far[25:]):  # what is no block, Pillow passes over
        (tmp_path / "far.gif").write_bytes(content)
        with pytest.raises(PictureError, match="got 65535x65535 in 2 frames"):
            frames.read(tmp_path / "far.gif")


def test_cut_off_animations_are_whole_or_refused(tmp_path: Path) -> None:
    for extension in ("gif", "png", "webp", "avif"):
        frames.write(animation(), tmp_path / f"whole.{extension}")
        content = (tmp_path / f"whole.{extension}").read_bytes()
        whole, path = read(tmp_path / f"whole.{extension}"), tmp_path / "x"
        for end in [len(content) * part // 16 for part in range(16)] + [len(content) - 3]:
            path.write_bytes(content[:end])
            try:
                found = read(path)
            except PictureError:
                continue
            assert found.durations == whole.durations, (extension, end)
            np.testing.assert_array_equal(found.frames[-1].pixels, whole.frames[-1].pixels)


def test_frames_fit_each_other() -> None:
    with pytest.raises(PictureError, match="a duration for each frame, got 1 for 2"):
        Animation((picture(0), picture(1)), (50,))
    with pytest.raises(PictureError, match="frames of one size"):
        Animation((picture(0), Picture(np.zeros((2, 2, 3), np.uint8))), (50, 50))
