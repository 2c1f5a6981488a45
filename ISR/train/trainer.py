"""From a recipe to a trained network: assembles data, network, losses and optimizers by phases, and calls `fit`."""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ISR import config
from ISR.config import Config
from ISR.datasets import source
from ISR.datasets.patches import Pair
from ISR.datasets.source import Source
from ISR.errors import ConfigError, TrainingError
from ISR.train import averages, callbacks, keeper, phases, session, state, validation
from ISR.train.feeding import Feed
from ISR.train.phases import Fitted, Networks, Phase
from ISR.train.record import Record
from ISR.train.stopping import StopRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Where a run without a state begins: after how many epochs of its schedules, and with which best values known."""

    epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Materials:
    """What a training needs besides its folder. batches: to train on; pairs: to validate with."""

    networks: Networks
    batches: Any
    pairs: list[Pair]
    marks: dict[str, str]


def train(
    generator: Any,
    recipe: Config,
    *,
    run: session.RunFolder | Callable[[], session.RunFolder],
    data: Source | None = None,
    progress: bool = True,
    networks: Networks | None = None,
    start: Start = Start(),
    n_validation: int | None = None,
) -> Path:
    """Fit the generator (an ImageModel) by the recipe, going on from the run's state where it has one.

    run: a folder, or what makes one: that is called when all is read, built and found to suit. data: of the recipe,
    None to look for it now. networks: what the adversarial phase trains against; built from the recipe where None.
    n_validation: with how many of the validation pictures, evenly over them; None for all. Returns the path of the
    weights in the run folder: the moving average where `train.ema` > 0, else the last step's. Raises ConfigError,
    before the first step, for data or settings that do not suit; TrainingError for a loss that is not finite, a folder
    that another trainer holds, files that cannot be written. SIGINT and SIGTERM keep the state after the step under
    way.
    """

    def materials() -> _Materials:
        return _materials(generator, recipe, data or source.find(recipe), networks, n_validation)

    with contextlib.ExitStack() as stack:
        if isinstance(run, session.RunFolder):
            stack.enter_context(run.locked())
            read = materials()
        else:
            read = materials()
            run = run()
            stack.enter_context(run.locked())
        stack.enter_context(_resumable(run))
        return _Training(generator, recipe, run, read, start).go(progress=progress)


def check_monitor(recipe: Config, networks: Networks) -> None:
    """ConfigError that lists the metrics that the recipe's phases have where it monitors another one."""
    known = set(phases.ALWAYS)
    for phase in phases.plan(recipe):
        names = phases.metric_names(networks) if phase.adversarial else ["loss"]
        known |= {f"{side}_{name}" for name in names for side in ("train", "val")}
    keeper.check_monitor(recipe.output.monitor, known)


def _materials(
    generator: Any, recipe: Config, data: Source, networks: Networks | None, n_validation: int | None
) -> _Materials:
    """All that can turn out not to suit: what would end the run in its second phase is told before its first."""
    if networks is None:
        adversarial = recipe.adversarial.recipe is not None
        side = data.hr_side(border=generator.border)
        networks = phases.networks(recipe, hr_side=side) if adversarial else Networks()
    check_monitor(recipe, networks)
    pairs = _some(data.validation_pairs(), n_validation)
    batches = data.batches(border=generator.border)
    _check_sizes(generator, *batches[0], loss_border=recipe.train.loss_border)
    if not pairs:
        log.warning("no validation pictures: nothing is measured on any, so no weights are the best by val_...")
    return _Materials(networks, batches, pairs, data.marks)


def _check_sizes(generator: Any, lr: Any, hr: Any, *, loss_border: int) -> None:
    """ConfigError where the network makes no HR patches of the LR patches, as of a store that was cut for another, or
    the loss would see nothing of them."""
    if generator.channels != lr.shape[-1]:
        raise ConfigError(f"model: training feeds {lr.shape[-1]} channels, the network takes {generator.channels}")
    made = tuple(generator.model.compute_output_shape(lr.shape))
    if made != hr.shape:
        (lr_side, hr_side), made_side = (patches.shape[1] for patches in (lr, hr)), made[1]
        raise ConfigError(
            f"data: of LR patches of {lr_side} the network makes {made_side}, the HR patches have {hr_side}: cut the "
            "store for this network (SRCNN's preset goes with padding: valid)"
        )
    if 2 * loss_border * generator.scale >= hr.shape[1]:
        left_out = f"{loss_border} LR pixels on every side leave nothing of HR patches of {hr.shape[1]}"
        raise ConfigError(f"train.loss_border: {left_out} at x{generator.scale}")


@contextlib.contextmanager
def _resumable(run: session.RunFolder) -> Iterator[None]:
    """KeyboardInterrupt says how the run goes on, if it is one that can."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if run.state.is_file() and run.config.is_file():
            again = shlex.join(["isr", "train", "--resume", str(run.path)])
            stop.args = (f"stopped: `{again}` goes on where it stopped",)
        raise


class _Training:
    """One call of `train`: what its phases share."""

    def __init__(
        self, generator: Any, recipe: Config, run: session.RunFolder, materials: _Materials, start: Start
    ) -> None:
        self.generator, self.recipe, self.run, self.start = generator, recipe, run, start
        self.networks, self.batches, self.pairs = materials.networks, materials.batches, materials.pairs
        self.phases = phases.plan(recipe)
        self.progress, self.saved = self._begin(materials.marks)
        self.record = Record(
            run,
            generator,
            self.progress,
            recipe.output,
            pairs=self.pairs,
            steps=recipe.train.steps_per_epoch,
        )
        self.stop = StopRequest()

    def go(self, *, progress: bool) -> Path:
        """All phases that are not over. Returns the path of the weights."""
        steps, critic = self.recipe.train.steps_per_epoch, None
        done = self.progress.epoch * steps + self.progress.step
        with tqdm(total=self.phases[-1].last * steps, unit="step", disable=not progress, dynamic_ncols=True) as bar:
            bar.update(done)
            for phase in self.phases[self._current() :]:
                fitted = self._built(phase)
                self._fit(phase, fitted, bar)
                averages.settle(fitted.generator, fitted.model.optimizer)
                critic = fitted.discriminator
        self.record.finish(critic)
        return self.run.weights

    def _begin(self, marks: dict[str, str]) -> tuple[state.Progress, list[Any]]:
        if self.run.state.is_file():
            progress, saved = state.load(self.run.state)
        else:
            progress, saved = state.Progress(epoch=self.start.epoch, best=dict(self.start.best)), []
        progress.recipe, progress.marks = config.dump(self.recipe), marks
        return progress, saved

    def _current(self) -> int:
        """The number of the phase that the state was saved in: its end is where the next one begins."""
        if self.progress.epoch == self.start.epoch:
            return 0
        covered = [phase.covers(self.progress.epoch, self.progress.step) for phase in self.phases]
        if True not in covered:
            raise TrainingError(f"the run has {self.progress.epoch} epochs, the recipe {self.phases[-1].last}")
        return covered.index(True)

    def _built(self, phase: Phase) -> Fitted:
        """The phase's compiled model, with the state's values if it was saved in this phase."""
        model, steps = self.generator.model, self.recipe.train.steps_per_epoch
        if phase.adversarial:
            first_step = self.start.epoch * steps if phase.first == 0 else 0
            fitted = phases.adversarial(model, self.recipe, self.networks, first_step=first_step)
        else:
            fitted = phases.pixel(model, self.recipe)
        if self.saved:
            count = len(fitted.state)
            state.fill(fitted.state, self.saved[:count])
            self.record.metrics = self.saved[count:]
            self.saved = []
        return fitted

    def _fit(self, phase: Phase, fitted: Fitted, bar: Any) -> None:
        fit = partial(fitted.model.fit, callbacks=self._around(phase, fitted, bar), verbose=0, shuffle=False)
        with averages.left_to_us(fitted.model.optimizer), self.stop.heard():
            if self.progress.step:
                epoch = self.progress.epoch
                fit(Feed(self.batches, first=self.progress.step), initial_epoch=epoch, epochs=epoch + 1)
            if self.progress.epoch < phase.last:
                fit(Feed(self.batches), initial_epoch=self.progress.epoch, epochs=phase.last)

    def _around(self, phase: Phase, fitted: Fitted, bar: Any) -> list[Any]:
        recipe, every = self.recipe, self.recipe.train.validate_every
        validate = callbacks.Validate(fitted, self.pairs, self.generator.run, every=every, last=phase.last)
        weights: list[Any] = []
        if phase.adversarial:
            lr, hr = self.batches[0]
            validate.patches = validation.middles(self.pairs, lr.shape[1], hr.shape[1])
            weights = [callbacks.WeighLosses(recipe.adversarial.loss_weights_by_epoch, first=phase.first)]
        return [
            callbacks.TellEpoch(self.batches),
            callbacks.KeepMemory(),
            *weights,
            callbacks.StopAtNaN(self.batches, self.record),
            validate,
            callbacks.KeepRun(self.record, fitted, self.stop, every=recipe.output.state_every_steps),
            callbacks.ProgressBar(bar),
        ]


def _some(pairs: list[Pair], count: int | None) -> list[Pair]:
    if count is None or count >= len(pairs):
        return pairs
    return [pairs[(2 * i + 1) * len(pairs) // (2 * count)] for i in range(count)]
