"""What each command of the command line does: options in, exit code out. Nothing heavy is imported before its need."""

from __future__ import annotations

import argparse
import json
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ISR import console
from ISR.console import FAILURE, OK, UsageError
from ISR.errors import FormatError

if TYPE_CHECKING:
    from ISR.datasets.windows import Windows
    from ISR.predict.destinations import Job
    from ISR.predict.predictor import Predictor

log = logging.getLogger(__name__)


def upscale(options: argparse.Namespace) -> int:
    """Enlarge the pictures that can be read, each beside itself or where `-o` says. Exit code 1 where one failed."""
    from ISR.images import files
    from ISR.predict import destinations

    sources = [Path(name) for name in options.pictures]
    destinations.check_output(options.output, pictures=len(sources))
    attempt = partial(console.succeeds, verbose=options.verbose)
    # Told before a network is loaded, which takes seconds.
    readable = [source for source in sources if attempt(partial(files.check_readable, source))]
    if not readable:
        return FAILURE
    predictor = _predictor(options)
    jobs = destinations.plan(sources, options.output, ending=f"_x{predictor.model.scale}")
    todo = [job for job in jobs if job.source in readable]
    done = [attempt(partial(_upscale_one, predictor, job, options)) for job in todo]
    return OK if done.count(True) == len(sources) else FAILURE


def _predictor(options: argparse.Namespace) -> Predictor:
    from ISR.models.pretrained import load_model, obtain
    from ISR.predict.predictor import Predictor

    obtain(options.model, options.scale)
    with console.muffled(verbose=options.verbose):
        model = load_model(options.model, options.scale, precision=options.precision)
    return Predictor(model, tile=options.tile)


def _upscale_one(predictor: Predictor, job: Job, options: argparse.Namespace) -> None:
    destination = job.destination
    try:
        _upscale_to(predictor, job.source, destination, options)
    except FormatError:
        if job.fallback is None:
            raise
        destination = job.fallback
        _upscale_to(predictor, job.source, destination, options)
    console.show_path(destination)


def _upscale_to(predictor: Predictor, source: Path, destination: Path, options: argparse.Namespace) -> None:
    limits = {} if options.max_pixels is None else {"max_pixels": options.max_pixels}
    with console.pixel_bar(source.name) as progress:
        predictor.upscale_file(source, destination, quality=options.quality, progress=progress, **limits)


def train(options: argparse.Namespace) -> int:
    """Train by a recipe, or go on with an unfinished run, and show the path of the weights."""
    from ISR import train_command

    return train_command.run(options)


def prepare(options: argparse.Namespace) -> int:
    """Cut the pictures of a folder into a patch store and show its path."""
    from ISR.datasets import folders, store

    windows = _windows(options)
    paths = folders.pictures_in(options.folder)
    with console.progress_bar("pictures", unit="picture") as progress:
        store.build(paths, options.output, windows=windows, degradation=options.degradation, progress=progress)
    console.show_path(options.output)
    return OK


def _windows(options: argparse.Namespace) -> Windows:
    from ISR.datasets.windows import PRESETS, Windows

    given = (options.scale, options.patch_size, options.stride)
    if options.preset is not None:
        if any(given):
            raise UsageError("--preset says which windows: leave out --scale, --patch-size and --stride")
        return PRESETS[options.preset]
    scale, patch_size = options.scale or 2, options.patch_size or 32
    return Windows(scale, patch_size, options.stride or scale * patch_size)


def evaluate(options: argparse.Namespace) -> int:
    """Measure a model on folders of pictures and show the table."""
    from ISR import atomic
    from ISR.datasets import folders
    from ISR.evaluate import as_table, evaluate
    from ISR.predict import destinations

    for folder in options.folders:
        folders.pictures_in(folder)
    if options.json is not None:
        destinations.check_writable(options.json.parent)
    model = _predictor(options).model
    reports = [evaluate(model, folder, name=options.model, tile=options.tile) for folder in options.folders]
    if options.json is not None:
        atomic.write_text(options.json, json.dumps([report.as_json() for report in reports], indent=1) + "\n")
    console.show(as_table(reports))
    return OK


def weights_list(options: argparse.Namespace) -> int:
    """Show what weights there are."""
    from ISR.models.pretrained import WEIGHTS

    rows = [f"{'name':<14} {'scale':<6} {'parameters':>10}  {'PSNR-Y Set5 / Set14 / BSD100':<30} licence"]
    for record in WEIGHTS.values():
        psnr = " / ".join("-" if value is None else f"{value:.2f}" for value in record.psnr_y)
        psnr += "" if record.measured else " (quoted)"
        row = f"{record.name:<14} x{record.scale:<5} {record.parameters:>10,}  {psnr:<30} {record.licence}"
        rows.append(row if record.size is None else f"{row}, {record.size / 1e6:.1f} MB to download")
    console.show("\n".join(rows))
    return OK


def weights_blend(options: argparse.Namespace) -> int:
    """Write a blend of two weights and show its path."""
    from ISR.models.pretrained import obtain

    for name in (options.first, options.second):
        obtain(name)
    with console.muffled(verbose=options.verbose):
        from ISR.models.blend import blend_files  # here, because TensorFlow greets when it is loaded

        blend_files(options.first, options.second, options.output, alpha=options.alpha)
    console.show_path(options.output)
    return OK


def weights_convert(options: argparse.Namespace) -> int:
    """Write ISR 2's weights anew and show the path."""
    with console.muffled(verbose=options.verbose):
        from ISR.models.convert import convert_file  # here, because TensorFlow greets when it is loaded

        convert_file(options.old, options.output)
    console.show_path(options.output)
    return OK
