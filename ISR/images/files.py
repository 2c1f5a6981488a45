"""Pictures on disk: PNG, JPEG, WebP, TIFF, AVIF, HEIF and the stills among GIFs, read and written whole or not at all.

Only these formats are opened, recognised by content. Pillow's settings are global, so one picture is decoded at a time,
whatever the number of threads. Animations go through `ISR.images.frames`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from ISR import atomic
from ISR.errors import PictureError, PictureNotFoundError
from ISR.images import decoding, encoding, heif, rows
from ISR.images.headers import damage, is_animated, kind_of, open_header, quiet_pillow
from ISR.images.picture import Header, Limits, Picture, Samples, to_float, to_samples

__all__ = ["EXTENSIONS", "Header", "Limits", "Picture", "Samples", "check_fits", "check_quality", "check_readable"]
__all__ += [
    "format_of",
    "named",
    "opened",
    "read",
    "read_header",
    "to_float",
    "to_samples",
    "without_metadata",
    "write",
]

LARGE = 64 * 2**20  # bytes of pixels from which on the copies that Pillow makes are avoided where they can be
EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
EXTENSIONS |= {".gif": "GIF", ".apng": "PNG", ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF"}


def read(path: str | os.PathLike[str], *, limits: Limits = Limits()) -> Picture:  # noqa: B008 (frozen)
    """The picture in the file, turned upright, with its profile, EXIF, XMP and resolution.

    Grey stays grey and 16 bits stay 16; palettes, CMYK and YCbCr become RGB; transparency becomes alpha. PictureError
    for another format, damage, an animation or several pages, samples that are no integers, or more than the limits.
    """
    with opened(path, limits) as (file, name):
        if kind_of(file, name) == "HEIF":
            return heif.decoded(file, name, limits)
        image = open_header(file, name, limits)
        if is_animated(image):
            raise PictureError(f"{name}: expected one picture, got an animation or several pages: save each as a file")
        return decoding.decoded(image, file, name)


def read_header(path: str | os.PathLike[str], *, limits: Limits = Limits()) -> Header:  # noqa: B008
    """What the file says of its picture, in a fraction of the time of `read`; the pixels may still prove damaged.

    PictureError as `read` raises it for what can be told from the header.
    """
    with opened(path, limits) as (file, name):
        if kind_of(file, name) == "HEIF":
            return heif.header(file, name, limits)
        image = open_header(file, name, limits, brief=True)
        if is_animated(image):
            raise PictureError(f"{name}: expected one picture, got an animation or several pages: save each as a file")
        return decoding.header(image, file, name)


def write(picture: Picture, path: str | os.PathLike[str], *, quality: int = 95, strip_metadata: bool = False) -> None:
    """Writes the picture in the format of the path's extension, whole or not at all; a missing folder is made.

    quality: 1 to 100, for JPEG, AVIF and HEIF (at full colour resolution) and WebP (100: lossless); PNG and TIFF are
    lossless. strip_metadata: without EXIF, XMP and resolution; the ICC profile stays, for it is what the colours mean.
    FormatError for what the format cannot keep (`check_fits`), PictureError for another extension or a failed write.
    """
    check_fits(picture, path, quality=quality)
    name, kind = named(path), format_of(path)
    picture = without_metadata(picture) if strip_metadata else picture
    if picture.pixels.nbytes >= LARGE and kind in rows.KINDS:
        about = rows.About(picture.icc_profile, picture.exif, picture.dpi, picture.xmp)
        rows.save(rows.of_array(picture.pixels, picture.alpha), Path(path), about, quality=quality)
        return
    with damage(name, "cannot be written"):
        atomic.write_bytes(Path(path), encoding.encoded(picture, kind, name, quality=quality).getbuffer())


def without_metadata(picture: Picture) -> Picture:
    """The picture without EXIF, XMP and resolution, with its ICC profile."""
    return replace(picture, exif=None, xmp=None, dpi=None)


def check_fits(
    picture: Picture, path: str | os.PathLike[str], *, quality: int = 95, size: tuple[int, int] | None = None
) -> None:
    """That the picture, at its own size or another (width, height), can be written under that name.

    Asked before the work of enlarging it.
    FormatError for alpha in JPEG, 16 bits in anything but PNG and TIFF, a still in GIF, a long side; PictureError for
    another extension, a quality outside 1 to 100, or HEIF without its extra.
    """
    check_quality(quality, path)
    encoding.check_kept(picture, format_of(path), named(path), size or (picture.width, picture.height))


def check_quality(quality: int, path: str | os.PathLike[str]) -> None:
    """PictureError where the quality is outside 1 to 100."""
    if not 1 <= quality <= 100:
        raise PictureError(f"{named(path)}: expected a quality of 1 to 100, got {quality}")


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the path's extension stands for. PictureError where it stands for none."""
    kind = EXTENSIONS.get(Path(path).suffix.lower())
    if kind is None:
        raise PictureError(f"{named(path)}: expected a name that ends in one of {' '.join(EXTENSIONS)}")
    return kind


def check_readable(path: str | os.PathLike[str]) -> None:
    """That there is a file that can be opened; its content is not looked at. PictureError where there is none."""
    _open(path, named(path)).close()


def named(path: str | os.PathLike[str]) -> str:
    """The path as messages show it: a newline in a name must not break the message's one line."""
    return repr(os.fspath(path))


@contextmanager
def opened(path: str | os.PathLike[str], limits: Limits) -> Iterator[tuple[IO[bytes], str]]:
    """The file, not larger than the limit, and its name for messages, with Pillow kept in check."""
    name = named(path)
    with _open(path, name) as file, quiet_pillow(name, limits.pixels):
        limits.check_bytes(os.fstat(file.fileno()).st_size, name)
        yield file, name


def _open(path: str | os.PathLike[str], name: str) -> IO[bytes]:
    with damage(name, "cannot be read"):
        try:
            mode = Path(path).stat().st_mode
            if stat.S_ISREG(mode):  # opening a pipe would wait for whoever writes to it
                return Path(path).open("rb")
        except FileNotFoundError as error:
            found = "a link that leads nowhere" if Path(path).is_symlink() else "nothing of that name"
            raise PictureNotFoundError(f"{name}: expected a picture file, got {found}") from error
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise PictureError(f"{name}: expected a picture file, got {found}")
