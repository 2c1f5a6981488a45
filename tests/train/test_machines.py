"""Two processes on this machine's loopback that train one network on JAX: as one, and when one of them dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_runs import assert_same_bits, recipe

from ISR import config
from ISR.errors import ConfigError, TrainingError
from ISR.train import links, machines, session, state

Started = subprocess.Popen[str]
PROGRAM = Path(__file__).with_name("run_with_others.py")
PACKAGE = Path(session.__file__).parents[2]
SECONDS_TO_NOTICE = 10.0
STARTED: list[Started] = []


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """A test that fails leaves no process that waits for another."""
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.communicate()


def start(weights: Path, *arguments: str | Path, backend: str = "jax") -> Started:
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, str(PROGRAM), str(weights), "train", *map(str, arguments)]
    STARTED.append(
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )
    return STARTED[-1]


def pair(folder: Path, *arguments: str | Path) -> tuple[Started, Started]:
    """Process 0 and 1 of the same command; they leave their weights in 0.npz and 1.npz."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = ["--coordinator", f"127.0.0.1:{server.getsockname()[1]}", "--processes", "2"]
    first, second = (start(folder / f"{i}.npz", *arguments, *place, "--process", str(i)) for i in (0, 1))
    return first, second


def ended(process: Started) -> str:
    """What the process printed, once it has ended well."""
    printed, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return printed


def weights(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[name] for name in file.files]


def written(folder: Path, photos: Path, **sections: dict[str, object]) -> tuple[Path, Path]:
    """A recipe's file, and the folder of its one run, which is not there yet."""
    folder.mkdir()
    wanted = recipe(photos, folder / "runs", **sections)
    (folder / "r.yml").write_text(config.dump(wanted))
    return folder / "r.yml", folder / "runs" / "compact-x2"


@pytest.mark.slow
def test_two_processes_end_with_equal_weights_and_as_one_does(photo_folder: Path, tmp_path: Path) -> None:
    short = {"train": {"epochs": 1, "steps_per_epoch": 5, "epsilon": 1e-2}, "output": {"samples_every": 1}}
    recipes, runs = zip(*(written(tmp_path / name, photo_folder, **short) for name in ("two", "one")), strict=True)
    first, second = pair(tmp_path, "--config", recipes[0])
    printed = [ended(first), ended(second)]
    ended(start(tmp_path / "alone.npz", "--config", recipes[1]))
    together, other, alone = (weights(tmp_path / f"{name}.npz") for name in ("0", "1", "alone"))
    assert_same_bits(together, other)
    for one, two in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)
    (run,) = runs[0].iterdir()
    assert printed == [f"{run / 'compact-x2.weights.h5'}\n", ""]
    assert (run / "samples" / "epoch_0001.png").is_file() and not (run / "lock").exists()


@pytest.mark.slow
def test_either_killed_stops_the_other_and_resumed_they_end_as_if_none_had_been(
    photo_folder: Path, tmp_path: Path
) -> None:
    long = {"train": {"epochs": 12, "steps_per_epoch": 30}, "output": {"state_every_steps": 7}}
    whole, _ = written(tmp_path / "whole", photo_folder, **long)
    for process in pair(tmp_path / "whole", "--config", whole):
        ended(process)
    killed, runs = written(tmp_path / "killed", photo_folder, **long)
    arguments: list[str | Path] = ["--config", killed]
    for number, epoch in ((1, 2), (0, 5)):
        processes = pair(tmp_path / "killed", *arguments)
        wait_for_epoch(runs, epoch, processes)
        processes[number].kill()
        began = time.monotonic()
        printed, said = processes[1 - number].communicate(timeout=60)
        assert time.monotonic() - began < SECONDS_TO_NOTICE
        assert processes[1 - number].returncode == 1 and printed == ""
        assert said.splitlines()[-1].startswith(f"isr: process {number} is gone: ") and said.count("isr: ") == 1, said
        processes[number].communicate()
        (run,) = runs.iterdir()
        arguments = ["--resume", run]
    for process in pair(tmp_path / "killed", *arguments):
        ended(process)
    for number in (0, 1):
        assert_same_bits(weights(tmp_path / "killed" / f"{number}.npz"), weights(tmp_path / "whole" / f"{number}.npz"))


def wait_for_epoch(runs: Path, epoch: int, processes: tuple[Started, ...]) -> None:
    """Until the one run has kept the state of that epoch; the processes must not end before."""
    while not any(state.peek(path).epoch >= epoch for path in runs.glob("*/state.npz")):
        assert [process.poll() for process in processes] == [None, None], [p.communicate() for p in processes]
        time.sleep(0.05)


@pytest.mark.slow
def test_another_backend_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    place = ["--coordinator", "127.0.0.1:9", "--processes", "2", "--process", "0"]
    settings = ["--set", "data.validation_pictures=1", "--set", "data.patch_size=8"]
    process = start(tmp_path / "w.npz", photo_folder, *settings, *place, backend="torch")
    _, said = process.communicate(timeout=600)
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith("isr: training on several machines needs the jax backend, got torch")


@pytest.mark.parametrize(
    ("coordinator", "processes", "process", "told"),
    [
        ("10.0.0.1", 2, 0, "HOST:PORT of process 0, got 10.0.0.1"),
        ("host:65536", 2, 0, "HOST:PORT"),
        (None, 2, 0, "HOST:PORT"),
        ("host:1", None, 0, "needs --processes"),
        ("host:1", 2, None, "--process"),
        ("host:1", 2, 2, "from 0 to 1 for --processes 2, got 2"),
    ],
)
def test_a_place_that_is_none_is_refused(
    coordinator: str | None, processes: int | None, process: int | None, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        machines.place(coordinator, processes, process)


def test_a_process_that_nobody_waits_for_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(TrainingError, match=f"process 0 does not answer at 127.0.0.1:{address[1]}"):
        links.to_first(address, 1)
    with pytest.raises(TrainingError, match="of 3 processes 1 came"):
        links.of_all(address, 3)
