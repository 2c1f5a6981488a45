"""What happens around the steps of `fit`: the data's epoch, validation on whole pictures, the run's files."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ISR import backend
from ISR.datasets.batches import Batches
from ISR.datasets.patches import Pair
from ISR.errors import TrainingError
from ISR.images.files import to_float, to_samples
from ISR.metrics import psnr_y
from ISR.train import optimizers, session

log = logging.getLogger(__name__)
Forward = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class TellEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the data which epoch it is: its batches are a function of that."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches.epoch = epoch


class KeepMemory(keras.callbacks.Callback):  # type: ignore[misc]
    """Undoes, at the first step of every epoch, what TensorFlow's data set did to malloc when it started."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch == 0:
            backend.keep_freed_memory()


class StopAtNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the run at a loss that is not finite; the state of the last whole epoch stays."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {}).get("loss", 0.0))
        if not np.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} in epoch {epoch + 1}: lower train.learning_rate; earlier epochs are kept"
            )


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """The model with the moving average of its weights in place, if its optimizer keeps one; the weights come back."""
    pairs = optimizers.averages(model.optimizer, model)
    kept = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)


class WholePicturePSNR(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds `val_psnr_y` to the logs every `every` epochs and after the last: mean luma PSNR in dB of whole pictures.

    Measured with the moving average of the weights where there is one: that is what the run will keep.
    """

    def __init__(self, pairs: Sequence[Pair], forward: Forward, *, every: int) -> None:
        super().__init__()
        self.pairs, self.forward, self.every = pairs, forward, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        last = epoch + 1 == self.params["epochs"]
        if self.pairs and logs is not None:
            due = last or (epoch + 1) % self.every == 0
            logs["val_psnr_y"] = self._validated() if due else float("nan")

    def _validated(self) -> float:
        with averaged(self.model):
            return validate(self.pairs, self.forward)


def validate(pairs: Sequence[Pair], forward: Forward) -> float:
    """Mean luma PSNR in dB of the pictures enlarged whole, 8-bit output, a border of the scale shaved."""
    values = []
    for pair in pairs:
        scale = pair.hr.shape[0] // pair.lr.shape[0]
        sr = to_samples(forward(to_float(pair.lr)[None])[0]).astype(np.uint8, copy=False)
        values.append(psnr_y(pair.hr, sr, border=scale))
    return float(np.mean(values))


class KeepRun(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the state and history after every epoch, each file whole or not at all."""

    def __init__(self, run: session.RunFolder, history: list[dict[str, Any]]) -> None:
        super().__init__()
        self.run, self.history = run, history

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.perf_counter() - self.started, 2)}
        row["learning_rate"] = f"{float(self.model.optimizer.learning_rate):.3g}"
        row |= {key: f"{float(value):.6g}" for key, value in (logs or {}).items()}
        self.history.append(row)
        session.save_state(self.run, self.model, epoch=epoch + 1, history=self.history)
        log.info("epoch %s", " ".join(f"{key}={value}" for key, value in row.items()))


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar over all steps of the run, with the last loss and validation PSNR."""

    def __init__(self, bar: Any, steps_done: int) -> None:
        super().__init__()
        self.bar = bar
        self.shown: dict[str, str] = {}
        bar.update(steps_done)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        shown = {key: f"{float(value):.4g}" for key, value in (logs or {}).items() if np.isfinite(float(value))}
        self.shown |= shown
        self.bar.set_postfix(self.shown)
