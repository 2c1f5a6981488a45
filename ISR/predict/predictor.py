"""Enlarging pictures with a network: an array, a picture, a file, or as ISR 2 does a whole folder."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np

from ISR.errors import ISRError
from ISR.images import files, frames
from ISR.images.files import Limits, Picture
from ISR.images.frames import Animation
from ISR.models import session_config, tiled
from ISR.models.tiled import Array, Progress, Tiled, Upscaler
from ISR.predict import batch, destinations, folder, naming, scan
from ISR.predict import stream as streaming
from ISR.predict.cancel import CancelToken, raise_if_set, watching
from ISR.predict.ensemble import Blended, SelfEnsemble
from ISR.predict.results import Kept, Result
from ISR.predict.size import Size
from ISR.predict.sized import Networks, Sized

StrPath = str | os.PathLike[str]

_log = logging.getLogger(__name__)
_quiet_log = logging.getLogger(f"{__name__}.quiet")
_quiet_log.setLevel(logging.ERROR)


class Network(Upscaler, Protocol):
    """An upscaler that takes weights from a file."""

    def load(self, path: Path) -> None:
        """Fill it with the file's weights."""
        ...


class Predictor:
    """Enlarges pictures with one model; holds the picture, its enlargement and one batch of tiles, nothing larger.

    tile: side of what is kept of a tile, in low-resolution pixels; by default the greater of 256 and twice the model's
    receptive radius, or less where memory is short. batch_size: tiles in one run of the model. Neither changes the
    result; what does not fit into memory is done with smaller tiles. progress: called after each batch with (finished,
    all) output pixels; what it raises ends the work. ValueError for a tile or batch below 1.
    size: what pictures become instead of `model.scale` times larger, by a chain of `networks`: the model, by default,
    one time or several.

    Or in ISR 2's form, for `get_predictions`: input_dir, a folder of pictures (img_ls);
    output_dir, where a folder of the same name is made for the results; verbose, whether more than errors is logged.
    PictureError where input_dir holds no picture or output_dir cannot be written.
    """

    @overload
    def __init__(
        self,
        model: Upscaler,
        *,
        tile: int | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
        size: Size | None = None,
        networks: Networks | None = None,
    ) -> None: ...

    @overload
    def __init__(self, input_dir: StrPath, output_dir: StrPath = ..., verbose: bool = ...) -> None: ...

    def __init__(self, *source: Any, **options: Any) -> None:
        if "input_dir" in options or isinstance(next(iter(source), None), str | os.PathLike):
            self._take_folder(*source, **options)
        else:
            self._take_model(*source, **options)

    def _take_model(
        self,
        model: Upscaler,
        *,
        tile: int | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
        size: Size | None = None,
        networks: Networks | None = None,
    ) -> None:
        self.model = model
        self.tile = tile
        self.batch_size = tiled.BATCH_SIZE if batch_size is None else batch_size
        self.progress = progress
        self.size = size
        self.networks = networks or Networks.of(model)
        self._tiled()

    def _take_folder(self, input_dir: StrPath, output_dir: StrPath = folder.OUTPUT_DIR, verbose: bool = True) -> None:
        self.input_dir = Path(input_dir)
        self.data_name = folder.data_name(self.input_dir)
        self.output_dir = Path(output_dir) / self.data_name
        self.extensions = tuple(files.EXTENSIONS)
        self.logger = _log if verbose else _quiet_log
        self.img_ls = folder.pictures(self.input_dir)
        folder.make(self.output_dir)

    def _tiled(self, cancel: CancelToken | None = None) -> Tiled:
        if not hasattr(self, "model"):
            raise ISRError("this Predictor has a folder and no model: call get_predictions, or make Predictor(model)")
        return Tiled(self.model, tile=self.tile, batch_size=self.batch_size, progress=watching(cancel, self.progress))

    def _worker(self, cancel: CancelToken | None = None) -> Tiled | Sized:
        once = self._tiled(cancel)
        return once if self.size is None else Sized(once, self.networks, self.size)

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture of `width` x `height` pixels becomes. PictureError where it cannot."""
        worker = self._worker()
        if isinstance(worker, Sized):
            return worker.chain(width, height).target
        return width * worker.model.scale, height * worker.model.scale

    @overload
    def upscale(self, source: Array, *, cancel: CancelToken | None = None) -> Array: ...

    @overload
    def upscale(self, source: Picture | StrPath, *, cancel: CancelToken | None = None) -> Picture: ...

    def upscale(self, source: Picture | Array | StrPath, *, cancel: CancelToken | None = None) -> Picture | Array:
        """The picture at `model.scale` times its height and width, or at `size`, of the kind that came: a Picture (also
        for a path) with its alpha, profile, EXIF and resolution, or an array.

        An array is (height, width) or (height, width, 1, 2, 3 or 4), where an even number of channels ends in alpha:
        uint8, uint16, or float32 in [0, 1]; shape and dtype of the result follow it, floats are clipped to [0, 1].
        Grey stays grey: the mean of the three channels that the model makes of it. Alpha is enlarged bicubically.
        cancel: looked at after each batch of tiles; CancelledError where it is set. ValueError for another array,
        PictureError for a file that is no picture, ISRError where the model gives anything but finite numbers of the
        right shape.
        """
        raise_if_set(cancel)
        if isinstance(source, np.ndarray):
            return self._worker(cancel).array(source)
        return self._worker(cancel).picture(source if isinstance(source, Picture) else files.read(source))

    def upscale_file(
        self,
        source: StrPath,
        destination: StrPath,
        *,
        quality: int = 95,
        progress: Progress | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        strip_metadata: bool = False,
        stream: bool | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Read `source`, enlarge it and write it whole to `destination`, whose folder is made if it is missing.

        Of an animation every frame is enlarged. quality: 1 to 100, of JPEG, WebP, AVIF and HEIF. progress: instead of
        the predictor's own. limits: of the source. strip_metadata: without EXIF, XMP and resolution. cancel: looked at
        after each batch of tiles; CancelledError, and nothing written, where it is set. stream: whether to hold neither
        picture in memory (PNG, JPEG and TIFF, `model.scale` times larger); None does so where they would not fit.
        PictureError, before the work is done, for a destination that is the source, is a folder or cannot be written;
        FormatError for one whose format cannot keep what the source has (alpha, 16 bits, frames, the size).
        """
        destinations.check(source, destination)
        self._tiled()  # refuses a Predictor of a folder
        progress = watching(cancel, progress or self.progress)
        watched = self if progress is None else self._watched(progress)
        if watched._streams(Path(source), Path(destination), stream, limits):
            start, end, tiles = Path(source), Path(destination), watched._tiled()
            streaming.upscale_file(tiles, start, end, quality=quality, limits=limits, strip_metadata=strip_metadata)
            return
        content = frames.read(source, limits=limits)
        first = content.frames[0] if isinstance(content, Animation) else content
        size = self.size_of(first.width, first.height)
        frames.check_fits(content, destination, quality=quality, size=size)
        enlarged = watched._frames(content) if isinstance(content, Animation) else watched.upscale(content)
        raise_if_set(cancel)
        frames.write(enlarged, destination, quality=quality, strip_metadata=strip_metadata)

    def _streams(self, source: Path, destination: Path, wanted: bool | None, limits: Limits) -> bool:
        """Whether to go from disk to disk: where it is wanted, or needed and possible. ISRError for what it cannot."""
        alone = self.size is None or self.size.scale == self.model.scale
        if wanted and not alone:
            raise ISRError(f"what is streamed becomes {self.model.scale} times larger: leave out the size, or --stream")
        if wanted is None and alone:
            return streaming.is_needed(source, destination, scale=self.model.scale, limits=limits)
        return bool(wanted)

    def _frames(self, animation: Animation) -> Animation:
        """The animation with every frame enlarged; progress counts the pixels of all."""
        count, steps = len(animation.frames), itertools.count()

        def enlarged(frame: Picture) -> Picture:
            index, whole = next(steps), self.progress
            if whole is None:
                return self.upscale(frame)
            part = self._watched(lambda done, total: whole(index * total + done, count * total))
            return part.upscale(frame)

        return animation.mapped(enlarged)

    def upscale_folder(
        self,
        source: StrPath,
        output: StrPath,
        *,
        recursive: bool = False,
        name: str = naming.DEFAULT,
        skip_existing: bool = False,
        quality: int = 95,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        strip_metadata: bool = False,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[Result]:
        """One `Result` for each picture of the folder, as it is enlarged into the folder `output`, made if missing.

        What an earlier call did, from the same picture by the same weights and options, is passed over; failed pictures
        are tried again, and one that fails does not stop the others. Several processes may share a folder. recursive:
        its folders' pictures too, below `output` as they lie there. name: with {stem}, {model}, {scale}, {size},
        {ext}, {width}, {height}. skip_existing: pass over whatever has the result's name. quality, limits,
        strip_metadata: as in `upscale_file`. progress: called after each picture with (finished, all). cancel: ends the
        work with a CancelledError, after the batch of tiles that is under way.

        The work is done as the results are taken. Before it, PictureError for a folder without pictures or an output
        that cannot be written, DestinationError where that is the folder itself, ConfigError for a name that is none.
        """
        top, results = Path(source), Path(output)
        model, options = self._tiled().model, {"quality": quality, "strip_metadata": strip_metadata}
        called = naming.Naming(naming.Template(name), model.name, model.scale, self.size, limits)
        destinations.check_output(results, [top])
        found = scan.find_in(top, recursive=recursive, output=results)
        plan = destinations.plan(found, results, name=called)
        enlarge = partial(
            self.upscale_file, quality=quality, limits=limits, strip_metadata=strip_metadata, cancel=cancel
        )
        keeper = Kept(results, {"model": _described(model), "options": options, "size": called.label})
        done = batch.results(
            plan, lambda: contextlib.nullcontext(enlarge), keeper=keeper, skip_existing=skip_existing, token=cancel
        )
        return batch.counted(done, len(plan), progress)

    def _watched(self, progress: Progress) -> Predictor:
        watched = copy.copy(self)
        watched.progress = progress
        return watched

    @overload
    def get_predictions(self, model: Upscaler, weights_path: None = None) -> list[Path]: ...

    @overload
    def get_predictions(self, model: Network, weights_path: StrPath) -> list[Path]: ...

    def get_predictions(self, model: Any, weights_path: StrPath | None = None) -> list[Path]:
        """The files that the folder's pictures were enlarged to, `<output_dir>/<data_name>/<network>/<time>/<name>`.

        weights_path: `.weights.h5` or ISR 2's `.hdf5`, loaded into the model first; None takes its present weights.
        Beside the pictures, each of its input's name (JPEG at quality 95), or a .png where that format cannot keep it,
        lies weights_config.yml: the session_config.yml beside the weights, and their name. A picture that cannot be
        enlarged is logged as an error, and the others are done; ISRError where none can. WeightsError where the weights
        do not fit the model.
        """
        if not hasattr(self, "img_ls"):
            raise ISRError("this Predictor has a model and no folder: make Predictor(input_dir) for get_predictions")
        if weights_path is not None:
            model.load(Path(weights_path))
        name = session_config.basename(model) if weights_path is None else session_config.basename_of(weights_path)
        results = folder.make_new(self.output_dir / name)
        folder.write_weights_config(results, weights_path)
        upscale_file = Predictor(model).upscale_file
        return folder.enlarge(self.img_ls, results, upscale_file=upscale_file, logger=self.logger)


def _described(model: Upscaler) -> dict[str, Any]:
    """What tells a model from another, for a folder's manifest: among others the sum of its weights, if it has any."""
    inner, around = model, []
    while isinstance(inner, SelfEnsemble | Blended):
        around.append([type(inner).__name__, getattr(inner, "strength", None)])
        inner = inner.inner
    digest, network = hashlib.sha256(), getattr(inner, "model", None)
    for values in [] if network is None else network.get_weights():
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    known = {"name": model.name, "scale": model.scale, "precision": getattr(inner, "precision", None), "around": around}
    return {**known, "weights": None if network is None else digest.hexdigest()}
