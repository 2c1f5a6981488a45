"""From an open file of Pillow's to a Picture: grey or RGB, alpha beside it, upright, with its metadata."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ISR.images import sixteen_bit
from ISR.images.headers import DAMAGE, MODES, is_deep
from ISR.images.metadata import checked_profile, checked_xmp, exif_and_turn, resolution
from ISR.images.picture import Header, Picture, Samples

_log = logging.getLogger(__name__)


class _About(NamedTuple):
    """What a file says of its picture; turn: the orientation that it is stored in."""

    turn: int
    icc_profile: bytes | None
    exif: bytes | None
    dpi: tuple[float, float] | None
    xmp: bytes | None


def decoded(image: ImageFile.ImageFile, file: IO[bytes], name: str) -> Picture:
    """The picture in the open file."""
    if not is_deep(image, file):
        return next(decoded_frames([image], name))
    about = _about(image, name)
    pixels, alpha = sixteen_bit.decoded(image, file, name)
    # libvips turns AVIF upright.
    return _picture(pixels, alpha, about._replace(turn=1) if image.format == "AVIF" else about, image)


def decoded_frames(images: Iterable[ImageFile.ImageFile], name: str) -> Iterator[Picture]:
    """One picture for each state of an open file of 8 bits or 16-bit grey; the first has the metadata of all."""
    about: _About | None = None
    for image in images:
        stored = _stored_turn(image)
        image.load()  # a PNG may hold its metadata behind the pixels; a TIFF is turned upright by this
        first, about = about is None, about or _about(image, name, stored)
        pixels, alpha = _split(image, about.icc_profile, name)
        about = about._replace(turn=1) if image.format == "TIFF" else about
        yield _picture(pixels, alpha, about if first else _About(about.turn, None, None, None, None), image)


def _stored_turn(image: ImageFile.ImageFile) -> int:
    return int(image.tag_v2.get(0x0112, 1)) if isinstance(image, TiffImageFile) else 1


def _about(image: ImageFile.ImageFile, name: str, stored_turn: int | None = None) -> _About:
    exif, turn = exif_and_turn(image, _stored_turn(image) if stored_turn is None else stored_turn, name)
    silent = isinstance(image, TiffImageFile) and 282 not in image.tag_v2  # Pillow says 1 of what says nothing
    dpi = None if silent else resolution(image.info.get("dpi"), turn)
    return _About(turn, checked_profile(image.info, name), exif, dpi, checked_xmp(image))


def _picture(pixels: Samples, alpha: Samples | None, about: _About, image: ImageFile.ImageFile) -> Picture:
    if about.turn > 1:
        pixels, alpha = _turned(pixels, about.turn), None if alpha is None else _turned(alpha, about.turn)
    icc = None if image.mode == "CMYK" else about.icc_profile  # the colours have gone through it
    return Picture(pixels, alpha, icc, about.exif, about.dpi, image.format, about.xmp)


def header(image: ImageFile.ImageFile, file: IO[bytes], name: str) -> Header:
    """What `decoded` would give, without the pixels."""
    turn = 1 if isinstance(image, TiffImageFile) else exif_and_turn(image, 1, name)[1]
    width, height = image.size if turn < 5 else image.size[::-1]
    mode, deep = MODES[image.mode], is_deep(image, file)
    alpha = mode.endswith("A") or image.has_transparency_data
    grey = mode in ("L", "LA", "I;16") or any("LA;16" in str(tile.args) for tile in image.tile)
    return Header(width, height, 16 if deep or mode == "I;16" else 8, grey, alpha)


def _turned(samples: Samples, turn: int) -> Samples:
    """The stored rows and columns as EXIF 2.32, tag 0x0112, turns them upright, for an orientation of 1 to 8."""
    upright = samples.swapaxes(0, 1) if turn >= 5 else samples
    upright = upright[::-1] if turn in (3, 4, 7, 8) else upright
    upright = upright[:, ::-1] if turn in (2, 3, 6, 7) else upright
    return np.ascontiguousarray(upright)


def _split(image: ImageFile.ImageFile, icc: bytes | None, name: str) -> tuple[Samples, Samples | None]:
    """Pixels with a channel axis, and alpha if there is any."""
    samples = np.asarray(_converted(image, icc, name))
    if samples.dtype != np.uint8:
        return _sixteen_bit_grey(samples.astype(np.uint16), image)
    if samples.ndim == 2:
        return samples[..., None], None
    if samples.shape[2] % 2:
        return samples, None
    return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])


def _converted(image: ImageFile.ImageFile, icc: bytes | None, name: str) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA and I;16."""
    mode = MODES[image.mode]
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image, icc, name)
    if mode in ("L", "RGB") and image.has_transparency_data:
        mode += "A"
    return image if mode == image.mode else image.convert(mode)


def _cmyk_to_rgb(image: Image.Image, icc: bytes | None, name: str) -> Image.Image:
    if icc is not None:
        try:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB")
            if converted is not None:
                return converted
        except DAMAGE:
            _log.warning("%s: its CMYK profile cannot be used, so its colours are only approximate", name)
    return image.convert("RGB")


def _sixteen_bit_grey(grey: Samples, image: ImageFile.ImageFile) -> tuple[Samples, Samples | None]:
    """Grey as it was meant: Pillow passes over a TIFF's WhiteIsZero and a PNG's transparent value at 16 bits."""
    if isinstance(image, TiffImageFile) and image.tag_v2.get(262) == 0:
        grey = np.invert(grey)
    key = image.info.get("transparency")
    alpha = np.where(grey == key, 0, 65_535).astype(np.uint16) if isinstance(key, int) else None
    return grey[..., None], alpha
