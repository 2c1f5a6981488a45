"""Where enlarged pictures go: never onto an input, never two to one place, and known to be writable before the work."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ISR.errors import DestinationError, FormatError, PictureError
from ISR.images.files import EXTENSIONS
from ISR.predict import scan
from ISR.predict.scan import Found, Source

StrPath = str | os.PathLike[str]
Fault = tuple[Path, PictureError]
Mark = Path | tuple[int, int]
UpscaleFile = Callable[[Path, Path], None]
_KNOWN = " ".join(EXTENSIONS)


@dataclass(frozen=True)
class Job:
    """A picture and where its enlargement goes. fallback: where instead if that format cannot keep the picture.
    relative: the picture's path below the folder that was named.
    """

    source: Path
    destination: Path
    fallback: Path | None = None
    relative: Path = Path()


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what cannot be: folders that cannot be read, and pictures whose result has no name."""

    jobs: list[Job]
    faults: list[Fault]

    def __len__(self) -> int:
        return len(self.jobs) + len(self.faults)


def written(job: Job, upscale_file: UpscaleFile) -> Path:
    """Where `upscale_file(source, place)` wrote the job's picture: the destination, or the fallback where the former's
    format cannot keep the picture. Errors are those of `upscale_file`; FormatError where there is no fallback.
    """
    try:
        upscale_file(job.source, job.destination)
    except FormatError:
        if job.fallback is None:
            raise
        upscale_file(job.source, job.fallback)
        return job.fallback
    return job.destination


def names_file(output: StrPath | None, sources: Sequence[Path]) -> bool:
    """Whether `output` is the name of the one result, not of a folder: for one picture and a picture's extension."""
    single = len(sources) == 1 and not scan.is_folder(sources[0])
    return single and output is not None and Path(output).suffix.lower() in EXTENSIONS and not Path(output).is_dir()


def check_output(output: StrPath | None, sources: Sequence[Path]) -> None:
    """That `output` can take the results of those files and folders: as the one result's name, else as a folder, which
    may yet have to be made.

    DestinationError for a file where a folder is needed, PictureError for a folder that cannot be written.
    """
    if output is None:
        return
    path = Path(output)
    if names_file(path, sources):
        check_writable(path.parent)
    elif os.path.lexists(path) and not path.is_dir():
        single = len(sources) == 1 and not scan.is_folder(sources[0])
        expected = f"a folder, or a name that ends in {_KNOWN}" if single else "a folder for the results"
        raise DestinationError(f"{str(path)!r} is a file: expected {expected}")
    else:
        check_writable(path)


def plan(found: Found, output: Path | None, *, name: Callable[[Path], str], file: bool = False) -> Plan:
    """Where each found picture goes: `output` itself where that is a `file`, else `name(source)` in that folder, below
    it as the source lies below its own, or without one beside its source.

    The fallback has .png instead. DestinationError where a destination is one of the sources or another's destination,
    or a link in `output` leads out of it.
    """
    if output is not None and file:
        jobs = [Job(found.sources[0].path, output, relative=found.sources[0].relative)]
        faults: list[Fault] = []
    else:
        jobs, faults = _named(found.sources, output, name)
        _check_inside(jobs, output)
    inputs = _marks(source.path for source in found.sources)
    _check_apart(jobs, inputs)
    wanted = Counter(
        place for job in jobs for place in {_place(job.destination), _place(job.fallback or job.destination)}
    )
    return Plan([replace(job, fallback=_free(job, wanted, inputs)) for job in jobs], [*found.unreadable, *faults])


def check(source: StrPath, destination: StrPath) -> None:
    """That the destination is a picture's name, can be written, and is not the source; else PictureError."""
    path, name = Path(destination), repr(os.fspath(destination))
    if path.suffix.lower() not in EXTENSIONS:
        raise PictureError(f"{name}: expected a name that ends in one of {_KNOWN}: rename the destination")
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except OSError as error:  # a name that is too long, a link to itself, a folder that cannot be entered
        raise PictureError(f"{name} cannot be written: {error.strerror}: choose another name or folder") from error
    if found is not None and path.is_dir():
        raise PictureError(f"{name}: expected a file to write, got a folder: add a file name")
    if found is not None and Path(source).exists() and os.path.samestat(found, Path(source).stat()):
        raise PictureError(f"{name}: expected another file than the source, got the same: choose another name")
    check_writable(path.parent)


def check_writable(folder: StrPath) -> None:
    """That files can be made in the folder, or in the one where it would have to be made. PictureError where not."""
    wanted = Path(folder).absolute()
    nearest = next(path for path in (wanted, *wanted.parents) if os.path.lexists(path))
    try:
        # Tried out rather than asked: permission bits know nothing of read-only disks, quotas and superusers.
        with tempfile.TemporaryFile(dir=nearest, buffering=0) as file:
            file.write(bytes(4096))  # a full disk takes an empty file
    except OSError as error:
        raise PictureError(f"expected a folder that can be written, got {str(nearest)!r}: {error.strerror}") from error


def _named(
    sources: Iterable[Source], output: Path | None, name: Callable[[Path], str]
) -> tuple[list[Job], list[Fault]]:
    jobs, faults = [], []
    for source in sources:
        folder = source.path.parent if output is None else output / source.relative.parent
        try:
            destination = folder / name(source.path)
        except PictureError as error:  # where its size is part of the name
            faults.append((source.path, error))
            continue
        jobs.append(Job(source.path, destination, destination.with_suffix(".png"), source.relative))
    return jobs, faults


def _check_inside(jobs: Iterable[Job], output: Path | None) -> None:
    if output is None:
        return
    top = Path(os.path.realpath(output))
    for folder in {job.destination.parent for job in jobs}:
        if not Path(os.path.realpath(folder)).is_relative_to(top):
            raise DestinationError(f"{str(folder)!r} leads out of {str(output)!r}: remove the link, or choose another")


def _check_apart(jobs: list[Job], inputs: set[Mark]) -> None:
    seen: dict[Path, Path] = {}
    for job in jobs:
        if not inputs.isdisjoint(_marks([job.destination])):
            names = f"{str(job.source)!r} would become {str(job.destination)!r}"
            raise DestinationError(f"{names}, which is one of the pictures to enlarge: choose another place with -o")
        place = _place(job.destination)
        if place in seen:
            both = f"{str(seen[place])!r} and {str(job.source)!r}"
            raise DestinationError(f"{both} would both become {str(job.destination)!r}: enlarge them in two calls")
        seen[place] = job.source


def _free(job: Job, wanted: Counter[Path], inputs: set[Mark]) -> Path | None:
    """The job's fallback, unless it is the destination anyhow, or is an input, or wanted by another job as well."""
    if job.fallback in (None, job.destination) or wanted[_place(job.fallback)] > 1:
        return None
    return job.fallback if inputs.isdisjoint(_marks([job.fallback])) else None


def _place(path: Path) -> Path:
    """The name in its folder, by whatever links the folder is reached: what a file that is moved there replaces."""
    return Path(os.path.realpath(path.parent), path.name)


def _marks(paths: Iterable[Path]) -> set[Mark]:
    """What two paths to one file have in common: their place, or through links the file itself."""
    marks: set[Mark] = set()
    for path in paths:
        marks.add(_place(path))
        with contextlib.suppress(OSError):
            status = path.stat()
            marks.add((status.st_dev, status.st_ino))
    return marks
