"""Where enlarged pictures go: never onto an input, never two to one place, and known to be writable before the work."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ISR.errors import DestinationError, PictureError
from ISR.images.files import EXTENSIONS

StrPath = str | os.PathLike[str]
Mark = Path | tuple[int, int]
_KNOWN = " ".join(EXTENSIONS)


@dataclass(frozen=True)
class Job:
    """A picture and where its enlargement goes. fallback: where instead if that format cannot keep the picture."""

    source: Path
    destination: Path
    fallback: Path | None = None


def check_output(output: StrPath | None, *, pictures: int) -> None:
    """That `output` can take so many pictures: as a file for one, else as a folder, which may yet have to be made.

    DestinationError for a file where a folder is needed, PictureError for a folder that cannot be written.
    """
    if output is None:
        return
    path = Path(output)
    if _is_file(path, pictures):
        check_writable(path.parent)
    elif os.path.lexists(path) and not path.is_dir():
        expected = f"a folder for {pictures} pictures" if pictures > 1 else f"a folder, or a name that ends in {_KNOWN}"
        raise DestinationError(f"{str(path)!r} is a file: expected {expected}")
    else:
        check_writable(path)


def plan(sources: Sequence[Path], output: Path | None, *, ending: str) -> list[Job]:
    """Where each picture goes: `output` itself for one picture and a picture's extension, else a file in that folder,
    or without one beside its source, named after the source's stem and `ending`, with the source's extension.

    The fallback has .png instead. DestinationError where a destination is one of the sources or another's destination.
    """
    if output is not None and _is_file(output, len(sources)):
        jobs = [Job(sources[0], output)]
    else:
        jobs = [_job(source, output or source.parent, ending) for source in sources]
    inputs = _marks(sources)
    _check_apart(jobs, inputs)
    wanted = Counter(
        place for job in jobs for place in {_place(job.destination), _place(job.fallback or job.destination)}
    )
    return [replace(job, fallback=_free(job, wanted, inputs)) for job in jobs]


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
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise PictureError(f"expected a folder that can be written, got {str(nearest)!r}: {error.strerror}") from error


def _is_file(output: Path, pictures: int) -> bool:
    return pictures == 1 and output.suffix.lower() in EXTENSIONS and not output.is_dir()


def _job(source: Path, folder: Path, ending: str) -> Job:
    name = f"{source.stem}{ending}"
    extension = source.suffix if source.suffix.lower() in EXTENSIONS else ".png"
    return Job(source, folder / f"{name}{extension}", folder / f"{name}.png")


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
