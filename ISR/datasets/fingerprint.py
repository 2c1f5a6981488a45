"""Whether the pictures are those of another time: a mark of each file, from little of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

from ISR.errors import PictureError

ENDS = 2**16
MOST_SHOWN = 3


def mark(path: Path) -> str:
    """The file's size and the CRC-32 of its first and last 64 kB; of a PNG these hold the checksum of all its samples.

    PictureError where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.read(ENDS)
            size = file.seek(0, 2)
            file.seek(max(len(first), size - ENDS))
            return f"{size}-{zlib.crc32(file.read(), zlib.crc32(first)):08x}"
    except OSError as error:
        raise PictureError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """In words what differs between two sets of marks by name, the first names of each kind; "" where nothing does."""
    kinds = {
        "changed": [name for name in before if name in now and before[name] != now[name]],
        "gone": [name for name in before if name not in now],
        "new": [name for name in now if name not in before],
    }
    return "; ".join(f"{len(names)} {kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
