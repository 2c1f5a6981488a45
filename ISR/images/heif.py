"""HEIF and HEIC, as phones write them, through the extra `heif` (pillow-heif), imported at the first such file."""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
from typing import IO, Any

import numpy as np

from ISR.errors import PictureError
from ISR.images.metadata import checked_profile, exif_and_turn_of, upright_xmp
from ISR.images.picture import Header, Limits, Picture, Samples

_log = logging.getLogger(__name__)


def check_installed(name: str) -> None:
    """PictureError where the extra is missing."""
    if importlib.util.find_spec("pillow_heif") is None:
        raise PictureError(f"{name}: HEIF needs pillow-heif: pip install 'ISR[heif]'")


def header(file: IO[bytes], name: str, limits: Limits) -> Header:
    """What `decoded` would give, without the pixels."""
    image = _opened(file, name, limits)
    (width, height), mode = image.size, str(image.mode)
    return Header(width, height, _bits(mode), mode[0] in "LI", "a" in mode.lower())


def decoded(file: IO[bytes], name: str, limits: Limits) -> Picture:
    """The main picture of the file: libheif has turned it upright, and 10 or 12 bits become 16."""
    image = _opened(file, name, limits)
    if len(image) > 1:
        _log.warning("%s: only the main picture of several in this HEIF is read", name)
    samples = np.asarray(image)
    samples = samples.reshape(*samples.shape[:2], -1)
    if _bits(str(image.mode)) == 16 and samples.dtype != np.uint16:
        raise PictureError(f"{name}: expected 16-bit samples, got {samples.dtype}")
    if image.premultiplied_alpha:
        raise PictureError(f"{name}: expected alpha beside the colours, got colours multiplied by it: convert it first")
    pixels, alpha = _split(samples)
    exif, _ = exif_and_turn_of(image.info.get("exif"), name)
    xmp = image.info.get("xmp")
    xmp = upright_xmp(xmp) if isinstance(xmp, bytes) and xmp else None
    return Picture(pixels, alpha, checked_profile(image.info, name), exif, None, "HEIF", xmp)


def encoded(picture: Picture, *, quality: int) -> io.BytesIO:
    """The 8-bit picture as a HEIF file at full colour resolution."""
    heif, content = importlib.import_module("pillow_heif"), io.BytesIO()
    samples = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[samples.shape[2]]
    image = heif.from_bytes(mode, (picture.width, picture.height), np.ascontiguousarray(samples).tobytes())
    kept = {"exif": picture.exif, "xmp": picture.xmp, "icc_profile": picture.icc_profile}
    image.info.update({key: value for key, value in kept.items() if value is not None})
    image.save(content, quality=quality, chroma=444)
    return content


def _opened(file: IO[bytes], name: str, limits: Limits) -> Any:
    check_installed(name)
    heif = importlib.import_module("pillow_heif")
    file.seek(0)
    image = heif.open_heif(file, convert_hdr_to_8bit=False)
    limits.check_pixels(image.size[0], image.size[1], name)
    return image


def _bits(mode: str) -> int:
    return 16 if ";16" in mode or ";10" in mode or ";12" in mode else 8


def _split(samples: Any) -> tuple[Samples, Samples | None]:
    if samples.shape[2] in (1, 3):
        return samples, None
    return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])
