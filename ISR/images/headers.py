"""A picture file before its pixels: recognised by content, held against the limits, Pillow kept in check."""

from __future__ import annotations

import logging
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, ImageCms, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ISR.errors import PictureError

_OPENERS: dict[bytes, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    rb"\x89PNG\r\n\x1a\n": PngImageFile,
    rb"\xff\xd8\xff": JpegImageFile,
    rb"RIFF.{4}WEBP": WebPImageFile,
    rb"II[*+]\0|MM\0[*+]": TiffImageFile,
}
# A mode of Pillow -> the mode whose samples are taken; 16-bit grey is taken as it is; every other mode is refused.
MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
MODES |= {"YCbCr": "RGB", "CMYK": "RGB", "I;16": "I;16", "I;16B": "I;16B"}
_REFUSED = {"F": "floating-point", "I": "32-bit or signed integer", "LAB": "L*a*b*"}
# What Pillow raises on damaged bytes.
DAMAGE: tuple[type[Exception], ...] = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError)
DAMAGE += (EOFError, AttributeError, RuntimeError, AssertionError, Warning, struct.error, zlib.error)
DAMAGE += (ImageCms.PyCMSError,)

_log = logging.getLogger(__name__)
_pillow_lock = threading.Lock()


@contextmanager
def damage(name: str, what: str) -> Iterator[None]:
    """Whatever Pillow or the system raise of damaged bytes or files becomes a PictureError of one line."""
    try:
        yield
    except PictureError:
        raise
    except DAMAGE as error:
        raise PictureError(f"{name} {what}: {' '.join(str(error).split()) or type(error).__name__}") from error


@contextmanager
def quiet_pillow(name: str) -> Iterator[None]:
    """Pillow with its warnings logged, without its own pixel limit, and never content with half a picture."""
    with _pillow_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            with damage(name, "is damaged and cannot be read whole"):
                yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = kept
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                _log.warning("%s: %s", name, " ".join(text.split()))


def open_header(file: IO[bytes], name: str, max_pixels: int, *, sums: bool = True) -> ImageFile.ImageFile:
    """The picture before its pixels are decoded, within the limit and of a kind that can be kept.

    sums: whether a PNG's checksums are held against its pixels, for which all of the file is read.
    """
    head = file.read(32)
    opener = next((opener for magic, opener in _OPENERS.items() if re.match(magic, head, re.DOTALL)), None)
    if opener is None:
        raise PictureError(f"{name}: expected a PNG, JPEG, WebP or TIFF picture, got {_described(head)}")
    if head[8:16] == b"WEBPVP8X":  # libwebp makes room for the canvas as soon as the file is opened
        width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        _check_pixels(width, height, name, max_pixels)
    file.seek(0)
    image = opener(file)
    _check_pixels(image.width, image.height, name, max_pixels)
    if getattr(image, "is_animated", False):
        raise PictureError(f"{name}: expected one picture, got an animation or several pages: save each as a file")
    if "mp" in image.info:  # phones append previews and gain maps to a photo (CIPA DC-007)
        _log.warning("%s: only the main picture of several in this JPEG is read", name)
    _check_samples(image, name)
    if isinstance(image, PngImageFile):
        if sums:
            _check_sums(file, name)
        _scale_transparent_grey(image)
    return image


def _described(head: bytes) -> str:
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer: `git lfs pull` fetches the picture"
    return f"a file that begins with {head[:16]!r}" if head else "an empty file"


def _check_pixels(width: int, height: int, name: str, limit: int) -> None:
    if width * height > limit:
        raise PictureError(
            f"{name}: expected at most {limit} pixels, got {width}x{height} = {width * height}:"
            f" --max-pixels {width * height} (max_pixels in Python) allows it"
        )


def _check_samples(image: ImageFile.ImageFile, name: str) -> None:
    """Refuses what Pillow would read with a loss or a change of meaning: it makes 8 bits of 16-bit colour silently."""
    bits, signed = 16 if any(";16" in str(tile.args) for tile in image.tile) else 8, False
    if isinstance(image, TiffImageFile):
        bits, signed = max(image.tag_v2.get(258, (1,))), max(image.tag_v2.get(339, (1,))) != 1
    if image.mode not in MODES or signed or bits not in ((16,) if image.mode.startswith("I;16") else (1, 2, 4, 8)):
        kind = f"{bits}-bit {'signed ' * signed}{_REFUSED.get(image.mode, image.mode)}"
        raise PictureError(f"{name}: expected 8-bit samples or 16-bit grey, got {kind}: convert it first")


def _scale_transparent_grey(image: PngImageFile) -> None:
    """Brings the transparent value to the 8 bits that Pillow brings grey of 2 and 4 bits to."""
    factor, key = {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args), 1), image.info.get("transparency")
    if isinstance(key, int):
        image.info["transparency"] = key * factor


def _check_sums(file: IO[bytes], name: str) -> None:
    """Checks the sums of a PNG's pixel chunks, the only ones that Pillow passes over."""
    start = file.tell()
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind != b"IDAT":
            file.seek(length + 4, os.SEEK_CUR)
            continue
        found, expected = zlib.crc32(file.read(length), zlib.crc32(kind)), file.read(4)
        if len(expected) == 4 and found != int.from_bytes(expected, "big"):
            raise PictureError(f"{name} is damaged: the checksum of its pixels is wrong")
    file.seek(start)
