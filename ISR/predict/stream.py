"""From a file to a larger file where neither fits into memory: rows of tiles come in, and go out to the disk.

The enlarged samples lie in a temporary file beside the destination until all are there, and are then compressed.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ISR import memory
from ISR.errors import FormatError, PictureError
from ISR.images import alpha, encoding, files, waiting
from ISR.images.files import Limits
from ISR.models.tiled import Planes, Tiled

if TYPE_CHECKING:
    from ISR.images.rows import RowReader

Array = npt.NDArray[Any]
Shape = tuple[int, int, int]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
# What a run takes beyond the picture and its enlargement; docs/benchmarks.md, Memory.
BEYOND = 300 * 2**20
SHARE_OF_FREE = 0.9


def is_needed(source: Path, destination: Path, *, scale: int, limits: Limits) -> bool:
    """Whether the picture in that file and its enlargement would not fit into the memory that is free.

    False where that cannot be told, or a format cannot be streamed; what is wrong with a file is for whoever reads it
    to say.
    """
    free = memory.free()
    if not {source.suffix.lower(), destination.suffix.lower()} <= set(EXTENSIONS):
        return False
    try:
        header = files.read_header(source, limits=limits)
    except PictureError:
        return False
    channels = (1 if header.grey else 3) + header.alpha
    samples = header.width * header.height * channels * header.bits // 8
    return free is not None and samples * (1 + scale**2) + BEYOND > free * SHARE_OF_FREE


def upscale_file(
    tiled: Tiled, source: Path, destination: Path, *, quality: int, limits: Limits, strip_metadata: bool = False
) -> None:
    """Enlarge a PNG, JPEG or TIFF file into another, whole or not at all, in memory that does not grow with either.

    The samples are those that `Tiled.picture` gives; profile, EXIF, XMP and resolution are kept (or, but for
    the profile, not: strip_metadata). The disk must have room for
    twice the enlarged samples. PictureError for another kind of file, more than the limits, damage or too
    little disk; FormatError for what JPEG cannot keep.
    """
    if destination.suffix.lower() not in EXTENSIONS:
        raise FormatError(f"{str(destination)!r}: only {' '.join(EXTENSIONS)} can be streamed to: choose one of them")
    from ISR.images import rows

    files.read_header(source, limits=limits)  # formats, frames and limits are told as everywhere
    reader = rows.reader(source, max_pixels=limits.pixels, behind=2 * alpha.REACH)
    height, width, channels = reader.shape
    shape = (height * tiled.model.scale, width * tiled.model.scale, channels)
    _check_fits(shape, reader.dtype, destination)
    with tempfile.TemporaryDirectory(prefix=".isr-", dir=_folder_for(shape, reader.dtype, destination)) as folder:
        raw = Path(folder, "samples")
        _fill(tiled, reader, raw, shape)
        about = rows.About(reader.about.icc_profile) if strip_metadata else reader.about
        rows.save(waiting.image(raw), destination, about, quality=quality)


def _fill(tiled: Tiled, reader: RowReader, raw: Path, shape: Shape) -> None:
    with raw.open("wb") as file:
        writer = waiting.RowWriter(file, shape, reader.dtype)
        # One tile at a time: a batch that reached into the next row of tiles would lose what is above it.
        replace(tiled, batch_size=1).fill(_planes(reader), _planes(writer))
        writer.flush()


def _check_fits(shape: Shape, dtype: np.dtype[Any], destination: Path) -> None:
    if destination.suffix.lower() not in (".jpg", ".jpeg"):
        return
    name = repr(str(destination))
    if shape[2] % 2 == 0 or dtype != np.uint8:
        raise FormatError(f"{name}: JPEG keeps neither alpha nor 16 bits: write .png or .tif")
    if max(shape[:2]) > encoding.MAX_SIDE["JPEG"]:
        got = f"{shape[1]}x{shape[0]}"
        raise FormatError(
            f"{name}: JPEG holds at most {encoding.MAX_SIDE['JPEG']} pixels a side, got {got}: write .tif"
        )


def _folder_for(shape: Shape, dtype: np.dtype[Any], destination: Path) -> Path:
    """Where the samples can wait: the destination's folder, or the one that it will be made in."""
    parent = destination.absolute().parent
    folder = next(path for path in (parent, *parent.parents) if path.is_dir())
    size = shape[0] * shape[1] * shape[2] * dtype.itemsize
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        need = f"{2 * size / 2**30:.1f} GiB (the enlarged samples, and as much for the file)"
        raise PictureError(f"{str(folder)!r} has {free / 2**30:.1f} GiB left, and streaming needs {need}: make room")
    return folder


@dataclass(frozen=True)
class _View:
    """Some channels of rows that are read or written, as an array that is cut and pasted."""

    rows: Any
    channels: slice

    @property
    def shape(self) -> Shape:
        height, width, channels = self.rows.shape
        return height, width, len(range(channels)[self.channels])

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.rows.dtype
        return dtype

    def __getitem__(self, place: tuple[slice, slice]) -> Array:
        return np.asarray(self.rows.rows(place[0])[:, place[1], self.channels])

    def __setitem__(self, place: tuple[slice, slice], values: Array) -> None:
        self.rows.put(*place, self.channels, values)


def _planes(rows: Any) -> Planes:
    """Colour and, where the number of channels is even, alpha."""
    if rows.shape[2] % 2:
        return Planes(_View(rows, slice(None)))
    return Planes(_View(rows, slice(None, -1)), _View(rows, slice(-1, None)))
