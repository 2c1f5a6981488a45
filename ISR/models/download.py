"""Files from elsewhere, taken once into a cache folder: never used before size and sha256 are right."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ISR import atomic
from ISR.checksum import sha256
from ISR.errors import WeightsError

log = logging.getLogger(__name__)

CHUNK = 1 << 16
SLOWEST = 1000  # bytes a second
PASSING = (408, 429)  # HTTP's other answers below 500 come again however often one asks
POLL = 0.1  # seconds between two looks at a lock


@dataclass(frozen=True)
class RemoteFile:
    """A file elsewhere, and what it must be: `size` bytes with that sha256. `file` is its name in the cache.

    WeightsError where the url is neither https nor http on this machine, or `file` is no plain name.
    """

    url: str
    file: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        _check_url(self.url)
        if Path(self.file).name != self.file or self.file in ("", ".."):
            raise WeightsError(f"a file in the cache needs a plain name, got {self.file!r}")


class _BrokenOffError(Exception):
    """The network failed in a way that may pass."""


def cache_folder() -> Path:
    """The folder of downloaded files: $ISR_CACHE, else `ISR` in the platform's folder for caches.

    WeightsError where neither the environment nor the user's account names a home folder.
    """
    if chosen := os.environ.get("ISR_CACHE"):
        return Path(chosen)
    wanted = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    # The XDG specification has relative paths passed over.
    if (given := Path(os.environ.get(wanted, ""))).is_absolute():
        return given / "ISR"
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    try:
        return Path.home() / usual / "ISR"
    except RuntimeError as error:
        raise WeightsError("no home folder to keep downloaded weights in: set ISR_CACHE to a folder") from error


def fetch(remote: RemoteFile, *, timeout: float = 30.0, pauses: Sequence[float] = (1.0, 4.0)) -> Path:
    """Where the file lies in the cache, verified; it is downloaded if it is not there or is damaged.

    timeout: seconds without an answer, or with less than SLOWEST bytes a second. pauses: seconds before each further
    attempt; it goes on where the last one broke off. Several processes at once: one downloads, the others wait for it.
    WeightsError where there is no network, the server has another file, or the cache cannot be written: the error names
    the file and where to put it.
    """
    path = cache_folder() / remote.file
    if (fault := _fault(path, remote)) is None:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(f".{path.name}.lock")):
            if (fault := _fault(path, remote)) is None:
                return path
            if path.is_file():
                log.warning("%s is damaged (%s): downloading it again", path, fault)
            with atomic.replacing(path) as temporary:
                _download(remote, temporary, timeout, pauses)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"cannot write to {str(path.parent)!r} ({reason}): set ISR_CACHE to a folder") from error
    return path


def _fault(path: Path, remote: RemoteFile) -> str | None:
    """What is wrong with the file, None where it is the one."""
    try:
        if (size := path.stat().st_size) != remote.size:
            return f"{size:,} bytes, expected {remote.size:,}"
        digest = sha256(path)
    except OSError as error:
        return error.strerror or str(error)
    return None if digest == remote.sha256 else f"sha256 {digest}, expected {remote.sha256}"


def _download(remote: RemoteFile, path: Path, timeout: float, pauses: Sequence[float]) -> None:
    with path.open("wb") as file, _bar(remote) as bar:
        for pause in (*pauses, None):
            try:
                _receive(remote, file, timeout, bar)
                break
            except _BrokenOffError as error:
                if pause is None:
                    raise _refusal(remote, str(error)) from error
                log.info("%s: %s; trying again in %g s", remote.url, error, pause)
                time.sleep(pause)
    if fault := _fault(path, remote):
        raise _refusal(remote, f"the server's file is another: {fault}")


def _receive(remote: RemoteFile, file: IO[bytes], timeout: float, bar: Any) -> None:
    """One attempt: what the file lacks is appended to it, or all of it where the server sends no parts."""
    start = file.tell()
    with _answer(remote, start, timeout) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if not resumed:
            file.seek(0)
            file.truncate()
        missing = remote.size - file.tell()
        if answer.length not in (None, missing):
            raise _refusal(remote, f"the server would send {answer.length:,} bytes, expected {missing:,}")
        bar.update(file.tell() - bar.n)
        for chunk in _chunks(answer, missing, timeout):
            bar.update(file.write(chunk))
    if file.tell() < remote.size:
        raise _BrokenOffError(f"it broke off after {file.tell():,} of {remote.size:,} bytes")


def _answer(remote: RemoteFile, start: int, timeout: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer: http.client.HTTPResponse = urllib.request.build_opener(_SameScheme).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        reason = f"the server answers {error.code} {error.reason}"
        if error.code >= 500 or error.code in PASSING:
            raise _BrokenOffError(reason) from error
        raise _refusal(remote, reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"no answer: {getattr(error, 'reason', error) or type(error).__name__}") from error
    return answer


def _chunks(answer: http.client.HTTPResponse, most: int, timeout: float) -> Iterator[bytes]:
    """What the server sends, `most` bytes of it. What goes wrong in writing them does not come through here."""
    since, lately = time.monotonic(), 0
    while most > 0:
        try:
            # Not read(): it would wait for a whole chunk, however slowly it came.
            chunk = answer.read1(min(CHUNK, most))
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(f"it broke off: {str(error) or type(error).__name__}") from error
        if not chunk:
            return
        yield chunk
        most, lately = most - len(chunk), lately + len(chunk)
        if (passed := time.monotonic() - since) > timeout:
            if lately < passed * SLOWEST:
                raise _BrokenOffError(f"{lately:,} bytes in {passed:.1f} s are too slow")
            since, lately = time.monotonic(), 0


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only where it leads from https to https, or from this machine to this machine."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_url(newurl)
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            raise WeightsError(f"{req.full_url} leads to {newurl}: a redirect must keep the scheme")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise WeightsError(f"weights are downloaded by https alone, got {url!r}")


def _refusal(remote: RemoteFile, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot download {remote.url} ({reason}): put {remote.file} ({remote.size:,} bytes, sha256 {remote.sha256}) "
        f"into {str(cache_folder())!r}, or name a copy of it: weights=PATH, --model PATH"
    )


def _bar(remote: RemoteFile) -> Any:
    from tqdm import tqdm

    shown = sys.stderr is not None and sys.stderr.isatty()
    return tqdm(desc=remote.file[:30], total=remote.size, unit="B", unit_scale=True, ncols=80, disable=not shown)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time. The system frees the lock of a process that died, so none is ever stale.

    On a file system without locks there is none: several may then download, each under its own name, and the last one
    to be done moves its file into place.
    """
    with path.open("ab") as file:
        if not _lock(file.fileno()):
            log.info("another process is downloading %s: waiting for it", path.name.removesuffix(".lock")[1:])
            while not _lock(file.fileno()):
                time.sleep(POLL)
        yield


def _lock(descriptor: int) -> bool:
    """Whether the lock is ours now, or cannot be had at all. It is freed when the file is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # PermissionError is Windows' word for it
        return False
    except OSError as error:
        log.info("no locks in the cache folder: %s", error)
    return True
