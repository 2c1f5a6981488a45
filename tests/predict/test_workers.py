"""Processes that enlarge: shared work, and what a death, an odd error or useless weights cost."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import picture_workers
import pytest
from command import names

from ISR import backend
from ISR.errors import FormatError, ISRError, WeightsError
from ISR.predict import workers
from ISR.predict.destinations import Job
from ISR.predict.workers import Crew, Here, Outcome, Processes


def jobs(folder: Path, *stems: str, fallback: bool = True) -> list[Job]:
    for stem in stems:
        (folder / f"{stem}.jpg").write_bytes(b"a picture, says ")
    places = [(folder / f"{stem}_x2.jpg", folder / f"{stem}_x2.png" if fallback else None) for stem in stems]
    return [Job(folder / f"{stem}.jpg", *place) for stem, place in zip(stems, places, strict=True)]


def done(crew: Crew, todo: list[Job]) -> Iterator[tuple[str, Outcome]]:
    left, begun = list(todo), 0
    try:
        while left or begun:
            if left and crew.idle:
                crew.begin(left.pop(0))
                begun += 1
            else:
                begun -= 1
                job, outcome = crew.next()
                yield job.source.stem, outcome
    finally:
        crew.close()


def test_in_this_process_one_after_another(tmp_path: Path) -> None:
    todo = jobs(tmp_path, "a", "alpha", "odd", "z")
    ended = dict(done(Here(picture_workers.opened), todo))
    assert [outcome.written and outcome.written.name for outcome in ended.values()] == [
        "a_x2.jpg",
        "alpha_x2.png",
        None,
        "z_x2.jpg",
    ]
    assert isinstance(ended["odd"].error, picture_workers.OddError) and ended["a"].seconds > 0


def test_a_full_disk_is_told_from_other_errors_through_what_wraps_it(tmp_path: Path) -> None:
    def wrapping(source: Path, destination: Path) -> None:
        try:
            picture_workers.copy(source, destination)
        except OSError as error:
            raise FormatError("cannot be written") from error

    full, other = (workers.attempt(job, wrapping) for job in jobs(tmp_path, "full", "odd", fallback=False))
    assert full.full and isinstance(full.error, FormatError) and not other.full


def test_a_process_that_is_killed_costs_its_picture_alone(tmp_path: Path) -> None:
    todo = jobs(tmp_path, "a", "deadly", "b", "odd", "alpha", "full")
    ended = dict(done(Processes(picture_workers.opened, 2), todo))
    assert names(tmp_path) == sorted([*(f"{job.source.name}" for job in todo), "a_x2.jpg", "b_x2.jpg", "alpha_x2.png"])
    assert "was killed by signal 9" in str(ended["deadly"].error) and type(ended["deadly"].error) is ISRError
    assert str(ended["odd"].error) == "OddError: one 1 two 2" and ended["full"].full
    writers = {path.read_bytes().removeprefix(b"a picture, says ") for path in tmp_path.glob("*_x2.*")}
    assert str(os.getpid()).encode() not in writers


@pytest.mark.parametrize(
    ("opener", "error", "message"),
    [
        (picture_workers.refusing, WeightsError, "of no use"),
        (picture_workers.dying, ISRError, "was killed by signal 9 while it loaded the network: a smaller --jobs"),
    ],
)
def test_a_network_that_cannot_be_loaded_is_no_picture_s_error(
    tmp_path: Path, opener: workers.Opener, error: type[ISRError], message: str
) -> None:
    with pytest.raises(error, match=message):
        list(done(Processes(opener, 2), jobs(tmp_path, "a", "b")))
    assert names(tmp_path) == ["a.jpg", "b.jpg"]


def test_what_is_under_way_ends_with_the_crew(tmp_path: Path) -> None:
    crew = Processes(picture_workers.opened, 1)
    (slow,) = jobs(tmp_path, "slow")
    crew.begin(slow)
    ((worker, _),) = crew._busy.values()
    crew.close()
    assert worker.process.exitcode == -9 and names(tmp_path) == ["slow.jpg"]


def test_processes_share_the_cores_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, cores = backend.thread_limits(2), len(os.sched_getaffinity(0))
    assert limits["OMP_NUM_THREADS"] == limits["NPROC"] == str(max(1, cores // 2))
    assert backend.thread_limits(10_000)["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NPROC", raising=False)
    with workers._environment(limits):
        assert os.environ["OMP_NUM_THREADS"] == "7" and os.environ["NPROC"] == limits["NPROC"]
    assert os.environ["OMP_NUM_THREADS"] == "7" and "NPROC" not in os.environ


def test_every_error_survives_the_way_between_processes() -> None:
    sent = [workers._sendable(error) for error in (WeightsError("w"), picture_workers.OddError(1, 2))]
    assert [type(error) for error in sent] == [WeightsError, ISRError]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows starts processes otherwise")
@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_while_a_process_starts_leaves_none_and_no_word_of_it(
    number: signal.Signals,
    raised: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    start, started = multiprocessing.util.spawnv_passfds, []  # type: ignore[attr-defined]

    def interrupted(*arguments: Any) -> int:
        started.append(start(*arguments))
        os.kill(os.getpid(), number)
        return started[0]

    def told(number: int, frame: object) -> None:
        raise raised

    before = signal.signal(number, told)
    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", interrupted)
    try:
        with pytest.raises(raised):
            Processes(picture_workers.opened, 1).begin(jobs(tmp_path, "a")[0])
    finally:
        signal.signal(number, before)
    with contextlib.suppress(ChildProcessError):  # it has been waited for already
        os.waitpid(started[0], 0)
    assert multiprocessing.active_children() == [] and capfd.readouterr().err == ""
