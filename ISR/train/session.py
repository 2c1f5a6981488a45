"""The run folder: <runs>/<name>/<session>/ with the config, the history, the state to go on from, and the weights.

It has the shape of a `weights/<name>/` folder, so that publishing a network is a copy.
"""

from __future__ import annotations

import csv
import datetime
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ISR import atomic, config
from ISR.errors import TrainingError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. name: what the weights are called."""

    path: Path
    name: str

    @property
    def weights(self) -> Path:
        return self.path / f"{self.name}.weights.h5"

    @property
    def config(self) -> Path:
        return self.path / "config.yml"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def state(self) -> Path:
        return self.path / "state.npz"


def new_run(recipe: config.Config) -> RunFolder:
    """A fresh folder named after the network and this moment, with the recipe in it; else TrainingError."""
    name = recipe.output.name or f"{recipe.model.architecture}-x{recipe.model.scale}"
    moment = datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")
    path = Path(recipe.output.runs) / name / moment
    try:
        path.mkdir(parents=True)
        run = RunFolder(path, name)
        atomic.write_text(run.config, config.dump(recipe))
    except OSError as error:
        raise TrainingError(f"cannot make the run folder {str(path)!r}: {error.strerror}") from error
    return run


def open_run(path: str | Path) -> tuple[RunFolder, config.Config]:
    """The run in that folder and its recipe. TrainingError where the folder holds no run with a state to go on from."""
    run = RunFolder(Path(path), Path(path).resolve().parent.name)
    for needed in (run.config, run.state):
        if not needed.is_file():
            raise TrainingError(f"{str(path)!r} is no run to resume: it has no {needed.name}")
    return run, config.load(run.config)


def save_state(run: RunFolder, model: keras.Model, *, epoch: int, history: list[dict[str, Any]]) -> None:
    """All that training needs to go on after `epoch` epochs: the model's and optimizer's variables, and the history."""
    from keras import ops  # not above: reading a run's config must not cost loading Keras

    numbered = {f"variable_{i}": ops.convert_to_numpy(variable) for i, variable in enumerate(_variables(model))}
    with atomic.replacing(run.state, suffix=".npz") as temporary:
        np.savez(temporary, epoch=np.int64(epoch), history=_as_csv(history), **numbered)
    atomic.write_text(run.history, _as_csv(history))


def load_state(run: RunFolder, model: keras.Model) -> tuple[int, list[dict[str, Any]]]:
    """Fill the compiled model from the state. Returns the epochs done and their history."""
    model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    with np.load(run.state, allow_pickle=False) as state:
        saved = [state[f"variable_{i}"] for i in range(len(state.files) - 2)]
        if [value.shape for value in saved] != [tuple(variable.shape) for variable in variables]:
            raise TrainingError(f"the state {str(run.state)!r} was saved by another network or optimizer")
        for variable, value in zip(variables, saved, strict=True):
            variable.assign(value)
        return int(state["epoch"]), list(csv.DictReader(io.StringIO(str(state["history"]))))


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _as_csv(history: list[dict[str, Any]]) -> str:
    if not history:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
