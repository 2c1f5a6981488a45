"""Samples that wait on the disk: an uncompressed TIFF that rows are appended to, from the top to the bottom.

A TIFF, because libvips reads it with reads. A file of samples alone it would map into memory, where all of it counts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ISR.errors import PictureError

Array = npt.NDArray[Any]
Shape = tuple[int, int, int]

ROWS_PER_STRIP = 16
_SHORT, _LONG, _LONG8 = 3, 4, 16
_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


class RowWriter:
    """Rectangles of samples, (height, width, channels) uint8 or uint16, put into a file; one row of tiles is held."""

    def __init__(self, file: IO[bytes], shape: Shape, dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self._file, self._rows = file, slice(0, 0)
        self._band = np.empty((0, *shape[1:]), dtype)
        self._write(header(shape, dtype))

    def put(self, rows: slice, columns: slice, channels: slice, values: Array) -> None:
        """Put values there. What lies above is written once a rectangle begins below it; until then it can change."""
        if rows != self._rows:
            if rows.start >= self._rows.stop:  # else the row is done again, in smaller tiles
                self.flush()
            self._rows = rows
            self._band = np.empty((rows.stop - rows.start, *self.shape[1:]), self.dtype)
        self._band[:, columns, channels] = values

    def flush(self) -> None:
        """Write the rows that are held. PictureError where the disk takes no more."""
        self._write(self._band.astype(self.dtype.newbyteorder("<"), copy=False).data)

    def _write(self, content: bytes | memoryview) -> None:
        try:
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise PictureError(f"{self._file.name!r} cannot be written: {error.strerror or error}") from error


def image(path: Path) -> Any:
    """A libvips image of the file, for one way through it."""
    import pyvips

    return pyvips.Image.tiffload(str(path), access="sequential")


def header(shape: Shape, dtype: np.dtype[Any]) -> bytes:
    """What stands before the samples: a BigTIFF's header and directory. Those of Adobe's and AWare's specifications."""
    height, width, channels = shape
    strips, row = -(-height // ROWS_PER_STRIP), width * channels * dtype.itemsize
    entries = 10 + (channels % 2 == 0)
    start = 16 + 8 + 20 * entries + 8  # of the two lists of strips, which the samples follow
    first = start + 2 * 8 * strips
    offsets = [first + strip * ROWS_PER_STRIP * row for strip in range(strips)]
    counts = [min(ROWS_PER_STRIP, height - strip * ROWS_PER_STRIP) * row for strip in range(strips)]
    directory = b"".join(
        [
            _entry(256, _LONG, [width]),
            _entry(257, _LONG, [height]),
            _entry(258, _SHORT, [dtype.itemsize * 8] * channels),
            _entry(259, _SHORT, [1]),  # not compressed
            _entry(262, _SHORT, [2 if channels > 2 else 1]),  # RGB, or black is zero
            _entry(273, _LONG8, offsets, place=start),
            _entry(277, _SHORT, [channels]),
            _entry(278, _LONG, [ROWS_PER_STRIP]),
            _entry(279, _LONG8, counts, place=start + 8 * strips),
            _entry(284, _SHORT, [1]),  # channels side by side
            _entry(338, _SHORT, [2]) if channels % 2 == 0 else b"",  # alpha that colours are not multiplied by
        ]
    )
    lists = struct.pack(f"<{2 * strips}Q", *offsets, *counts)
    return b"II" + struct.pack("<HHHQQ", 43, 8, 0, 16, entries) + directory + bytes(8) + lists


def _entry(tag: int, kind: int, values: Sequence[int], *, place: int = 0) -> bytes:
    """A tag with its values, or where they take more than 8 bytes with the place in the file where they lie."""
    content = struct.pack(f"<{len(values)}{_CODES[kind]}", *values)
    inline = content.ljust(8, b"\0") if len(content) <= 8 else struct.pack("<Q", place)
    return struct.pack("<HHQ", tag, kind, len(values)) + inline
