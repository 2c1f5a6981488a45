"""What `isr train` does: finds the run and its recipe, builds the network on its devices, trains it."""

from __future__ import annotations

import argparse
import logging
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ISR import config, console
from ISR.console import OK, UsageError
from ISR.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from ISR.config import Config
    from ISR.datasets.source import Source
    from ISR.models.image_model import ImageModel
    from ISR.train.session import RunFolder

    Found = tuple[RunFolder | None, Source]

log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Train as the command line says, and print the path of the weights. Returns the exit code."""
    if options.devices is not None:
        options.overrides = [*options.overrides, f"train.devices={options.devices}"]
    if (options.coordinator, options.processes, options.process) == (None, None, None):
        return _alone(options)
    return _with_others(options)


def _alone(options: argparse.Namespace) -> int:
    from ISR import backend

    run, data = _run_and_data(options)
    with backend.shared_out(data.recipe.train.devices):
        generator = _generator(data.recipe, run, verbose=options.verbose)
        console.show_path(_trained(generator, data.recipe, run, data))
    return OK


def _with_others(options: argparse.Namespace) -> int:
    from ISR import backend
    from ISR.train import machines

    where = machines.place(options.coordinator, options.processes, options.process)
    run, data = _run_and_data(options) if where.is_first else (None, None)
    backend.check_joins()
    leave = partial(console.leave, verbose=options.verbose)
    try:
        known = None if data is None else data.recipe
        with machines.joined(where, run, known, give_up=lambda told: leave(TrainingError(told))) as (run, recipe):
            generator = _generator(recipe, run, verbose=True)  # muffled it could not say who is lost
            weights = _trained(generator, recipe, run, data)
    except BaseException as error:
        leave(error)
    if where.is_first:
        console.show_path(weights)
    return OK


def _run_and_data(options: argparse.Namespace) -> Found:
    """The run to go on with, None for a new one, and its recipe's data, checked before Keras is loaded."""
    from ISR.datasets import source
    from ISR.train import session

    if options.resume is not None:
        if options.folder or options.fresh:
            raise UsageError("--resume goes on with the run's own pictures: leave out HR_DIR and --fresh")
        wanted = config.load(options.config, overrides=options.overrides) if options.config else None
        run: RunFolder | None
        run, recipe = session.open_run(options.resume, wanted=wanted, overrides=options.overrides)
    else:
        run, recipe = _unfinished_or_new(options)
    data = source.find(recipe)
    if run is not None:
        session.check_pictures(run, data.marks, overrides=options.overrides if options.resume else ())
    return run, data


def _unfinished_or_new(options: argparse.Namespace) -> tuple[RunFolder | None, Config]:
    from ISR.train import session

    recipe = config.load(options.config, overrides=options.overrides)
    if options.folder is not None:
        recipe = config.override(recipe, "data", "hr_dir", options.folder)
    run = None if options.fresh else session.unfinished(recipe)
    if run is None:
        return None, recipe
    log.warning("going on with the unfinished run %s of this recipe; --fresh starts a new one", run.path)
    return session.open_run(run.path)


def _generator(recipe: Config, run: RunFolder | None, *, verbose: bool) -> ImageModel:
    from ISR import backend, models

    with console.muffled(verbose=verbose):
        backend.seed(recipe.train.seed)  # the first weights
        wanted = recipe.model
        try:
            generator = models.build(wanted.architecture, wanted.scale, wanted.params, precision=recipe.train.precision)
        except ValueError as error:
            raise ConfigError(f"model: {error}") from error
        if wanted.weights is not None and (run is None or not run.state.is_file()):
            generator.begin_from(wanted.weights)
    return generator


def _trained(generator: ImageModel, recipe: Config, run: RunFolder | None, data: Source | None) -> Path:
    """The path of the weights. run: None for a new one. data: None where this process has not looked for it yet."""
    from ISR.train import session, trainer

    folder = run or partial(session.new_run, recipe)
    return trainer.train(generator, recipe, run=folder, data=data, progress=sys.stderr.isatty())
