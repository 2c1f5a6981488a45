"""From a recipe to a trained network: assembles data, network, losses and optimizers phase by phase, and calls `fit`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ISR import config
from ISR.config import Config
from ISR.datasets import folders
from ISR.datasets.batches import PatchBatches
from ISR.datasets.patches import Pair
from ISR.errors import ConfigError, TrainingError
from ISR.train import averages, callbacks, keeper, phases, session, state, validation
from ISR.train.feeding import Rest
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
    start: Start = Start(),  # noqa: B008
) -> Path:
    """Fit the generator (an ImageModel) by the recipe, going on from the run's state where it has one.

    networks: what the adversarial phase trains against; built from the recipe where None. Returns the path of the
    weights in the run folder: the moving average where `train.ema` > 0, else the last step's. Raises ConfigError for
    data or settings that do not suit, before the first step; TrainingError for a loss that is not finite, a folder that
    another trainer holds, or files that cannot be written. SIGINT and SIGTERM keep the state after the step under way.
    """
    with run.locked():
        return _Training(generator, recipe, run, networks, start).go(progress=progress)


class _Training:
    """One call of `train`: what its phases share."""

    def __init__(
        self, generator: Any, recipe: Config, run: session.RunFolder, networks: Networks | None, start: Start
    ) -> None:
        self.generator, self.recipe, self.run, self.start, self.given = generator, recipe, run, start, networks
        self.phases = phases.plan(recipe)
        self.progress, self.saved = self._begin()
        training, self.pairs = _read_pairs(recipe)
        self.batches = _batches(training, recipe)
        self._check()
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

    def _check(self) -> None:
        """What would end the run in its second phase is told before its first."""
        known = set(phases.ALWAYS)
        for phase in self.phases:
            names = self._adversarial_metrics() if phase.adversarial else ["loss"]
            known |= {f"{side}_{name}" for name in names for side in ("train", "val")}
        keeper.check_monitor(self.recipe.output.monitor, known)
        if not self.pairs and any(metric.startswith("val_") for metric in self.recipe.output.monitor):
            log.warning("no validation pictures: no weights are kept as the best by a metric of validation")

    def _adversarial_metrics(self) -> list[str]:
        return phases.metric_names(self._networks())

    def _networks(self) -> Networks:
        if self.given is not None:
            return self.given
        return phases.networks(self.recipe, hr_side=self.batches[0][1].shape[1])

    def _current(self) -> int:
        """The number of the phase that the state was saved in: its end is where the next one begins."""
        if not self.saved:
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
                fit(Rest(self.batches, self.progress.step), initial_epoch=epoch, epochs=epoch + 1)
            if self.progress.epoch < phase.last:
                fit(self.batches, initial_epoch=self.progress.epoch, epochs=phase.last)

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


def _read_pairs(recipe: Config) -> tuple[list[Pair], list[Pair]]:
    data, scale = recipe.data, recipe.model.scale
    paths, validation_paths = folders.split(data)
    log.info("reading %d pictures to train on, %d to validate", len(paths), len(validation_paths))
    validation = list(folders.read_pairs(validation_paths, scale, limit_mb=data.cache_limit_mb))
    return list(folders.read_pairs(paths, scale, limit_mb=data.cache_limit_mb)), validation


def _batches(pairs: Sequence[Pair], recipe: Config) -> PatchBatches:
    data = recipe.data
    try:
        return PatchBatches(
            pairs,
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            steps=recipe.train.steps_per_epoch,
            seed=recipe.train.seed,
            flatness=data.flatness,
        )
    except ValueError as error:
        raise ConfigError(f"data.patch_size: {error}") from error
