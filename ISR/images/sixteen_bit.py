"""Colours of more than 8 bits, and 16-bit grey with alpha: PNG and TIFF both ways, AVIF read, by libvips.

Pillow makes 8 bits of them without a word. Only the pixels pass through here: which format it is has been checked
before, the metadata are Pillow's, and libvips is told which one of its readers to use. It is imported at the first such
picture.
"""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ISR.errors import PictureError
from ISR.images import containers, libvips
from ISR.images.picture import Picture, Samples

CLASSIC_TIFF = 2**32 - 2**24  # bytes of samples that a TIFF's 32-bit offsets reach, whatever compression makes of them
_LOADERS = {"PNG": "pngload_source", "TIFF": "tiffload_source", "AVIF": "heifload_source"}
_NO_ALPHA = 0  # of TIFF's ExtraSamples; colours that alpha was multiplied into (1) libvips 8.18 divides by it


def decoded(image: ImageFile.ImageFile, file: IO[bytes], name: str) -> tuple[Samples, Samples | None]:
    """Pixels (height, width, 1 or 3) uint16 and alpha (height, width) of an open PNG, TIFF or AVIF, not turned.

    AVIF comes upright, and in the 8 bits that it may have after all. PictureError for damage.
    """
    vips, kind = libvips.loaded(), str(image.format)
    file.seek(0)
    try:
        source = vips.Source.new_from_descriptor(file.fileno())
        loaded = getattr(vips.Image, _LOADERS[kind])(source, access="sequential", fail_on="error")
        samples = loaded.numpy()
    except vips.Error as error:
        raise PictureError(f"{name} is damaged and cannot be read whole: {_first_line(error)}") from error
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.dtype not in (np.uint8, np.uint16) or not 1 <= samples.shape[2] <= 5:
        got = f"{samples.shape[2]} of {samples.dtype}"
        raise PictureError(f"{name}: expected 1 to 4 samples of 16 bits for each pixel, got {got}: convert it first")
    return _split(samples, image)


def _split(samples: Samples, image: ImageFile.ImageFile) -> tuple[Samples, Samples | None]:
    colours = 1 if samples.shape[2] < 3 else 3
    extra = image.tag_v2.get(338, (2,)) if isinstance(image, TiffImageFile) else (2,)
    pixels = np.ascontiguousarray(samples[..., :colours])
    if samples.shape[2] == colours or extra[0] == _NO_ALPHA:
        return pixels, None
    return pixels, np.ascontiguousarray(samples[..., colours])


def encoded(picture: Picture, kind: str) -> io.BytesIO:
    """The picture, of 8 bits too, as a PNG or TIFF file without metadata; beyond 4 GB a BigTIFF."""
    vips = libvips.loaded()
    height, width = picture.pixels.shape[:2]
    samples = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    flat = np.ascontiguousarray(samples).reshape(-1).data
    kind_of_sample, grey, colour = ("ushort", "grey16", "rgb16") if picture.bits == 16 else ("uchar", "b-w", "srgb")
    image = vips.Image.new_from_memory(flat, width, height, samples.shape[2], kind_of_sample)
    image = image.copy(interpretation=grey if picture.is_grey else colour)
    try:
        if kind == "PNG":
            return containers.pixels_of_png(image.pngsave_buffer(keep="none", filter="sub"))
        options = {"compression": "deflate", "predictor": "horizontal", "bigtiff": samples.nbytes > CLASSIC_TIFF}
        return io.BytesIO(image.tiffsave_buffer(keep="none", **options))
    except vips.Error as error:
        raise OSError(_first_line(error)) from error


def _first_line(error: Any) -> str:
    return str(error.detail or error.message).strip().splitlines()[0]
