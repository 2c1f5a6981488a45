"""A picture as integer samples with what its file says of it; the one place where integers become float32 and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ISR.errors import PictureError

Samples = npt.NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True, eq=False)
class Picture:
    """A file's content, upright. PictureError where the arrays do not fit each other.

    pixels: (height, width, channels) uint8 or uint16, channels 1 (grey) or 3 (RGB). alpha: (height, width), same dtype,
    not multiplied into the pixels. exif, xmp: with their orientation reset. dpi: dots per inch (across, down).
    format: PNG, JPEG, WEBP, TIFF, GIF, AVIF or HEIF.
    """

    pixels: Samples
    alpha: Samples | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    format: str | None = None
    xmp: bytes | None = None

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


@dataclass(frozen=True)
class Limits:
    """What a file may hold at most; all of it is counted before a pixel is decoded.

    pixels: width times height, of an animation times its frames. frames: of an animation. bytes: of the file.
    """

    pixels: int = 2**27  # 134 megapixels: photos of 108 pass, bombs of 169 do not
    frames: int = 1_000
    bytes: int = 2**31

    def check_pixels(self, width: int, height: int, name: str, *, frames: int = 1) -> None:
        """PictureError where the pixels are more than `pixels`."""
        size = f"{width}x{height}" + (f" in {frames} frames" if frames > 1 else "")
        self._check("pixels", width * height * frames, f"{size} = {width * height * frames}", name)

    def check_frames(self, frames: int, name: str) -> None:
        """PictureError where an animation of that many frames has more than `frames`."""
        self._check("frames", frames, f"{frames}", name)

    def check_bytes(self, size: int, name: str) -> None:
        """PictureError where the file is larger than `bytes`."""
        self._check("bytes", size, f"{size}", name)

    def _check(self, unit: str, value: int, shown: str, name: str) -> None:
        if value > (limit := getattr(self, unit)):
            allow = f"--max-{unit} {value} (Limits({unit}={value}) in Python) allows it"
            raise PictureError(f"{name}: expected at most {limit} {unit}, got {shown}: {allow}")


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
