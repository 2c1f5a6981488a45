"""Training, line by line of what a run must survive: one clear line, an exit code, and nothing lost that was there.

Longer tests of the same: tests/train/test_kill.py, test_resume.py, test_lock.py, tests/datasets.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
from command import Said, names, one_line
from conftest import drawn
from PIL import Image

from ISR import config
from ISR.cli import main
from ISR.datasets import folders
from ISR.train import callbacks, lock, session, state

SMALL = ["model.params={width: 4, depth: 1}", "data.patch_size=12", "data.batch_size=2", "data.validation_pictures=1"]
SMALL += ["train.epochs=2", "train.steps_per_epoch=2", "train.warmup_steps=1", "output.samples_every=0"]


@pytest.fixture
def photos(photo_folder: Path, tmp_path: Path) -> Path:
    """A copy of the photo folder, to be changed."""
    return Path(shutil.copytree(photo_folder, tmp_path / "photos"))


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., int]:
    """`isr train` with small settings and those given; its runs are in tmp_path / "runs"."""

    def call(*arguments: str | Path, settings: list[str] | None = None) -> int:
        every = [*SMALL, f"output.runs={tmp_path / 'runs'}", *(settings or [])]
        return main(["train", *map(str, arguments), *(f"--set={setting}" for setting in every)])

    return call


def refused(folder: Path, said: Said, *told: str) -> None:
    """One line on stderr that tells these things, and no run's folder made."""
    line = one_line(said)
    assert all(text in line for text in told), line
    assert not (folder / "runs").exists()


def the_run(folder: Path) -> session.RunFolder:
    (path,) = (folder / "runs" / "compact-x2").iterdir()
    return session.RunFolder(path, "compact-x2")


def test_a_nan_loss_names_step_and_files_and_keeps_the_last_good_weights(
    train: Callable[..., int], photos: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(self: Any, epoch: int, logs: Any = None) -> None:
        kernel = self.model.trainable_variables[0]
        kernel.assign(np.full(kernel.shape, np.nan, np.float32))

    monkeypatch.setattr(callbacks.TellEpoch, "on_epoch_end", spoil, raising=False)
    assert train(photos) == 1
    line = one_line(capsys)
    assert "nan in epoch 2 at step 1, on patches of" in line and "photo_" in line
    kept = the_run(tmp_path)
    weights = np.concatenate([a.ravel() for a in small_runs.arrays(*kept.path.glob("*_epoch001.weights.h5"))])
    assert np.isfinite(weights).all() and state.peek(kept.state).epoch == 1 and not kept.weights.exists()


def test_one_corrupt_picture_in_the_set(train: Callable[..., int], photos: Path, tmp_path: Path, capsys: Said) -> None:
    """Told by its header before anything is read, or when it breaks off in the middle; either way by name."""
    damaged = photos / "photo_3.png"
    whole = damaged.read_bytes()
    for content, told in ((b"no picture", "1 fault in the pictures"), (whole[: len(whole) // 2], "is damaged")):
        damaged.write_bytes(content)
        assert train(photos) == 1
        refused(tmp_path, capsys, "photo_3.png", told)


def test_an_empty_folder(train: Callable[..., int], tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "empty").mkdir()
    assert train(tmp_path / "empty") == 1
    refused(tmp_path, capsys, "no picture in", "empty")


def test_lr_and_hr_that_differ_in_number_name_or_size(
    train: Callable[..., int], photos: Path, tmp_path: Path, capsys: Said
) -> None:
    """All of it in one line."""
    (tmp_path / "lr").mkdir()
    for path in folders.pictures_in(photos)[:4]:
        Image.fromarray(folders.read_pair(path, 2).lr).save(tmp_path / "lr" / path.name)
    (tmp_path / "lr" / "photo_0.png").rename(tmp_path / "lr" / "other.png")
    Image.fromarray(drawn(7, 9)).save(tmp_path / "lr" / "photo_1.png")
    assert train(photos, settings=[f"data.lr_dir={tmp_path / 'lr'}"]) == 1
    refused(
        tmp_path, capsys, "no HR picture for", "other.png", "no LR picture for", "photo_5.png", "is 9x7: expected 30x48"
    )


def test_a_patch_larger_than_a_picture(train: Callable[..., int], photos: Path, tmp_path: Path, capsys: Said) -> None:
    assert train(photos, settings=["data.patch_size=31"]) == 2
    refused(tmp_path, capsys, "a patch of 31 does not fit the smallest LR picture, 30 pixels a side")


def test_fewer_pictures_than_a_batch_train(train: Callable[..., int], photos: Path, tmp_path: Path) -> None:
    assert train(photos, settings=["data.batch_size=9", "train.epochs=1"]) == 0
    assert the_run(tmp_path).is_finished


def fill_up(disk: Path) -> Path:
    """A file that leaves no byte on that disk."""
    with pytest.raises(OSError, match="No space"), (disk / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return disk / "ballast"


def full_before_the_second_checkpoint(disk: Path, patched: pytest.MonkeyPatch) -> None:
    def fill(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            fill_up(disk)

    patched.setattr(callbacks.TellEpoch, "on_epoch_end", fill, raising=False)


def full_before_the_second_log(disk: Path, patched: pytest.MonkeyPatch) -> None:
    save = state.save

    def save_and_fill(path: Path, progress: state.Progress, variables: Any) -> None:
        save(path, progress, variables)
        if progress.epoch == 2:
            fill_up(disk)

    patched.setattr(state, "save", save_and_fill)


@pytest.mark.parametrize(("fill", "kept"), [(full_before_the_second_checkpoint, 1), (full_before_the_second_log, 2)])
def test_disk_full_during_a_checkpoint_or_a_log(
    train: Callable[..., int], photos: Path, small_disk: Path, capsys: Said, fill: Callable[..., None], kept: int
) -> None:
    """The last good checkpoint is intact, and with room the run goes on from it and has its whole history."""
    settings = [f"output.runs={small_disk / 'runs'}", "output.keep_best=1"]
    with pytest.MonkeyPatch.context() as patched:
        fill(small_disk, patched)
        assert train(photos, settings=settings) == 1
    assert "No space left on device" in one_line(capsys)
    run = the_run(small_disk)
    assert state.peek(run.state).epoch == kept and not run.weights.exists()
    (small_disk / "ballast").unlink()
    assert train(photos, settings=settings) == 0
    assert [row.partition(",")[0] for row in run.history.read_text().splitlines()] == ["epoch", "1", "2"]
    assert run.is_finished and not list(run.path.glob(".isr-*"))


def test_disk_full_during_a_store_build(photos: Path, small_disk: Path, capsys: Said) -> None:
    assert main(["prepare", str(photos), "-o", str(small_disk / "s.h5"), "--patch-size", "12", "--stride", "2"]) == 1
    assert "No space left on device" in one_line(capsys) and names(small_disk) == []


@pytest.mark.slow
def test_kill_9_at_some_moment_ends_with_the_same_bits(photo_folder: Path, tmp_path: Path) -> None:
    """At one moment; tests/train/test_kill.py has twenty."""
    pytest.importorskip("jax")
    wanted = small_runs.recipe(photo_folder, tmp_path, train={"epochs": 4}, output={"state_every_steps": 1})
    (tmp_path / "r.yml").write_text(config.dump(wanted))
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(session.__file__).parents[2])}

    def begun(run: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, small_runs.__file__, str(tmp_path / run), str(tmp_path / "r.yml")]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    assert begun("whole").wait(300) == 0
    killed = begun("killed")
    while killed.poll() is None and not (tmp_path / "killed" / "state.npz").exists():
        pass
    killed.kill()
    assert killed.wait() == -signal.SIGKILL and not (tmp_path / "killed" / "n.weights.h5").exists()
    assert begun("killed").wait(300) == 0
    small_runs.assert_same_bits(*(small_runs.arrays(tmp_path / name / "n.weights.h5") for name in ("killed", "whole")))


Stop = Callable[..., session.RunFolder]


@pytest.fixture
def stopped(train: Callable[..., int], photos: Path, tmp_path: Path, capsys: Said) -> Stop:
    """A run that a signal stopped after its first step."""

    def stop(number: signal.Signals = signal.SIGINT, code: int = 130) -> session.RunFolder:
        def send(self: Any, batch: int, logs: Any = None) -> None:
            os.kill(os.getpid(), number)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(callbacks.TellEpoch, "on_train_batch_end", send, raising=False)
            assert train(photos) == code
        run = the_run(tmp_path)
        assert one_line(capsys) == f"isr: stopped: `isr train --resume {run.path}` goes on where it stopped\n"
        return run

    return stop


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_sigterm_and_sigint_checkpoint_then_exit(stopped: Stop, number: signal.Signals, code: int) -> None:
    run = stopped(number, code)
    assert (state.peek(run.state).epoch, state.peek(run.state).step) == (0, 1)
    assert not run.lock.exists() and not run.weights.exists()


def test_two_trainers_in_one_run_folder(stopped: Stop, photos: Path, train: Callable[..., int], capsys: Said) -> None:
    """The second is refused, by --resume and by the same command; the lock of one that died is none."""
    run = stopped()
    before = run.state.read_bytes()
    with lock.held(run.lock):
        for call in (lambda: main(["train", "--resume", str(run.path)]), lambda: train(photos)):
            assert call() == 1
            assert f"process {os.getpid()} on" in one_line(capsys)
    assert run.state.read_bytes() == before and not run.lock.exists()
    run.lock.write_text(f"4194304 {socket.gethostname()}\n")  # no process has a number that high
    assert main(["train", "--resume", str(run.path)]) == 0 and run.is_finished


def test_a_config_that_changed_between_runs(stopped: Stop, capsys: Said) -> None:
    run = stopped()
    run.config.write_text(run.config.read_text().replace("epochs: 2\n", "epochs: 1\n", 1))
    assert main(["train", "--resume", str(run.path)]) == 2
    assert "train.epochs is 2, not 1: --set train.epochs=... overrides it" in one_line(capsys)
    assert main(["train", "--resume", str(run.path), "--set", "train.epochs=1"]) == 0
    assert len(run.history.read_text().splitlines()) == 2 and run.is_finished


def test_pictures_that_changed_between_runs(
    stopped: Stop, photos: Path, train: Callable[..., int], capsys: Said
) -> None:
    run = stopped()
    Image.fromarray(drawn(64, 66)).save(photos / "photo_0.png")
    for call in (lambda: main(["train", "--resume", str(run.path)]), lambda: train(photos)):
        assert call() == 2
        assert "other pictures (1 changed: training picture 'photo_0.png'): " in (capsys.readouterr().err)
    assert main(["train", "--resume", str(run.path), "--set", f"data.hr_dir={photos}"]) == 0
    assert "goes on with other pictures (1 changed" in capsys.readouterr().err
    assert (
        state.peek(run.state)
        .marks["training picture 'photo_0.png'"]
        .startswith(f"{(photos / 'photo_0.png').stat().st_size}-")
    )
