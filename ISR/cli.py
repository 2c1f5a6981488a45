"""isr upscale | train | evaluate | weights: parse, call, print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ISR import __version__
from ISR.errors import ConfigError, ISRError

if TYPE_CHECKING:
    from ISR.config import Config
    from ISR.evaluate import Report
    from ISR.predict.predictor import Predictor
    from ISR.train.session import RunFolder

OK, FAILURE, USAGE = 0, 1, 2
INTERRUPTED = 130


class UsageError(ISRError):
    """The command line contradicts itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failure, 2 usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="isr: %(message)s", stream=sys.stderr)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (UsageError, ConfigError) as error:
        return _complain(error, USAGE)
    except ISRError as error:
        return _complain(error, FAILURE)
    except BrokenPipeError:
        # Python would complain once more when it closes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)


def _complain(error: object, code: int) -> int:
    print(f"isr: {' '.join(str(error).split())}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="isr", description="Small pictures made large with deep networks.")
    parser.add_argument("--version", action="version", version=f"isr {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _upscale_parser(commands.add_parser("upscale", help="enlarge pictures"))
    _train_parser(commands.add_parser("train", help="train a network on a folder of pictures"))
    _evaluate_parser(commands.add_parser("evaluate", help="measure PSNR, SSIM and time on folders of pictures"))
    _weights_parser(commands.add_parser("weights", help="show the trained networks that come with ISR"))
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _model_options(parser: argparse.ArgumentParser) -> None:
    names = "compact, compact-x2, nearest, bilinear, bicubic, lanczos, or the path of a .weights.h5"
    parser.add_argument("--model", default="compact", metavar="NAME", help=f"{names} (default compact)")
    parser.add_argument("--scale", type=_positive, metavar="N", help="how many times larger (default: the model's, or 2)")
    parser.add_argument("--tile", type=_positive, metavar="N", help="side of a tile in pixels; less needs less memory")
    choices = ("auto", "float32", "bfloat16")
    parser.add_argument("--precision", choices=choices, default="auto", help="what to compute in (default auto)")


def _upscale_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pictures", nargs="+", metavar="PHOTO", help="PNG, JPEG, WebP or TIFF files")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="a file for one picture, else a folder")
    _model_options(parser)
    parser.add_argument("--quality", type=int, choices=range(1, 101), default=95, metavar="1-100", help="of JPEG and WebP (95)")
    parser.add_argument("--max-pixels", type=_positive, metavar="N", help="refuse larger pictures (default 178956970)")
    parser.set_defaults(command=_upscale)


def _train_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="HR_DIR", help="high-resolution pictures (or data.hr_dir)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a recipe like config.yml")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE", help="change a setting")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with an unfinished run folder")
    parser.set_defaults(command=_train)


def _evaluate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="HR_DIR", help="high-resolution pictures")
    _model_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the reports there as well")
    parser.set_defaults(command=_evaluate)


def _weights_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    commands.add_parser("list", help="names, scales, sizes, licences, PSNR").set_defaults(command=_weights_list)


def _upscale(options: argparse.Namespace) -> int:
    sources = [Path(name) for name in options.pictures]
    predictor = _predictor(options)
    destinations = _destinations(sources, options.output, f"_x{predictor.model.scale}")
    failures = 0
    for source, destination in zip(sources, destinations, strict=True):
        try:
            _upscale_one(predictor, source, destination, options)
        except ISRError as error:
            failures += 1
            _complain(error, FAILURE)
    return FAILURE if failures else OK


def _predictor(options: argparse.Namespace) -> Predictor:
    from ISR.models.pretrained import load_model
    from ISR.predict.predictor import Predictor

    return Predictor(load_model(options.model, options.scale, precision=options.precision), tile=options.tile)


def _upscale_one(predictor: Predictor, source: Path, destination: Path, options: argparse.Namespace) -> None:
    limits = {} if options.max_pixels is None else {"max_pixels": options.max_pixels}
    with _pixel_bar(source.name) as progress:
        predictor.upscale_file(source, destination, quality=options.quality, progress=progress, **limits)
    print(destination)


@contextmanager
def _pixel_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    from tqdm import tqdm

    shown = label.encode("unicode_escape").decode("ascii")
    with tqdm(desc=shown, unit="px", unit_scale=True, disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def _destinations(sources: list[Path], output: Path | None, ending: str) -> list[Path]:
    """Where each picture goes: OUT itself for one picture and a picture's extension, else a folder."""
    from ISR.images.files import EXTENSIONS

    if output is not None and output.suffix.lower() in EXTENSIONS and not output.is_dir():
        if len(sources) > 1:
            raise UsageError(f"{str(output)!r} is one file for {len(sources)} pictures: give a folder with -o")
        return [output]
    found = []
    for source in sources:
        extension = source.suffix if source.suffix.lower() in EXTENSIONS else ".png"
        found.append((source.parent if output is None else output) / f"{source.stem}{ending}{extension}")
    twice = next((path for path in found if found.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"two of the pictures would both become {str(twice)!r}: give them different folders")
    return found


def _train(options: argparse.Namespace) -> int:
    from ISR import config
    from ISR.datasets import folders
    from ISR.train import session

    if options.resume is not None:
        if options.config or options.overrides or options.folder:
            raise UsageError("--resume goes on with the run's own config.yml: leave out HR_DIR, --config and --set")
        run, recipe = session.open_run(options.resume)
    else:
        recipe = config.load(options.config, overrides=options.overrides)
        if options.folder is not None:
            recipe = config.override(recipe, "data", "hr_dir", options.folder)
        run = None
    folders.split(recipe.data)  # an empty or missing folder is told before Keras is loaded
    print(_run_training(recipe, run))
    return OK


def _run_training(recipe: Config, run: RunFolder | None) -> Path:
    from ISR import models
    from ISR.train import session, trainer

    wanted = recipe.model
    try:
        generator = models.build(wanted.architecture, wanted.scale, wanted.params, precision=recipe.train.precision)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    run = run or session.new_run(recipe)
    return trainer.train(generator, recipe, run=run, progress=sys.stderr.isatty())


def _evaluate(options: argparse.Namespace) -> int:
    from ISR import atomic
    from ISR.evaluate import as_table, evaluate

    model = _predictor(options).model
    reports: list[Report] = [evaluate(model, folder, name=options.model, tile=options.tile) for folder in options.folders]
    print(as_table(reports))
    if options.json is not None:
        atomic.write_text(options.json, json.dumps([report.as_json() for report in reports], indent=1) + "\n")
    return OK


def _weights_list(options: argparse.Namespace) -> int:
    from ISR.models.pretrained import WEIGHTS

    print(f"{'name':<14} {'scale':<6} {'parameters':>10}  {'PSNR-Y Set5 / Set14 / BSD100':<30} licence")
    for record in WEIGHTS.values():
        psnr = " / ".join(f"{value:.2f}" for value in record.psnr_y)
        print(f"{record.name:<14} x{record.scale:<5} {record.parameters:>10,}  {psnr:<30} {record.licence}")
    return OK
