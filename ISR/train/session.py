"""The run folder: <runs>/<name>/<session>/ with the config, the history, the state to go on from, and the weights.

It has the shape of a `weights/<name>/` folder, so that publishing a network is a copy.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ISR import atomic, config, plain_yaml
from ISR.datasets import fingerprint
from ISR.errors import ConfigError, TrainingError
from ISR.train import arguments, lock, session_block, state

# The settings that say which pictures there are: naming one of them lets a run go on with others.
PICTURES = {f"data.{name}" for name in ("hr_dir", "lr_dir", "validation_dir", "validation_lr_dir", "store")}
PICTURES |= {"data.validation_pictures"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. name: what the weights are called. logs: where TensorBoard looks, None for inside."""

    path: Path
    name: str
    logs: Path | None = None

    @property
    def weights(self) -> Path:
        return self.path / f"{self.name}.weights.h5"

    @property
    def is_finished(self) -> bool:
        """Whether the weights are there, and their manifest, which is written after them."""
        return self.weights.is_file() and (self.path / f"{self.name}.manifest.json").is_file()

    @property
    def config(self) -> Path:
        return self.path / "config.yml"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def state(self) -> Path:
        return self.path / "state.npz"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def board(self) -> Path:
        return self.logs or self.path / "logs"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The folder is there and ours alone inside the block; what a killed trainer was writing is removed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"cannot make the run folder {str(self.path)!r}: {error.strerror}") from error
        with lock.held(self.lock):
            for stump in self.path.glob(".isr-*"):
                stump.unlink(missing_ok=True)
            yield


def new_run(recipe: config.Config) -> RunFolder:
    """A fresh folder named after the network and this moment, with the recipe in it; else TrainingError."""
    moment = datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")
    run = RunFolder(new_folder(Path(recipe.output.runs) / _name(recipe), moment), _name(recipe))
    _write_config(run, recipe)
    session_block.write(run.path, arguments.described(recipe), carried_from=recipe.model.weights)
    return run


def new_folder(parent: Path, moment: str) -> Path:
    """A folder made in the parent, called after the moment, -2, -3, ... behind where that is taken; TrainingError."""
    try:
        return atomic.new_folder(parent, moment)
    except OSError as error:
        raise TrainingError(f"cannot make a run folder in {str(parent)!r}: {error.strerror}") from error


def open_run(
    path: str | Path, *, wanted: config.Config | None = None, overrides: Iterable[str] = ()
) -> tuple[RunFolder, config.Config]:
    """The run in that folder and its recipe, with `section.key=value` overrides, which the folder then keeps.

    TrainingError where the folder holds no run with a state to go on from. ConfigError that names the settings where
    the recipe is not the one that the run was trained by so far or not the `wanted` one, and no override names them.
    """
    run = RunFolder(Path(path), Path(path).resolve().parent.name)
    for needed in (run.config, run.state):
        if not needed.is_file():
            raise TrainingError(f"{str(path)!r} is no run to resume: it has no {needed.name}")
    written = config.load(run.config)
    overrides = list(overrides)
    recipe = config.load(run.config, overrides=overrides)
    trained = state.peek(run.state).recipe
    if wanted is not None and wanted.data.hr_dir is None:  # as where HR_DIR was given beside the file
        wanted = config.override(wanted, "data", "hr_dir", recipe.data.hr_dir)
    before = config.from_mapping(plain_yaml.parse(trained, str(run.state))) if trained else written
    for other in (before, wanted or recipe):
        _check_same(other, recipe, {text.partition("=")[0].strip() for text in overrides})
    if recipe != written:
        _write_config(run, recipe)
    return run, recipe


def check_pictures(run: RunFolder, marks: Mapping[str, str], *, overrides: Iterable[str] = ()) -> None:
    """ConfigError that names what changed where the pictures are not those that the run was trained on so far.

    marks: of a Source. An override that names where the pictures are lets the run go on with them, and a warning says
    what changed.
    """
    changed = fingerprint.changes(state.peek(run.state).marks or marks, marks)
    if not changed:
        return
    named = PICTURES & {text.partition("=")[0].strip() for text in overrides}
    if not named:
        raise ConfigError(
            f"the run had other pictures ({changed}): put them back, or go on with these by --resume {run.path} and "
            "--set data.hr_dir=..., or what else names them; --fresh starts a new run"
        )
    log.warning("the run goes on with other pictures (%s), because --set names %s", changed, ", ".join(sorted(named)))


def unfinished(recipe: config.Config) -> RunFolder | None:
    """The newest run by this very recipe that has a state and not yet its weights; None where there is none.

    TrainingError where that run is being trained right now.
    """
    for path in sorted((Path(recipe.output.runs) / _name(recipe)).glob("*/config.yml"), reverse=True):
        run = RunFolder(path.parent, _name(recipe))
        if not run.state.is_file() or run.is_finished or not _is_of(run, recipe):
            continue
        if trainer := lock.holder(run.lock):
            raise TrainingError(f"{trainer} trains this recipe in {str(run.path)!r}: wait for it, or give --fresh")
        return run
    return None


def _is_of(run: RunFolder, recipe: config.Config) -> bool:
    try:
        return config.load(run.config) == recipe
    except ConfigError:
        return False


def _check_same(before: config.Config, recipe: config.Config, named: set[str]) -> None:
    settings = config.to_mapping(recipe)
    unnamed = {
        f"{section}.{key}": f"{value!r}, not {settings[section][key]!r}"
        for section, values in config.to_mapping(before).items()
        for key, value in values.items()
        if value != settings[section][key] and not _names(named, f"{section}.{key}")
    }
    if unnamed:
        told = "; ".join(f"{name} is {how}" for name, how in unnamed.items())
        raise ConfigError(f"the run had another recipe: {told}: --set {next(iter(unnamed))}=... overrides it")


def _names(overrides: set[str], setting: str) -> bool:
    return any(name == setting or name.startswith(f"{setting}.") for name in overrides)


def _name(recipe: config.Config) -> str:
    return recipe.output.name or f"{recipe.model.architecture}-x{recipe.model.scale}"


def _write_config(run: RunFolder, recipe: config.Config) -> None:
    try:
        atomic.write_text(run.config, config.dump(recipe))
    except OSError as error:
        raise TrainingError(f"cannot write {str(run.config)!r}: {error.strerror}") from error
