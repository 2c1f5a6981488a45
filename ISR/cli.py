"""isr upscale | train | prepare | evaluate | weights: the parser of the command line, and its exit codes."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ISR import __version__, commands, console
from ISR.console import USAGE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failure, 2 usage, 130 interrupted, 143 terminated."""
    return console.run(_parser(), arguments, lambda options: int(options.command(options)))


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:  # where argparse passes over what goes wrong
            console.show(message, end="")
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {console.printable(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="isr", description="Small pictures made large with deep networks.")
    parser.add_argument("--version", action="version", version=f"isr {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _upscale_parser(parsers.add_parser("upscale", help="enlarge pictures"))
    _train_parser(parsers.add_parser("train", help="train a network on a folder of pictures"))
    _prepare_parser(parsers.add_parser("prepare", help="cut pictures into a store of patches to train on"))
    _evaluate_parser(parsers.add_parser("evaluate", help="measure PSNR, SSIM and time on folders of pictures"))
    _weights_parser(parsers.add_parser("weights", help="show the trained networks that ISR knows; blend, convert"))
    for command in parsers.choices.values():
        command.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="say what is done")
    return parser


def _whole(text: str, *, most: float = float("inf")) -> int:
    if not (text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        upper = f"of 1 to {most}" if most < float("inf") else "of at least 1"
        raise argparse.ArgumentTypeError(f"expected a whole number {upper}, got {text!r}")
    return int(text)


def _tile(text: str) -> int | None:
    return None if text == "auto" else _whole(text)


def _fraction(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 <= float(text) <= 1.0:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")


def _scale(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")


def _box(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([0-9]{1,9})[xX]([0-9]{1,9})", text)
    if sides is None or 0 in (box := (int(sides[1]), int(sides[2]))):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels like 1920x1080, got {text!r}")
    return box


def _model_options(parser: argparse.ArgumentParser) -> None:
    here = "of `isr weights list`, as compact, compact-x2 or psnr-small; nearest, bilinear, bicubic or lanczos"
    names = f"{here}; or the path of a .weights.h5, or of ISR 2's .hdf5"
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--model", default="best", metavar="NAME", help=names)
    shipped = "a shipped network by what it takes and gives (default best)"
    named.add_argument("--quality", choices=("fast", "balanced", "best"), dest="model", help=shipped)
    tile = "side of a tile in pixels; less needs less memory (default auto: by the memory that is free)"
    parser.add_argument("--tile", type=_tile, metavar="N", help=tile)
    choices = ("auto", "float32", "bfloat16")
    parser.add_argument("--precision", choices=choices, default="auto", help="what to compute in (default auto)")
    eight = "the mean over eight flips and turns of the picture: a little better, eight times slower"
    parser.add_argument("--self-ensemble", action="store_true", help=eight)
    share = "how much of the network's picture, the rest is bicubic: 0 to 1 (default 1)"
    parser.add_argument("--strength", type=_fraction, default=1.0, metavar="S", help=share)


def _upscale_parser(parser: argparse.ArgumentParser) -> None:
    kinds = "PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIF files, or folders"
    parser.add_argument("pictures", nargs="+", metavar="PHOTO", help=kinds)
    where = "the file for one picture and a picture's extension, else a folder (default: beside each picture)"
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=where)
    _size_options(parser)
    _model_options(parser)
    kept = "of JPEG, WebP, AVIF and HEIF, 1 to 100 (default 95)"
    parser.add_argument("--jpeg-quality", type=partial(_whole, most=100), default=95, metavar="N", help=kept)
    stripped = "write no EXIF, XMP and resolution; the colour profile stays"
    parser.add_argument("--strip-metadata", action="store_true", help=stripped)
    _limit_options(parser)
    _folder_options(parser)
    stream = "hold no picture in memory: from disk to disk (default: where pictures would not fit)"
    parser.add_argument("--stream", action="store_true", default=None, help=stream)
    _zero_shot_options(parser.add_argument_group("--model zssr: a network trained on the picture itself, in minutes"))
    parser.set_defaults(command=commands.upscale)


def _size_options(parser: argparse.ArgumentParser) -> None:
    larger = "how many times larger, 1.5 and 8 as well (default: the model's scale, or 2)"
    parser.add_argument("--scale", type=_scale, metavar="X", help=larger)
    parser.add_argument("--width", type=_whole, metavar="N", help="so many pixels wide, proportions kept")
    parser.add_argument("--height", type=_whole, metavar="N", help="so many pixels high, proportions kept")
    parser.add_argument("--fit", type=_box, metavar="WxH", help="as large as fits into a box of W times H pixels")


def _limit_options(parser: argparse.ArgumentParser) -> None:
    """The defaults are those of ISR.images.picture.Limits."""
    pixels = "refuse larger pictures; of an animation all frames count (default 134217728)"
    parser.add_argument("--max-pixels", type=_whole, metavar="N", help=pixels)
    parser.add_argument("--max-frames", type=_whole, metavar="N", help="refuse longer animations (default 1000)")
    parser.add_argument("--max-bytes", type=_whole, metavar="N", help="refuse larger files (default 2147483648)")


def _folder_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recursive", action="store_true", help="the pictures of a folder's folders, too")
    parser.add_argument("--skip-existing", action="store_true", help="pass over pictures whose result is there")
    template = "of {stem}, {model}, {scale}, {size}, {ext}, {width}, {height} (default {stem}_{size}{ext})"
    parser.add_argument("--name", type=_template, metavar="NAME", help=f"of a result, {template}")
    jobs = "enlarge so many pictures at once, each in a process with its share of the cores (default 1)"
    parser.add_argument("--jobs", type=partial(_whole, most=256), default=1, metavar="N", help=jobs)
    parser.add_argument("--shard", type=_shard, metavar="I/N", help="the I-th of N shares of the pictures alone")


def _template(text: str) -> Any:
    from ISR.errors import ConfigError
    from ISR.predict.naming import Template  # which knows the formats, and so loads NumPy

    try:
        return Template(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _shard(text: str) -> tuple[int, int]:
    share, slash, shares = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"expected I/N, such as 1/4 for the first of four shares, got {text!r}")
    number = _whole(shares)
    return _whole(share, most=number), number


def _zero_shot_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--budget", type=float, metavar="SECONDS", help="for each picture (default 150); 0: no limit")
    blur = "the blur that the picture was reduced with, .npy or text (default bicubic)"
    group.add_argument("--kernel", metavar="FILE", help=blur)
    noise = "deviation of the noise to learn to remove, white being 1: 0.0125 for noisy photos (default 0)"
    group.add_argument("--noise", type=float, metavar="SIGMA", help=noise)
    group.add_argument("--seed", type=int, metavar="N", help="of everything that is drawn (default 0)")
    steps = "most training steps; with --budget 0 the picture is a function of these and the seed (default 3000)"
    group.add_argument("--max-steps", type=int, metavar="N", help=steps)
    group.add_argument("--config", type=Path, metavar="FILE", help="a file with a section zero_shot, like config.yml")


def _train_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="HR_DIR", help="high-resolution pictures (or data.hr_dir)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a recipe like config.yml")
    change = "SECTION.KEY=VALUE"
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar=change, help="change a setting")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run folder; --set changes it")
    fresh = "a new run, also where one of the same recipe is unfinished"
    parser.add_argument("--fresh", action="store_true", help=fresh)
    parser.add_argument("--devices", type=_whole, metavar="N", help="share every batch out among N (default 1)")
    meet = "train on several machines: where process 0 listens; the same command for all but --process"
    parser.add_argument("--coordinator", metavar="HOST:PORT", help=meet)
    parser.add_argument("--processes", type=_whole, metavar="N", help="how many take part")
    parser.add_argument("--process", type=int, metavar="I", help="which of them this is; 0 keeps the run")
    parser.set_defaults(command=commands.train)


def _prepare_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="HR_DIR", help="high-resolution pictures")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="STORE", help="the .h5 to write")
    parser.add_argument("--scale", type=_whole, metavar="N", help="how many times smaller LR is (default 2)")
    parser.add_argument("--patch-size", type=_whole, metavar="N", help="side of an LR patch in pixels (default 32)")
    parser.add_argument("--stride", type=_whole, metavar="N", help="HR pixels between patches (default: side by side)")
    preset = "SRCNN's windows: x3, 33 pixels of which 21 are the goal, every 14 pixels"
    parser.add_argument("--preset", choices=("srcnn",), help=preset)
    recipes, made = ("bicubic", "realistic"), "how LR is made; realistic: blur, noise and JPEG too (default bicubic)"
    parser.add_argument("--degradation", choices=recipes, default=recipes[0], help=made)
    parser.set_defaults(command=commands.prepare)


def _evaluate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="HR_DIR", help="high-resolution pictures")
    parser.add_argument("--scale", type=_whole, metavar="N", help="how many times larger (default: the model's, or 2)")
    _model_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the reports there as well")
    everything = "every shipped network and bicubic; parameters, multiply-adds, time on 1 and 2 threads, memory"
    parser.add_argument("--all", action="store_true", help=everything)
    into = "with --all: put the tables between the markers of these documents"
    parser.add_argument("--into", type=Path, nargs="+", default=[], metavar="FILE.md", help=into)
    plot = "with --all: draw PSNR on the first folder against multiply-adds"
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help=plot)
    parser.set_defaults(command=commands.evaluate)


def _weights_parser(parser: argparse.ArgumentParser) -> None:
    parsers = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    parsers.add_parser("list", help="names, scales, sizes, licences, PSNR").set_defaults(command=commands.weights_list)
    blend = parsers.add_parser("blend", help="mix two weights of one network")
    source = "the path of a .weights.h5 or .hdf5, or a name that `list` shows"
    for name in ("first", "second"):
        blend.add_argument(name, metavar=name.upper(), help=source)
    share = "how much of SECOND: 0 is FIRST, 1 is SECOND (default 0.8)"
    blend.add_argument("--alpha", type=_fraction, default=0.8, metavar="A", help=share)
    blend.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="the .weights.h5 to write")
    blend.set_defaults(command=commands.weights_blend)
    convert = parsers.add_parser(
        "convert", help="rewrite weights of ISR 2, or those trained with branches, as plain ones; halve any"
    )
    convert.add_argument(
        "old",
        type=Path,
        metavar="OLD",
        help="the .hdf5 of an RDN or RRDN, the .weights.h5 of a compact with branches, or with --half any",
    )
    convert.add_argument("--half", action="store_true", help="write the values in 16 bits: a file half as large")
    kept = "with --half: round kernels to N significant bits, so that archives pack them smaller (default 11: all)"
    convert.add_argument("--bits", type=partial(_whole, most=11), default=11, metavar="N", help=kept)
    convert.add_argument("-o", "--output", required=True, type=Path, metavar="NEW", help="the .weights.h5 to write")
    convert.set_defaults(command=commands.weights_convert)
