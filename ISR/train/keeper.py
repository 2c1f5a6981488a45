"""Which weights of a run are kept: those of the best epochs by each monitored metric, and some in between."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ISR.errors import ConfigError

SUFFIXES = (".weights.h5", ".manifest.json")


class Keeper:
    """Decides after each epoch under which names to keep the weights, and removes those that are old.

    monitor: metric -> min or max. best: what is known of them from before. save_every: epochs without a best one after
    which the weights are kept all the same; 0 for never. unsaved: such epochs so far.
    """

    def __init__(
        self, monitor: Mapping[str, str], *, save_every: int, best: Mapping[str, float] | None = None, unsaved: int = 0
    ) -> None:
        self.monitor, self.save_every = dict(monitor), save_every
        self.best = {metric: value for metric, value in (best or {}).items() if metric in self.monitor}
        self.unsaved = unsaved

    def marks(self, measured: Mapping[str, float]) -> list[str]:
        """What the names of this epoch's weights hold: `_best-<metric>` for each metric that is better than ever, ""
        where none was for longer than `save_every` epochs; nothing where the weights are not to be kept.

        Every metric is looked at. One that was not measured, or is not finite, is no better.
        """
        better = [metric for metric in self.monitor if self._is_better(metric, measured.get(metric, math.nan))]
        self.best |= {metric: float(measured[metric]) for metric in better}
        due = not better and 0 < self.save_every <= self.unsaved
        self.unsaved = 0 if better or due else self.unsaved + 1
        return [f"_best-{metric}" for metric in better] or ([""] if due else [])

    def _is_better(self, metric: str, value: float) -> bool:
        if not math.isfinite(value):
            return False
        known = self.best.get(metric)
        if known is None:
            return True
        return value < known if self.monitor[metric] == "min" else value > known


def file_name(name: str, mark: str, epoch: int) -> str:
    """ISR 2's name of the weights after that many epochs: `rdn-C3-D10-G64-G064-x2_best-val_loss_epoch007` and so on."""
    return f"{name}{mark}_epoch{epoch:03d}.weights.h5"


def epoch_of(weights: str | Path) -> int:
    """The number of epochs that the name of a weights file ends with, 0 where it names none."""
    found = re.search(r"epoch(\d+)(?:\.weights\.h5|\.hdf5|\.h5)?$", Path(weights).name)
    return int(found.group(1)) if found else 0


def prune(folder: Path, *, best: int, others: int) -> None:
    """Leave the weights of the newest epochs, counted among those that were best and among the others by themselves."""
    kept = [path for path in folder.glob("*_epoch*.weights.h5") if epoch_of(path)]
    for is_best, count in ((True, best), (False, others)):
        kind = [path for path in kept if ("_best-" in path.name) == is_best]
        newest = sorted({epoch_of(path) for path in kind}, reverse=True)[:count]
        _remove(path for path in kind if epoch_of(path) not in newest)


def check_monitor(monitor: Mapping[str, str], known: Iterable[str]) -> None:
    """ConfigError that lists the known metrics where one is monitored that no epoch will have, or not by min or max."""
    names = sorted(known)
    for metric, best in monitor.items():
        if metric not in names:
            raise ConfigError(f"no metric is called {metric!r}: this training has {', '.join(names)}")
        if best not in ("min", "max"):
            raise ConfigError(f"the metric {metric} is to be min or max, got {best!r}")


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        for suffix in SUFFIXES:
            path.with_name(path.name.removesuffix(SUFFIXES[0]) + suffix).unlink(missing_ok=True)
