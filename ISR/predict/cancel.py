"""Giving up work that is under way, from another thread."""

from __future__ import annotations

import threading
from typing import Protocol

from ISR.errors import CancelledError
from ISR.models.tiled import Progress


class CancelToken(Protocol):
    """What says whether to go on: a `Cancel`, a threading.Event."""

    def is_set(self) -> bool:
        """Whether the work is to be given up."""
        ...


class Cancel(threading.Event):
    """A token that a thread sets and the work looks at, after each batch of tiles at the latest."""


def raise_if_set(cancel: CancelToken | None) -> None:
    """CancelledError where the token is set."""
    if cancel is not None and cancel.is_set():
        raise CancelledError("cancelled: nothing was written")


def watching(cancel: CancelToken | None, progress: Progress | None) -> Progress | None:
    """The progress callback, looking at the token before each call."""
    if cancel is None:
        return progress

    def checked(done: int, total: int) -> None:
        raise_if_set(cancel)
        if progress is not None:
            progress(done, total)

    return checked
