"""TensorBoard's files where the package is there, nothing where it is not."""

from __future__ import annotations

import csv
import importlib
import importlib.util
from pathlib import Path

import pytest
import small_runs

from ISR.train import session
from ISR.train.board import Board

MEASURED = {"train_loss": 0.5, "val_loss": 0.25, "val_psnr_y": 30.0}
Curve = list[tuple[int, float]]


def read(folder: Path) -> dict[str, Curve]:
    """tag -> (epoch, value), as TensorBoard's own reader reads them."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_without_tensorboard_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    board = Board(tmp_path / "logs")
    board.write(1, MEASURED)
    assert not (tmp_path / "logs").exists()


def test_scalars_have_isr_2_s_names_and_the_epoch_as_x(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    first, resumed = Board(tmp_path), Board(tmp_path)
    first.write(1, MEASURED)
    first.write(2, {"train_loss": 0.5, "val_loss": float("nan")})  # not validated in this epoch
    resumed.write(3, MEASURED)
    assert read(tmp_path / "train") == {"epoch_loss": [(1, 0.5), (2, 0.5), (3, 0.5)]}
    assert read(tmp_path / "validation") == {
        "epoch_loss": [(1, 0.25), (3, 0.25)],
        "epoch_psnr_y": [(1, 30.0), (3, 30.0)],
    }


def test_a_run_s_scalars_are_those_of_its_history(photo_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    run = session.RunFolder(tmp_path / "run", "n")
    small_runs.fit(small_runs.recipe(photo_folder, tmp_path, phases=2), run)
    rows = list(csv.DictReader(run.history.read_text().splitlines()))
    for prefix, side in (("train_", "train"), ("val_", "validation")):
        curves = read(run.board / side)
        expected = {f"epoch_{key.removeprefix(prefix)}" for row in rows for key in row if key.startswith(prefix)}
        assert set(curves) == expected and len(expected) > 5
        losses = [(int(row["epoch"]), float(row[f"{prefix}loss"])) for row in rows]
        assert curves["epoch_loss"] == [(epoch, pytest.approx(value, rel=1e-5)) for epoch, value in losses]
