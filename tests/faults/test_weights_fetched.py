"""The faults around weights that are fetched: many processes at once, no place to keep them, no network.

What a server can send instead of the file: tests/models/test_download.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command import Said, names, one_line, photo
from files_server import CONTENT, Handler, Server, refuses, sends, serving, visible, whole
from processes import go, said, started

from ISR.cli import main
from ISR.models import download
from ISR.models.pretrained import WEIGHTS


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """`psnr-small` as a file of this test's on a server of this machine, an empty cache, and no pauses."""
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    with serving() as running:
        remote = running.remote()
        facts = {"url": remote.url, "file": remote.file, "size": remote.size, "sha256": remote.sha256}
        monkeypatch.setitem(WEIGHTS, "psnr-small", replace(WEIGHTS["psnr-small"], **facts))
        yield running


def refused(folder: Path, capsys: Said) -> str:
    """The one line that `isr upscale` says; no picture is made."""
    source = photo(folder / "pictures" / "a.png")
    assert main(["upscale", str(source), "--model", "psnr-small"]) == 1
    assert names(source.parent) == ["a.png"]
    return one_line(capsys)


def test_eight_processes_fetching_the_same_weights_for_the_first_time(server: Server, tmp_path: Path) -> None:
    """One downloads; the others wait for it."""

    def slowly(handler: Handler) -> None:
        handler.server.stopped.wait(1.0)
        whole(handler)

    server.answer = slowly
    processes = [started(server.remote()) for _ in range(8)]
    go(*processes)
    cache = tmp_path / "cache"
    assert [said(process) for process in processes] == [f"{cache / 'net.hdf5'}\n\n"] * 8, "Keras came with one"
    assert server.asked == [None]
    assert (cache / "net.hdf5").read_bytes() == CONTENT and visible(cache) == ["net.hdf5"]


READ_ONLY = [
    pytest.param("/proc/ISR", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /proc")),
    pytest.param("locked/ISR", marks=pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")),
    "a file/ISR",
]


@pytest.mark.parametrize("cache", READ_ONLY)
def test_a_read_only_cache(
    server: Server, tmp_path: Path, cache: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    (tmp_path / "a file").write_bytes(b"in the way")
    (tmp_path / "locked").mkdir(mode=0o500)
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / cache))
    line = refused(tmp_path, capsys)
    assert f"cannot write to '{tmp_path / cache}'" in line and "set ISR_CACHE to a folder" in line
    assert server.asked == []


@pytest.mark.parametrize("fault", ["nobody listens", "refused", "html", "cut off"])
def test_no_network(server: Server, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    """The line says which file to put where."""
    if fault == "nobody listens":  # the port of `discard`
        monkeypatch.setitem(WEIGHTS, "psnr-small", replace(WEIGHTS["psnr-small"], url="http://127.0.0.1:9/net.hdf5"))
    server.answer = {
        "refused": refuses(403),
        "html": sends(b"<html>Please log in</html>"),
        "cut off": sends(CONTENT[:999], length=len(CONTENT)),
    }.get(fault, whole)
    line = refused(tmp_path, capsys)
    assert f"put net.hdf5 ({len(CONTENT):,} bytes, sha256 {server.remote().sha256}) into " in line
    assert f"'{tmp_path / 'cache'}'" in line and "--model PATH" in line
    assert visible(tmp_path / "cache") == []
    (tmp_path / "cache" / "net.hdf5").write_bytes(CONTENT)
    assert "cannot download" not in refused(tmp_path, capsys)


# All that is needed is imported before: such a user may not be let into the folder of Python itself.
WITHOUT_A_HOME = """
import os, pwd, sys
from ISR import cli, commands
from ISR.models import download, pretrained
os.setuid(54_321)
sys.exit(cli.main(["weights", "blend", "psnr-small", "psnr-large", "-o", "none.weights.h5"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an account, and so without a home")
def test_no_home(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "XDG", "ISR"))}
    command = [sys.executable, "-c", WITHOUT_A_HOME]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (1, "") and names(tmp_path) == []
    assert done.stderr == "isr: no home folder to keep downloaded weights in: set ISR_CACHE to a folder\n"
