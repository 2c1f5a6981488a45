"""Locks with process and machine: who has one, and when one that was left behind is taken over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ISR import lock
from ISR.lock import LockedError

HOLD = "import sys, pathlib; from ISR import lock; lock.take(pathlib.Path(sys.argv[1])); print('held', flush=True)"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed."""
    command = [sys.executable, "-c", f"{HOLD}; sys.stdin.read()", str(tmp_path / "lock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_has_one_holder_and_is_gone_when_released(tmp_path: Path) -> None:
    ours = lock.take(tmp_path / "lock")
    me = f"process {os.getpid()} on {socket.gethostname()}"
    assert lock.holder(tmp_path / "lock") == me
    with pytest.raises(LockedError, match=f"{me} holds the lock") as refused:
        lock.take(tmp_path / "lock", stale_after=0)
    assert refused.value.holder == me and not refused.value.unsure
    ours.release()
    assert not (tmp_path / "lock").exists() and lock.holder(tmp_path / "lock") is None


def test_that_of_a_living_process_never_gets_stale_that_of_a_dead_one_at_once(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    os.utime(tmp_path / "lock", (1, 1))
    with pytest.raises(LockedError, match=f"process {other.pid} on"):
        lock.take(tmp_path / "lock", stale_after=1)
    other.kill()
    other.wait()
    assert (tmp_path / "lock").read_text().startswith(f"{other.pid} ")
    lock.take(tmp_path / "lock").release()


def test_that_of_another_machine_is_left_alone_until_it_stops_beating(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("77 elsewhere\n")
    for stale_after in (None, 60):
        with pytest.raises(LockedError, match="process 77 on elsewhere") as refused:
            lock.take(path, stale_after=stale_after)
        assert refused.value.unsure
    os.utime(path, (time.time() - 61,) * 2)
    with pytest.raises(LockedError):
        lock.take(path)
    ours = lock.take(path, stale_after=60)
    assert path.read_text().startswith(f"{os.getpid()} ")
    os.utime(path, (1, 1))
    ours.beat()
    assert time.time() - path.stat().st_mtime < 60
    ours.release()


def test_where_the_kernel_has_no_locks_the_text_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    ours = lock.take(tmp_path / "lock", stale_after=60)
    with pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        lock.take(tmp_path / "lock", stale_after=60)
    os.utime(tmp_path / "lock", (1, 1))
    lock.take(tmp_path / "lock", stale_after=60).release()
    ours.release()
