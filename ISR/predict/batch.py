"""Pictures enlarged one after another or several at once, one or many by the same way; in a folder each once, whoever
else works in it, and after a kill only what is left."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
import unicodedata
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ISR.errors import ISRError, PictureError
from ISR.images import files
from ISR.lock import LockedError
from ISR.models.tiled import Progress
from ISR.predict import cancel
from ISR.predict.cancel import CancelToken
from ISR.predict.destinations import Job, Plan
from ISR.predict.results import Keeper, Loose, Result
from ISR.predict.workers import Crew, Here, Opener, Processes

Shard = tuple[int, int]
POLL = 0.2  # seconds between two looks at what another process is doing

_log = logging.getLogger(__name__)


def share(plan: Plan, shard: Shard | None) -> Plan:
    """The i-th of n shares of the plan, for (i, n) with i from 1: by a sum of the picture's name, so that it is the
    same on every machine and whatever else lies in the folder. All of it for None."""
    if shard is None:
        return plan
    return replace(plan, jobs=[job for job in plan.jobs if _number(job.relative) % shard[1] == shard[0] - 1])


def _number(name: Path) -> int:
    plain = unicodedata.normalize("NFC", name.as_posix())  # macOS takes letters and their accents apart
    return int.from_bytes(hashlib.sha256(os.fsencode(plain)).digest()[:8])


def results(
    plan: Plan,
    opener: Opener,
    *,
    keeper: Keeper | None = None,
    skip_existing: bool = False,
    processes: int = 1,
    token: CancelToken | None = None,
) -> Generator[Result, None, None]:
    """One result for each picture of the plan, as they end.

    opener: opened, which loads the network, when a picture first needs it; picklable where there are several processes.
    keeper: `Kept` for a folder of results, closed at the end; None writes each where it belongs. skip_existing: where a
    result's file is there, whatever it is, it is passed over. processes: how many pictures at once.

    What goes wrong with a picture is in its result. ISRError where the disk of `keeper` takes no more, CancelledError
    where the token is set, and what keeps the network from being loaded; what was begun leaves no file.
    """
    keeper, one_disk = (Loose(), False) if keeper is None else (keeper, True)
    crew: Crew = Here(opener) if processes == 1 else Processes(opener, processes)
    try:
        yield from (Result(path, None, "failed", error=error) for path, error in plan.faults)
        yield from _Batch(deque(plan.jobs), crew, keeper, skip_existing, token, one_disk).run()
    finally:
        crew.close()
        keeper.close()


def counted(results: Generator[Result, None, None], total: int, progress: Progress | None) -> Iterator[Result]:
    """The results, with `progress` called after each with (finished, total)."""
    with contextlib.closing(results):
        for finished, result in enumerate(results, 1):
            if progress is not None:
                progress(finished, total)
            yield result


@dataclass
class _Batch:
    left: deque[Job]
    crew: Crew
    keeper: Keeper
    skip_existing: bool
    token: CancelToken | None
    one_disk: bool
    begun: int = 0
    locked: int = 0  # how many of `left` in a row another process has
    told: set[str] = field(default_factory=set)

    def run(self) -> Iterator[Result]:
        while self.left or self.begun:
            cancel.raise_if_set(self.token)
            if self.crew.idle and self.locked < len(self.left):
                if (result := self._begin(self.left.popleft())) is not None:
                    yield result
            elif self.begun:
                self.begun, self.locked = self.begun - 1, 0
                job, outcome = self.crew.next()
                yield self.keeper.ended(job, outcome)
                if outcome.full and self.one_disk and (rest := len(self.left) + self.begun):
                    raise ISRError(f"the disk takes no more: {rest} pictures are left for another run")
            else:
                time.sleep(POLL)
                self.locked = 0

    def _begin(self, job: Job) -> Result | None:
        """The result where no work is needed or possible; None where it has begun, or another process has the job."""
        try:
            taken = self._taken(job)
        except LockedError as error:
            self._wait_for(error.holder, job)
            return None
        self.locked = 0
        if isinstance(taken, Result):
            return taken
        self.crew.begin(taken)
        self.begun += 1
        return None

    def _taken(self, job: Job) -> Job | Result:
        if self.skip_existing and (there := _existing(job)):
            return Result(job.source, there, "passed over")
        try:
            files.check_readable(job.source)
            return self.keeper.take(job)
        except (PictureError, OSError) as error:
            return self.keeper.refused(job, error)

    def _wait_for(self, holder: str, job: Job) -> None:
        self.left.append(job)
        self.locked += 1
        if holder not in self.told:
            _log.info("%s works on this folder, too", holder)
            self.told.add(holder)


def _existing(job: Job) -> Path | None:
    places = [job.destination] if job.fallback is None else [job.destination, job.fallback]
    return next((place for place in places if place.is_file()), None)
