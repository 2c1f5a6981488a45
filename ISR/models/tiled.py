"""Running a model over an array or a picture tile by tile, so that memory and seams do not depend on its size."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ISR import backend, memory
from ISR.errors import ISRError, OutOfMemoryError, PictureError
from ISR.images import alpha, files, resize, tiling
from ISR.images.files import Picture
from ISR.models import tile_size

# More takes more memory, and on two CPU cores four were slower than one (1.8 s against 1.5 s, a small RDN).
BATCH_SIZE = 1
# Keys' cubic reads two samples on each side.
BICUBIC_RADIUS = 2

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], object]

_log = logging.getLogger(__name__)


class Upscaler(Protocol):
    """What a network offers: a name for messages, the enlargement, and how far it sees in low-resolution pixels.

    Four attributes are looked at where it has them: `channels`, if it takes other than three; `floats_per_pixel`, what
    it holds at once for a low-resolution pixel, and `on_accelerator`, for the choice of a tile; `in_float32()`, a model
    of the same weights that computes in float32, or None where it does already, for a tile that overflows.
    """

    @property
    def name(self) -> str: ...

    @property
    def scale(self) -> int: ...

    @property
    def receptive_radius(self) -> int: ...

    def run(self, batch: Floats) -> Floats:
        """(n, height, width, 3) float32 in [0, 1] -> (n, height * scale, width * scale, 3) float32, not clipped."""
        ...


def default_tile(model: Upscaler) -> int:
    """The side of a tile's core where nobody chose one and memory is plenty, in low-resolution pixels."""
    return tile_size.fastest(model)


@dataclass(frozen=True)
class Planes:
    """colour: (height, width, 1 or 3) and alpha: (height, width, 1) or None: arrays or views of them, or what has their
    shape and dtype and can be read (or written) a rectangle at a time.
    """

    colour: Any
    alpha: Any = None


@dataclass(frozen=True)
class Tiled:
    """A model that runs tile by tile; holds the picture, its enlargement and one batch of tiles, nothing larger.

    tile: side of what is kept of a tile, in low-resolution pixels; None chooses by the memory that is free. batch_size:
    tiles in one run of the model. overlap: low-resolution pixels of context on each side; with the receptive radius,
    the default, tile and batch_size do not change the result, with less there are seams. progress: called after each
    batch with (finished, all) output pixels; what it raises ends the work. dtype: of the result, that of the source by
    default; for integers uint8 or uint16. ValueError for a tile or batch below 1.

    Where a run is out of memory, the rows that are left are done one tile at a time, then with tiles half as large, and
    so on, with a warning; OutOfMemoryError where the smallest does not fit. A tile that is not finite is run again in
    float32, if the model can be had in it, with a warning; ISRError where it is not finite then.
    """

    model: Upscaler
    _: KW_ONLY
    tile: int | None = None
    batch_size: int = BATCH_SIZE
    overlap: int | None = None
    progress: Progress | None = None
    dtype: npt.DTypeLike | None = None

    def __post_init__(self) -> None:
        if (self.tile is not None and self.tile < 1) or self.batch_size < 1:
            raise ValueError(f"tile and batch_size must be at least 1, got {self.tile} and {self.batch_size}")

    def array(self, array: Array) -> Array:
        """The array at `model.scale` times its height and width, of the same number of axes, channels and dtype.

        (height, width) or (height, width, 1, 2, 3 or 4), where an even number of channels ends in alpha: uint8, uint16,
        or float32 in [0, 1], which are clipped. Grey stays grey: the mean of the channels that the model makes of it.
        Alpha is enlarged bicubically. ValueError for another array, ISRError where the model gives anything but finite
        numbers of the right shape.
        """
        check_array(array)
        output = np.empty(self._larger(array), self.dtype or array.dtype)
        self.fill(_split(array), _split(output))
        return output

    def picture(self, picture: Picture) -> Picture:
        """The picture enlarged like an array, with its profile, EXIF and resolution."""
        pixels = np.empty(self._larger(picture.pixels), self.dtype or picture.pixels.dtype)
        alpha = None if picture.alpha is None else np.empty(self._larger(picture.alpha), pixels.dtype)
        self.fill(_planes(picture.pixels, picture.alpha), _planes(pixels, alpha))
        return replace(picture, pixels=pixels, alpha=alpha)

    def _larger(self, array: Array) -> tuple[int, ...]:
        return (array.shape[0] * self.model.scale, array.shape[1] * self.model.scale, *array.shape[2:])

    def fill(self, source: Planes, output: Planes) -> None:
        """Enlarge the source into the output, `scale` times its height and width, row of tiles after row of tiles.

        After a run that is out of memory, rows that are not finished may be written again.
        """
        tile, batch_size, first_row = self._first_tile(source, output), self.batch_size, 0
        while first_row < source.colour.shape[0]:
            plan = self._plan(source, tile, first_row)
            try:
                for batch in tiling.batches(plan, batch_size):
                    first_row = plan.tile(batch[0]).core[0].start
                    self._fill_batch(source, output, plan, batch)
                return
            except Exception as error:
                if not backend.is_out_of_memory(error):
                    raise
                tile, batch_size = self._less(min(tile, max(plan.height, plan.width)), len(batch), error)

    def _first_tile(self, source: Planes, output: Planes) -> int:
        if self.tile is not None:
            return self.tile
        free = memory.free()
        if free is not None and isinstance(output.colour, np.ndarray):
            free = max(0, free - output.colour.nbytes)  # an array that is new takes its memory as it is written
        tile = tile_size.automatic(self.model, free, batch_size=self.batch_size)
        _log.info("tiles of %d pixels a side for a picture of %s", tile, source.colour.shape)
        return tile

    def _less(self, tile: int, batch_size: int, error: Exception) -> tuple[int, int]:
        """The tile and the batch to go on with after a run of such a batch of such tiles was out of memory."""
        least, less = tile_size.smallest(self.model), tile if batch_size > 1 else tile // 2
        said = " ".join(str(error).split())[:200] or type(error).__name__
        if less < min(least, tile):
            raise OutOfMemoryError(
                f"not enough memory to run {self.model.name} on a tile of {tile} pixels a side, and below {least} it "
                f"needs hardly less: free some memory, or take a smaller model ({said})"
            ) from error
        _log.warning("out of memory with %d tile(s) of %d: going on with one of %d (%s)", batch_size, tile, less, said)
        return less, 1

    def _fill_batch(self, source: Planes, output: Planes, plan: tiling.TilePlan, batch: list[int]) -> None:
        results = self._run(source, plan, batch)
        # The dict leaves out all but the last of the repeated tiles.
        for index, result in dict(zip(batch, results, strict=True)).items():
            _paste(output.colour, plan, index, result)
            if source.alpha is not None and output.alpha is not None:
                opacity = _to_float(tiling.cut(source.alpha, plan, index))
                _paste(output.alpha, plan, index, resize.enlarge(opacity, plan.scale, method="bicubic"))
        if self.progress is not None:
            self.progress(_finished(plan, max(batch)), plan.height * plan.width * plan.scale**2)

    def _plan(self, source: Planes, tile: int, first_row: int) -> tiling.TilePlan:
        height, width = source.colour.shape[:2]
        overlap = self.model.receptive_radius if self.overlap is None else self.overlap
        if source.alpha is not None:
            overlap = max(overlap, BICUBIC_RADIUS)
        return tiling.plan(height, width, tile=tile, overlap=overlap, scale=self.model.scale, first_row=first_row)

    def _run(self, source: Planes, plan: tiling.TilePlan, batch: list[int]) -> Floats:
        channels, given = getattr(self.model, "channels", 3), source.colour.shape[2]
        if given not in (1, channels):
            takes = f"model {self.model.name} takes pictures of {channels} channel(s)"
            raise PictureError(f"{takes}, got {given}: convert the picture first")
        # What sees no neighbours mixes no hidden colours into an edge.
        opacity = source.alpha if self.model.receptive_radius else None
        # New memory for every batch: a backend may keep the array that it was given instead of copying it.
        windows = np.empty((len(batch), *plan.window, channels), np.float32)
        for window, index in zip(windows, batch, strict=True):
            window[...] = _to_float(alpha.bled_window(source.colour, opacity, plan.tile(index).origin, plan.window))
        results = self._checked(np.asarray(self.model.run(windows)), windows, plan)
        # Of the repeated tiles that fill the last batch, only the last is pasted.
        for index, number in {index: number for number, index in enumerate(batch)}.items():
            if not np.isfinite(results[number]).all():
                results = results if results.flags.writeable else results.copy()
                results[number] = self._again(windows[number : number + 1], plan, index)
        return results

    def _checked(self, results: Floats, windows: Floats, plan: tiling.TilePlan) -> Floats:
        number, height, width, channels = windows.shape
        expected = (number, height * plan.scale, width * plan.scale, channels)
        if results.shape != expected:
            raise ISRError(
                f"model {self.model.name} gave shape {results.shape} instead of {expected} "
                f"for tiles of shape {windows.shape}: check its scale of {plan.scale}"
            )
        return results

    def _again(self, window: Floats, plan: tiling.TilePlan, index: int) -> Floats:
        """The tile's window run in float32. ISRError where that is not finite either, or the model has none."""
        rows, columns = plan.tile(index).core
        where = f"the tile at rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop} of the "
        where += f"{plan.width}x{plan.height} picture"
        precise: Upscaler | None = self.model.in_float32() if hasattr(self.model, "in_float32") else None
        if precise is not None:
            _log.warning("%s gave values that are not finite for %s: run again in float32", self.model.name, where)
            result = self._checked(np.asarray(precise.run(window)), window, plan)
            if np.isfinite(result).all():
                return np.asarray(result[0])
        advice = "check the weights" if precise is not None else "check the weights, or run the model in float32"
        raise ISRError(
            f"model {self.model.name} gave values that are not finite numbers for {where}: nothing was kept; {advice}"
        )


def accepted(array: Array) -> Array:
    """The array in a dtype that `Tiled.array` takes: uint8 for other integers, float32 for other floats.

    ValueError for other integers below 0 or above 255.
    """
    if array.dtype in (np.uint8, np.uint16) or array.size == 0:
        return array
    if np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # too large for float32: infinite, and refused as such
            return array.astype(np.float32, copy=False)
    if np.issubdtype(array.dtype, np.integer):
        if array.min() < 0 or array.max() > 255:
            got = f"{array.dtype} from {array.min()} to {array.max()}"
            raise ValueError(f"expected integers from 0 to 255, got {got}: convert the array to uint8 or uint16 first")
        return array.astype(np.uint8)
    return array


def _finished(plan: tiling.TilePlan, last: int) -> int:
    """How many output pixels are done when tile `last` is: whole rows of tiles, and of its own what is left of it."""
    rows, columns = plan.tile(last).core
    return int(rows.start * plan.width + (rows.stop - rows.start) * columns.stop) * plan.scale**2


def _paste(output: Array, plan: tiling.TilePlan, index: int, result: Floats) -> None:
    convert = partial(_to_samples, channels=output.shape[2], dtype=output.dtype)
    tiling.paste(output, plan, index, result, convert=convert)


def _to_float(samples: Array) -> Floats:
    return samples if samples.dtype == np.float32 else files.to_float(samples)


def _to_samples(values: Array, *, channels: int, dtype: np.dtype[Any]) -> Array:
    """Floats clipped to [0, 1] or turned into integers; grey is the mean of the channels, which has no tint."""
    if values.shape[2] != channels:
        values = values.mean(axis=2, keepdims=True)
    return np.clip(values, 0.0, 1.0) if dtype == np.float32 else files.to_samples(values, dtype)


def _planes(pixels: Array, alpha: Array | None) -> Planes:
    return Planes(pixels, None if alpha is None else alpha[..., None])


def _split(array: Array) -> Planes:
    """Views of an array's colour and alpha: with two or four channels the last one is alpha."""
    if array.ndim == 2:
        return Planes(array[..., None], None)
    if array.shape[2] in (1, 3):
        return Planes(array, None)
    return Planes(array[..., :-1], array[..., -1:])


def check_array(array: Array) -> None:
    """ValueError where the array is none that `Tiled.array` takes."""
    shape = array.shape
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 2, 3, 4))) or 0 in shape:
        raise ValueError(
            f"expected an array of shape (height, width) or (height, width, 1 to 4) with no empty axis, got {shape}: "
            "pass one picture at a time, channels last"
        )
    if array.dtype not in (np.uint8, np.uint16, np.float32):
        raise ValueError(f"expected uint8, uint16 or float32 in [0, 1], got {array.dtype}: convert the array first")
    # Written so that NaN, which compares false with everything, is refused too.
    if array.dtype == np.float32 and not (array.min() >= 0.0 and array.max() <= 1.0):
        raise ValueError(
            f"expected floats in [0, 1], got values from {array.min()} to {array.max()}: clip them, or convert those "
            "of 0 to 255 to uint8"
        )
