"""Pictures on disk: PNG, JPEG, WebP and TIFF, read into integer samples and written whole or not at all.

Only these four formats are opened, recognised by content. This is the one place where integers become float32 in
[0, 1] and back. Pillow's settings are global, so one picture is decoded at a time, whatever the number of threads.
"""

from __future__ import annotations

import io
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ISR import atomic
from ISR.errors import FormatError, PictureError, PictureNotFoundError
from ISR.images.headers import DAMAGE, MODES, damage, open_header, quiet_pillow
from ISR.images.metadata import checked_profile, exif_and_turn, exif_for, has_directory, resolution

Samples = npt.NDArray[np.uint8 | np.uint16]

MAX_PIXELS = 178_956_970  # Pillow's own default
MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # libjpeg's JPEG_MAX_DIMENSION, libwebp's WEBP_MAX_DIMENSION
EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}

_T = Image.Transpose
_TURNS = {2: _T.FLIP_LEFT_RIGHT, 3: _T.ROTATE_180, 4: _T.FLIP_TOP_BOTTOM, 5: _T.TRANSPOSE}  # EXIF 2.32, tag 0x0112
_TURNS |= {6: _T.ROTATE_270, 7: _T.TRANSVERSE, 8: _T.ROTATE_90}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """A file's content, upright. PictureError where the arrays do not fit each other.

    pixels: (height, width, channels) uint8 or uint16, channels 1 (grey) or 3 (RGB). alpha: (height, width), same dtype.
    exif: with its orientation reset. dpi: dots per inch (across, down). format: PNG, JPEG, WEBP or TIFF.
    """

    pixels: Samples
    alpha: Samples | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape or dtype not in (np.uint8, np.uint16):
            raise PictureError(f"expected (height, width, 1 or 3) uint8 or uint16 pixels, got {shape} {dtype}")
        if self.alpha is not None and (self.alpha.shape, self.alpha.dtype) != (shape[:2], dtype):
            raise PictureError(f"expected {shape[:2]} {dtype} alpha, got {self.alpha.shape} {self.alpha.dtype}")

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def bits(self) -> int:
        """8 or 16 bits a sample."""
        return self.pixels.dtype.itemsize * 8

    @property
    def is_grey(self) -> bool:
        return int(self.pixels.shape[2]) == 1


@dataclass(frozen=True)
class Header:
    """What `read` would give, without its pixels: upright size, bits a sample, whether it is grey and has alpha."""

    width: int
    height: int
    bits: int
    grey: bool
    alpha: bool


def to_float(samples: Samples) -> npt.NDArray[np.float32]:
    """The samples over their type's largest value: float32 in [0, 1], same shape. ValueError if not uint8 or uint16."""
    if samples.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected uint8 or uint16 samples, got {samples.dtype}")
    return np.divide(samples, np.float32(np.iinfo(samples.dtype).max), dtype=np.float32)


def to_samples(values: npt.NDArray[np.floating], dtype: npt.DTypeLike = np.uint8) -> Samples:
    """The nearest integers of `dtype` (uint8 or uint16) to floats in [0, 1], clipped; same shape.

    PictureError where a value is NaN or infinite: `astype` would make black of it without a word.
    """
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise PictureError("expected finite values in [0, 1], got NaN or infinity: this is no picture to write")
    work = np.clip(values, 0.0, 1.0).astype(np.float32, copy=False)
    work *= np.iinfo(np.dtype(dtype)).max
    result: Samples = np.rint(work, out=work).astype(dtype)
    return result


def read(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in a PNG, JPEG, WebP or TIFF file, turned upright, with its profile, EXIF and resolution.

    Grey stays grey and 16-bit grey 16 bits; palettes, CMYK and YCbCr become RGB; transparency becomes alpha.
    PictureError for another format, damage, animation, several pages, 16-bit colour, or more than `max_pixels`.
    """
    name = _name(path)
    with _open(path, name) as file, quiet_pillow(name):
        image = open_header(file, name, max_pixels)
        turn = image.tag_v2.get(0x0112, 1) if isinstance(image, TiffImageFile) else 0
        image.load()  # a PNG may hold its metadata behind the pixels; a TIFF is turned upright by this
        exif, turn = exif_and_turn(image, turn, name)
        icc = checked_profile(image.info, name)
        upright = _converted(image, icc, name)
        upright = upright.transpose(_TURNS[turn]) if turn > 1 and image.format != "TIFF" else upright
        pixels, alpha = _split(np.asarray(upright), image)
        icc = None if image.mode == "CMYK" else icc
        return Picture(pixels, alpha, icc, exif, resolution(image.info.get("dpi"), turn), image.format)


def read_header(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Header:
    """What the file says of its picture, in a fraction of the time of `read`; the pixels may still prove damaged.

    PictureError as `read` raises it for what can be told from the header.
    """
    name = _name(path)
    with _open(path, name) as file, quiet_pillow(name):
        image = open_header(file, name, max_pixels, sums=False)
        turn = 1 if isinstance(image, TiffImageFile) else exif_and_turn(image, 1, name)[1]
        width, height = image.size if turn < 5 else image.size[::-1]
        mode = MODES[image.mode]
        alpha = mode.endswith("A") or image.has_transparency_data
        return Header(width, height, 16 if mode == "I;16" else 8, mode in ("L", "LA", "I;16"), alpha)


def write(picture: Picture, path: str | os.PathLike[str], *, quality: int = 95) -> None:
    """Writes the picture in the format of the path's extension, whole or not at all; a missing folder is made.

    quality: 1 to 100, for JPEG (at full colour resolution) and WebP (100: lossless); PNG and TIFF are lossless.
    FormatError for what the format cannot keep (`check_fits`), PictureError for another extension or a failed write.
    """
    check_fits(picture, path, quality=quality)
    name, kind = _name(path), EXTENSIONS[Path(path).suffix.lower()]
    with damage(name, "cannot be written"):
        image, options = _to_image(picture, kind), _options(picture, kind, quality, name)
        content = io.BytesIO()  # not the file itself: Pillow takes a full disk's short write for a whole one
        image.save(content, kind, **options)
        atomic.write_bytes(Path(path), content.getbuffer())


def check_fits(picture: Picture, path: str | os.PathLike[str], *, quality: int = 95, scale: int = 1) -> None:
    """That the picture, enlarged `scale` times, can be written under that name: asked before the work of enlarging it.

    FormatError for alpha in JPEG, 16 bits in JPEG and WebP, 16-bit colour, a long side; PictureError for another
    extension or a quality outside 1 to 100.
    """
    name, kind = _name(path), EXTENSIONS.get(Path(path).suffix.lower(), "")
    if not kind:
        raise PictureError(f"{name}: expected a name that ends in one of {' '.join(EXTENSIONS)}")
    if not 1 <= quality <= 100:
        raise PictureError(f"{name}: expected a quality of 1 to 100, got {quality}")
    limit = MAX_SIDE.get(kind, 2**31 - 1)
    if max(picture.width, picture.height) * scale > limit:
        got = f"{picture.width * scale}x{picture.height * scale}"
        raise FormatError(f"{name}: {kind} holds at most {limit} pixels a side, got {got}: write .png or .tif")
    if kind == "JPEG" and picture.alpha is not None:
        raise FormatError(f"{name}: JPEG keeps no alpha, and the picture has some: write .png or .webp")
    if picture.bits == 16 and kind in ("JPEG", "WEBP"):
        raise FormatError(f"{name}: {kind} keeps 8 bits, got 16: write .png or .tif, or convert to 8 bits first")
    if picture.bits == 16 and (picture.alpha is not None or not picture.is_grey):
        raise FormatError(f"{name}: of 16 bits only grey without alpha can be written: convert to 8 bits first")


def check_readable(path: str | os.PathLike[str]) -> None:
    """That there is a file that can be opened; its content is not looked at. PictureError where there is none."""
    _open(path, _name(path)).close()


def _name(path: str | os.PathLike[str]) -> str:
    return repr(os.fspath(path))  # a newline in a name must not break the message's one line


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


def _split(samples: Samples, image: ImageFile.ImageFile) -> tuple[Samples, Samples | None]:
    """Pixels with a channel axis, and alpha if there is any."""
    if samples.dtype != np.uint8:
        return _sixteen_bits(samples.astype(np.uint16), image)
    if samples.ndim == 2:
        return samples[..., None], None
    if samples.shape[2] % 2:
        return samples, None
    return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])


def _sixteen_bits(grey: Samples, image: ImageFile.ImageFile) -> tuple[Samples, Samples | None]:
    """Grey as it was meant: Pillow passes over a TIFF's WhiteIsZero and a PNG's transparent value at 16 bits."""
    if isinstance(image, TiffImageFile) and image.tag_v2.get(262) == 0:
        grey = np.invert(grey)
    key = image.info.get("transparency")
    alpha = np.where(grey == key, 0, 65_535).astype(np.uint16) if isinstance(key, int) else None
    return grey[..., None], alpha


def _to_image(picture: Picture, kind: str) -> Image.Image:
    pixels = picture.pixels
    if kind == "WEBP" and picture.is_grey:  # WebP has no grey
        pixels = np.repeat(pixels, 3, axis=2)
    if picture.alpha is not None:
        pixels = np.dstack((pixels, picture.alpha))
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _options(picture: Picture, kind: str, quality: int, name: str) -> dict[str, Any]:
    exif, icc = exif_for(picture.exif, kind, name), picture.icc_profile
    if kind == "WEBP" and picture.is_grey and icc is not None and icc[16:20] == b"GRAY":
        _log.warning("%s: its grey profile is left out, for WebP writes grey as RGB", name)
        icc = None
    by_kind: dict[str, dict[str, Any]] = {
        "PNG": {},
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality, "lossless": quality == 100, "exact": picture.alpha is not None},
        # libtiff cannot write a directory inside EXIF, so a TIFF with one is left to Pillow, which does not compress.
        "TIFF": {"compression": "raw" if has_directory(exif) else "tiff_adobe_deflate"},
    }
    kept = {"exif": exif, "icc_profile": icc, "dpi": resolution(picture.dpi, 1)}
    return by_kind[kind] | {key: value for key, value in kept.items() if value is not None}
