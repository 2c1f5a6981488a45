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

from PIL import GifImagePlugin, Image, ImageCms, ImageFile, TiffImagePlugin
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ISR.errors import PictureError
from ISR.images import gif_blocks
from ISR.images.picture import Limits

_MAGIC = {
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"\xff\xd8\xff": "JPEG",
    rb"RIFF.{4}WEBP": "WEBP",
    rb"II[*+]\0|MM\0[*+]": "TIFF",
    rb"GIF8[79]a": "GIF",
    rb".{4}ftyp(avif|avis)|.{4}ftyp(mif1|msf1).*avif": "AVIF",
    rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)": "HEIF",
}
_OPENERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "AVIF": AvifImageFile,
}
# A mode of Pillow -> the mode whose samples are taken; 16-bit grey is taken as it is; every other mode is refused.
MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
MODES |= {"YCbCr": "RGB", "CMYK": "RGB", "I;16": "I;16", "I;16B": "I;16B"}
_REFUSED = {"F": "floating-point", "I": "32-bit or signed integer", "LAB": "L*a*b*"}
_SIXTEEN = ("I;16", "I;16B", "LA", "RGB", "RGBA")
# 16-bit grey with alpha in a TIFF, which Pillow does not know: its header can be read under these entries.
_GREY_ALPHA_TIFF = {
    (order, 1, (1,), 1, (16, 16), (extra,)): ("LA" if extra else "L", "LA;16B")
    for order in (TiffImagePlugin.II, TiffImagePlugin.MM)
    for extra in (0, 1, 2)
}
# What Pillow raises on damaged bytes.
DAMAGE: tuple[type[Exception], ...] = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError)
DAMAGE += (EOFError, AttributeError, RuntimeError, AssertionError, Warning, struct.error, zlib.error)
DAMAGE += (ImageCms.PyCMSError, Image.DecompressionBombError)

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
def quiet_pillow(name: str, most_pixels: int) -> Iterator[None]:
    """Pillow with its warnings logged, unless an error says more, never content with half a picture, and with a pixel
    limit of its own only beyond ours.
    """
    with _pillow_lock, warnings.catch_warnings(record=True) as caught, _settings(max(most_pixels, 2**27)):
        warnings.simplefilter("always")
        with damage(name, "is damaged and cannot be read whole"):
            yield
        for text in dict.fromkeys(str(warning.message) for warning in caught):
            _log.warning("%s: %s", name, " ".join(text.split()))


@contextmanager
def _settings(most_pixels: int) -> Iterator[None]:
    """Pillow's global settings as reading needs them; those of a program around us come back."""
    kept = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, GifImagePlugin.LOADING_STRATEGY
    unknown = _GREY_ALPHA_TIFF.keys() - TiffImagePlugin.OPEN_INFO.keys()
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = most_pixels, False
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_ALWAYS
    TiffImagePlugin.OPEN_INFO.update({key: _GREY_ALPHA_TIFF[key] for key in unknown})
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, GifImagePlugin.LOADING_STRATEGY = kept
        for key in unknown:
            del TiffImagePlugin.OPEN_INFO[key]


def kind_of(file: IO[bytes], name: str) -> str:
    """PNG, JPEG, WEBP, TIFF, GIF, AVIF or HEIF, by the file's first bytes. PictureError for anything else."""
    file.seek(0)
    head = file.read(64)
    kind = next((kind for magic, kind in _MAGIC.items() if re.match(magic, head, re.DOTALL)), None)
    if kind is None:
        raise PictureError(f"{name}: expected a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIF picture, got {_told(head)}")
    return kind


def _told(head: bytes) -> str:
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer: `git lfs pull` fetches the picture"
    return f"a file that begins with {head[:16]!r}" if head else "an empty file"


def open_header(file: IO[bytes], name: str, limits: Limits, *, brief: bool = False) -> ImageFile.ImageFile:
    """The picture or animation before its pixels are decoded, within the limits and of a kind that can be kept.

    brief: a PNG's checksums, for which all of the file is read, are left to whoever reads the pixels, and so is what
    else need be told but once. No HEIF, which Pillow does not know.
    """
    kind = kind_of(file, name)
    _check_before(kind, file, name, limits)
    file.seek(0)
    image = _OPENERS[kind](file)
    _check_after(image, name, limits)
    if "mp" in image.info and not brief:  # phones append previews and gain maps to a photo (CIPA DC-007)
        _log.warning("%s: only the main picture of several in this JPEG is read", name)
    _check_samples(image, name)
    if isinstance(image, PngImageFile):
        if not brief:
            _walk(file, image, name)
        _scale_transparent_grey(image)
    return image


def is_animated(image: ImageFile.ImageFile) -> bool:
    """Whether the file holds several frames or pages."""
    return bool(getattr(image, "is_animated", False))


def is_deep(image: ImageFile.ImageFile, file: IO[bytes]) -> bool:
    """Whether its colours, or its grey beside alpha, have more than the 8 bits that Pillow would give of them."""
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(258, (1,))) == 16 and not image.mode.startswith("I;16")
    if isinstance(image, AvifImageFile):
        file.seek(0)
        found = re.search(rb"av1C.{2}(.)", file.read(1 << 20), re.DOTALL)
        return found is not None and bool(found[1][0] & 0x40)  # AV1-ISOBMFF 1.2, 2.3.3: high_bitdepth
    return any(";16" in str(tile.args) for tile in image.tile) and not image.mode.startswith("I;16")


def _check_before(kind: str, file: IO[bytes], name: str, limits: Limits) -> None:
    """What has to be held against the limits before Pillow, which makes room or loops, sees the file."""
    if kind == "GIF":
        size, frames = gif_blocks.size_and_frames(file, limits.frames)
        limits.check_frames(frames, name)
        limits.check_pixels(size[0], size[1], name, frames=frames)
    elif kind == "WEBP":  # libwebp makes room for the canvas as soon as the file is opened
        file.seek(0)
        head = file.read(32)
        if head[8:16] == b"WEBPVP8X":
            width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
            limits.check_pixels(width, height, name)


def _check_after(image: ImageFile.ImageFile, name: str, limits: Limits) -> None:
    if isinstance(image, GifImageFile):
        return  # counted before; Pillow would seek through all of it
    limits.check_pixels(image.width, image.height, name)
    if is_animated(image) and not isinstance(image, TiffImageFile):
        frames = int(getattr(image, "n_frames", 1))
        limits.check_frames(frames, name)
        limits.check_pixels(image.width, image.height, name, frames=frames)


def _check_samples(image: ImageFile.ImageFile, name: str) -> None:
    """Refuses what would be read with a loss or a change of meaning."""
    bits, signed = 16 if any(";16" in str(tile.args) for tile in image.tile) else 8, False
    if isinstance(image, TiffImageFile):
        bits, signed = max(image.tag_v2.get(258, (1,))), max(image.tag_v2.get(339, (1,))) != 1
    shallow = not image.mode.startswith("I;16") and bits in (1, 2, 4, 8)
    if image.mode not in MODES or signed or not (shallow or (bits == 16 and image.mode in (*_SIXTEEN, "L"))):
        kind = f"{bits}-bit {'signed ' * signed}{_REFUSED.get(image.mode, image.mode)}"
        raise PictureError(f"{name}: expected grey or RGB of 8 or 16 bits, got {kind}: convert it first")


def _scale_transparent_grey(image: PngImageFile) -> None:
    """Brings the transparent value to the 8 bits that Pillow brings grey of 2 and 4 bits to."""
    factor, key = {"L;2": 85, "L;4": 17}.get(str(image.tile[0].args), 1), image.info.get("transparency")
    if isinstance(key, int):
        image.info["transparency"] = key * factor


def _walk(file: IO[bytes], image: PngImageFile, name: str) -> None:
    """Checks the sums of a PNG's pixel chunks, the only ones that Pillow passes over, and finds EXIF behind them."""
    start = file.tell()
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind not in (b"IDAT", b"fdAT", b"eXIf"):
            file.seek(length + 4, os.SEEK_CUR)
            continue
        content, expected = file.read(length), file.read(4)
        if len(expected) == 4 and zlib.crc32(content, zlib.crc32(kind)) != int.from_bytes(expected, "big"):
            raise PictureError(f"{name} is damaged: the checksum of its pixels is wrong")
        if kind == b"eXIf":
            image.info["exif"] = b"Exif\0\0" + content
    file.seek(start)
