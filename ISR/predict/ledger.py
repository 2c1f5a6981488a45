"""What was done in a folder of results: one line of JSON a picture, so that the next run does only what is left."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ISR.checksum import sha256
from ISR.errors import PictureError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "manifest.jsonl"


@dataclass(frozen=True)
class Stamp:
    """What a result is known by again: its bytes, and the time of its last change or else its sha256."""

    bytes: int
    mtime_ns: int
    sha256: str

    @staticmethod
    def of(path: Path) -> Stamp:
        """The stamp of that file. OSError where it cannot be read."""
        status = path.stat()
        return Stamp(status.st_size, status.st_mtime_ns, sha256(path))

    def fits(self, path: Path) -> bool:
        """Whether the file is there as it was; one that was copied from elsewhere is."""
        with contextlib.suppress(OSError):
            status = path.stat()
            same = path.is_file() and status.st_size == self.bytes
            return same and (status.st_mtime_ns == self.mtime_ns or sha256(path) == self.sha256)
        return False


@dataclass(frozen=True)
class Entry:
    """What became of a picture: the result's name below the folder with its stamp, or an error."""

    result: str | None = None
    stamp: Stamp | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys of a line of the manifest that tell it."""
        return {"result": self.result, "stamp": self.stamp and asdict(self.stamp), "error": self.error}


class Ledger:
    """The manifest of a folder of results. making: what makes a result besides its picture: model and options, as JSON.

    Each line has `key`, the planned result; `input` and its sha256; `model` and `options`; `result` with its bytes,
    time and sha256, or `error`; `seconds`; `when`. The last line of a key counts. Several processes may write at once.
    """

    def __init__(self, path: Path, making: Mapping[str, Any]) -> None:
        self.path = path
        self.making: dict[str, Any] = json.loads(json.dumps(making))
        self._read = 0
        self._last: dict[str, dict[str, Any]] = {}
        self._new: set[str] = set()
        self._catch_up()
        self._new.clear()

    def done(self, key: str, digest: str) -> dict[str, Any] | None:
        """The record of a result that was made from that input, as it would be made now."""
        record = self._record(key, digest)
        return record if record is not None and record.get("error") is None else None

    def failed_meanwhile(self, key: str, digest: str) -> str | None:
        """Why another process of this moment could not make that result; what failed before is worth another try."""
        record = self._record(key, digest)
        return str(record["error"]) if record is not None and key in self._new and record.get("error") else None

    def _record(self, key: str, digest: str) -> dict[str, Any] | None:
        self._catch_up()
        record = self._last.get(key, {})
        fits = record.get("input_sha256") == digest and all(record.get(k) == v for k, v in self.making.items())
        return record if fits else None

    def _catch_up(self) -> None:
        """Read what was added since the last look. A line that was cut off, by a kill or a full disk, counts not."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # not written yet, or never to be
                self._read += len(line)
                with contextlib.suppress(ValueError, RecursionError):
                    self._take(json.loads(line))

    def _take(self, record: object) -> None:
        if isinstance(record, dict) and isinstance(record.get("key"), str):
            self._last[record["key"]] = record
            self._new.add(record["key"])

    def add(self, key: str, source: Path, digest: str | None, *, seconds: float, entry: Entry) -> None:
        """Append a line and see it to the disk. PictureError where that fails."""
        record = {"key": key, "input": str(source), "input_sha256": digest, **self.making, **entry.as_json()}
        record |= {"seconds": round(seconds, 3), "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        try:
            self._append(json.dumps(record).encode("ascii") + b"\n")
        except OSError as error:
            raise PictureError(f"{str(self.path)!r} cannot be written: {error.strerror}") from error

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a disk without locks: one write of one line is whole on most
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            os.lseek(descriptor, max(size - 1, 0), os.SEEK_SET)
            if size and os.read(descriptor, 1) != b"\n":
                line = b"\n" + line  # what was cut off is a line of its own
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def stamp_of(record: Mapping[str, Any]) -> Stamp | None:
    """The stamp in a record; None where it has none that can be understood."""
    with contextlib.suppress(TypeError):
        return Stamp(**record.get("stamp", None))
    return None
