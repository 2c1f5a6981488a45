"""Folders of pictures: what is in them, and HR pictures with the LR pictures made from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ISR.config import DataConfig
from ISR.datasets.patches import Pair, Samples
from ISR.errors import ConfigError, PictureError, PictureNotFoundError
from ISR.images import files, resize


def pictures_in(folder: str | Path) -> list[Path]:
    """The files in the folder with a picture's extension, sorted by name. PictureError where there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise PictureNotFoundError(f"expected a folder of pictures, got {str(folder)!r}")
    try:
        found = [path for path in sorted(folder.iterdir()) if _looks_like_picture(path)]
    except PermissionError as error:
        raise PictureError(f"the folder {str(folder)!r} may not be read: {error.strerror}") from error
    if not found:
        raise PictureNotFoundError(
            f"no picture in {str(folder)!r}: expected files ending in {', '.join(files.EXTENSIONS)}"
        )
    return found


def split(data: DataConfig) -> tuple[list[Path], list[Path]]:
    """The pictures to train on and to validate with: the validation folder's, or some of the first set apart evenly.

    No picture is in both, whatever the folders' names. ConfigError where no folder is named or no picture is left to
    train on.
    """
    if data.hr_dir is None:
        raise ConfigError("data.hr_dir must name a folder of pictures to train on")
    paths = pictures_in(data.hr_dir)
    if data.validation_dir is not None:
        return _without(paths, pictures_in(data.validation_dir)), pictures_in(data.validation_dir)
    count = data.validation_pictures
    if count >= len(paths):
        raise ConfigError(f"data.validation_pictures={count} leaves none of the {len(paths)} pictures to train on")
    apart = {paths[(2 * i + 1) * len(paths) // (2 * count)] for i in range(count)}
    return [path for path in paths if path not in apart], sorted(apart)


def read_hr(path: Path, scale: int, *, keep_grey: bool = False) -> Samples:
    """The picture as 8-bit RGB without alpha, cropped to a multiple of `scale`: (height, width, 3) uint8.

    keep_grey: a grey picture comes as (height, width, 1).
    """
    picture = files.read(path)
    if picture.bits != 8:
        raise PictureError(f"{str(path)!r} has {picture.bits} bits a sample: training and evaluation need 8")
    pixels = resize.crop_to_multiple(picture.pixels, scale)
    if 0 in pixels.shape:
        raise PictureError(f"{str(path)!r} is {picture.width}x{picture.height}: smaller than the scale {scale}")
    channels = pixels.shape[2] if keep_grey else 3
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], channels)), dtype=np.uint8)


def read_pair(path: Path, scale: int, *, keep_grey: bool = False) -> Pair:
    """The HR picture and its MATLAB bicubic reduction."""
    hr = read_hr(path, scale, keep_grey=keep_grey)
    return Pair(resize.reduce(hr, scale), hr)


def read_pairs(paths: list[Path], scale: int, *, limit_mb: int) -> Iterator[Pair]:
    """The pairs one after another, until together they exceed the limit: then a PictureError says so."""
    held = 0
    for path in paths:
        pair = read_pair(path, scale)
        held += pair.lr.nbytes + pair.hr.nbytes
        if held > limit_mb * 2**20:
            need = f"the pictures up to {path.name!r} need {held / 2**20:.1f} MB"
            raise PictureError(f"{need}, data.cache_limit_mb is {limit_mb}: raise it, or train on fewer pictures")
        yield pair


def _without(paths: list[Path], apart: list[Path]) -> list[Path]:
    """The paths that lead to none of those files, by whatever way. ConfigError where none does."""
    real = {path.resolve() for path in apart}
    left = [path for path in paths if path.resolve() not in real]
    if not left:
        raise ConfigError("data.validation_dir holds every picture of data.hr_dir: none is left to train on")
    return left


def _looks_like_picture(path: Path) -> bool:
    # A hidden file with a picture's extension is some program's own: macOS puts ._photo.jpg beside photo.jpg.
    return not path.name.startswith(".") and path.suffix.lower() in files.EXTENSIONS and path.is_file()
