"""isr upscale | train | prepare | evaluate | weights: parse, call, print. Nothing heavy is imported before its need."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ISR import __version__, console
from ISR.console import FAILURE, OK, USAGE, UsageError
from ISR.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from ISR.config import Config
    from ISR.datasets.windows import Windows
    from ISR.models.image_model import ImageModel
    from ISR.predict.destinations import Job
    from ISR.predict.predictor import Predictor
    from ISR.train.session import RunFolder

log = logging.getLogger(__name__)


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
    _prepare_parser(commands.add_parser("prepare", help="cut pictures into a store of patches to train on"))
    _evaluate_parser(commands.add_parser("evaluate", help="measure PSNR, SSIM and time on folders of pictures"))
    _weights_parser(commands.add_parser("weights", help="show the trained networks that ISR knows; blend, convert"))
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
    here = "compact, compact-x2, nearest, bilinear, bicubic, lanczos (default compact)"
    there = "downloaded at first use: psnr-small, psnr-large, noise-cancel, gans"
    names = f"{here}; {there}; or the path of a .weights.h5, or of ISR 2's .hdf5"
    parser.add_argument("--model", default="compact", metavar="NAME", help=names)
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
    parser.set_defaults(command=_train)


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
    parser.set_defaults(command=_prepare)


def _evaluate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="HR_DIR", help="high-resolution pictures")
    _model_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the reports there as well")
    parser.set_defaults(command=_evaluate)


def _weights_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser("list", help="names, scales, sizes, licences, PSNR").set_defaults(command=_weights_list)
    blend = commands.add_parser("blend", help="mix two weights of one network")
    source = "the path of a .weights.h5 or .hdf5, or a name that `list` shows"
    for name in ("first", "second"):
        blend.add_argument(name, metavar=name.upper(), help=source)
    share = "how much of SECOND: 0 is FIRST, 1 is SECOND (default 0.8)"
    blend.add_argument("--alpha", type=_fraction, default=0.8, metavar="A", help=share)
    blend.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="the .weights.h5 to write")
    blend.set_defaults(command=_weights_blend)
    convert = commands.add_parser("convert", help="rewrite an .hdf5 of ISR 2 as .weights.h5 with its manifest")
    convert.add_argument("old", type=Path, metavar="OLD", help="the .hdf5 of an RDN or RRDN")
    convert.add_argument("-o", "--output", required=True, type=Path, metavar="NEW", help="the .weights.h5 to write")
    convert.set_defaults(command=_weights_convert)


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


def _train(options: argparse.Namespace) -> int:
    from ISR.datasets import source

    run, recipe = _run_and_recipe(options)
    source.check(recipe)  # what is wrong with the pictures is told before Keras is loaded
    with console.muffled(verbose=options.verbose):
        generator = _generator(recipe, fresh=run is None)
    console.show_path(_run_training(generator, recipe, run))
    return OK


def _prepare(options: argparse.Namespace) -> int:
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


def _run_and_recipe(options: argparse.Namespace) -> tuple[RunFolder | None, Config]:
    """The run to go on with, None for a new one, and its recipe."""
    from ISR import config
    from ISR.train import session

    if options.resume is not None:
        if options.folder or options.fresh:
            raise UsageError("--resume goes on with the run's own pictures: leave out HR_DIR and --fresh")
        wanted = config.load(options.config, overrides=options.overrides) if options.config else None
        return session.open_run(options.resume, wanted=wanted, overrides=options.overrides)
    recipe = config.load(options.config, overrides=options.overrides)
    if options.folder is not None:
        recipe = config.override(recipe, "data", "hr_dir", options.folder)
    run = None if options.fresh else session.unfinished(recipe)
    if run is not None:
        log.warning("going on with the unfinished run %s of this recipe; --fresh starts a new one", run.path)
        run, recipe = session.open_run(run.path)
    return run, recipe


def _generator(recipe: Config, *, fresh: bool) -> ImageModel:
    from ISR import backend, models

    backend.seed(recipe.train.seed)  # the first weights
    wanted = recipe.model
    try:
        generator = models.build(wanted.architecture, wanted.scale, wanted.params, precision=recipe.train.precision)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    if fresh and wanted.weights is not None:
        generator.load(wanted.weights)
    return generator


def _run_training(generator: ImageModel, recipe: Config, run: RunFolder | None) -> Path:
    from ISR.train import session, trainer

    run = run or session.new_run(recipe)
    try:
        return trainer.train(generator, recipe, run=run, progress=sys.stderr.isatty())
    except KeyboardInterrupt as stop:
        if run.state.is_file():
            again = shlex.join(["isr", "train", "--resume", str(run.path)])
            stop.args = (f"stopped: `{again}` goes on where it stopped",)
        raise


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
        psnr = " / ".join("-" if value is None else f"{value:.2f}" for value in record.psnr_y)
        psnr += "" if record.measured else " (quoted)"
        row = f"{record.name:<14} x{record.scale:<5} {record.parameters:>10,}  {psnr:<30} {record.licence}"
        rows.append(row if record.size is None else f"{row}, {record.size / 1e6:.1f} MB to download")
    console.show("\n".join(rows))
    return OK


def _weights_blend(options: argparse.Namespace) -> int:
    from ISR.models.blend import blend_files
    from ISR.models.pretrained import obtain

    for name in (options.first, options.second):
        obtain(name)
    with console.muffled(verbose=options.verbose):
        blend_files(options.first, options.second, options.output, alpha=options.alpha)
    console.show_path(options.output)
    return OK


def _weights_convert(options: argparse.Namespace) -> int:
    from ISR.models.convert import convert_file

    with console.muffled(verbose=options.verbose):
        convert_file(options.old, options.output)
    console.show_path(options.output)
    return OK
