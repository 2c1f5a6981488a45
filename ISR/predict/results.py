"""What becomes of pictures: results that are put anywhere, and folders of results that are kept up to date."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from ISR.checksum import sha256
from ISR.errors import ISRError, PictureError
from ISR.predict import destinations, ledger
from ISR.predict.claims import Claim, Claims
from ISR.predict.destinations import Job
from ISR.predict.ledger import Entry, Ledger, Stamp
from ISR.predict.workers import Outcome

Status = Literal["done", "passed over", "failed"]


@dataclass(frozen=True)
class Result:
    """What became of one picture.

    destination: where its enlargement lies; None where it failed. status: done, passed over (it was there already), or
    failed, for the reason in `error`. seconds: of this picture's work alone.
    """

    source: Path
    destination: Path | None
    status: Status
    seconds: float = 0.0
    error: Exception | None = None


class Keeper(Protocol):
    """What is asked before the work on a picture, and told after it."""

    def take(self, job: Job) -> Job | Result:
        """The job as it is to be done now, or the result where none is needed. LockedError where another process has
        it; PictureError and OSError where it cannot be done."""
        ...

    def refused(self, job: Job, error: Exception) -> Result:
        """The result of a job that could not be taken."""
        ...

    def ended(self, job: Job, outcome: Outcome) -> Result:
        """The result of a job that `take` gave."""
        ...

    def close(self) -> None:
        """Give back what was taken and has not ended."""
        ...


class Loose:
    """Results that are written where they belong and forgotten."""

    def take(self, job: Job) -> Job | Result:
        """The job as it is."""
        return job

    def refused(self, job: Job, error: Exception) -> Result:
        """The result of a job that could not be taken."""
        return Result(job.source, None, "failed", error=error)

    def ended(self, job: Job, outcome: Outcome) -> Result:
        """The result of a job that `take` gave."""
        status: Status = "done" if outcome.error is None else "failed"
        return Result(job.source, outcome.written, status, outcome.seconds, outcome.error)

    def close(self) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)
class _Taken:
    job: Job
    key: str
    claim: Claim
    digest: str


class Kept:
    """A folder of results with its manifest: a job is done again only if its picture, the model, the options or the
    result changed, or it failed; each by one process at a time; unfinished files lie apart.

    making: what makes a result besides its picture: the model with its weights' sum, and all options that change the
    result, as plain JSON. PictureError where the folder cannot be made.
    """

    def __init__(self, output: Path, making: Mapping[str, Any]) -> None:
        self.output = output
        self._claims = Claims(output)
        self._ledger = Ledger(self._claims.room / ledger.FILE, making)
        self._taken: dict[Job, _Taken] = {}

    def take(self, job: Job) -> Job | Result:
        """The job in its picture's own folder, or the result where it is known. Errors as `Keeper` says."""
        key = self._key(job.destination)
        claim = self._claims.take(key)
        try:
            destinations.check(job.source, job.destination)
            taken = _Taken(job, key, claim, _digest(job.source))
            known = self._known(taken)
            if known is None:
                claim.clear()
                claim.staging.mkdir()
        except BaseException:
            self._claims.release(claim)
            raise
        if known is not None:
            self._claims.release(claim)
            return known
        fallback = job.fallback and claim.staging / job.fallback.name
        staged = replace(job, destination=claim.staging / job.destination.name, fallback=fallback)
        self._taken[staged] = taken
        return staged

    def refused(self, job: Job, error: Exception) -> Result:
        """The result of a job that could not be taken, noted."""
        return self._failed(job, None, 0.0, error)

    def ended(self, job: Job, outcome: Outcome) -> Result:
        """The result, noted and then moved to its place: what the manifest tells of is whole."""
        taken = self._taken.pop(job)
        try:
            if outcome.written is None:
                error = _retold(outcome.error, taken)
                return self._failed(taken.job, taken.digest, outcome.seconds, error)
            place = taken.job.destination
            if outcome.written != job.destination and taken.job.fallback is not None:
                place = taken.job.fallback
            self._keep(taken, outcome.written, place, outcome.seconds)
            return Result(taken.job.source, place, "done", outcome.seconds)
        except (PictureError, OSError) as error:  # a full disk, a folder of the result's name
            return self._failed(taken.job, taken.digest, outcome.seconds, error)
        finally:
            self._claims.release(taken.claim)

    def close(self) -> None:
        """Give back what was taken, and remove what was begun."""
        self._claims.close()

    def _key(self, place: Path) -> str:
        return place.relative_to(self.output).as_posix()

    def _known(self, taken: _Taken) -> Result | None:
        job, record = taken.job, self._ledger.done(taken.key, taken.digest)
        if record is not None and (stamp := ledger.stamp_of(record)) is not None:
            places = [place for place in (job.destination, job.fallback) if place is not None]
            for place in (place for place in places if self._key(place) == record.get("result")):
                if stamp.fits(place):
                    return Result(job.source, place, "passed over")
                if stamp.fits(begun := taken.claim.staging / place.name):  # a kill came between the line and the move
                    _move(begun, place)
                    return Result(job.source, place, "done")
        error = self._ledger.failed_meanwhile(taken.key, taken.digest)
        return None if error is None else Result(job.source, None, "failed", error=ISRError(error))

    def _keep(self, taken: _Taken, written: Path, place: Path, seconds: float) -> None:
        entry = Entry(self._key(place), Stamp.of(written))
        self._ledger.add(taken.key, taken.job.relative, taken.digest, seconds=seconds, entry=entry)
        _move(written, place)

    def _failed(self, job: Job, digest: str | None, seconds: float, error: Exception) -> Result:
        entry = Entry(error=str(error) or type(error).__name__)
        with contextlib.suppress(PictureError):  # on a full disk: the rerun tries it again for want of a line
            self._ledger.add(self._key(job.destination), job.relative, digest, seconds=seconds, entry=entry)
        return Result(job.source, None, "failed", seconds, error)


def _digest(source: Path) -> str:
    try:
        return sha256(source)
    except OSError as error:  # it vanished after it was looked at, or its disk is broken
        raise PictureError(f"{str(source)!r} cannot be read: {error.strerror}") from error


def _move(begun: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    begun.replace(place)


def _retold(error: Exception | None, taken: _Taken) -> Exception:
    """The error with the result's own place in its text, not that where it was begun."""
    if isinstance(error, ISRError):
        begun, meant = str(taken.claim.staging), str(taken.job.destination.parent)
        error.args = (str(error).replace(begun, meant),)
    return error or ISRError("nothing was written")
