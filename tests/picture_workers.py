"""Stand-ins for a network that processes of their own can open: they copy files, and obey the files' names."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from ISR.errors import FormatError, WeightsError
from ISR.predict.destinations import UpscaleFile


def copy(source: Path, destination: Path) -> None:
    """A copy, or what the source's name says: `deadly` kills the process, `odd` raises what cannot be pickled."""
    if "deadly" in source.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "odd" in source.name:
        raise OddError(1, 2)
    if "full" in source.name:
        raise OSError(28, "No space left on device")
    if "slow" in source.name:
        time.sleep(30)
    if "alpha" in source.name and destination.suffix == ".jpg":
        raise FormatError(f"{str(destination)!r}: JPEG keeps no alpha")
    destination.write_bytes(source.read_bytes() + str(os.getpid()).encode())


class OddError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"one {one} two {two}")


@contextlib.contextmanager
def opened() -> Iterator[UpscaleFile]:
    yield copy


@contextlib.contextmanager
def refusing() -> Iterator[UpscaleFile]:
    raise WeightsError("these weights are of no use")
    yield copy


@contextlib.contextmanager
def dying() -> Iterator[UpscaleFile]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield copy
