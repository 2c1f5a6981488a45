"""One trainer a run: a lock file with the process and the machine that hold it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ISR import lock
from ISR.errors import TrainingError
from ISR.lock import LockedError, holder

__all__ = ["held", "holder"]


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock file is ours inside the block and gone after it; TrainingError where another trainer holds it.

    That of a process of this machine that died is taken over. One of another machine is refused until someone removes
    the file.
    """
    try:
        ours = lock.take(path)
    except LockedError as error:
        rest = f"if it has ended, remove {str(path)!r}" if error.unsure else "wait for it"
        raise TrainingError(f"{error.holder} holds this run: {rest}") from error
    try:
        yield
    finally:
        ours.release()
