"""Fuzzes what reads weights: any bytes as a manifest, as an HDF5 file that its manifest vouches for, or as ISR 2's.

The first byte says which. HDF5 itself is C and tells no coverage.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")  # TensorFlow alone fills the megabytes that an input may take

import harness

with harness.instrumented("ISR"):
    from ISR.errors import WeightsError
    from ISR.models import legacy, manifest
    from ISR.models.compact import Compact
    from ISR.models.image_model import ImageModel
    from ISR.models.pretrained import load_model
    from ISR.models.rdn import RDN

import h5py
import numpy as np

FOLDER = harness.scratch()
NEW, OLD = FOLDER / "net.weights.h5", FOLDER / "net.hdf5"
NETWORK = Compact(2, width=1, depth=1)
OLD_NETWORK = RDN({"C": 1, "D": 1, "G": 1, "G0": 1, "x": 2}, kernel_size=1)
NETWORK.save(NEW)
SAVED, MANIFEST = NEW.read_bytes(), manifest.path_of(NEW).read_bytes()


def check(data: bytes) -> None:
    """Finite weights of the network, or a WeightsError of one line."""
    read = (_as_manifest, _as_hdf5, _as_old)[data[0] % 3] if data else _as_manifest
    try:
        network = read(data[1:])
    except WeightsError as error:
        assert "\n" not in str(error) and len(str(error)) < 5000, error
    else:
        assert all(np.isfinite(value).all() for value in network.model.get_weights())


def _as_manifest(data: bytes) -> ImageModel:
    NEW.write_bytes(SAVED)
    manifest.path_of(NEW).write_bytes(data)
    network = load_model(str(NEW))
    assert isinstance(network, ImageModel)
    return network


def _as_hdf5(data: bytes) -> ImageModel:
    NEW.write_bytes(data)
    agreed = {**json.loads(MANIFEST), "sha256": hashlib.sha256(data).hexdigest()}
    manifest.path_of(NEW).write_text(json.dumps(agreed), encoding="utf-8")
    NETWORK.load(NEW)
    return NETWORK


def _as_old(data: bytes) -> ImageModel:
    OLD.write_bytes(data)
    legacy.describe(OLD)
    OLD_NETWORK.load(OLD)
    return OLD_NETWORK


def seeds() -> Iterator[bytes]:
    """A right file of each kind, and what someone could build by hand."""
    written = json.loads(MANIFEST)
    for changed in ({}, {"params": {"width": 10**9, "depth": 1}}, {"params": {"depth": 10**9}}, {"scale": 0}):
        yield b"\0" + json.dumps({**written, **changed}).encode()
    for architecture, params in [("rdn", {"C": 1, "D": 1, "G": 1, "G0": 1}), ("srcnn", {"layout": "9-1-5"})]:
        yield b"\0" + json.dumps({**written, "architecture": architecture, "params": params}).encode()
    yield b"\1" + SAVED
    yield b"\1" + _built(_our_layout)
    yield b"\2" + _built(_old_layout)


def _built(lay_out: Callable[[h5py.File], Any]) -> bytes:
    path = Path(FOLDER / "seed.h5")
    with h5py.File(path, "w", libver="latest") as file:
        lay_out(file)
    return path.read_bytes()


def _our_layout(file: h5py.File) -> None:
    layers = [layer for layer in NETWORK.model.layers if layer.weights]
    for layer, name in zip(layers, ("conv2d", "conv2d_1"), strict=True):
        for i, value in enumerate(layer.get_weights()):
            file[f"layers/{name}/vars/{i}"] = value
    file["layers/linked"] = h5py.ExternalLink("elsewhere.h5", "/")


def _old_layout(file: h5py.File) -> None:
    for variable in OLD_NETWORK.model.variables:
        file[f"{variable.path.partition('/')[0]}/{variable.path}:0"] = variable.numpy()


if __name__ == "__main__":
    harness.LIMITS["max_len"] = len(SAVED) + 4096
    harness.fuzz("manifest", check, seeds())
