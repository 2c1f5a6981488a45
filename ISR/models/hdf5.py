"""HDF5 files that came from elsewhere: what they hold, without following what leads out of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ISR.errors import WeightsError

# The weights that ISR 2 came with are under 1,000 groups and datasets each.
MOST_NODES = 20_000
FLOAT16_BITS = 11  # the significant ones


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong inside is a WeightsError that names the file."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:  # Keras and h5py raise whatever comes up in a file that someone built by hand.
        raise WeightsError(f"{str(path)!r} cannot be read: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[dict[str, h5py.Dataset]]:
    """The file's datasets by their full names, open while the block runs. WeightsError where it cannot be read.

    Links to other files are not followed, so what they stand for is not there.
    """
    found: dict[str, h5py.Dataset] = {}
    nodes = 0

    def note(name: str, node: h5py.Group | h5py.Dataset) -> None:
        nonlocal nodes
        nodes += 1
        if nodes > MOST_NODES:
            raise WeightsError(f"{str(path)!r} holds over {MOST_NODES} groups and datasets: no weights file does")
        if isinstance(node, h5py.Dataset):
            found[name] = node

    with reading(path), h5py.File(path) as file:
        file.visititems(note)
        yield found


def is_plain(dataset: h5py.Dataset) -> bool:
    """Whether it is an array of floats whose values lie in the file that holds it."""
    return dataset.dtype.kind == "f" and dataset.shape is not None and not (dataset.is_virtual or dataset.external)


def halve(path: Path, bits: int = FLOAT16_BITS) -> None:
    """Write the file anew with its floats in 16 bits, those of kernels rounded to so many significant ones: 1 to 11.

    The fewer they are the smaller an archive packs the file. WeightsError where one lies beyond what 16 bits hold,
    65504.
    """
    written = io.BytesIO()
    with h5py.File(path) as before, h5py.File(written, "w") as after:

        def copy(name: str, node: h5py.Group | h5py.Dataset) -> None:
            whole = isinstance(node, h5py.Dataset)
            made = after.create_dataset(name, data=_half(name, node, bits)) if whole else after.require_group(name)
            made.attrs.update(node.attrs)

        after.attrs.update(before.attrs)
        before.visititems(copy)
    path.write_bytes(written.getvalue())


def _half(name: str, dataset: h5py.Dataset, bits: int) -> Any:
    values = dataset[()]
    if dataset.dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):
        if bits < FLOAT16_BITS and values.ndim == 4:
            values = _rounded(values, bits)
        halved = values.astype(np.float16)
    if not np.isfinite(halved).all():
        raise WeightsError(f"{name} holds values up to {np.abs(values).max():g}, 16 bits hold 65504: keep all 32")
    return halved


def _rounded(kernel: npt.NDArray[np.float32], bits: int) -> npt.NDArray[np.float32]:
    """Of so many significant bits, the error of each value carried over to the next of its filter.

    So a filter's sum stays, and with it what it makes of flat areas, which a network without a skip must get through
    all its layers: rounded one by one to 8 bits, `rdn-small-x2` lost 0.03 dB, so 0.00.
    """
    filters = kernel.transpose(2, 0, 1, 3)  # the taps of an input together
    flat = filters.reshape(-1, filters.shape[-1]).copy()
    carried = np.zeros(flat.shape[1], np.float32)
    for values in flat:
        wanted = values + carried
        fraction, exponent = np.frexp(wanted)
        values[:] = np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)
        carried = wanted - values
    return flat.reshape(filters.shape).transpose(1, 2, 0, 3)
