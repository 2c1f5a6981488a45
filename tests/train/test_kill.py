"""Training in a process of its own that is killed, told to stop, or runs out of disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import small_runs
from small_runs import recipe

from ISR import config
from ISR.errors import TrainingError
from ISR.train import session, state

pytestmark = pytest.mark.slow
KILLS = 20
LENGTHS = {"train": {"epochs": 3, "steps_per_epoch": 20}, "output": {"state_every_steps": 1}}


def begin(run: Path, wanted: config.Config, backend: str) -> subprocess.Popen[str]:
    """The training as a process that has imported everything and builds its network now."""
    path = run.with_name(f"{run.name}.yml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config.dump(wanted))
    package = Path(session.__file__).parents[2]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(package)}
    command = [sys.executable, small_runs.__file__, str(run), str(path)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()
    return process


def finished(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said


def variables(run: Path) -> list[np.ndarray]:
    """All that training has: networks, optimizers, averages, as the last state holds them."""
    return state.load(run / "state.npz")[1]


@pytest.mark.parametrize(
    ("backend", "phases", "kills"), [("jax", 1, KILLS), ("jax", 2, KILLS), ("tensorflow", 1, 3), ("tensorflow", 2, 3)]
)
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    photo_folder: Path, tmp_path: Path, backend: str, phases: int, kills: int
) -> None:
    pytest.importorskip(backend)
    wanted = recipe(photo_folder, tmp_path, phases=phases, **LENGTHS)
    began = time.monotonic()
    finished(begin(tmp_path / "whole", wanted, backend))
    lasts, rng, steps = time.monotonic() - began, random.Random(phases), []
    for _ in range(kills):
        process = begin(tmp_path / "killed", wanted, backend)
        time.sleep(rng.uniform(0.0, 0.6 * lasts))
        process.kill()
        process.communicate()
        kept = tmp_path / "killed" / "state.npz"
        progress = state.peek(kept) if kept.is_file() else state.Progress()
        steps.append(progress.epoch * 20 + progress.step)
    finished(begin(tmp_path / "killed", wanted, backend))
    assert steps == sorted(steps), "a kill lost what was kept before"
    small_runs.assert_same_bits(variables(tmp_path / "killed"), variables(tmp_path / "whole"))
    weights = [small_runs.arrays(tmp_path / name / "n.weights.h5") for name in ("killed", "whole")]
    small_runs.assert_same_bits(*weights)
    assert not list((tmp_path / "killed").glob(".isr-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_keeps_the_state_and_exits_by_the_signal(
    photo_folder: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    wanted = recipe(photo_folder, tmp_path / "runs", train={"epochs": 500, "steps_per_epoch": 50})
    (tmp_path / "r.yml").write_text(config.dump(wanted))
    package = Path(session.__file__).parents[2]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(package)}
    command = [sys.executable, "-m", "ISR", "train", "--config", str(tmp_path / "r.yml")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "runs").glob("*/*/state.npz")):
        time.sleep(0.1)
    process.send_signal(number)
    said = process.communicate(timeout=120)
    assert process.returncode == code, said
    (run,) = (tmp_path / "runs" / "compact-x2").iterdir()
    assert said[1] == f"isr: stopped: `isr train --resume {run}` goes on where it stopped\n" and said[0] == ""
    assert state.peek(run / "state.npz").epoch >= 1 and not (run / "lock").exists()


def test_a_full_disk_ends_the_run_and_its_last_state_goes_on(
    photo_folder: Path, tmp_path: Path, small_disk: Path
) -> None:
    wanted = recipe(photo_folder, tmp_path, train={"epochs": 4}, output={"keep_best": 1, "keep_others": 1})
    expected = small_runs.fit(wanted, session.RunFolder(tmp_path / "whole", "n"))
    run, ballast = session.RunFolder(small_disk / "run", "n"), small_disk / "ballast"

    def fill_up(path: Path, progress: state.Progress, variables: object) -> None:
        if progress.epoch == 3:
            with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        save(path, progress, variables)

    save = state.save
    with pytest.MonkeyPatch.context() as patched, pytest.raises(TrainingError, match="No space left on device"):
        patched.setattr(state, "save", fill_up)
        small_runs.fit(wanted, run)
    assert state.peek(run.state).epoch == 2
    ballast.unlink()
    small_runs.assert_same_bits(small_runs.fit(wanted, run), expected)
