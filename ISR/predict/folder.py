"""ISR 2's way through a folder: which pictures are taken, where each goes, and what lies beside the enlarged ones."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from ISR import atomic
from ISR.datasets import folders
from ISR.errors import DestinationError, ISRError, PictureNotFoundError
from ISR.models import session_config
from ISR.predict import batch, destinations, naming
from ISR.predict.destinations import UpscaleFile
from ISR.predict.scan import Found, Source

StrPath = str | os.PathLike[str]

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
    return atomic.new_folder(parent, time.strftime("%Y-%m-%d_%H%M"), separator="_")


def write_weights_config(folder: Path, weights: StrPath | None) -> None:
    """weights_config.yml: the session_config.yml beside the weights, and their file name as `pre-trained-weights`."""
    content = {} if weights is None else session_config.read_beside(weights)
    content["pre-trained-weights"] = None if weights is None else Path(weights).name
    atomic.write_text(folder / WEIGHTS_CONFIG, yaml.safe_dump(content))


def enlarge(sources: Sequence[Path], folder: Path, *, upscale_file: UpscaleFile, logger: logging.Logger) -> list[Path]:
    """The files written: one per source, of the same name, or a .png where that format cannot keep the content.

    What goes wrong with one is logged, and the others are done. ISRError where none could be written.
    """
    found = Found([Source(path, Path(path.name)) for path in sources])
    plan = destinations.plan(found, folder, name=naming.Naming(naming.Template("{stem}{ext}"), "", 1))
    written, first = [], None
    for result in batch.results(plan, lambda: contextlib.nullcontext(upscale_file)):
        if result.destination is not None:
            logger.info("%s was enlarged to %s", result.source, result.destination)
            written.append(result.destination)
        elif result.error is not None:
            text = " ".join(str(result.error).split()) or type(result.error).__name__
            logger.error("%s was not enlarged: %s", result.source, text)
            first = first or result.error
    if not written:
        raise ISRError(f"none of {len(sources)} pictures was enlarged; the first error: {first}") from first
    return written
