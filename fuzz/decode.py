"""Fuzzes what reads pictures: any bytes give a picture or a PictureError."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
import numpy as np
from PIL import Image

MOST_PIXELS = 1_000_000
# Of an exception that leaves a generator of that module atheris 3.0 keeps the frames alive: 600 kB for some inputs.
with harness.instrumented("ISR", "PIL", without=("ISR.images.frames",)):
    from ISR.errors import PictureError
    from ISR.images import files, frames, picture


MOST = picture.Limits(pixels=MOST_PIXELS, frames=50)
FOLDER = harness.scratch()
WARNED = logging.getLogger("ISR")


def check(data: bytes) -> None:
    """Whatever the bytes are, a header that is given agrees with the picture, and only a PictureError comes out."""
    path = FOLDER / "picture"
    path.write_bytes(data)
    header = _tried(files.read_header, path)
    read = _tried(frames.read, path)
    pictures = [] if read is None else getattr(read, "frames", [read])
    assert sum(picture.width * picture.height for picture in pictures) <= MOST_PIXELS
    if header is not None and isinstance(read, files.Picture):
        assert (read.width, read.height, read.bits) == (header.width, header.height, header.bits), header


def _tried(read: Any, path: Path) -> Any:
    try:
        return read(path, limits=MOST)
    except PictureError as error:
        assert str(error).isprintable(), error
        return None


def seeds() -> Iterator[bytes]:
    """Small pictures of every format and mode, with and without metadata."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (9, 7), np.uint16))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a text"
    settings: dict[str, Any] = {"dpi": (72, 72), "exif": exif.tobytes(), "icc_profile": _profile()}
    for mode in ("L", "LA", "RGB", "RGBA", "P", "1"):
        yield _saved(colour.convert(mode), "PNG", **settings)
        yield _saved(colour.convert(mode), "TIFF", compression="tiff_adobe_deflate")
    for kind in ("PNG", "TIFF"):
        yield _saved(deep, kind)
    for mode in ("L", "RGB", "CMYK"):
        yield _saved(colour.convert(mode), "JPEG", **settings)
    yield _saved(colour, "JPEG", progressive=True, quality=30)
    for mode in ("RGB", "RGBA"):
        yield _saved(colour.convert(mode), "WEBP", lossless=mode == "RGBA", **settings)
    for compression in ("raw", "packbits", "tiff_lzw", "jpeg"):
        yield _saved(colour, "TIFF", compression=compression)
    frames = [colour, colour.rotate(180)]
    for kind in ("PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        yield _saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=40)


def _profile() -> bytes:
    from PIL import ImageCms

    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


if __name__ == "__main__":
    WARNED.addHandler(logging.NullHandler())
    WARNED.propagate = False
    harness.fuzz("decode", check, seeds())
