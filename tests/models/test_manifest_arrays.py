"""HDF5 files that someone built by hand, with a manifest that agrees: still only the network's own finite arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from weights_files import POINTER, compact, edit_arrays, edit_manifest, refused


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The weights file of a small Compact, its manifest beside it."""
    path = tmp_path / "net.weights.h5"
    compact().save(path)
    return path


@pytest.mark.parametrize("content", [POINTER, b"<html></html>", b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 500])
def test_refuses_what_is_no_hdf5_even_where_the_manifest_agrees(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    edit_manifest(saved, sha256=hashlib.sha256(content).hexdigest())
    refused(saved, "cannot be read")


KERNEL = "layers/conv2d/vars/0"


def _set(value: float) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file[KERNEL][1, 1, 0, 0] = value

    return edit


def _replace(data: Any, **options: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=data, **options)

    return edit


def _link(file: h5py.File) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("/etc/passwd", "/")


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "data", (3, 3, 3, 4))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def _elsewhere(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 3, 4), "f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def _absurd(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (2**20, 2**20, 2**10), "f4", chunks=(1, 1, 1))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set(np.nan), "conv_1/kernel holds values that are not finite"),
        (_set(np.inf), "conv_1/kernel holds values that are not finite"),
        (_set(-np.inf), "conv_1/kernel holds values that are not finite"),
        (lambda file: file.pop(KERNEL), "other arrays"),
        (lambda file: file.create_dataset("layers/conv2d/vars/2", data=np.ones(3)), "other arrays"),
        (lambda file: file.create_dataset("elsewhere", data=np.ones(3)), "other arrays"),
        (lambda file: file.move("layers/conv2d", "layers/renamed"), "cannot be read"),
        (_replace(np.ones((3, 3, 4, 3), np.float32)), "other arrays"),
        (_replace(np.ones((3, 3, 3, 4), np.int32)), "other arrays"),
        (_replace(b"text"), "other arrays"),
        (_link, "other arrays"),
        (_virtual, "other arrays"),
        (_elsewhere, "other arrays"),
        (_absurd, "other arrays"),
    ],
)
def test_refuses_wrong_arrays_even_where_the_manifest_agrees(saved: Path, edit: Any, message: str) -> None:
    edit_arrays(saved, edit)
    refused(saved, message)


def test_refuses_weights_that_are_all_zero(saved: Path) -> None:
    def edit(file: h5py.File) -> None:
        file.visititems(
            lambda _, node: node.write_direct(np.zeros(node.shape, "f4")) if hasattr(node, "dtype") else None
        )

    edit_arrays(saved, edit)
    refused(saved, "every value is zero")


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types_become_float32(saved: Path, dtype: Any) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(dtype)
    edit_arrays(saved, _replace(kernel))
    model = compact(seed=1)
    model.load(saved)
    np.testing.assert_array_equal(model.model.get_weights()[0], kernel.astype(np.float32))


def test_a_file_with_an_optimizer_beside_the_network_is_taken(saved: Path) -> None:
    """Keras' own `save_weights` of a compiled model writes one."""
    edit_arrays(saved, lambda file: file.create_dataset("optimizer/vars/0", data=np.ones(3, np.float32)))
    compact(seed=1).load(saved)
