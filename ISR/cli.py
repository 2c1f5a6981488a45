"""isr upscale | train | evaluate | weights: parse, call, print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ISR import __version__, console
from ISR.console import FAILURE, OK, USAGE
from ISR.errors import FormatError

if TYPE_CHECKING:
    from ISR.predict.destinations import Job
    from ISR.predict.predictor import Predictor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failure, 2 usage, 130 interrupted, 143 terminated."""
    console.prepare_streams()
    verbose = False
    try:
        with console.terminable():
            options = _parser().parse_args(arguments)
            verbose = options.verbose
            with console.log_shown(verbose=verbose):
                return int(options.command(options))
    except SystemExit as finished:  # argparse's end of --help, --version and wrong usage
        return int(finished.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        return console.report(error, verbose=verbose)


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _upscale_parser(commands.add_parser("upscale", help="enlarge pictures"))
    _train_parser(commands.add_parser("train", help="train a network on a folder of pictures"))
    _evaluate_parser(commands.add_parser("evaluate", help="measure PSNR, SSIM and time on folders of pictures"))
    _weights_parser(commands.add_parser("weights", help="show the trained networks that come with ISR, or blend two"))
    for command in commands.choices.values():
        command.add_argument("-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="say what is done")
    return parser


def _whole(text: str, *, most: float = float("inf")) -> int:
    if not (text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        upper = f"of 1 to {most}" if most < float("inf") else "of at least 1"
        raise argparse.ArgumentTypeError(f"expected a whole number {upper}, got {text!r}")
    return int(text)


def _fraction(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.0 <= float(text) <= 1.0:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")


def _model_options(parser: argparse.ArgumentParser) -> None:
    names = "compact, compact-x2, nearest, bilinear, bicubic, lanczos, or the path of a .weights.h5"
    parser.add_argument("--model", default="compact", metavar="NAME", help=f"{names} (default compact)")
    parser.add_argument("--scale", type=_whole, metavar="N", help="how many times larger (default: the model's, or 2)")
    parser.add_argument("--tile", type=_whole, metavar="N", help="side of a tile in pixels; less needs less memory")
    choices = ("auto", "float32", "bfloat16")
    parser.add_argument("--precision", choices=choices, default="auto", help="what to compute in (default auto)")


def _upscale_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pictures", nargs="+", metavar="PHOTO", help="PNG, JPEG, WebP or TIFF files")
    where = "the file for one picture and a picture's extension, else a folder (default: beside each picture)"
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=where)
    _model_options(parser)
    quality = partial(_whole, most=100)
    parser.add_argument(
        "--quality", type=quality, default=95, metavar="N", help="of JPEG and WebP, 1 to 100 (default 95)"
    )
    parser.add_argument("--max-pixels", type=_whole, metavar="N", help="refuse larger pictures (default 178956970)")
    parser.set_defaults(command=_upscale)


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
    parser.set_defaults(command=_train)


def _evaluate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="HR_DIR", help="high-resolution pictures")
    _model_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the reports there as well")
    parser.set_defaults(command=_evaluate)


def _weights_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser("list", help="names, scales, sizes, licences, PSNR").set_defaults(command=_weights_list)
    blend = commands.add_parser("blend", help="mix two weights of one network")
    for name in ("first", "second"):
        blend.add_argument(name, metavar=name.upper(), help="the path of a .weights.h5, or a name that `list` shows")
    share = "how much of SECOND: 0 is FIRST, 1 is SECOND (default 0.8)"
    blend.add_argument("--alpha", type=_fraction, default=0.8, metavar="A", help=share)
    blend.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="the .weights.h5 to write")
    blend.set_defaults(command=_weights_blend)


def _upscale(options: argparse.Namespace) -> int:
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
    from ISR.models.pretrained import load_model
    from ISR.predict.predictor import Predictor

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


def _train(options: argparse.Namespace) -> int:
    from ISR import training

    return training.command(options)


def _evaluate(options: argparse.Namespace) -> int:
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


def _weights_list(options: argparse.Namespace) -> int:
    from ISR.models.pretrained import WEIGHTS

    rows = [f"{'name':<14} {'scale':<6} {'parameters':>10}  {'PSNR-Y Set5 / Set14 / BSD100':<30} licence"]
    for record in WEIGHTS.values():
        psnr = " / ".join(f"{value:.2f}" for value in record.psnr_y)
        rows.append(f"{record.name:<14} x{record.scale:<5} {record.parameters:>10,}  {psnr:<30} {record.licence}")
    console.show("\n".join(rows))
    return OK


def _weights_blend(options: argparse.Namespace) -> int:
    from ISR.models.blend import blend_files

    with console.muffled(verbose=options.verbose):
        blend_files(options.first, options.second, options.output, alpha=options.alpha)
    console.show_path(options.output)
    return OK
