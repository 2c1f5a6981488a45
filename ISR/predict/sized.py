"""A picture brought to a wanted size: network after network in 16 bits, then one resize to the exact pixel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from ISR.images import files, resize
from ISR.images.files import Picture
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Array, Floats, Progress, Tiled, Upscaler, check_array
from ISR.predict.chain import Chain, plan
from ISR.predict.size import Size

# What a fully transparent pixel's colour counts for: all where there is no other, next to nothing beside one.
_HIDDEN = np.float32(2**-14)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Networks:
    """What a chain is made of.

    load: from a scale to what enlarges by it; asked anew for every picture, so it should keep what it has loaded.
    scales: those that it takes; None for every whole one. kernel: an interpolation of ISR.images.resize that brings the
    picture to the exact size in one go, instead of a chain and MATLAB's bicubic.
    """

    load: Callable[[int], Upscaler]
    scales: tuple[int, ...] | None
    kernel: str | None = None

    @classmethod
    def of(cls, model: Upscaler) -> Self:
        """The model again and again, or where it is an interpolation that at any scale."""
        if isinstance(model, Interpolation):
            return cls(partial(Interpolation, model.name), None, model.name)
        return cls(lambda _: model, (model.scale,))


@dataclass(frozen=True)
class Sized:
    """`Tiled` for a wanted size; between networks integers are kept as uint16, and the resize goes strip by strip.

    tiled: how each network is run, for the progress of the whole. What is held is the input and the output of one step.
    A line about each chain is logged, if it is more than one network.
    """

    tiled: Tiled
    networks: Networks
    size: Size

    def chain(self, width: int, height: int) -> Chain:
        """The way to the size for a picture of `width` x `height`. PictureError where there is none."""
        direct = self.networks.kernel is not None
        return plan((width, height), self.size.of(width, height), self.networks.scales, direct=direct)

    def array(self, array: Array) -> Array:
        """The array at the wanted size; shapes, dtypes and errors are those of `Tiled.array`."""
        check_array(array)
        chain, dtype = self.chain(array.shape[1], array.shape[0]), array.dtype
        for step in self._steps(chain, dtype):
            array = step.array(array)
        if chain.factors and not chain.resized:
            return array
        values = array[..., None] if array.ndim == 2 else array
        colours = (values.shape[2] - 1) // 2 * 2 + 1  # of an even number of channels the last is alpha
        result = np.empty((chain.target[1], chain.target[0], values.shape[2]), dtype)
        alpha = values[..., colours:] if colours < values.shape[2] else None
        for rows, samples in self._resized(values[..., :colours], alpha, chain, dtype):
            result[rows] = samples
        return result.reshape(*result.shape[:2], *array.shape[2:])

    def picture(self, picture: Picture) -> Picture:
        """The picture at the wanted size, with its alpha, profile, EXIF and resolution."""
        chain, dtype = self.chain(picture.width, picture.height), picture.pixels.dtype
        for step in self._steps(chain, dtype):
            picture = step.picture(picture)
        if chain.factors and not chain.resized:
            return picture
        given = None if picture.alpha is None else picture.alpha[..., None]
        pixels = np.empty((chain.target[1], chain.target[0], picture.pixels.shape[2]), dtype)
        alpha = None if given is None else np.empty(pixels.shape[:2], dtype)
        for rows, samples in self._resized(picture.pixels, given, chain, dtype):
            pixels[rows] = samples[..., : pixels.shape[2]]
            if alpha is not None:
                alpha[rows] = samples[..., -1]
        return replace(picture, pixels=pixels, alpha=alpha)

    def _steps(self, chain: Chain, dtype: np.dtype[Any]) -> Iterator[Tiled]:
        models = [self.networks.load(factor) for factor in chain.factors]
        if len(models) > 1 or (self.networks.kernel is None and (chain.resized or not models)):
            _log.info("%s", chain.described([f"{model.name}-x{model.scale}" for model in models]))
        for number, model in enumerate(models):
            last = number == len(models) - 1 and not chain.resized
            kept = dtype if last or dtype == np.float32 else np.dtype(np.uint16)
            yield replace(self.tiled, model=model, dtype=kept, progress=self._progress(chain, number))

    def _resized(
        self, colour: Array, alpha: Array | None, chain: Chain, dtype: np.dtype[Any]
    ) -> Iterator[tuple[slice, Array]]:
        """The resized picture strip by strip: (rows, their samples with alpha behind the colour)."""
        width, height = chain.target
        shape = (*colour.shape[:2], colour.shape[2] + (alpha is not None))
        progress = self._progress(chain, len(chain.factors))
        read, method = partial(_weighted, colour, alpha), self.networks.kernel or "bicubic"
        for rows, strip in resize.strips(read, shape, (height, width), method=method):
            values = strip if alpha is None else _unweighted(strip)
            yield rows, values.clip(0.0, 1.0) if dtype == np.float32 else files.to_samples(values, dtype)
            if progress is not None:
                progress(rows.stop * width, height * width)

    def _progress(self, chain: Chain, step: int) -> Progress | None:
        """The progress of one step as a part of the whole."""
        if self.tiled.progress is None:
            return None
        tell, pixels = self.tiled.progress, chain.pixels()
        return lambda done, _: tell(sum(pixels[:step]) + done, sum(pixels))


def _weighted(colour: Array, alpha: Array | None, rows: slice) -> Floats:
    """Rows as floats; colour counts as much as it is opaque, so that hidden colours do not show at an edge."""
    if alpha is None:
        return _to_float(colour[rows])
    opacity = _to_float(alpha[rows]) + _HIDDEN
    return np.concatenate((_to_float(colour[rows]) * opacity, opacity), axis=2)


def _unweighted(values: Floats) -> Floats:
    opacity = values[..., -1:]
    # Where a cubic undershoots, nothing is to be seen: any finite colour will do.
    return np.concatenate((values[..., :-1] / np.maximum(opacity, _HIDDEN / 2), opacity - _HIDDEN), axis=2)


def _to_float(samples: Array) -> Floats:
    return samples if samples.dtype == np.float32 else files.to_float(samples)
