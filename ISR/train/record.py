"""What a run leaves behind while it goes on: weights worth keeping, the state, the history, pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from ISR import atomic
from ISR.config import OutputConfig
from ISR.datasets.patches import Pair
from ISR.errors import TrainingError
from ISR.images import files
from ISR.models import manifest
from ISR.train import averages, curves, keeper, phases, state, validation
from ISR.train.board import Board
from ISR.train.session import RunFolder


class Record:
    """The files of one run, each whole or not at all; a TrainingError says which could not be written.

    generator: the ImageModel. pairs: the validation pictures. steps: of an epoch.
    """

    def __init__(
        self,
        run: RunFolder,
        generator: Any,
        progress: state.Progress,
        settings: OutputConfig,
        *,
        pairs: Sequence[Pair],
        steps: int,
    ) -> None:
        self.run, self.generator, self.progress, self.settings = run, generator, progress, settings
        self.pairs, self.steps = pairs, steps
        self.keeper = keeper.Keeper(
            settings.monitor, save_every=settings.save_every, best=progress.best, unsaved=progress.unsaved
        )
        self.board = Board(run.board)
        self.first_step = 0
        self.metrics: list[npt.NDArray[Any]] = []

    def begin(self, model: Any) -> None:
        """An epoch begins, or goes on after the steps that the state has, with the sums of its metrics."""
        self.first_step = self.progress.step
        if self.first_step:
            state.fill(model.metrics_variables, self.metrics)

    def keep_step(self, step: int, variables: Sequence[Any]) -> None:
        """The state after that many steps of the epoch."""
        self.progress.step = step
        state.save(self.run.state, self.progress, variables)

    def keep_epoch(self, row: state.Row, measured: Mapping[str, float], fitted: phases.Fitted, optimizer: Any) -> None:
        """All that is written after an epoch. Weights come before the state, which knows that they are the best: a run
        killed in between makes them again."""
        epoch = self.progress.epoch + 1
        with _written("the run's files"):
            with averages.in_place(fitted.generator, optimizer):
                for mark in self.keeper.marks(measured):
                    self._keep_weights(mark, epoch, fitted.discriminator)
                self._keep_samples(epoch)
            self._progressed(epoch, row)
            state.save(self.run.state, self.progress, fitted.state)
            self._show_history()
            self.board.write(epoch, measured)
            keeper.prune(self.run.path, best=self.settings.keep_best, others=self.settings.keep_others)

    def finish(self, discriminator: Any) -> None:
        """The weights that training ended with, and the history, which the last epoch may not have come to."""
        with _written("the run's files"):
            self._show_history()
        self.generator.save(self.run.weights)
        if discriminator is not None:
            self._save_critic(discriminator, f"{discriminator.name}.weights.h5")

    def _show_history(self) -> None:
        atomic.write_text(self.run.history, state.as_csv(self.progress.history))
        atomic.write_bytes(self.run.curves, curves.drawn(self.progress.history))

    def _progressed(self, epoch: int, row: state.Row) -> None:
        self.progress.epoch, self.progress.step = epoch, 0
        self.progress.history.append(row)
        self.progress.best, self.progress.unsaved = dict(self.keeper.best), self.keeper.unsaved

    def _keep_weights(self, mark: str, epoch: int, discriminator: Any) -> None:
        self.generator.save(self.run.path / keeper.file_name(self.run.name, mark, epoch))
        if discriminator is not None:
            self._save_critic(discriminator, keeper.file_name(discriminator.name, mark, epoch))

    def _save_critic(self, discriminator: Any, name: str) -> None:
        manifest.save(discriminator.model, self.run.path / name, **phases.critic_manifest(discriminator))

    def _keep_samples(self, epoch: int) -> None:
        every = self.settings.samples_every
        if self.pairs and every and epoch % every == 0:
            pixels = validation.samples(self.pairs, self.generator.run)
            files.write(files.Picture(pixels), self.run.samples / f"epoch_{epoch:04d}.png")


@contextlib.contextmanager
def _written(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{what} cannot be written ({error.strerror or error}): the last state is whole; make room and resume"
        ) from error
