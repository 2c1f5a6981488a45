"""Processes that die while they download. Eight at once: tests/faults/test_weights.py."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from files_server import CONTENT, Server, in_turn, stalling, whole
from processes import go, said, started

pytestmark = pytest.mark.usefixtures("cache")


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
