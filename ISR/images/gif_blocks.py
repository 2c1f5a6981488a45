"""The blocks of a GIF walked through without decoding: how large it is and how many frames it has."""

from __future__ import annotations

import os
import struct
from typing import IO

_IMAGE, _EXTENSION, _END = b",", b"!", b";"


def size_and_frames(file: IO[bytes], most: int) -> tuple[tuple[int, int], int]:
    """The (width, height) that hold every frame, and the number of frames; the walk ends after `most` + 1 of them.

    GIF89a, sections 18 to 26. What is no block is passed over byte by byte, as Pillow does: it must not see more.
    """
    file.seek(6)
    head = file.read(7).ljust(7, b"\0")
    width, height, flags = struct.unpack("<HHB2x", head)
    _skip_palette(file, flags)
    frames = 0
    while frames <= most and (kind := file.read(1)) not in (b"", _END):
        if kind not in (_IMAGE, _EXTENSION):
            continue
        if kind == _IMAGE:
            left, top, wide, high, flags = struct.unpack("<HHHHB", file.read(9).ljust(9, b"\0"))
            width, height, frames = max(width, left + wide), max(height, top + high), frames + 1
            _skip_palette(file, flags)
        file.seek(1, os.SEEK_CUR)  # the code size, or the extension's label
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], os.SEEK_CUR)
    return (width, height), frames


def _skip_palette(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << (1 + (flags & 7)), os.SEEK_CUR)
