"""Running a model over an array or a picture tile by tile, so that memory and seams do not depend on its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ISR.errors import ISRError, PictureError
from ISR.images import files, resize, tiling
from ISR.images.files import Picture

# Cores smaller than this spend most of a network's time on context that is thrown away.
SMALLEST_TILE = 256
# More takes more memory, and on two CPU cores four were slower than one (1.8 s against 1.5 s, a small RDN).
BATCH_SIZE = 1
# Keys' cubic reads two samples on each side.
BICUBIC_RADIUS = 2

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], object]


class Upscaler(Protocol):
    """What a network offers: a name for messages, the enlargement, and how far it sees in low-resolution pixels.

    One that takes other than three channels says so in an attribute `channels`.
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
    """The side of a tile's core where nobody chose one, in low-resolution pixels."""
    return max(SMALLEST_TILE, 2 * model.receptive_radius)


@dataclass(frozen=True)
class _Planes:
    """colour: (height, width, 1 or 3) and alpha: (height, width, 1) or None, views of what they were taken from."""

    colour: Array
    alpha: Array | None


@dataclass(frozen=True)
class Tiled:
    """A model that runs tile by tile; holds the picture, its enlargement and one batch of tiles, nothing larger.

    tile: side of what is kept of a tile, in low-resolution pixels. batch_size: tiles in one run of the model. overlap:
    low-resolution pixels of context on each side; with the receptive radius, the default, tile and batch_size do not
    change the result, with less there are seams. progress: called after each batch with (finished, all) output pixels;
    what it raises ends the work. ValueError for a tile or batch below 1.
    """

    model: Upscaler
    _: KW_ONLY
    tile: int
    batch_size: int = BATCH_SIZE
    overlap: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.tile < 1 or self.batch_size < 1:
            raise ValueError(f"tile and batch_size must be at least 1, got {self.tile} and {self.batch_size}")

    def array(self, array: Array) -> Array:
        """The array at `model.scale` times its height and width, of the same number of axes, channels and dtype.

        (height, width) or (height, width, 1, 2, 3 or 4), where an even number of channels ends in alpha: uint8, uint16,
        or float32 in [0, 1], which are clipped. Grey stays grey: the mean of the channels that the model makes of it.
        Alpha is enlarged bicubically. ValueError for another array, ISRError where the model gives anything but finite
        numbers of the right shape.
        """
        _check_array(array)
        output = np.empty(self._larger(array), array.dtype)
        self._fill(_split(array), _split(output))
        return output

    def picture(self, picture: Picture) -> Picture:
        """The picture enlarged like an array, with its profile, EXIF and resolution."""
        pixels = np.empty(self._larger(picture.pixels), picture.pixels.dtype)
        alpha = None if picture.alpha is None else np.empty(self._larger(picture.alpha), picture.alpha.dtype)
        self._fill(_planes(picture.pixels, picture.alpha), _planes(pixels, alpha))
        return replace(picture, pixels=pixels, alpha=alpha)

    def _larger(self, array: Array) -> tuple[int, ...]:
        return (array.shape[0] * self.model.scale, array.shape[1] * self.model.scale, *array.shape[2:])

    def _fill(self, source: _Planes, output: _Planes) -> None:
        """Enlarge the source into the output, which is memory already taken, one batch of tiles after another."""
        plan = self._plan(source)
        finished, everything = 0, output.colour.shape[0] * output.colour.shape[1]
        for batch in tiling.batches(plan, self.batch_size):
            results = self._run(source.colour, plan, batch)
            # The dict leaves out the repeated tiles that fill the last batch.
            for index, result in dict(zip(batch, results, strict=True)).items():
                self._check_finite(result, plan, index)
                _paste(output.colour, plan, index, result)
                if source.alpha is not None and output.alpha is not None:
                    alpha = _to_float(tiling.cut(source.alpha, plan, index))
                    _paste(output.alpha, plan, index, resize.enlarge(alpha, plan.scale, method="bicubic"))
                finished += plan.tile(index).area * plan.scale**2
            if self.progress is not None:
                self.progress(finished, everything)

    def _plan(self, source: _Planes) -> tiling.TilePlan:
        height, width = source.colour.shape[:2]
        overlap = self.model.receptive_radius if self.overlap is None else self.overlap
        if source.alpha is not None:
            overlap = max(overlap, BICUBIC_RADIUS)
        return tiling.plan(height, width, tile=self.tile, overlap=overlap, scale=self.model.scale)

    def _run(self, colour: Array, plan: tiling.TilePlan, batch: list[int]) -> Floats:
        channels = getattr(self.model, "channels", 3)
        if colour.shape[2] not in (1, channels):
            takes = f"model {self.model.name} takes pictures of {channels} channel(s)"
            raise PictureError(f"{takes}, got {colour.shape[2]}: convert the picture first")
        # New memory for every batch: a backend may keep the array that it was given instead of copying it.
        windows = np.empty((len(batch), *plan.window, channels), np.float32)
        for window, index in zip(windows, batch, strict=True):
            window[...] = _to_float(tiling.cut(colour, plan, index))
        results = np.asarray(self.model.run(windows))
        expected = (len(batch), plan.window[0] * plan.scale, plan.window[1] * plan.scale, channels)
        if results.shape != expected:
            raise ISRError(
                f"model {self.model.name} gave shape {results.shape} instead of {expected} "
                f"for tiles of shape {windows.shape}: check its scale of {plan.scale}"
            )
        return results

    def _check_finite(self, result: Floats, plan: tiling.TilePlan, index: int) -> None:
        if not np.isfinite(result).all():
            rows, columns = plan.tile(index).core
            raise ISRError(
                f"model {self.model.name} gave values that are not finite numbers for the tile at rows {rows.start} to "
                f"{rows.stop}, columns {columns.start} to {columns.stop} of the {plan.width}x{plan.height} picture: "
                "nothing was kept; check the weights, or run the model in float32"
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


def _planes(pixels: Array, alpha: Array | None) -> _Planes:
    return _Planes(pixels, None if alpha is None else alpha[..., None])


def _split(array: Array) -> _Planes:
    """Views of an array's colour and alpha: with two or four channels the last one is alpha."""
    if array.ndim == 2:
        return _Planes(array[..., None], None)
    if array.shape[2] in (1, 3):
        return _Planes(array, None)
    return _Planes(array[..., :-1], array[..., -1:])


def _check_array(array: Array) -> None:
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
