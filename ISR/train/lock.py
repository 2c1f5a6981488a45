"""One trainer a run: a lock file with the process and the machine that hold it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from ISR.errors import TrainingError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock file is ours inside the block and gone after it; TrainingError where another trainer holds it.

    The kernel lets go of the lock of a process that died, so one left behind on this machine is taken over. One of
    another machine may be alive where file locks do not reach: it is refused until someone removes the file.
    """
    descriptor = _opened(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def holder(path: Path) -> str | None:
    """Who holds the lock, as `process 12 on host`; None where nobody does."""
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, _opened(path, create=False))
    except FileNotFoundError:
        return None
    except TrainingError as refused:
        return str(refused).partition(" holds ")[0]
    return None


def _opened(path: Path, *, create: bool = True) -> int:
    """A locked descriptor of the file that lies at the path now: its last holder may have removed it meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
        try:
            written = os.pread(descriptor, 300, 0) if hasattr(os, "pread") else b""
            pid, _, host = written.decode("utf-8", "replace").strip().partition(" ")
            _lock(descriptor, path, pid, host)
            if _same(descriptor, path):
                return descriptor
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise


def _lock(descriptor: int, path: Path, pid: str, host: str) -> None:
    taken = False
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            taken = True
    if taken or (host and (fcntl is None or host != socket.gethostname())):
        rest = "wait for it" if taken else f"if it has ended, remove {str(path)!r}"
        raise TrainingError(f"process {pid or '?'} on {host or 'this machine'} holds this run: {rest}")


def _same(descriptor: int, path: Path) -> bool:
    try:
        there, ours = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)
