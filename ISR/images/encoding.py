"""From a Picture to the bytes of a file, and what each format cannot keep."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from ISR.errors import FormatError, PictureError
from ISR.images import containers, heif, sixteen_bit
from ISR.images.metadata import exif_for, resolution, xmp_for
from ISR.images.picture import Picture

# libjpeg's JPEG_MAX_DIMENSION, libwebp's WEBP_MAX_DIMENSION, GIF89a's 16-bit sides, what libavif and libheif read.
MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 32_768, "HEIF": 32_768}
SIXTEEN_BIT = ("PNG", "TIFF")

_log = logging.getLogger(__name__)


def check_kept(picture: Picture, kind: str, name: str, size: tuple[int, int]) -> None:
    """That the format can keep the picture at that (width, height); FormatError where it cannot."""
    check_size(size, kind, name)
    if kind == "HEIF":
        heif.check_installed(name)
    if kind == "AVIF" and not features.check("avif"):
        raise PictureError(f"{name}: this Pillow cannot write AVIF: install one with it, or write .png")
    if kind == "GIF":
        raise FormatError(f"{name}: GIF keeps 256 colours, and an enlarged picture has more: write .png or .webp")
    if kind == "JPEG" and picture.alpha is not None:
        raise FormatError(f"{name}: JPEG keeps no alpha, and the picture has some: write .png or .webp")
    if picture.bits == 16 and kind not in SIXTEEN_BIT:
        raise FormatError(f"{name}: {kind} keeps 8 bits, got 16: write .png or .tif, or convert to 8 bits first")


def check_size(size: tuple[int, int], kind: str, name: str) -> None:
    """FormatError where the format holds no picture of that (width, height)."""
    limit = MAX_SIDE.get(kind, 2**31 - 1)
    if max(size) > limit:
        got = f"{size[0]}x{size[1]}"
        raise FormatError(f"{name}: {kind} holds at most {limit} pixels a side, got {got}: write .png or .tif")


def encoded(picture: Picture, kind: str, name: str, *, quality: int) -> io.BytesIO:
    """The picture as a file in memory, for Pillow takes a full disk's short write for a whole one."""
    picture = fitting(picture, kind, name)
    content = io.BytesIO()
    deep = picture.bits == 16 and (picture.alpha is not None or not picture.is_grey)
    if deep or (kind == "TIFF" and picture.pixels.nbytes * 4 // 3 > sixteen_bit.CLASSIC_TIFF):  # with alpha
        content = sixteen_bit.encoded(picture, kind)
        return containers.png_with(content, picture) if kind == "PNG" else containers.tiff_with(content, picture)
    if kind == "HEIF":
        return heif.encoded(picture, quality=quality)
    if kind == "TIFF":
        to_image(picture, kind).save(content, kind, compression="tiff_adobe_deflate")
        return containers.tiff_with(content, picture)
    to_image(picture, kind).save(content, kind, **options_for(picture, kind, quality))
    return content


def to_image(picture: Picture, kind: str) -> Image.Image:
    """The samples as an image of Pillow's, in a mode that the format has."""
    pixels = picture.pixels
    if picture.is_grey and (kind == "WEBP" or (kind == "AVIF" and picture.alpha is not None)):
        pixels = np.repeat(pixels, 3, axis=2)  # WebP has no grey, and Pillow writes no AVIF of grey and alpha
    if picture.alpha is not None:
        pixels = np.dstack((pixels, picture.alpha))
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def options_for(picture: Picture, kind: str, quality: int) -> dict[str, Any]:
    """How Pillow is to write PNG, JPEG, WebP, AVIF or GIF, and the metadata that it is to write with it."""
    by_kind: dict[str, dict[str, Any]] = {
        "PNG": {},
        "GIF": {},
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality, "lossless": quality == 100, "exact": picture.alpha is not None},
        "AVIF": {"quality": quality, "subsampling": "4:0:0" if picture.is_grey else "4:4:4"},
    }
    xmp = {"pnginfo": _png_text(picture.xmp)} if kind == "PNG" else {"xmp": picture.xmp}
    kept = {"exif": picture.exif, "icc_profile": picture.icc_profile, "dpi": picture.dpi} | xmp
    return by_kind[kind] | {key: value for key, value in kept.items() if value is not None}


def _png_text(xmp: bytes | None) -> PngInfo | None:
    if xmp is None:
        return None
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return info


def fitting(picture: Picture, kind: str, name: str) -> Picture:
    """The picture with its metadata as the format can hold them."""
    icc = picture.icc_profile
    if kind == "WEBP" and picture.is_grey and icc is not None and icc[16:20] == b"GRAY":
        _log.warning("%s: its grey profile is left out, for WebP writes grey as RGB", name)
        icc = None
    if kind == "GIF" and icc is not None:
        _log.warning("%s: its colour profile is left out, for a GIF holds none", name)
    exif, xmp = exif_for(picture.exif, kind, name), xmp_for(picture.xmp, kind, name)
    return replace(picture, icc_profile=icc, exif=exif, xmp=xmp, dpi=resolution(picture.dpi, 1))
