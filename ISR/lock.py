"""A lock file with the process and the machine that hold it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ISR.errors import ISRError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class LockedError(ISRError):
    """Another process holds the lock. holder: `process 12 on host`; unsure: it may have ended, which cannot be seen."""

    def __init__(self, path: Path, holder: str, *, unsure: bool) -> None:
        super().__init__(f"{holder} holds the lock {str(path)!r}")
        self.holder, self.unsure = holder, unsure


@dataclass(frozen=True)
class Lock:
    """A lock file that is ours until `release`."""

    path: Path
    descriptor: int

    def beat(self) -> None:
        """Show to machines where file locks do not reach that the holder is alive: the file's time is now."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        """Remove the file, then let go of it."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)


def take(path: Path, *, stale_after: float | None = None) -> Lock:
    """The lock of that path, made ours. LockedError where another process holds it; OSError passes through.

    The kernel lets go of the lock of a process that died, so one left behind on this machine is taken over. One of
    another machine may be alive where file locks do not reach: it is left alone, until its file's time lies
    `stale_after` seconds back, if that is given.
    """
    descriptor = _opened(path, stale_after)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor)


def holder(path: Path) -> str | None:
    """Who holds the lock, as `process 12 on host`; None where nobody does."""
    try:
        os.close(_opened(path, None, create=False))
    except FileNotFoundError:
        return None
    except LockedError as refused:
        return refused.holder
    return None


def _opened(path: Path, stale_after: float | None, *, create: bool = True) -> int:
    """A locked descriptor of the file that lies at the path now: its last holder may have removed it meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
        try:
            written = os.pread(descriptor, 300, 0) if hasattr(os, "pread") else b""
            pid, _, host = written.decode("utf-8", "replace").strip().partition(" ")
            kernel = _locked_by_kernel(descriptor)
            if kernel is False or (host and not (kernel and host == socket.gethostname())):
                who = f"process {pid or '?'} on {host or 'this machine'}"
                if kernel is False or not _is_stale(descriptor, stale_after):
                    raise LockedError(path, who, unsure=kernel is not False)
            if _same(descriptor, path):
                return descriptor
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise


def _locked_by_kernel(descriptor: int) -> bool | None:
    """Whether the kernel gave us the lock; None where it has none to give: Windows, and some network disks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_stale(descriptor: int, after: float | None) -> bool:
    return after is not None and time.time() - os.fstat(descriptor).st_mtime > after


def _same(descriptor: int, path: Path) -> bool:
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)
