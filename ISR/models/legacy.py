"""Weights files of idealo's ISR 2 (`.hdf5`), as Keras 2 wrote them: read tensor by tensor, by name, with h5py alone.

A layer's kernel is the dataset `F_m1/F_m1/kernel:0`, or `model_weights/F_m1/...` in the file of a whole model.
Attributes are not read: h5py 2 wrote bytes and h5py 3 text there, and all that they list is in the tree.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from ISR.errors import WeightsError
from ISR.models import hdf5, manifest

# The networks that ISR 2 had weights for.
ARCHITECTURES = ("rdn", "rrdn")
# RRDN's residual scaling is a constant of the graph, which a weights file does not hold: ISR 2's default.
BETA = 0.2


def is_legacy(path: Path) -> bool:
    """Whether that is the name of a Keras 2 file: `.hdf5`, or `.h5` that is not `.weights.h5`."""
    return path.suffix in (".hdf5", ".h5") and not path.name.endswith(manifest.SUFFIX)


def describe(path: str | Path) -> tuple[str, int, dict[str, Any]]:
    """The architecture, scale and params, as `ISR.models.build` takes them, of the network that the weights are of.

    Found from the names and shapes of its tensors; no value is read. What the file does not say: beta of RRDN, which is
    given as 0.2, and upscaling at scale 1, where both ways are one. WeightsError where it is neither RDN nor RRDN.
    """
    with _tensors(Path(path)) as tensors:
        layout = _Layout(Path(path), {name: tensor.shape for name, tensor in tensors.items()})
    if "Pre_blocks_conv/kernel" in layout.shapes:
        return _describe_rrdn(layout)
    if "F_m1/kernel" in layout.shapes:
        return _describe_rdn(layout)
    raise layout.refused("holds no network of ISR 2: expected the layer F_m1 of RDN or Pre_blocks_conv of RRDN")


def load(model: keras.Model, path: str | Path) -> None:
    """Fill the model with the file's tensors, each found by its layer's name and its own, whatever their order.

    WeightsError, and the model as it was, where one is missing, surplus, of another shape, no floats, or not finite.
    """
    with manifest.all_or_nothing(model), _tensors(Path(path)) as tensors:
        _check_shapes(model, tensors, Path(path))
        for variable in model.variables:
            variable.assign(tensors[variable.path].astype(np.float32)[()])
        manifest.check_values(model, Path(path))


@contextlib.contextmanager
def _tensors(path: Path) -> Iterator[dict[str, h5py.Dataset]]:
    """The file's tensors by names like `F_m1/kernel`, those of an optimizer left out, open while the block runs.

    Together they claim no more bytes than the file has: a small file must not make a vast network.
    """
    if not path.is_file():
        raise WeightsError(f"no file {str(path)!r}")
    if not h5py.is_hdf5(path):
        raise WeightsError(f"{str(path)!r} is no HDF5 file: is it a Git LFS pointer, or was it cut off on its way?")
    tensors: dict[str, h5py.Dataset] = {}
    left = path.stat().st_size
    with hdf5.opened(path) as datasets:
        for name, dataset in datasets.items():
            if name.startswith("optimizer_weights/"):
                continue
            # Keras repeats the layer's name, at times with a number after it: only the group's own name is sure.
            parts = name.removeprefix("model_weights/").split("/")
            key = f"{parts[0]}/{parts[-1].removesuffix(':0')}"
            left -= math.prod(dataset.shape or ()) * dataset.dtype.itemsize
            if key in tensors or not hdf5.is_plain(dataset) or left < 0:
                raise WeightsError(f"{str(path)!r}: {key} is not one array of floats that the file holds whole")
            tensors[key] = dataset
        yield tensors


def _check_shapes(model: keras.Model, tensors: dict[str, h5py.Dataset], path: Path) -> None:
    wanted = {variable.path: tuple(variable.shape) for variable in model.variables}
    for which, names in (("lacks", wanted.keys() - tensors.keys()), ("has besides", tensors.keys() - wanted.keys())):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise WeightsError(f"{str(path)!r} is not of this network: it {which} {min(names)}{more}")
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise WeightsError(
                f"{str(path)!r} is not of this network: {name} is {tensors[name].shape}, expected {shape}"
            )


@dataclass(frozen=True)
class _Layout:
    """The shapes of a file's tensors, read as those of a network's layers."""

    path: Path
    shapes: dict[str, tuple[int, ...]]

    def refused(self, why: str) -> WeightsError:
        return WeightsError(f"{str(self.path)!r} {why}")

    def kernel(self, layer: str) -> tuple[int, int, int]:
        """A convolution's side, channels in and channels out."""
        shape = self.shapes.get(f"{layer}/kernel")
        if shape is None:
            raise self.refused(f"lacks {layer}/kernel")
        if len(shape) != 4 or shape[0] != shape[1] or min(shape) < 1:
            raise self.refused(f"holds no convolution: {layer}/kernel is {shape}, expected (k, k, in, out)")
        return shape[1:]  # type: ignore[return-value]

    def count(self, layer: str) -> int:
        """How many layers have that name with a number for its `#`; the first must be there."""
        self.kernel(layer.replace("#", "1"))
        name = re.compile(layer.replace("#", r"\d+") + "/kernel")
        return sum(name.fullmatch(each) is not None for each in self.shapes)

    def require_blocks(self, *counts: int) -> None:
        """WeightsError where a block lacks a convolution: a few high numbers must not make a vast network."""
        for numbers in itertools.product(*(range(1, count + 1) for count in counts)):
            self.kernel("_".join(["F", *map(str, numbers)]))

    def ends(self, first: str, before_sr: str) -> tuple[int, dict[str, int]]:
        """The scale, and the sizes that the first layer and the last two tell."""
        kernel_size, channels, G0 = self.kernel(first)
        _, _, sub_pixels = self.kernel(before_sr)
        _, _, c_dim = self.kernel("SR")
        scale = math.isqrt(sub_pixels // c_dim)
        if c_dim * scale**2 != sub_pixels or scale < 1:
            raise self.refused(f"has no scale: {before_sr} gives {sub_pixels} channels, SR {c_dim}, expected x^2 times")
        if channels != c_dim:
            raise self.refused(
                f"has {channels} channels at its input and {c_dim} at its output (ISR 2's c_dim holds for the output "
                "alone): expected as many at both ends"
            )
        return scale, {"G0": G0, "c_dim": c_dim, "kernel_size": kernel_size}


def _describe_rdn(layout: _Layout) -> tuple[str, int, dict[str, Any]]:
    C, D = layout.count("F_1_#"), layout.count("LFF_#")
    layout.require_blocks(D, C)
    scale, sizes = layout.ends("F_m1", "UPN3")
    _, channels, c_dim = layout.kernel("SR")
    upscaling = {c_dim: "shuffle", c_dim * scale**2: "ups"}.get(channels)
    if upscaling is None:
        raise layout.refused(
            f"has no upscaling: SR/kernel reads {channels} channels, expected {c_dim} or x^2 times that"
        )
    return "rdn", scale, {"C": C, "D": D, "G": layout.kernel("F_1_1")[2], **sizes, "upscaling": upscaling}


def _describe_rrdn(layout: _Layout) -> tuple[str, int, dict[str, Any]]:
    C, D, T = layout.count("F_1_1_#"), layout.count("LFF_1_#"), layout.count("LFF_#_1")
    layout.require_blocks(T, D, C)
    scale, sizes = layout.ends("Pre_blocks_conv", "PreShuffle")
    return "rrdn", scale, {"C": C, "D": D, "G": layout.kernel("F_1_1_1")[2], "T": T, "beta": BETA, **sizes}
