"""From a recipe to a trained network: assembles data, network, losses and optimizers by phases, and calls `fit`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ISR import config
from ISR.config import Config
from ISR.datasets import source
from ISR.datasets.patches import Pair
from ISR.errors import TrainingError
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


def train(
    generator: Any,
    recipe: Config,
    *,
    run: session.RunFolder,
    progress: bool = True,
    networks: Networks | None = None,
    start: Start = Start(),
    n_validation: int | None = None,
) -> Path:
    """Fit the generator (an ImageModel) by the recipe, going on from the run's state where it has one.

    networks: what the adversarial phase trains against; built from the recipe where None. n_validation: with how many
    of the validation pictures, evenly over them; None for all. Returns the path of the weights in the run folder: the
    moving average where `train.ema` > 0, else the last step's. Raises ConfigError, before the first step, for data or
    settings that do not suit; TrainingError for a loss that is not finite, a folder that another trainer holds, files
    that cannot be written. SIGINT and SIGTERM keep the state after the step under way.
    """
    with run.locked():
        pairs = _some(source.validation_pairs(recipe), n_validation)
        return _Training(generator, recipe, run, networks, start, pairs).go(progress=progress)


def check_monitor(recipe: Config, networks: Callable[[], Networks]) -> None:
    """ConfigError that lists the metrics that the recipe's phases have where it monitors another one."""
    known = set(phases.ALWAYS)
    for phase in phases.plan(recipe):
        names = phases.metric_names(networks()) if phase.adversarial else ["loss"]
        known |= {f"{side}_{name}" for name in names for side in ("train", "val")}
    keeper.check_monitor(recipe.output.monitor, known)


class _Training:
    """One call of `train`: what its phases share."""

    def __init__(
        self,
        generator: Any,
        recipe: Config,
        run: session.RunFolder,
        networks: Networks | None,
        start: Start,
        pairs: list[Pair],
    ) -> None:
        self.generator, self.recipe, self.run, self.start, self.given = generator, recipe, run, start, networks
        self.phases = phases.plan(recipe)
        self.progress, self.saved = self._begin()
        self.pairs, self.batches = pairs, source.batches(recipe)
        check_monitor(recipe, self._networks)  # what would end the run in its second phase is told before its first
        if not pairs:
            log.warning("no validation pictures: nothing is measured on any, so no weights are the best by val_...")
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

    def _begin(self) -> tuple[state.Progress, list[Any]]:
        if self.run.state.is_file():
            progress, saved = state.load(self.run.state)
        else:
            progress, saved = state.Progress(epoch=self.start.epoch, best=dict(self.start.best)), []
        progress.recipe = config.dump(self.recipe)
        return progress, saved

    def _networks(self) -> Networks:
        """Built anew each time until the phase that needs them: the first one does not pay for them."""
        if self.given is not None:
            return self.given
        built = phases.networks(self.recipe, hr_side=self.batches[0][1].shape[1])
        if self.phases[self._current()].adversarial:
            self.given = built
        return built

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
            fitted = phases.adversarial(model, self.recipe, self._networks(), first_step=first_step)
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
            validate.patches = validation.middles(self.pairs, self.batches[0][0].shape[1])
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
