"""Folders of pictures: what is in them, what is set apart, and HR pictures with the LR pictures made from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ISR.config import DataConfig
from ISR.datasets import pairs
from ISR.datasets.pairs import PairPaths
from ISR.datasets.patches import Pair, Samples
from ISR.errors import ConfigError, PictureError, PictureNotFoundError
from ISR.images import degrade, files, resize

# A GIF is mostly an animation or a drawing, and nothing to learn from.
_EXTENSIONS = tuple(name for name in files.EXTENSIONS if name not in (".gif", ".apng"))


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
        raise PictureNotFoundError(f"no picture in {str(folder)!r}: expected files ending in {', '.join(_EXTENSIONS)}")
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


def find_pairs(data: DataConfig, scale: int) -> tuple[list[PairPaths], list[PairPaths]]:
    """The pictures to train on and to validate with, each with its LR picture where a folder holds them; all checked.

    With `data.store` there are none to train on. ConfigError for settings that contradict each other or a patch larger
    than a picture; PairsError that lists every fault of the pictures' names and headers.
    """
    _check_settings(data)
    training, validation = split(data) if data.store is None else ([], _validation(data))
    lr: dict[Path, Path] = {}
    faults: list[str] = []
    for hr_dir, lr_dir in ((data.hr_dir, data.lr_dir), (data.validation_dir, data.validation_lr_dir)):
        if hr_dir is not None and lr_dir is not None:
            found, wrong = pairs.match(pictures_in(hr_dir), pictures_in(lr_dir), scale=scale)
            lr, faults = lr | found, faults + wrong
    for_training, for_validation = ([PairPaths(hr, lr.get(hr)) for hr in paths] for paths in (training, validation))
    sides = pairs.check([*for_training, *for_validation], scale=scale, faults=faults)
    smallest = min(sides[: len(for_training)], default=data.patch_size)
    if smallest < data.patch_size:
        wanted = f"a patch of {data.patch_size} does not fit the smallest LR picture"
        raise ConfigError(f"data.patch_size: {wanted}, {smallest} pixels a side")
    return _at_scales(for_training, sides, data), for_validation


def _at_scales(training: list[PairPaths], sides: list[int], data: DataConfig) -> list[PairPaths]:
    """Each picture at each of `data.hr_scales` at which a patch fits. ConfigError where none fits.

    sides: the smaller side of every LR picture, at its own size.
    """
    with_sides = list(zip(training, sides, strict=False))
    found = [
        pair._replace(hr_scale=factor)
        for factor in data.hr_scales
        for pair, side in with_sides
        if int(side * factor) >= data.patch_size
    ]
    if training and not found:
        largest = max(data.hr_scales)
        raise ConfigError(f"data.hr_scales: at {largest} times its size no picture holds a patch of {data.patch_size}")
    return found


def read_hr(path: Path, scale: int, *, keep_grey: bool = False, hr_scale: float = 1.0) -> Samples:
    """The picture as 8-bit RGB without alpha, cropped to a multiple of `scale`: (height, width, 3) uint8.

    keep_grey: a grey picture comes as (height, width, 1). hr_scale: bicubically reduced to that part of its size first.
    """
    picture = files.read(path)
    if picture.bits != 8:
        raise PictureError(f"{str(path)!r} has {picture.bits} bits a sample: training and evaluation need 8")
    pixels = resize.crop_to_multiple(_reduced(picture.pixels.astype(np.uint8, copy=False), hr_scale), scale)
    if 0 in pixels.shape:
        raise PictureError(f"{str(path)!r} is {picture.width}x{picture.height}: smaller than the scale {scale}")
    channels = pixels.shape[2] if keep_grey else 3
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], channels)), dtype=np.uint8)


def _reduced(pixels: Samples, hr_scale: float) -> Samples:
    if hr_scale == 1.0:
        return pixels
    height, width = (max(1, round(side * hr_scale)) for side in pixels.shape[:2])
    return resize.shrink(pixels, (height, width))


def read_pair(
    path: Path,
    scale: int,
    *,
    lr_path: Path | None = None,
    hr_scale: float = 1.0,
    keep_grey: bool = False,
    degradation: str = "bicubic",
    rng: np.random.Generator | None = None,
) -> Pair:
    """The HR picture and its LR picture: the one at `lr_path`, or what the degradation makes of it.

    PictureError where one cannot be used, or their sizes do not fit.
    """
    hr = read_hr(path, scale, keep_grey=keep_grey, hr_scale=hr_scale)
    if lr_path is None:
        lr = degrade.degrade(hr, scale, recipe=degradation, rng=rng)
        return Pair(lr.astype(np.uint8, copy=False), hr)
    lr = read_hr(lr_path, 1, keep_grey=keep_grey)
    if tuple(side * scale for side in lr.shape[:2]) != hr.shape[:2]:
        raise PictureError(f"{str(lr_path)!r} and {str(path)!r} do not fit each other at the scale {scale}")
    return Pair(lr, hr)


def read_pairs(paths: Iterable[PairPaths], scale: int, *, degradation: str = "bicubic") -> Iterator[Pair]:
    """The pairs one after another; the n-th picture is degraded alike each time, whatever the run's seed."""
    for number, (hr, lr, hr_scale) in enumerate(paths):
        rng = np.random.default_rng(number)
        yield read_pair(hr, scale, lr_path=lr, hr_scale=hr_scale, degradation=degradation, rng=rng)


def _check_settings(data: DataConfig) -> None:
    """ConfigError where one setting makes another meaningless."""
    if data.store is not None and (data.hr_dir is not None or data.lr_dir is not None):
        raise ConfigError("data.store holds the patches to train on: leave out data.hr_dir (HR_DIR) and data.lr_dir")
    if data.hr_scales != [1.0] and (data.lr_dir is not None or data.store is not None):
        raise ConfigError("data.hr_scales is of pictures that LR is made from: leave out data.lr_dir and store")
    if data.on_device and (data.store is not None or data.degradation != "bicubic"):
        raise ConfigError(
            "data.on_device cuts patches from whole pictures and their bicubic LR: leave it out, or "
            "data.store and data.degradation"
        )
    if data.lr_dir is not None and data.degradation != "bicubic":
        raise ConfigError(f"data.lr_dir holds the LR pictures: leave out data.degradation, which is {data.degradation}")
    if data.lr_dir is not None and data.validation_dir is not None and data.validation_lr_dir is None:
        raise ConfigError(
            "data.validation_lr_dir must name the LR pictures of data.validation_dir, as data.lr_dir does"
        )
    if data.validation_lr_dir is not None and data.validation_dir is None:
        raise ConfigError("data.validation_lr_dir is named without data.validation_dir, the HR pictures it belongs to")
    if data.flatness > data.flatness_max:
        raise ConfigError(f"data.flatness={data.flatness} is above data.flatness_max={data.flatness_max}")


def _validation(data: DataConfig) -> list[Path]:
    return [] if data.validation_dir is None else pictures_in(data.validation_dir)


def _without(paths: list[Path], apart: list[Path]) -> list[Path]:
    """The paths that lead to none of those files, by whatever way. ConfigError where none does."""
    real = {path.resolve() for path in apart}
    left = [path for path in paths if path.resolve() not in real]
    if not left:
        raise ConfigError("data.validation_dir holds every picture of data.hr_dir: none is left to train on")
    return left


def _looks_like_picture(path: Path) -> bool:
    # A hidden file with a picture's extension is some program's own: macOS puts ._photo.jpg beside photo.jpg.
    return not path.name.startswith(".") and path.suffix.lower() in _EXTENSIONS and path.is_file()
