"""TensorBoard, where the `tensorboard` package is installed: a scalar for every metric, one x axis: epochs."""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIDES = {"train_": "train", "val_": "validation"}


class Board:
    """ISR 2's scalars, `epoch_loss` and so on, in <folder>/train and <folder>/validation, if the package is there.

    It writes without TensorFlow, whatever the backend. OSError where a file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Path] = {}

    def write(self, epoch: int, measured: Mapping[str, float]) -> None:
        """Add what was measured in that epoch to the files."""
        if importlib.util.find_spec("tensorboard") is None:
            return
        for prefix, side in SIDES.items():
            mine = {key.removeprefix(prefix): value for key, value in measured.items() if key.startswith(prefix)}
            if scalars := {key: value for key, value in mine.items() if math.isfinite(value)}:
                self._append(side, _event(step=epoch, summary=_summary(scalars)))

    def _append(self, side: str, event: bytes) -> None:
        # TensorBoard's own writer of event files loads TensorFlow; this one, which that is made of, does not.
        records = importlib.import_module("tensorboard.summary.writer.record_writer")
        known = side in self._files
        with (self._files[side] if known else self._new_file(side)).open("ab") as file:
            writer = records.RecordWriter(file)
            if not known:
                writer.write(_event(file_version="brain.Event:2"))
            writer.write(event)

    def _new_file(self, side: str) -> Path:
        """One for each process: TensorBoard reads the files of a folder in the order of their names, seconds first."""
        folder = self.folder / side
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._files[side] = folder / name
        return self._files[side]


def _event(**content: Any) -> bytes:
    event = importlib.import_module("tensorboard.compat.proto.event_pb2").Event
    return bytes(event(wall_time=time.time(), **content).SerializeToString())


def _summary(scalars: Mapping[str, float]) -> Any:
    summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
    values = [summary.Value(tag=f"epoch_{key}", simple_value=value) for key, value in scalars.items()]
    return summary(value=values)
