"""One trainer a run: the second is refused by name, what a dead one left is taken over."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ISR.errors import TrainingError
from ISR.train import lock

HOLD = """
import sys, pathlib
from ISR.train import lock
with lock.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its stdin ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process  # type: ignore[misc]
    process.kill()
    process.communicate()


def test_a_second_trainer_is_refused_with_process_and_machine(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    assert lock.holder(tmp_path / "lock") == f"process {other.pid} on {socket.gethostname()}"
    with pytest.raises(TrainingError, match=f"process {other.pid} on .* holds this run"), lock.held(tmp_path / "lock"):
        pytest.fail("two trainers at once")
    other.communicate("")
    with lock.held(tmp_path / "lock"):
        assert (tmp_path / "lock").is_file()
    assert not (tmp_path / "lock").exists()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert (tmp_path / "lock").read_text().startswith(f"{other.pid} ")
    assert lock.holder(tmp_path / "lock") is None
    with lock.held(tmp_path / "lock"):
        assert not (tmp_path / "lock").read_text().startswith(f"{other.pid} ")


def test_the_lock_of_another_machine_is_respected(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("77 elsewhere\n")
    with pytest.raises(TrainingError, match=r"process 77 on elsewhere holds this run: if it has ended, remove .*lock"):
        lock.held(tmp_path / "lock").__enter__()
    assert (tmp_path / "lock").read_text() == "77 elsewhere\n"


def test_nobody_holds_what_is_not_there(tmp_path: Path) -> None:
    assert lock.holder(tmp_path / "lock") is None and not (tmp_path / "lock").exists()
