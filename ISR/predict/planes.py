"""A picture or an array as float32 planes for whatever enlarges them whole, and back into the kind that came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR.images import files, resize
from ISR.images.files import Picture
from ISR.models import tiled

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Enlarge = Callable[[Floats], Floats]


def enlarged_picture(picture: Picture, enlarge: Enlarge) -> Picture:
    """The picture with its pixels enlarged, its alpha brought to their size bicubically, and the rest as it was."""
    values = enlarge(files.to_float(picture.pixels))
    pixels = files.to_samples(values, picture.pixels.dtype)
    alpha = None if picture.alpha is None else _alpha(picture.alpha[..., None], pixels)[..., 0]
    return replace(picture, pixels=pixels, alpha=alpha)


def enlarged_array(array: Array, enlarge: Enlarge) -> Array:
    """The array enlarged, of the same kind: (height, width) or (height, width, 1, 2, 3 or 4), where an even number of
    channels ends in alpha, enlarged bicubically; uint8, uint16 or floats in [0, 1].

    enlarge: (height, width, 1 or 3) float32 in [0, 1] -> the same, larger. ValueError for another array.
    """
    planes = array[..., None] if array.ndim == 2 else array
    if planes.ndim != 3 or planes.shape[2] not in (1, 2, 3, 4) or 0 in planes.shape:
        wanted = "expected an array of shape (height, width) or (height, width, 1 to 4) with no empty axis"
        raise ValueError(f"{wanted}, got {array.shape}: pass one picture at a time, channels last")
    colours = planes.shape[2] - (planes.shape[2] + 1) % 2
    larger = _like(array, enlarge(_as_float(planes[..., :colours])))
    if colours < planes.shape[2]:
        larger = np.dstack([larger, _alpha(planes[..., colours:], larger)])
    return larger[..., 0] if array.ndim == 2 else larger


def split(values: Floats, channels: int) -> list[Floats]:
    """What a network of so many channels can take: the values, grey repeated, or the channels one by one."""
    if values.shape[2] == channels:
        return [values]
    if channels == 1:
        return [np.ascontiguousarray(values[..., i : i + 1]) for i in range(values.shape[2])]
    return [np.repeat(values, channels, axis=2)]


def join(planes: list[Floats], channels: int) -> Floats:
    """The inverse of `split` into so many channels: grey that was repeated is the mean of what became of it."""
    joined = np.concatenate(planes, axis=2)
    return joined if joined.shape[2] == channels else joined.mean(axis=2, keepdims=True)


def _alpha(alpha: Array, larger: Array) -> Array:
    return _like(alpha, resize.resize(_as_float(alpha), larger.shape[:2]))


def _as_float(samples: Array) -> Floats:
    samples = tiled.accepted(samples)
    if samples.dtype != np.float32:
        return files.to_float(samples)
    if not (samples.min() >= 0.0 and samples.max() <= 1.0):  # written so that NaN is refused too
        raise ValueError(f"expected floats in [0, 1], got values from {samples.min()} to {samples.max()}: clip them")
    return samples


def _like(given: Array, values: Floats) -> Array:
    """The values in the dtype of what was given: rounded, or clipped."""
    dtype = tiled.accepted(given).dtype
    if dtype != np.float32:
        return files.to_samples(values, dtype)
    return np.clip(values, 0.0, 1.0).astype(given.dtype, copy=False)
