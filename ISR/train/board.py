"""TensorBoard, where the `tensorboard` package is installed: a scalar for every metric, one x axis: epochs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIDES = {"train_": "train", "val_": "validation"}


class Board:
    """ISR 2's scalars, `epoch_loss` and so on, in <folder>/train and <folder>/validation, if the package is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[str, Any] = {}

    def write(self, epoch: int, measured: Mapping[str, float]) -> None:
        """Add what was measured in that epoch and see to it that it is on the disk."""
        if importlib.util.find_spec("tensorboard") is None:
            return
        for prefix, side in SIDES.items():
            scalars = {key.removeprefix(prefix): value for key, value in measured.items() if key.startswith(prefix)}
            writer = self._writer(side)
            writer.add_event(_event(epoch, scalars))
            writer.flush()

    def close(self) -> None:
        """End the files."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, side: str) -> Any:
        if side not in self._writers:
            module = importlib.import_module("tensorboard.summary.writer.event_file_writer")
            self._writers[side] = module.EventFileWriter(str(self.folder / side))
        return self._writers[side]


def _event(epoch: int, scalars: Mapping[str, float]) -> Any:
    event = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
    summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
    values = [summary.Value(tag=f"epoch_{key}", simple_value=value) for key, value in scalars.items()]
    return event(step=epoch, summary=summary(value=values))
