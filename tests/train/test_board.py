"""TensorBoard's files where the package is there, nothing where it is not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from ISR.train.board import Board

MEASURED = {"train_loss": 0.5, "val_loss": 0.25, "val_psnr_y": 30.0}


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is not None, reason="tensorboard is installed")
def test_without_tensorboard_nothing_is_written(tmp_path: Path) -> None:
    board = Board(tmp_path / "logs")
    board.write(1, MEASURED)
    board.close()
    assert not (tmp_path / "logs").exists()


def test_scalars_have_isr_2_s_names_and_the_epoch_as_x(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path)
    board.write(1, MEASURED)
    board.write(2, MEASURED)
    board.close()
    read = {}
    for side in ("train", "validation"):
        events = EventAccumulator(str(tmp_path / side))
        events.Reload()
        for tag in events.Tags()["scalars"]:
            read[side, tag] = [(event.step, event.value) for event in events.Scalars(tag)]
    assert read["train", "epoch_loss"] == [(1, 0.5), (2, 0.5)]
    assert read["validation", "epoch_loss"] == [(1, 0.25), (2, 0.25)]
    assert read["validation", "epoch_psnr_y"] == [(1, 30.0), (2, 30.0)]
