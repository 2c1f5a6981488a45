"""Fitting a network to the pairs of one picture: the learning rate, the end, and how many steps a budget pays for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import keras
import numpy as np
import numpy.typing as npt

from ISR import backend, memory
from ISR.config import ZeroShotConfig
from ISR.datasets.internal import InternalPairs
from ISR.errors import TrainingError
from ISR.models.zssr import ZSSR
from ISR.train.optimizers import ConvolutionMuon

Floats = npt.NDArray[np.float32]
# After a step: how many are done, how many there may be, and the mean loss of the latest ones.
Watch = Callable[[int, int, float], object]

# Given the seconds of one step: those that the whole fit may still take.
TimeLeft = Callable[[float], float]

# The first steps trace and compile; the following ones tell how long a step takes.
UNTIMED, TIMED = 2, 8
# Of the time that is left, what is planned for: measuring the error takes some, and the machine may become slower.
PLANNED = 0.92
# Steps in which the learning rate rises: at once at its height, Adam throws the zero of the last layer far away.
WARMUP = 30
# Side in pixels of the part that is reconstructed to measure the error: it costs less than a step.
MEASURED_SIDE = 96


def has_levelled(steps: list[int], errors: list[float], *, ratio: float) -> bool:
    """Whether the errors fall no longer: the standard deviation of their slope is at least `ratio` times its fall.

    The slope is that of the line fitted to the errors over the steps. Section 3.2 of Shocher et al. 2018, where their
    program takes, as here, the deviation of the slope, which has the slope's unit. False for fewer than three errors.
    """
    if len(steps) < 3:
        return False
    (slope, _), covariance = np.polyfit(steps, errors, 1, cov=True)
    return bool(math.sqrt(max(0.0, covariance[0, 0])) >= -ratio * slope)  # equal where a flat picture leaves no error


@dataclass
class LearningRate:
    """The paper's rule: `lr`, times `lr_decay` whenever the errors of the last `range` steps have levelled."""

    settings: ZeroShotConfig
    value: float = field(init=False)
    measured: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.value = self.settings.lr

    def take(self, step: int, error: float) -> None:
        """Take in the error after that step. Errors from before the last change of the rate are not fitted."""
        self.measured.append((step, error))
        if step - self.measured[0][0] < self.settings.range:
            return
        steps, errors = zip(*((at, e) for at, e in self.measured if step - at <= self.settings.range), strict=True)
        if has_levelled(list(steps), list(errors), ratio=self.settings.ratio):
            self.value *= self.settings.lr_decay
            self.measured = [(step, error)]

    @property
    def at_its_end(self) -> bool:
        """Whether it has fallen below `lr_stop`."""
        return self.value < self.settings.lr_stop * (1 - 1e-6)  # 1e-3 * 0.1 * 0.1 * 0.1 is a little less than 1e-6

    def at(self, step: int, progress: float) -> float:
        """The rate of that step: less in the first ones, and in the last share `cooldown` of what is planned."""
        remaining = (1.0 - progress) / self.settings.cooldown if self.settings.cooldown else 1.0
        lowered = self.value * min(1.0, (step + 1) / WARMUP, max(0.0, remaining))
        return max(lowered, min(self.value, self.settings.lr_stop))


@dataclass(frozen=True)
class Pace:
    """How many steps a fit may have, and how many seconds one takes: found out in the first fit of several."""

    steps: int
    step_seconds: float


@dataclass(frozen=True)
class Fitted:
    """How a fit ended. lr: by the rule alone. by_time: the clock, not only the steps, set rates or the end."""

    steps: int
    pace: Pace
    loss: float
    lr: float
    by_time: bool


def compile_for(network: ZSSR, settings: ZeroShotConfig) -> None:
    """Make the network ready to `fit`: L1, and Adam or Muon; a step is one graph, whatever its learning rate."""
    if settings.optimizer == "muon":
        optimizer = ConvolutionMuon(settings.lr, adam_only=("conv_1", "residual"))
    else:
        optimizer = keras.optimizers.Adam(settings.lr)
    network.model.compile(optimizer, "mae", jit_compile=backend.compiles_training())
    memory.keep_freed()


def fit(
    network: ZSSR,
    pairs: InternalPairs,
    settings: ZeroShotConfig,
    *,
    time_left: TimeLeft,
    pace: Pace | None = None,
    watch: Watch | None = None,
) -> Fitted:
    """Train the compiled network on the pairs until the rule, the plan or the time ends it.

    time_left: the seconds that this fit may still take, infinite for no limit, given those of a step. pace: that of an
    earlier fit of the same shapes; None measures the first steps. TrainingError where the loss is no finite number.
    """
    return _Fitting(network, pairs, settings, time_left, pace, watch).run()


class _Fitting:
    def __init__(
        self,
        network: ZSSR,
        pairs: InternalPairs,
        settings: ZeroShotConfig,
        time_left: TimeLeft,
        pace: Pace | None,
        watch: Watch | None,
    ) -> None:
        self.network, self.pairs, self.settings = network, pairs, settings
        self.time_left, self.watch = time_left, watch
        self.rule, self.loss, self.by_time = LearningRate(settings), math.nan, False
        self.pace = pace
        self.began, self.first, self.seconds = time.perf_counter(), 0, time_left(pace.step_seconds if pace else 0.0)
        self.father, self.son = _measured_part(pairs)

    def run(self) -> Fitted:
        step = 0
        # One batch is made while the one before it is trained on.
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.pairs.batch, 0)
            while not self._over(step):
                batch, ahead = ahead.result(), pool.submit(self.pairs.batch, step + 1)
                self._step(step, *batch)
                step += 1
        return Fitted(step, self.pace or Pace(self._limit, 0.0), self.loss, self.rule.value, self.by_time)

    @property
    def _limit(self) -> int:
        return self.settings.max_steps if self.pace is None else self.pace.steps

    @property
    def _spent(self) -> float:
        return time.perf_counter() - self.began

    def _over(self, step: int) -> bool:
        if step == UNTIMED:
            self.began, self.first, self.seconds = time.perf_counter(), step, self.seconds - self._spent
        if step == UNTIMED + TIMED and self.pace is None:
            self._plan(step, self._spent / TIMED)
        late = self._spent >= self.seconds
        self.by_time |= late and step < self._limit
        return late or step >= self._limit or self.rule.at_its_end

    def _plan(self, step: int, step_seconds: float) -> None:
        self.began, self.first, self.seconds = time.perf_counter(), step, self.time_left(step_seconds)
        affordable = PLANNED * self.seconds / max(step_seconds, 1e-6)
        self.pace = Pace(int(min(self.settings.max_steps, step + affordable)), step_seconds)
        # So short a plan would have lowered the rates of the steps before it, too.
        self.by_time |= self.pace.steps < min(2 * step, self.settings.max_steps)

    def _progress(self, step: int) -> float:
        """How much of the plan lies behind: of its steps, or of its time where the machine has become slower."""
        by_steps = step / self._limit
        by_time = (self.first + (self._limit - self.first) * self._spent / self.seconds) / self._limit
        if self.pace is None or by_time <= max((step + 1) / self._limit, 1.0 - self.settings.cooldown):
            return by_steps
        self.by_time = True
        return by_time

    def _step(self, step: int, sons: Floats, fathers: Floats) -> None:
        model = self.network.model
        model.optimizer.learning_rate = self.rule.at(step, self._progress(step))
        self.loss = float(model.train_on_batch(sons, fathers))
        if not math.isfinite(self.loss):
            wrong = f"the loss of zero-shot training became {self.loss} at step {step + 1}"
            raise TrainingError(f"{wrong}: lower zero_shot.lr, which is {self.settings.lr}")
        if (step + 1) % self.settings.step == 0:
            self.rule.take(step + 1, float(np.mean((self.network.run(self.son) - self.father) ** 2)))
            model.reset_metrics()  # the loss that Keras gives is the mean since then
        if self.watch is not None:
            self.watch(step + 1, self._limit, self.loss)


def _measured_part(pairs: InternalPairs) -> tuple[Floats, Floats]:
    """The middle of the picture and its interpolated son, as batches of one."""
    picture = pairs.sources[0]
    whole = round(pairs.reduction.factor)
    sides = [min(side, MEASURED_SIDE) // whole * whole for side in picture.shape[:2]]
    top, left = ((side - part) // 2 for side, part in zip(picture.shape[:2], sides, strict=True))
    father = picture[top : top + sides[0], left : left + sides[1]]
    return father[None], pairs.reduction.interpolated_son(father)[None]
