"""Colours carried under fully transparent pixels, so that enlarging mixes no hidden black or green into an edge.

What a transparent pixel's colour is nobody sees, and programs leave black, white or green there. A network or an
interpolation that reads it draws it as a fringe around whatever is visible.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

# How far colour is carried, in pixels: further than the kernels of interpolation and most networks' weights reach.
REACH = 16

Number = TypeVar("Number", bound=np.generic)
_Floats = npt.NDArray[np.float32]


def bled_window(
    colour: npt.NDArray[Number], alpha: npt.NDArray[np.generic] | None, origin: tuple[int, int], window: tuple[int, int]
) -> npt.NDArray[Number]:
    """The window of the picture, with colours of visible pixels in place of those where alpha is 0.

    colour: (height, width, channels), alpha: (height, width, 1) or None. origin: the window's first (row, column).
    window: its (rows, columns). The result, of the same dtype, depends on pixels at most 2 * `REACH` away, so that any
    cut of a picture into windows gives the same; it is a view where nothing in it is transparent. Beyond that
    distance from anything visible the colours stay as they are.
    """
    (top, left), (rows, columns) = origin, window
    if alpha is None:
        return colour[top : top + rows, left : left + columns]
    height, width = colour.shape[:2]
    first_row, first_column = max(top - 2 * REACH, 0), max(left - 2 * REACH, 0)
    end_row, end_column = min(top + rows + 2 * REACH, height), min(left + columns + 2 * REACH, width)
    around = (slice(first_row, end_row), slice(first_column, end_column))
    near, visible = colour[around], alpha[around][..., 0] != 0
    top, left = top - first_row, left - first_column
    inside = (slice(top, top + rows), slice(left, left + columns))
    return near[inside] if visible[inside].all() else _bled(near, visible)[inside]


def _bled(colour: npt.NDArray[Number], visible: npt.NDArray[np.bool_]) -> npt.NDArray[Number]:
    """Two passes: along rows and columns from what is visible, then from what the first pass has reached."""
    values, known = colour.astype(np.float32), visible
    for _ in range(2):
        values, known = _carried(values, known)
    if np.issubdtype(colour.dtype, np.integer):
        values = np.rint(values)
    return np.where((known & ~visible)[..., None], values, colour).astype(colour.dtype)


def _carried(values: _Floats, known: npt.NDArray[np.bool_]) -> tuple[_Floats, npt.NDArray[np.bool_]]:
    """For what is not known: the mean of the nearest known values in the four directions, by inverse squared distance.

    It is the same for the picture turned or mirrored.
    """
    total, weights = np.zeros_like(values), np.zeros((*known.shape, 1), np.float32)
    for axis in (0, 1):
        for backwards in (False, True):
            nearest, distance = _nearest(known, axis, backwards=backwards)
            weight = np.where(distance <= REACH, 1.0 / np.maximum(distance, 1) ** 2, 0.0).astype(np.float32)[..., None]
            total += weight * np.take_along_axis(values, nearest[..., None], axis)
            weights += weight
    reached = weights[..., 0] > 0
    mean = total / np.where(weights > 0, weights, 1)
    return np.where((known | ~reached)[..., None], values, mean), known | reached


def _nearest(
    known: npt.NDArray[np.bool_], axis: int, *, backwards: bool
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The index along the axis of the last known place before each one, or behind it, and how far away that is."""
    length = known.shape[axis]
    places = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
    if backwards:
        index, distance = _nearest(np.flip(known, axis), axis, backwards=False)
        return np.flip(length - 1 - index, axis), np.flip(distance, axis)
    index = np.maximum.accumulate(np.where(known, places, -1), axis=axis)
    return np.maximum(index, 0), np.where(index < 0, REACH + 1, places - index)
