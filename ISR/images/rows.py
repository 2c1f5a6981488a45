"""Pictures too large for memory, as rows: read from PNG, JPEG and TIFF from the top to the bottom, and written so.

libvips does both with a few rows at a time; Pillow holds a whole picture, with four bytes for each pixel of colour.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ISR import atomic
from ISR.errors import PictureError
from ISR.images import containers, libvips
from ISR.images.headers import DAMAGE
from ISR.images.metadata import checked_profile, exif_for, resolution

Array = npt.NDArray[Any]

KINDS = ("PNG", "JPEG", "TIFF")
_KINDS_BY_EXTENSION = {".png": "PNG", ".apng": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_LOADERS = {rb"\x89PNG\r\n\x1a\n": "pngload", rb"\xff\xd8\xff": "jpegload", rb"II[*+]\0|MM\0[*+]": "tiffload"}
_DTYPES: dict[str, type[np.generic]] = {"uchar": np.uint8, "ushort": np.uint16}
_FORMATS = {"uint8": "uchar", "uint16": "ushort"}
# The kinds of samples that are taken as they are; CMYK, L*a*b* and the like would need converting.
_SAMPLES = {"b-w": (1, 2), "grey16": (1, 2), "srgb": (3, 4), "rgb": (3, 4), "rgb16": (3, 4)}
# How libvips undoes an EXIF orientation (EXIF 2.32, tag 0x0112).
_TURNS: dict[int, tuple[tuple[str, str], ...]] = {2: (("flip", "horizontal"),), 3: (("rot", "d180"),)}
_TURNS |= {4: (("flip", "vertical"),), 5: (("rot", "d90"), ("flip", "horizontal")), 6: (("rot", "d90"),)}
_TURNS |= {7: (("rot", "d90"), ("flip", "vertical")), 8: (("rot", "d270"),)}
_DAMAGED = "is damaged and cannot be read whole"
_MM_PER_INCH = 25.4
_KEPT = 2 | 8  # VIPS_FOREIGN_KEEP_XMP and _ICC: the rest is written by us
_DPI_UNSAID = 72.0  # libvips writes some resolution into every file
_UNSAID = (1.0, _DPI_UNSAID / _MM_PER_INCH)  # pixels per mm that it makes of a PNG, and of a JPEG, that says none


@dataclass(frozen=True)
class About:
    """What a file says beside its pixels, as `Picture` has it."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None


class RowReader:
    """A picture's samples from the top to the bottom, upright: (height, width, channels) uint8 or uint16.

    channels: 1 or 3, and one more with alpha. Rows more than `behind` above those asked for last cannot be had again.
    """

    def __init__(self, image: Any, about: About, *, name: str, behind: int = 0) -> None:
        self.about, self.name, self.behind = about, name, behind
        self.shape = (image.height, image.width, image.bands)
        self.dtype = np.dtype(_DTYPES[image.format])
        self._region = libvips.loaded().Region.new(image)
        self._first, self._band = 0, np.empty((0, *self.shape[1:]), self.dtype)

    def rows(self, rows: slice) -> Array:
        """Those rows. ValueError for one that is left behind."""
        if rows.start < self._first:
            raise ValueError(f"rows from {rows.start} on were asked for, and those before {self._first} are gone")
        first, there = max(self._first, rows.start - self.behind), self._first + len(self._band)
        kept = self._band[first - self._first :]
        if rows.stop > there:
            fresh = self._fetched(max(there, first), rows.stop)
            kept = np.concatenate([kept, fresh]) if len(kept) else fresh
        self._first, self._band = first, kept
        return kept[rows.start - first : rows.stop - first]

    def _fetched(self, first: int, stop: int) -> Array:
        with _damage(self.name, _DAMAGED):
            content = self._region.fetch(0, first, self.shape[1], stop - first)
        return np.frombuffer(content, self.dtype).reshape(stop - first, *self.shape[1:])


def reader(path: Path, *, max_pixels: int, behind: int = 0) -> RowReader:
    """The file's rows, for one way through them; so many behind the last can be had again.

    PictureError for another format than PNG, JPEG and TIFF, several pages, samples other than grey and RGB of 8 or 16
    bits, more than `max_pixels`, or damage, which may be found only while rows are read.
    """
    name = repr(str(path))
    with _damage(name, _DAMAGED):
        return RowReader(*_load(path, name, max_pixels), name=name, behind=behind)


def save(image: Any, path: Path, about: About, *, quality: int) -> None:
    """Write a libvips image whole or not at all, a few rows at a time: in the format of the path's extension.

    A TIFF is tiled and deflated, and a BigTIFF where it may pass 4 GB. PictureError where it cannot be written.
    """
    name, kind = (
        repr(str(path)),
        {".png": "PNG", ".apng": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}.get(path.suffix.lower(), "TIFF"),
    )
    image = _described(image, about)
    exif = exif_for(about.exif, kind, name)
    with _damage(name, "cannot be written"), atomic.replacing(path) as temporary:
        if kind == "TIFF":
            big = image.width * image.height * image.bands * np.dtype(_DTYPES[image.format]).itemsize > 2**31
            options = {"compression": "deflate", "predictor": "horizontal", "tile": True, "bigtiff": big}
            image.tiffsave(str(temporary), keep=_KEPT, **options, tile_width=256, tile_height=256)
            _add_tags(temporary, exif)
        else:
            with temporary.open("wb") as file:
                _save_with_part(image, file, kind, _inserted(kind, exif, about.dpi), quality)


def of_array(pixels: Array, alpha: Array | None = None) -> Any:
    """A libvips image of the arrays' own memory: (height, width, channels) and (height, width), uint8 or uint16."""
    image = _of_memory(pixels)
    return image if alpha is None else _named(image.bandjoin(_of_memory(alpha[..., None])))


def _of_memory(array: Array) -> Any:
    pyvips = libvips.loaded()
    height, width, channels = array.shape
    content = np.ascontiguousarray(array).data
    return _named(pyvips.Image.new_from_memory(content, width, height, channels, _FORMATS[array.dtype.name]))


def _named(image: Any) -> Any:
    """The image with its samples called grey or RGB, for libvips to write them so."""
    kind = ("b-w", "srgb") if image.format == "uchar" else ("grey16", "rgb16")
    return image.copy(interpretation=kind[image.bands > 2])


def _load(path: Path, name: str, max_pixels: int) -> tuple[Any, About]:
    pyvips = libvips.loaded()
    with path.open("rb") as file:
        head = file.read(8)
    loader = next((loader for magic, loader in _LOADERS.items() if re.match(magic, head)), None)
    if loader is None:
        raise PictureError(f"{name}: expected a PNG, JPEG or TIFF picture, which alone can be streamed")
    load = getattr(pyvips.Image, loader)
    options = {"fail_on": "error"} | ({"unlimited": True} if loader != "tiffload" else {})
    image = load(str(path), access="sequential", **options)
    _check(image, name, max_pixels)
    turn = image.get("orientation") if image.get_typeof("orientation") else 1
    about = _about(image, path, loader, turn, name)
    if turn not in _TURNS:
        return image, about
    image = load(str(path), access="random", **options)  # decoded into a temporary file where it is large
    for operation, argument in _TURNS[turn]:
        image = getattr(image, operation)(argument)
    return image, about


def _check(image: Any, name: str, max_pixels: int) -> None:
    pixels, pages = image.width * image.height, image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pixels > max_pixels:
        raise PictureError(
            f"{name}: expected at most {max_pixels} pixels, got {image.width}x{image.height} = {pixels}:"
            f" --max-pixels {pixels} (max_pixels in Python) allows it"
        )
    if pages > 1:
        raise PictureError(f"{name}: expected one picture, got {pages} pages: save each as a file")
    if image.format not in _DTYPES or image.bands not in _SAMPLES.get(image.interpretation, ()):
        got = f"{image.bands} channels of {image.format} {image.interpretation}"
        raise PictureError(f"{name}: expected grey or RGB of 8 or 16 bits, got {got}: it cannot be streamed")


def _about(image: Any, path: Path, loader: str, turn: int, name: str) -> About:
    exif, profile, xmp = (_field(image, f"{field}-data") for field in ("exif", "icc-profile", "xmp"))
    fields = {} if profile is None else {"icc_profile": profile}
    unsaid = any(abs(image.xres - value) + abs(image.yres - value) < 2e-3 for value in _UNSAID)
    dpi = None if unsaid else (image.xres * _MM_PER_INCH, image.yres * _MM_PER_INCH)
    kind = "TIFF" if loader == "tiffload" else "PNG"
    exif = exif_for(_tags(path) if kind == "TIFF" else exif, kind, name)
    return About(checked_profile(fields, name), exif, resolution(dpi, turn), xmp)


def _field(image: Any, name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _tags(path: Path) -> bytes | None:
    """A TIFF's own tags as EXIF."""
    exif = Image.Exif()
    with contextlib.suppress(*DAMAGE), path.open("rb") as file:
        exif.load_from_fp(file)
        return bytes(exif.tobytes())
    return None


def _described(image: Any, about: About) -> Any:
    across, down = about.dpi or (_DPI_UNSAID, _DPI_UNSAID)
    image = image.copy(xres=across / _MM_PER_INCH, yres=down / _MM_PER_INCH)
    for name, content in (("icc-profile-data", about.icc_profile), ("xmp-data", about.xmp)):
        if content is not None:
            image.set_type(libvips.loaded().GValue.blob_type, name, content)
    return image


def _inserted(kind: str, exif: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    """The EXIF as libvips is to leave it: it would write it anew, without what it does not know."""
    if kind == "PNG":
        return b"" if exif is None else containers.chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    across, down = (round(value) for value in dpi or (1, 1))
    jfif = b"JFIF\0\1\1" + struct.pack(">BHHBB", dpi is not None, across, down, 0, 0)
    return _jpeg_segment(b"\xff\xe0", jfif) + (b"" if exif is None else _jpeg_segment(b"\xff\xe1", exif))


def _save_with_part(image: Any, file: IO[bytes], kind: str, part: bytes, quality: int) -> None:
    """Write the image, and the part where it belongs: behind a PNG's signature and IHDR, behind a JPEG's start."""
    pyvips = libvips.loaded()
    left = 33 if kind == "PNG" else 2
    target, failure = pyvips.TargetCustom(), []

    def write(chunk: Any) -> int:
        nonlocal left
        content = bytes(chunk)
        try:
            if 0 < left <= len(content):
                file.write(content[:left] + part + content[left:])
            else:
                file.write(content)
        except OSError as error:  # which must not pass through libvips
            failure.append(error)
            return -1
        left = max(0, left - len(content))
        return len(content)

    target.on_write(write)
    try:
        if kind == "PNG":
            image.pngsave_target(target, keep=_KEPT)
        else:
            image.jpegsave_target(target, keep=_KEPT, Q=quality, subsample_mode="off")
    except pyvips.Error:
        if failure:
            raise failure[0] from None
        raise


def _jpeg_segment(marker: bytes, content: bytes) -> bytes:
    return marker + struct.pack(">H", len(content) + 2) + content


def _add_tags(path: Path, exif: bytes | None) -> None:
    """Put the EXIF's tags into a TIFF, which libvips leaves out: into a new directory at the end of the file."""
    if exif is None:
        return
    tags = Image.Exif()
    tags.load(exif)
    with path.open("r+b") as file:
        head = file.read(16)
        big = head[2] == 43
        directory = ImageFileDirectory_v2(head if big else head[:8])
        file.seek(directory.next)
        directory.load(file)
        for tag in list(directory):
            directory[tag] = directory[tag]  # Pillow writes only what has been looked at
        for tag in tags:
            directory[tag] = tags.get_ifd(tag) if tag in (34665, 34853) else tags[tag]
        place = file.seek(0, 2)
        file.write(b"\0" * (place % 2))
        content = directory.tobytes(place + place % 2)
        file.write(content)
        file.seek(8 if big else 4)
        file.write(struct.pack("<Q" if big else "<I", place + place % 2))


@contextlib.contextmanager
def _damage(name: str, what: str) -> Iterator[None]:
    """Whatever libvips or the system raise of damaged bytes or files becomes a PictureError of one line."""
    pyvips = libvips.loaded()
    try:
        yield
    except pyvips.Error as error:
        raise PictureError(f"{name} {what}: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise PictureError(f"{name} {what}: {error.strerror or error}") from error
