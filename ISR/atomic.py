"""Files that are whole or absent: written under a temporary name, flushed to the disk, then moved into place. And
folders that nobody else has."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, *, suffix: str = "") -> Iterator[Path]:
    """A temporary path beside `path` to write to; moved to `path` when the block ends well, removed when it does not.

    suffix: how the temporary name must end, where its writer looks at that. OSError passes through to the caller.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".isr-{os.getpid()}-{secrets.token_hex(4)}{suffix}"
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """The content as a whole file."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """The text as a whole UTF-8 file."""
    write_bytes(path, text.encode("utf-8"))


def new_folder(parent: Path, name: str, *, separator: str = "-") -> Path:
    """A folder made in `parent` that was not there, called `name`, with -2, -3, ... behind where that is taken.

    Of two processes at once each gets its own. OSError passes through to the caller.
    """
    names = itertools.chain([name], (f"{name}{separator}{number}" for number in itertools.count(2)))
    return next(folder for folder in map(parent.joinpath, names) if _is_made(folder))


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
