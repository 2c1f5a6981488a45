"""The state of a run: one file with all that a bit-exact continuation needs."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR import atomic
from ISR.errors import TrainingError

Row = dict[str, Any]
_DAMAGE = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)
_LATER = {"step", "about"}  # what states written before there were these do not have


@dataclass
class Progress:
    """How far a run is: whole epochs, steps of the next one, and what was measured and kept on the way.

    best: metric -> its best value. unsaved: epochs since weights were last kept. recipe: what trains the run, as YAML.
    marks: of the pictures that it is trained on and validated with (ISR.datasets.source).
    """

    epoch: int = 0
    step: int = 0
    history: list[Row] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    unsaved: int = 0
    recipe: str = ""
    marks: dict[str, str] = field(default_factory=dict)


def save(path: Path, progress: Progress, variables: Sequence[Any]) -> None:
    """Write the progress and the variables' values, whole or not at all; else TrainingError, and the last one stays."""
    from keras import ops  # not above: reading a run's progress must not cost loading Keras

    about = {name: getattr(progress, name) for name in ("best", "unsaved", "recipe", "marks")}
    content: dict[str, Any] = {
        "epoch": np.int64(progress.epoch),
        "step": np.int64(progress.step),
        "history": as_csv(progress.history),
        "about": json.dumps(about),
    }
    content |= {f"variable_{i}": _plain(ops.convert_to_numpy(variable)) for i, variable in enumerate(variables)}
    try:
        with atomic.replacing(path, suffix=".npz") as temporary:
            np.savez(temporary, **content)
    except OSError as error:
        raise TrainingError(
            f"the state {str(path)!r} cannot be written: {error.strerror or error}; the last one, if any, is whole"
        ) from error


def load(path: Path) -> tuple[Progress, list[npt.NDArray[Any]]]:
    """What `save` wrote. TrainingError for a file that it did not write."""
    with _read(path) as file:
        values = [file[f"variable_{i}"] for i in range(len(set(file.files) - {"epoch", "history"} - _LATER))]
        return _progress(file), values


def peek(path: Path) -> Progress:
    """The progress alone, without the variables. TrainingError for a file that `save` did not write."""
    with _read(path) as file:
        return _progress(file)


@contextlib.contextmanager
def _read(path: Path) -> Iterator[Any]:
    """The open archive; what goes wrong with its bytes is a TrainingError."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            yield file
    except _DAMAGE as error:
        raise TrainingError(f"the state {str(path)!r} cannot be read: {' '.join(str(error).split())}") from error


def fill(variables: Sequence[Any], values: Sequence[npt.NDArray[Any]]) -> None:
    """Give the variables the values, or TrainingError and none is changed."""
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError("the state was saved by another network or optimizer: --fresh starts a new run")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def as_csv(history: Sequence[Row]) -> str:
    """The rows as CSV text; a column for every key of any row, in the order of their appearance."""
    if not history:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def _progress(file: Any) -> Progress:
    about = json.loads(str(file["about"])) if "about" in file else {}
    return Progress(
        epoch=int(file["epoch"]),
        step=int(file["step"]) if "step" in file else 0,
        history=list(csv.DictReader(io.StringIO(str(file["history"])))),
        **about,
    )


def _plain(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """NumPy's own kinds alone go into a file that is read without pickle: bfloat16, which is none, as float32."""
    return value if value.dtype.kind in "biuf" else value.astype(np.float32)
