"""Metadata put into finished PNG and TIFF files, by their chunks and tags: no pixel is decoded for it."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ISR.images.picture import Picture

_SIGNATURE_AND_HEADER = 8 + 25
_STRIP_OFFSETS, _LONG, _LONG8, _UNDEFINED, _BYTE = 273, 4, 16, 7, 1
_DIRECTORIES = (34665, 34853)  # Exif, GPS
_XMP, _ICC, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _INCH = 700, 34675, 282, 283, 296, 2


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG (PNG 1.2, section 3.2)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def pixels_of_png(content: bytes) -> io.BytesIO:
    """The PNG without any chunk but those that its pixels need."""
    kept, at = io.BytesIO(), 8
    kept.write(content[:8])
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        if content[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            kept.write(memoryview(content)[at : at + length + 12])
        at += length + 12
    return kept


def png_with(content: io.BytesIO, picture: Picture) -> io.BytesIO:
    """The PNG with the picture's profile, resolution, EXIF and XMP."""
    chunks = []
    if picture.icc_profile is not None:
        chunks.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc_profile)))
    if picture.dpi is not None:
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", *(round(dpi / 0.0254) for dpi in picture.dpi), 1)))
    if picture.exif is not None:
        chunks.append(chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0")))
    if picture.xmp is not None:
        chunks.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    pixels = content.getbuffer()
    return io.BytesIO(b"".join((pixels[:_SIGNATURE_AND_HEADER], *chunks, pixels[_SIGNATURE_AND_HEADER:])))


def tiff_with(content: io.BytesIO, picture: Picture) -> io.BytesIO:
    """The TIFF of strips with the picture's profile, resolution, EXIF and XMP.

    A new directory is put before the whole file; libtiff cannot write a directory inside EXIF.
    """
    content.seek(0)
    head = content.read(8)
    tags = ImageFileDirectory_v2(head + (content.read(8) if head[2] == 43 else b""))
    content.seek(tags.next)
    tags.load(content)
    dict(tags)  # Pillow saves only those that have been looked at
    # To the offsets of the strips saving adds the length of what it puts before them.
    tags.tagtype[_STRIP_OFFSETS] = _LONG8 if head[2] == 43 else _LONG
    _add(tags, picture)
    whole = io.BytesIO()
    tags.save(whole)
    whole.write(content.getbuffer())
    return whole


def _add(tags: ImageFileDirectory_v2, picture: Picture) -> None:
    if picture.exif is not None:
        exif = Image.Exif()
        exif.load(picture.exif)
        for tag in exif:
            tags[tag] = exif.get_ifd(tag) if tag in _DIRECTORIES else exif[tag]
    for tag, content, kind in ((_ICC, picture.icc_profile, _UNDEFINED), (_XMP, picture.xmp, _BYTE)):
        if content is not None:
            tags.tagtype[tag] = kind
            tags[tag] = content
    for tag in (_X_RESOLUTION, _Y_RESOLUTION, _UNIT):
        if tag in tags:
            del tags[tag]
    if picture.dpi is not None:
        tags[_X_RESOLUTION], tags[_Y_RESOLUTION] = picture.dpi
        tags[_UNIT] = _INCH
