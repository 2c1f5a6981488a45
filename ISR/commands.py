"""What each command of the command line does: options in, exit code out. Nothing heavy is imported before its need."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ISR import console
from ISR.console import OK, UsageError

if TYPE_CHECKING:
    from ISR.datasets.windows import Windows


def upscale(options: argparse.Namespace) -> int:
    """Enlarge files and folders of pictures. Exit code 1 where a picture failed."""
    from ISR import upscale_command

    return upscale_command.run(options)


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
    """Measure models on folders of pictures and show the table."""
    from ISR import evaluate_command

    return evaluate_command.run(options)


def weights_list(options: argparse.Namespace) -> int:
    """Show what weights there are."""
    from ISR.models.pretrained import WEIGHTS

    rows = [f"{'name':<16} {'scale':<6} {'parameters':>10}  {'PSNR-Y Set5 / Set14 / BSD100':<30} licence"]
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
    """Write ISR 2's weights, those with branches, or with `half` any anew and show the path."""
    with console.muffled(verbose=options.verbose):
        from ISR.models.convert import convert_file  # here, because TensorFlow greets when it is loaded

        convert_file(options.old, options.output, half=options.half, bits=options.bits)
    console.show_path(options.output)
    return OK
