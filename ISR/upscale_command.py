"""`isr upscale`: what its options come to, file by file and folder by folder."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ISR import console
from ISR.console import FAILURE, OK, UsageError
from ISR.errors import ISRError

if TYPE_CHECKING:
    from ISR.images.files import Limits
    from ISR.models.pretrained import Identity
    from ISR.models.tiled import Upscaler
    from ISR.predict.destinations import UpscaleFile
    from ISR.predict.predictor import Predictor
    from ISR.predict.results import Result
    from ISR.predict.size import Size

ZERO_SHOT = "zssr"
# Of the options, those that change a result, beside the model and the size: a folder's manifest has them, as JSON, and
# a rerun compares them.
RESULT_OPTIONS = ("precision", "jpeg_quality", "strip_metadata", "self_ensemble", "strength")


def run(options: argparse.Namespace) -> int:
    """Enlarge files, each beside itself or where `-o` says, and folders into the one of `-o`, where only what is left
    is done. The exit code: 1 where a picture failed."""
    from ISR import zero_shot_command
    from ISR.predict import batch, destinations, naming, scan
    from ISR.predict.results import Kept

    zero_shot_command.check(options)
    sources, size = [Path(name) for name in options.pictures], _size(options)
    folders = [path for path in sources if scan.is_folder(path)]
    if folders and options.output is None:
        raise UsageError(f"{str(folders[0])!r} is a folder: say with -o which folder the results go to")
    destinations.check_output(options.output, sources)
    with console.muffled(verbose=options.verbose):  # for a weights file Keras is loaded
        model = _identity(options, size)
    template = options.name or naming.Template(naming.DEFAULT)
    named = naming.Naming(template, model.name, model.scale, size, _limits(options))
    found = scan.find(sources, recursive=options.recursive, output=options.output)
    plan = destinations.plan(found, options.output, name=named, file=destinations.names_file(options.output, sources))
    plan = batch.share(plan, options.shard)
    keeper = Kept(options.output, _making(options, model, named.label)) if folders else None
    workers = min(options.jobs, max(1, len(plan.jobs)))
    opener = partial(_enlarging, options, bar=workers == 1)
    done = batch.results(plan, opener, keeper=keeper, skip_existing=options.skip_existing, processes=workers)
    with contextlib.closing(done), console.picture_bar(hidden=workers == 1) as progress:
        ended = Counter(_told(result, options) for result in batch.counted(done, len(plan), progress))
    if folders or options.skip_existing:
        console.say(_summary(ended, found.others))
    return FAILURE if ended["failed"] or ended["untold"] else OK


def _making(options: argparse.Namespace, model: Identity, size: str) -> dict[str, Any]:
    from ISR import zero_shot_command

    given = {name: getattr(options, name) for name in RESULT_OPTIONS}
    making = {"model": asdict(model), "options": given, "size": size}
    return making | ({"zero_shot": zero_shot_command.making(options)} if options.model == ZERO_SHOT else {})


def _told(result: Result, options: argparse.Namespace) -> str:
    """The status of the result, whose path or error has been shown; `untold` where nobody reads the path."""
    if result.error is not None:
        console.report(result.error, verbose=options.verbose)
    elif result.status == "done" and result.destination is not None:
        try:
            console.show_path(result.destination)
        except ISRError as error:  # said once; the pictures are what was asked for
            console.report(error, verbose=options.verbose)
            return "untold"
    return result.status


def _summary(ended: Counter[str], others: int) -> str:
    done = ended["done"] + ended["untold"]
    counts = f"{done} done, {ended['passed over']} passed over, {ended['failed']} failed"
    return counts + (f"; {others} other files are no pictures" if others else "")


@contextlib.contextmanager
def _enlarging(options: argparse.Namespace, *, bar: bool) -> Iterator[UpscaleFile]:
    """What enlarges one file into another as the options say, in this process or in one of several."""
    with console.log_shown(verbose=options.verbose):
        if options.model == ZERO_SHOT:
            from ISR import zero_shot_command

            upscale_file, unit = zero_shot_command.upscaler(options).upscale_file, "step"
        else:
            predictor = _predictor(options, _size(options))
            upscale_file, unit = partial(predictor.upscale_file, stream=options.stream), "px"
        yield partial(_upscale_one, upscale_file, options, unit, bar)


def _upscale_one(
    upscale_file: Callable[..., None],
    options: argparse.Namespace,
    unit: str,
    bar: bool,
    *paths: Path,
) -> None:
    how = {"quality": options.jpeg_quality, "limits": _limits(options), "strip_metadata": options.strip_metadata}
    with console.progress_bar(paths[0].name, unit=unit, hidden=not bar) as progress:
        upscale_file(*paths, progress=progress, **how)


def _size(options: argparse.Namespace) -> Size | None:
    from ISR.predict.size import Size

    if options.model == ZERO_SHOT:
        from ISR import zero_shot_command

        return Size(scale=zero_shot_command.scale(options))
    given = {name: getattr(options, name) for name in ("scale", "width", "height", "fit")}
    wanted = {name: value for name, value in given.items() if value is not None}
    if len(wanted) > 1 and set(wanted) != {"width", "height"}:
        raise UsageError(f"{' and '.join(f'--{name}' for name in wanted)} each say how large: leave out all but one")
    return Size(**wanted) if wanted else None


def _first_scale(options: argparse.Namespace, size: Size | None) -> int | None:
    """The scale of the network that is most likely needed; None: the model's own."""
    from ISR.models.pretrained import scales
    from ISR.predict.chain import shortest

    if size is None:
        return None
    needed = 2 if size.scale is None else math.ceil(size.scale)
    return next(iter(shortest(needed, scales(options.model))), None)


def _identity(options: argparse.Namespace, size: Size | None) -> Identity:
    from ISR.models import pretrained

    if options.model == ZERO_SHOT:
        return pretrained.Identity(ZERO_SHOT, 2, None)
    return pretrained.identify(options.model, _first_scale(options, size))


def _predictor(options: argparse.Namespace, size: Size | None) -> Predictor:
    """A predictor for the size; the network that is most likely needed is loaded, others when a picture needs them."""
    from ISR.models.interpolation import Interpolation
    from ISR.models.pretrained import scales
    from ISR.predict.predictor import Predictor
    from ISR.predict.sized import Networks

    load = cache(partial(load_model, options))
    model = load(_first_scale(options, size))
    if size is None:
        return Predictor(model, tile=options.tile)
    networks = None if isinstance(model, Interpolation) else Networks(load, scales(options.model))
    return Predictor(model, tile=options.tile, size=size, networks=networks)


def load_model(options: argparse.Namespace, scale: int | None) -> Upscaler:
    """What enlarges as the options of a model say, downloaded and built."""
    from ISR.models.pretrained import load_model, obtain
    from ISR.predict.ensemble import improved

    obtain(options.model, scale)
    with console.muffled(verbose=options.verbose):
        model = load_model(options.model, scale, precision=options.precision)
    return improved(model, self_ensemble=options.self_ensemble, strength=options.strength)


def _limits(options: argparse.Namespace) -> Limits:
    from ISR.images.files import Limits

    given = {"pixels": options.max_pixels, "frames": options.max_frames, "bytes": options.max_bytes}
    return Limits(**{name: value for name, value in given.items() if value is not None})
