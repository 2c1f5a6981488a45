"""Weights files in ISR 2's layout: those that TensorFlow 2.15 wrote, and others built here."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ISR.errors import WeightsError
from ISR.models import legacy
from ISR.models.image_model import ImageModel

# Made by tests/golden/make_legacy.py, which says how.
GOLDEN = Path(__file__).parent / "golden"
SIZES = {"C": 2, "D": 2, "G": 4, "G0": 4}
ENDS = {"c_dim": 3, "kernel_size": 3}
DESCRIBED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "rdn-ups-x2": ("rdn", 2, {**SIZES, **ENDS, "upscaling": "ups"}),
    "rdn-shuffle-x2": ("rdn", 2, {**SIZES, **ENDS, "upscaling": "shuffle"}),
    "rrdn-x3": ("rrdn", 3, {**SIZES, **ENDS, "T": 2, "beta": 0.2}),
    "rrdn-whole-x2": ("rrdn", 2, {**SIZES, **ENDS, "T": 2, "beta": 0.2}),
}


def unpacked(name: str, folder: Path) -> Path:
    """The golden file of that name, as TensorFlow wrote it."""
    path = folder / f"{name}.hdf5"
    path.write_bytes(gzip.decompress((GOLDEN / f"{name}.hdf5.gz").read_bytes()))
    return path


def written(model: ImageModel, path: Path, *, backwards: bool = False) -> Path:
    """The model's weights laid out as Keras 2 does: a group for each layer, also for one that has no weights."""
    layers = model.model.layers[:: -1 if backwards else 1]
    with h5py.File(path, "w", track_order=backwards) as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for layer in layers:
            group = file.create_group(layer.name, track_order=backwards)
            names = [f"{variable.path}:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.asarray(variable.numpy()))
    return path


def refused(model: ImageModel, path: Path, message: str) -> None:
    """Asserts one line of WeightsError that names the file, and a network that is as it was."""
    before = [value.copy() for value in model.model.get_weights()]
    with pytest.raises(WeightsError, match=message) as caught:
        model.load(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)
    for value, wanted in zip(model.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, wanted)


def not_described(path: Path, message: str) -> None:
    """Asserts one line of WeightsError that names the file."""
    with pytest.raises(WeightsError, match=message) as caught:
        legacy.describe(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)
