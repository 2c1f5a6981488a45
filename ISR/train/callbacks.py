"""What happens around the steps of `fit`: the data's epoch, loss weights, validation, the run's files."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ISR import backend, memory
from ISR.datasets.batches import Batches
from ISR.datasets.patches import Pair
from ISR.errors import TrainingError
from ISR.train import averages, validation
from ISR.train.phases import Fitted
from ISR.train.record import Record
from ISR.train.stopping import StopRequest
from ISR.train.validation import Forward

log = logging.getLogger(__name__)


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
            memory.keep_freed()


class WeighLosses(keras.callbacks.Callback):  # type: ignore[misc]
    """Changes the loss weights at the epochs, counted from `first`, that name new ones."""

    def __init__(self, weights: Mapping[int, Mapping[str, float]], *, first: int) -> None:
        super().__init__()
        self.weights, self.first = weights, first

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        due = [self.weights[since] for since in sorted(self.weights) if since <= epoch - self.first]
        for weights in due:
            self.model.set_loss_weights(**weights)


class StopAtNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the run at the step whose loss is not finite, before anything is kept of it."""

    def __init__(self, batches: Batches, record: Record) -> None:
        super().__init__()
        self.batches, self.record = batches, record

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # The loss is the epoch's mean so far: once not finite, it stays so, and this is the first such step.
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            step = self.record.first_step + batch
            raise TrainingError(
                f"the loss became {loss} in epoch {self.record.progress.epoch + 1} at step {step + 1}"
                f", on patches of {self._files(step)}: lower the learning rate or clip the gradient (train.clip_norm); "
                "what was kept before is whole"
            )

    def _files(self, step: int) -> str:
        return ", ".join(str(path) for path in self.batches.files(self.record.progress.epoch, step))


class Validate(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds `val_...` to the logs every `every` epochs and after the last, NaN in between.

    Of whole pictures: `val_psnr_y`, which ISR 2 calls `val_PSNR_Y`, and the phase's losses that need no patch. Of the
    middle patches of the same pictures: the other metrics of an adversarial phase. All with the moving average of the
    weights where there is one: that is what the run keeps.
    """

    def __init__(self, fitted: Fitted, pairs: Sequence[Pair], forward: Forward, *, every: int, last: int) -> None:
        super().__init__()
        self.fitted, self.pairs, self.forward = fitted, pairs, forward
        self.every, self.last = every, last
        self.patches: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not self.pairs or logs is None:
            return
        names = {"psnr_y", "PSNR_Y", *self.fitted.metrics}
        measured = dict.fromkeys(sorted(names), float("nan"))
        if epoch + 1 == self.last or (epoch + 1) % self.every == 0:
            with averages.in_place(self.fitted.generator, self.model.optimizer):
                measured |= self._measured()
        logs |= {f"val_{name}": value for name, value in measured.items()}

    def _measured(self) -> dict[str, float]:
        whole = validation.measure(self.pairs, self.forward, self.fitted.validated)
        whole["PSNR_Y"] = whole["psnr_y"]
        if "generator_PSNR_Y" in self.fitted.metrics:
            whole["generator_PSNR_Y"] = whole["psnr_y"]
        return self._of_patches() | whole

    def _of_patches(self) -> dict[str, float]:
        if set(self.fitted.metrics) <= {"PSNR_Y", *self.fitted.validated} or self.patches is None:
            return {}
        # Every device measures all patches: their means are the same, and no number of patches is indivisible.
        lr, hr = (np.concatenate([patches] * backend.devices_here()) for patches in self.patches)
        done = self.model.evaluate(lr, hr, batch_size=len(lr), verbose=0, return_dict=True) if len(lr) else {}
        return {name: float(value) for name, value in done.items()}


class KeepRun(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the run's files after every epoch, and the state every `every` steps and when a signal asks to stop."""

    def __init__(self, record: Record, fitted: Fitted, stop: StopRequest, *, every: int) -> None:
        super().__init__()
        self.record, self.fitted, self.stop, self.every = record, fitted, stop, every

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.started = time.perf_counter()
        self.record.begin(self.model)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self.record.first_step + batch + 1
        if step == self.record.steps:
            return  # the end of the epoch comes next and keeps more
        asked = self.stop.number is not None
        if asked or (self.every and step % self.every == 0):
            self.record.keep_step(step, [*self.fitted.state, *self.model.metrics_variables])
        self.stop.obey()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        measured = {key if key.startswith("val_") else f"train_{key}": float(v) for key, v in (logs or {}).items()}
        row: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.perf_counter() - self.started, 2)}
        row["learning_rate"] = f"{float(self.model.optimizer.learning_rate):.3g}"
        row |= {key: f"{value:.6g}" for key, value in measured.items()}
        self.record.keep_epoch(row, measured, self.fitted, self.model.optimizer)
        log.info("epoch %s", " ".join(f"{key}={value}" for key, value in row.items()))
        self.stop.obey()


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar over all steps of the run, with the last loss and validation PSNR."""

    def __init__(self, bar: Any) -> None:
        super().__init__()
        self.bar = bar
        self.shown: dict[str, str] = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        wanted = {key: float((logs or {}).get(key, math.nan)) for key in ("loss", "val_psnr_y")}
        self.shown |= {key: f"{value:.4g}" for key, value in wanted.items() if np.isfinite(value)}
        self.bar.set_postfix(self.shown)
