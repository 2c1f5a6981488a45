"""Enlarging pictures with a network: an array, a picture, a file, or as ISR 2 does a whole folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np

from ISR.errors import ISRError
from ISR.images import files
from ISR.images.files import Picture
from ISR.models import session_config, tiled
from ISR.models.tiled import Array, Progress, Tiled, Upscaler
from ISR.predict import destinations, folder

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
    receptive radius. batch_size: tiles in one run of the model. Neither changes the result. progress: called after each
    batch with (finished, all) output pixels; what it raises ends the work. ValueError for a tile or batch below 1.

    Or in ISR 2's form, for `get_predictions`: input_dir, a folder of PNG, JPEG, WebP and TIFF files (img_ls);
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
    ) -> None:
        self.model = model
        self.tile = tiled.default_tile(model) if tile is None else tile
        self.batch_size = tiled.BATCH_SIZE if batch_size is None else batch_size
        self.progress = progress
        self._tiled()

    def _take_folder(self, input_dir: StrPath, output_dir: StrPath = folder.OUTPUT_DIR, verbose: bool = True) -> None:
        self.input_dir = Path(input_dir)
        self.data_name = folder.data_name(self.input_dir)
        self.output_dir = Path(output_dir) / self.data_name
        self.extensions = tuple(files.EXTENSIONS)
        self.logger = _log if verbose else _quiet_log
        self.img_ls = folder.pictures(self.input_dir)
        folder.make(self.output_dir)

    def _tiled(self) -> Tiled:
        if not hasattr(self, "model"):
            raise ISRError("this Predictor has a folder and no model: call get_predictions, or make Predictor(model)")
        return Tiled(self.model, tile=self.tile, batch_size=self.batch_size, progress=self.progress)

    @overload
    def upscale(self, source: Array) -> Array: ...

    @overload
    def upscale(self, source: Picture | StrPath) -> Picture: ...

    def upscale(self, source: Picture | Array | StrPath) -> Picture | Array:
        """The picture at `model.scale` times its height and width, of the kind that came: a Picture (also for a path)
        with its alpha, profile, EXIF and resolution, or an array.

        An array is (height, width) or (height, width, 1, 2, 3 or 4), where an even number of channels ends in alpha:
        uint8, uint16, or float32 in [0, 1]; shape and dtype of the result follow it, floats are clipped to [0, 1].
        Grey stays grey: the mean of the three channels that the model makes of it. Alpha is enlarged bicubically.
        ValueError for another array, PictureError for a file that is no picture, ISRError where the model gives
        anything but finite numbers of the right shape.
        """
        if isinstance(source, np.ndarray):
            return self._tiled().array(source)
        return self._tiled().picture(source if isinstance(source, Picture) else files.read(source))

    def upscale_file(
        self,
        source: StrPath,
        destination: StrPath,
        *,
        quality: int = 95,
        progress: Progress | None = None,
        max_pixels: int = files.MAX_PIXELS,
    ) -> None:
        """Read `source`, enlarge it and write it whole to `destination`, whose folder is made if it is missing.

        quality: 1 to 100, of JPEG and WebP. progress: instead of the predictor's own. max_pixels: of the source.
        PictureError, before the work is done, for a destination that is the source, is a folder or cannot be written;
        FormatError for one whose format cannot keep what the source has (alpha, 16 bits, the size).
        """
        destinations.check(source, destination)
        picture = files.read(source, max_pixels=max_pixels)
        files.check_fits(picture, destination, quality=quality, scale=self._tiled().model.scale)
        watched = self if progress is None else self._watched(progress)
        files.write(watched.upscale(picture), destination, quality=quality)

    def _watched(self, progress: Progress) -> Predictor:
        return Predictor(self.model, tile=self.tile, batch_size=self.batch_size, progress=progress)

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
