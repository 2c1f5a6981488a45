"""One process a picture: who works on what in a folder of results, and where what is not finished lies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from ISR import lock
from ISR.errors import PictureError
from ISR.lock import Lock, LockedError

ROOM = ".isr"
HEARTBEAT, STALE = 10.0, 120.0  # seconds


@dataclass(frozen=True)
class Claim:
    """A picture that is ours to enlarge, and a folder of its own for what is being written."""

    lock: Lock
    staging: Path

    def clear(self) -> None:
        """Remove what a killed process had begun."""
        shutil.rmtree(self.staging, ignore_errors=True)


class Claims:
    """The folder `.isr` in a folder of results: a lock file and, while something is written, a folder a picture.

    Locks of dead processes of this machine are taken over at once; those of other machines when nobody has shown for
    two minutes that they live. PictureError where the folder cannot be made.
    """

    def __init__(self, output: Path) -> None:
        self.room = output / ROOM
        try:
            self.room.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PictureError(f"the folder {str(self.room)!r} cannot be made: {error.strerror}") from error
        self._held: dict[str, Claim] = {}
        self._closed = threading.Event()
        self._heart: threading.Thread | None = None

    def take(self, key: str) -> Claim:
        """The claim on that result. LockedError where another process has it."""
        return self._take(hashlib.sha256(os.fsencode(key)).hexdigest()[:32])

    def _take(self, name: str) -> Claim:
        claim = Claim(lock.take(self.room / f"{name}.lock", stale_after=STALE), self.room / name)
        self._held[name] = claim
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, daemon=True)
            self._heart.start()
        return claim

    def release(self, claim: Claim) -> None:
        """Let others have it, and remove what was not finished."""
        claim.clear()
        self._held.pop(claim.staging.name, None)
        claim.lock.release()

    def close(self) -> None:
        """Release all that are held, and remove what dead processes left."""
        for claim in list(self._held.values()):
            self.release(claim)
        for name in {path.name.removesuffix(".lock") for path in self.room.iterdir() if len(path.stem) == 32}:
            with contextlib.suppress(LockedError, OSError):
                self.release(self._take(name))
        self._closed.set()

    def _beat(self) -> None:
        while not self._closed.wait(HEARTBEAT):
            for claim in list(self._held.values()):
                claim.lock.beat()
