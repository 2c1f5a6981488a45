"""A run that was stopped ends with the weights of one that was not, to the bit: at any step, in either phase."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
from small_runs import arrays, assert_same_bits, fit, recipe
from verbs import said

from ISR import config
from ISR.datasets import source
from ISR.errors import ConfigError, TrainingError
from ISR.train import callbacks, lock, session, state


def folder(runs: Path, name: str) -> session.RunFolder:
    return session.RunFolder(runs / "n" / name, "n")


def signal_after(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """The process signals itself at the end of that step, counted from the beginning of the call."""
    counted = {"steps": 0}
    before = callbacks.StopAtNaN.on_train_batch_end

    def count(self: Any, batch: int, logs: dict[str, Any] | None = None) -> None:
        before(self, batch, logs)
        counted["steps"] += 1
        if counted["steps"] == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(callbacks.StopAtNaN, "on_train_batch_end", count)


def rows(run: session.RunFolder) -> list[dict[str, str]]:
    """The history without the seconds."""
    return [
        {k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(run.history.read_text().splitlines())
    ]


@pytest.fixture(scope="module")
def uninterrupted(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The weights, the critic's and the history of a run of two phases that nothing stopped."""
    runs = tmp_path_factory.mktemp("whole")
    run = folder(runs, "whole")
    weights = fit(recipe(photo_folder, runs, phases=2), run)
    return weights, arrays(run.path / "srgan-large.weights.h5"), rows(run), run


def test_both_phases_are_in_the_history(uninterrupted: Any) -> None:
    _, _, history, run = uninterrupted
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4"]
    assert all(row["train_loss"] and row["val_psnr_y"] and row["val_loss"] for row in history)
    keys = ("generator_loss", "discriminator_loss", "feature_extractor_1_loss", "generator_PSNR_Y", "d_real_loss")
    for key in keys:
        assert [bool(row[f"{side}_{key}"]) for row in history for side in ("train", "val")] == [False] * 4 + [True] * 4
    names = {path.name for path in run.path.iterdir()}
    assert {"n_best-val_psnr_y_epoch001.weights.h5", "state.npz", "history.csv", "curves.png"} <= names
    assert not {"lock"} & names and not [name for name in names if name.startswith(".isr")]


@pytest.mark.parametrize("steps", [[2], [5, 6], [8], [9, 1, 3]])
def test_signals_between_steps(
    uninterrupted: Any, steps: list[int], photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped inside an epoch of the first phase, at its end, and again and again in the second one."""
    weights, critic, history, _ = uninterrupted
    run, wanted = folder(tmp_path, "stopped"), recipe(photo_folder, tmp_path, phases=2)
    done = 0
    for step in steps:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            signal_after(patched, step, signal.SIGINT)
            fit(wanted, run)
        done += step
        kept = state.peek(run.state)
        assert kept.epoch * 4 + kept.step == done
    assert_same_bits(fit(wanted, run), weights)
    assert rows(run) == history
    assert_same_bits(arrays(run.path / "srgan-large.weights.h5"), critic)


def test_the_state_within_an_epoch_is_kept_when_asked(photo_folder: Path, tmp_path: Path) -> None:
    written: list[tuple[int, int]] = []
    before = state.save

    def note(path: Path, progress: state.Progress, variables: Any) -> None:
        written.append((progress.epoch, progress.step))
        before(path, progress, variables)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state, "save", note)
        fit(recipe(photo_folder, tmp_path, output={"state_every_steps": 2}), folder(tmp_path, "a"))
    assert written == [(0, 2), (1, 0), (1, 2), (2, 0)]


def test_a_loss_that_is_not_finite_is_named_by_step_and_files(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ISR.datasets.batches import Batches, PatchBatches

    whole = Batches.__getitem__

    def broken(self: PatchBatches, step: int) -> Any:
        lr, hr = whole(self, step)
        return (lr * np.float32("nan") if (self.epoch, step) == (1, 2) else lr), hr

    monkeypatch.setattr(Batches, "__getitem__", broken)
    run = folder(tmp_path, "nan")
    with pytest.raises(TrainingError, match=r"nan in epoch 2 at step 3, on patches of .*photo_\d\.png") as caught:
        fit(recipe(photo_folder, tmp_path, output={"state_every_steps": 1}), run)
    assert "\n" not in str(caught.value)
    assert (state.peek(run.state).epoch, state.peek(run.state).step) == (1, 2)
    kept = list(run.path.glob("n_best*.weights.h5"))
    assert [path.name for path in kept] == ["n_best-val_psnr_y_epoch001.weights.h5"] and not run.weights.exists()


def test_a_second_trainer_in_the_folder_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    run = folder(tmp_path, "a")
    run.path.mkdir(parents=True)
    with lock.held(run.lock), pytest.raises(TrainingError, match=f"process {os.getpid()} on"):
        fit(recipe(photo_folder, tmp_path), run)
    assert not run.state.exists()


@pytest.fixture
def stopped(photo_folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """A run folder as `isr train` makes it, after one of two epochs, without training."""

    def make(**train: Any) -> session.RunFolder:
        wanted = recipe(photo_folder, tmp_path, train=train)
        run = session.new_run(wanted)
        state.save(run.state, state.Progress(1, recipe=config.dump(wanted)), [])
        return run

    return make


def test_a_changed_config_is_refused_by_name_or_overridden(stopped: Callable[..., Any]) -> None:
    run = stopped()
    run.config.write_text(run.config.read_text().replace("epochs: 2", "epochs: 7", 1))
    with pytest.raises(ConfigError, match=r"train\.epochs is 2, not 7: --set train\.epochs=\.\.\. overrides it"):
        session.open_run(run.path)
    _, changed = session.open_run(run.path, overrides=["train.epochs=9"])
    assert changed.train.epochs == 9 and config.load(run.config) == changed
    with pytest.raises(ConfigError, match=r"train\.epochs"):
        session.open_run(run.path)


def test_another_config_beside_resume_is_refused_by_name(stopped: Callable[..., Any]) -> None:
    run = stopped()
    other = config.override(config.load(run.config), "train", "seed", 8)
    with pytest.raises(ConfigError, match=r"train\.seed is 8, not 3"):
        session.open_run(run.path, wanted=other)
    _, same = session.open_run(run.path, wanted=config.load(run.config))
    assert same.train.seed == 3


def test_changed_pictures_are_refused_by_name_or_overridden(
    stopped: Callable[..., Any], photo_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = stopped()
    marks = {"training picture 'a.png'": "1", "training picture 'b.png'": "2"}
    session.check_pictures(run, marks)  # a state that knows of none
    state.save(run.state, state.Progress(1, recipe=run.config.read_text(), marks=marks), [])
    session.check_pictures(run, dict(marks))
    changed = {**marks, "training picture 'b.png'": "3"}
    told = r"other pictures \(1 changed: training picture 'b\.png'\): .*--set data\.hr_dir=.*--fresh"
    for overrides in ([], ["data.batch_size=3"]):
        with pytest.raises(ConfigError, match=told):
            session.check_pictures(run, changed, overrides=overrides)
    assert said(caplog) == []
    session.check_pictures(run, changed, overrides=[f"data.hr_dir={photo_folder}"])
    assert [level for level, _ in said(caplog)] == ["WARNING"]


def test_a_run_knows_its_pictures(uninterrupted: Any, photo_folder: Path) -> None:
    marks = state.peek(uninterrupted[3].state).marks
    assert marks == source.find(recipe(photo_folder, photo_folder)).marks and len(marks) == 6


def test_the_newest_unfinished_run_of_the_same_recipe_is_found(stopped: Callable[..., Any]) -> None:
    first, second = stopped(), stopped()
    wanted = config.load(first.config)
    assert first.path != second.path
    assert session.unfinished(wanted) == second
    second.weights.touch()
    assert session.unfinished(wanted) == second  # killed before the manifest
    second.weights.with_name(f"{second.name}.manifest.json").touch()
    assert session.unfinished(wanted) == first
    assert session.unfinished(config.override(wanted, "train", "seed", 8)) is None
    with lock.held(first.lock), pytest.raises(TrainingError, match=rf"process {os.getpid()} on .* trains this recipe"):
        session.unfinished(wanted)
    first.state.unlink()
    assert session.unfinished(wanted) is None


def test_every_run_says_what_it_is_in_plain_yaml(stopped: Callable[..., Any]) -> None:
    import yaml

    run = stopped()
    (block,) = yaml.safe_load((run.path / "session_config.yml").read_text()).values()
    assert list(block) == ["generator", "discriminator", "feature_extractor", "training_parameters"]
    assert block["generator"] == {
        "name": "compact",
        "parameters": {"width": 6, "depth": 2, "x": 2},
        "weights_generator": None,
    }
    assert small_runs.TRAIN.items() <= block["training_parameters"].items()
