"""What a file says of its picture: EXIF and its orientation, XMP, colour profile, resolution."""

from __future__ import annotations

import logging
import re
import struct
from typing import Any

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ISR.images.headers import DAMAGE

# Tags that tell of the photograph, not of one file's layout: ImageDescription, Make, Model, Software, DateTime, Artist,
# Copyright, and the Exif and GPS directories. MakerNote and Interoperability hold offsets that moving would break.
_DESCRIPTIVE, _DIRECTORIES, _UNMOVABLE = (270, 271, 272, 305, 306, 315, 33432), (34665, 34853), (37500, 40965)

_log = logging.getLogger(__name__)


def exif_and_turn(image: ImageFile.ImageFile, turn: int, name: str) -> tuple[bytes | None, int]:
    """The EXIF with its orientation reset, and the orientation (1 to 8) that it gave; `turn`: a TIFF's own."""
    if isinstance(image, TiffImageFile):
        return _photograph(image.getexif(), name), _checked_turn(turn, name)
    exif = image.info.get("exif")
    if legacy := image.info.get("Raw profile type exif"):  # ImageMagick's, from before PNG had an eXIf chunk
        exif = exif or bytes.fromhex("".join(legacy.split()[2:]))
    return exif_and_turn_of(exif, name)


def exif_and_turn_of(exif: Any, name: str) -> tuple[bytes | None, int]:
    """The EXIF with its orientation reset, and the orientation (1 to 8) that it gave; (None, 1) where there is none."""
    return _reset_orientation(exif, name) if isinstance(exif, bytes) else (None, 1)


def _reset_orientation(exif: bytes, name: str) -> tuple[bytes | None, int]:
    """The EXIF with orientation 1 written over its own, and its own; every other byte stays, offsets hold."""
    body, turn = bytearray(re.sub(rb"^(Exif\0\0)+", b"", exif)), 1
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(body[:4])]
        (start,) = struct.unpack_from(order + "I", body, 4)
        (count,) = struct.unpack_from(order + "H", body, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", body, at)
            if tag == 0x0112:
                code = order + {3: "H", 4: "I"}[kind]
                (turn,) = struct.unpack_from(code, body, at + 8)
                struct.pack_into(code, body, at + 8, 1)
                break
    except (KeyError, struct.error):
        _log.warning("%s: its EXIF is broken and left out", name)
        return None, 1
    return b"Exif\0\0" + bytes(body), _checked_turn(turn, name)


def _checked_turn(turn: int, name: str) -> int:
    if turn in range(1, 9):
        return turn
    _log.warning("%s: its EXIF orientation %s is none of 1 to 8 and ignored", name, turn)
    return 1


def _photograph(exif: Image.Exif | bytes, name: str) -> bytes | None:
    """Of a TIFF's tags, or for one, those that tell of the photograph: the others would contradict the new file."""
    kept = Image.Exif()
    try:
        if isinstance(exif, bytes):
            source = Image.Exif()
            source.load(exif)
            exif = source
        for tag in _DESCRIPTIVE:
            if tag in exif:
                kept[tag] = exif[tag]
        for tag in _DIRECTORIES:
            if directory := {key: value for key, value in exif.get_ifd(tag).items() if key not in _UNMOVABLE}:
                kept[tag] = directory
        return kept.tobytes() if len(kept) else None
    except DAMAGE:
        _log.warning("%s: its EXIF is broken and left out", name)
        return None


def checked_profile(info: dict[Any, Any], name: str) -> bytes | None:
    """The ICC profile to the byte, if its header (ICC.1:2022, 7.2) has the signature and the profile is not cut off."""
    icc = info.get("icc_profile")
    if isinstance(icc, bytes) and icc[36:40] == b"acsp" and int.from_bytes(icc[:4], "big") <= len(icc):
        return icc
    if "icc_profile" in info:
        _log.warning("%s: its colour profile is broken and left out", name)
    return None


def resolution(dpi: Any, turn: int) -> tuple[float, float] | None:
    """Dots per inch (across, down) after the orientation `turn`; None where they are no numbers that a JPEG can say."""
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except DAMAGE:
        return None
    if not (0 < across <= 65_535 and 0 < down <= 65_535):  # what a JPEG can say
        return None
    return (down, across) if turn >= 5 else (across, down)


def checked_xmp(image: ImageFile.ImageFile) -> bytes | None:
    """The XMP packet as it came, but with its own orientation reset, for the picture is upright."""
    xmp = image.tag_v2.get(700) if isinstance(image, TiffImageFile) else image.info.get("xmp")
    return upright_xmp(xmp) if isinstance(xmp, bytes) and xmp else None


def upright_xmp(xmp: bytes) -> bytes:
    """The XMP packet with tiff:Orientation 1 (XMP specification part 2, 3.2), at the same length."""
    return re.sub(rb"""(tiff:Orientation(?:\s*=\s*["']|>))\d""", rb"\g<1>1", xmp)


def xmp_for(xmp: bytes | None, kind: str, name: str) -> bytes | None:
    """The XMP as the format can hold it."""
    if xmp is not None and kind == "JPEG" and len(xmp) > 65_504:
        _log.warning("%s: its XMP is left out, for a JPEG holds at most 65504 bytes of it", name)
        return None
    return xmp


def exif_for(exif: bytes | None, kind: str, name: str) -> bytes | None:
    """The EXIF as the format can hold it, upright."""
    if exif is None:
        return None
    kept = _reset_orientation(exif, name)[0]
    if kind == "TIFF" and kept is not None:
        return _photograph(kept, name)
    if kind == "JPEG" and kept is not None and len(kept) > 65_533:
        _log.warning("%s: its EXIF is left out, for a JPEG holds at most 65533 bytes of it", name)
        return None
    return kept
