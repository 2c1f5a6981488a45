"""Several processes that download one file, and some that die while they do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from files_server import CONTENT, Handler, Server, in_turn, serving, stalling, visible, whole

from ISR.models.download import RemoteFile

FETCH = """
import sys
from ISR.models.download import RemoteFile, fetch
url, file, size, sha256 = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
print(fetch(RemoteFile(url, file, int(size), sha256)))
print(*sorted({"keras", "numpy", "h5py"} & set(sys.modules)))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def started(remote: RemoteFile) -> subprocess.Popen[str]:
    """A process that imports all and fetches when it is told to."""
    arguments = [remote.url, remote.file, str(remote.size), remote.sha256]
    command = [sys.executable, "-c", FETCH, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=120)[0]


def test_eight_processes_at_once_download_once(server: Server, cache: Path) -> None:
    def slowly(handler: Handler) -> None:
        time.sleep(1.0)
        whole(handler)

    server.answer = slowly
    processes = [started(server.remote()) for _ in range(8)]
    go(*processes)
    assert [said(process) for process in processes] == [f"{cache / 'net.hdf5'}\n\n"] * 8, "Keras came with one"
    assert server.asked == [None]
    assert (cache / "net.hdf5").read_bytes() == CONTENT and visible(cache) == ["net.hdf5"]


def test_killed_it_leaves_no_file_and_no_lock(server: Server, cache: Path) -> None:
    """One that was waiting takes over from it."""
    server.answer = in_turn(stalling, whole)
    first, second = started(server.remote()), started(server.remote())
    go(first)
    assert server.half_sent.wait(60)
    go(second)
    time.sleep(0.3)
    assert server.asked == [None] and not (cache / "net.hdf5").exists()
    first.kill()
    said(first)
    assert said(second) == f"{cache / 'net.hdf5'}\n\n"
    assert (cache / "net.hdf5").read_bytes() == CONTENT and server.asked == [None, None]


def test_killed_alone_it_leaves_no_file(server: Server, cache: Path) -> None:
    server.answer = stalling
    process = started(server.remote())
    go(process)
    assert server.half_sent.wait(60)
    process.kill()
    said(process)
    assert not (cache / "net.hdf5").exists()
