"""ISR 2's way through a folder: which pictures are taken, where each goes, and what lies beside the enlarged ones."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from ISR import atomic
from ISR.datasets import folders
from ISR.errors import DestinationError, FormatError, ISRError, PictureNotFoundError
from ISR.models import session_config
from ISR.predict import destinations
from ISR.predict.destinations import Job

StrPath = str | os.PathLike[str]
UpscaleFile = Callable[[Path, Path], None]

OUTPUT_DIR = "./data/output"
WEIGHTS_CONFIG = "weights_config.yml"


def pictures(folder: StrPath) -> list[Path]:
    """The PNG, JPEG, WebP and TIFF files in the folder, sorted by name. PictureNotFoundError where there is none."""
    try:
        return folders.pictures_in(Path(folder))
    except PictureNotFoundError as error:
        raise PictureNotFoundError(f"no images to enlarge: {error}") from error


def data_name(folder: Path) -> str:
    """What the enlarged pictures' folder is called after: the folder's own name, also for `.` and `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name


def make(folder: Path) -> None:
    """Make the folder where there is none. DestinationError where it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DestinationError(f"the folder {str(folder)!r} cannot be made: {error.strerror}") from error
    destinations.check_writable(folder)


def make_new(parent: Path) -> Path:
    """A folder in `parent` that was not there, named by the time, `YYYY-MM-DD_HHMM`, then `_2`, `_3` and so on."""
    make(parent)
    stamp = time.strftime("%Y-%m-%d_%H%M")
    names = itertools.chain([stamp], (f"{stamp}_{number}" for number in itertools.count(2)))
    return next(folder for folder in map(parent.joinpath, names) if _is_made(folder))


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir()  # of two processes at once, one is told that it exists
    except FileExistsError:
        return False
    return True


def write_weights_config(folder: Path, weights: StrPath | None) -> None:
    """weights_config.yml: the session_config.yml beside the weights, and their file name as `pre-trained-weights`."""
    content = {} if weights is None else session_config.read_beside(weights)
    content["pre-trained-weights"] = None if weights is None else Path(weights).name
    atomic.write_text(folder / WEIGHTS_CONFIG, yaml.safe_dump(content))


def enlarge(sources: Sequence[Path], folder: Path, *, upscale_file: UpscaleFile, logger: logging.Logger) -> list[Path]:
    """The files written: one per source, of the same name, or a .png where that format cannot keep the content.

    What goes wrong with one is logged, and the others are done. ISRError where none could be written.
    """
    written, first = [], None
    for job in destinations.plan(sources, folder, ending=""):
        logger.info("enlarging %s", job.source)
        try:
            written.append(_enlarge(job, upscale_file))
        except Exception as error:  # whatever a picture, a disk or a backend comes up with
            logger.error("%s was not enlarged: %s", job.source, " ".join(str(error).split()) or type(error).__name__)
            first = first or error
    if not written:
        raise ISRError(f"none of {len(sources)} pictures was enlarged; the first error: {first}") from first
    return written


def _enlarge(job: Job, upscale_file: UpscaleFile) -> Path:
    try:
        upscale_file(job.source, job.destination)
    except FormatError:
        if job.fallback is None:
            raise
        upscale_file(job.source, job.fallback)
        return job.fallback
    return job.destination
