"""Patches cut once and kept in an HDF5 file: built by `isr prepare`, read one by one while training.

lr (n, size, size, 3) and hr (n, side, side, 3) uint8, one patch a chunk; crc32, source, place (top and left in HR
pixels) and liveliness, n of each; sources, JSON: the name and sha256 of every picture. The attributes say how it was
made, and `digest` is the sha256 of all but the patches, whose checksums it thereby covers.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

# Here, for NumPy loads it at its first use: a Ctrl-C that falls into the loading of such a module is lost.
from numpy.random import default_rng

from ISR import __version__, atomic
from ISR.checksum import sha256
from ISR.datasets import folders, pairs
from ISR.datasets.pairs import PairPaths
from ISR.datasets.patches import Pair, liveliness
from ISR.datasets.windows import Windows, cut
from ISR.errors import ISRError, StoreError
from ISR.images import files

FORMAT, VERSION = "ISR patch store", 1
TABLES = {"crc32": np.uint32, "source": np.uint32, "place": np.uint32, "liveliness": np.float32}
Progress = Callable[[int, int], None]


def build(
    hr_paths: Sequence[Path],
    destination: Path,
    *,
    windows: Windows,
    degradation: str = "bicubic",
    seed: int = 0,
    progress: Progress | None = None,
) -> int:
    """Cuts every window of the HR pictures, makes its LR patch, and writes the store, whole or not at all.

    Returns the number of patches. progress: called with the pictures done and all of them. PairsError that lists the
    pictures which cannot be used, before any is cut; StoreError where no window fits or the file cannot be written.
    """
    count = _count(hr_paths, windows)
    made = {**windows.as_attributes(), "degradation": degradation, "seed": seed}
    with _writing(destination, _size(count, windows, len(hr_paths))) as file:
        _create(file, windows, count)
        at, sources = 0, []
        for number, path in enumerate(hr_paths):
            hr = folders.read_hr(path, windows.scale)
            for row, places in enumerate(windows.rows(*hr.shape[:2])):
                rng = default_rng([seed, number, row])
                cuts = [cut(hr, place, windows, degradation=degradation, rng=rng) for place in places]
                _put(file, at, cuts, places, number)
                at += len(cuts)
            sources.append({"name": path.name, "sha256": sha256(path)})
            if progress is not None:
                progress(number + 1, len(hr_paths))
        _finish(file, sources, made)
    return count


def _count(hr_paths: Sequence[Path], windows: Windows) -> int:
    """How many windows there are in all of the pictures, by their headers."""
    pairs.check([PairPaths(path) for path in hr_paths], scale=windows.scale)
    headers = (files.read_header(path) for path in hr_paths)
    sides = ([side - side % windows.scale for side in (header.height, header.width)] for header in headers)
    count = sum(windows.count(height, width) for height, width in sides)
    if not count:
        raise StoreError(f"no picture holds a patch of {windows.side}x{windows.side} pixels: nothing to store")
    return count


class PatchStore:
    """A store to read: `store[i]` is the i-th Pair of patches, checked against its checksum; only tables are held.

    scale, patch_size (of LR), liveliness (n,) float32, sources: a dict of name and sha256 for each picture, digest: of
    all but the patches. StoreError where the file is none, or its tables are not those that were written; naming the
    patch, where that is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = _opened(self.path)
        try:
            with _damage(self.path):
                self._read_tables()
        except StoreError:
            self.close()
            raise

    def _read_tables(self) -> None:
        file, attributes = self._file, dict(self._file.attrs)
        if (attributes.get("format"), attributes.get("version")) != (FORMAT, VERSION):
            raise StoreError(f"{str(self.path)!r} is no patch store of version {VERSION}: `isr prepare` makes one")
        self._lr, self._hr = (_dataset(file, name, np.uint8, 4) for name in ("lr", "hr"))
        datasets = {name: _dataset(file, name, kind, 2 if name == "place" else 1) for name, kind in TABLES.items()}
        datasets["sources"] = _dataset(file, "sources", np.uint8, 1)
        every = [self._lr, self._hr, *datasets.values()]
        # Before anything is read: HDF5 lets a small file claim any size.
        if sum(dataset.nbytes for dataset in every) > self.path.stat().st_size:
            raise StoreError(f"{str(self.path)!r} is damaged: it claims to hold more than its size")
        tables = {name: dataset[()] for name, dataset in datasets.items()}
        self.digest = attributes.pop("digest", None)
        if self.digest != _digest(attributes, tables) or len(self._lr) != len(tables["crc32"]):
            raise StoreError(f"{str(self.path)!r} is damaged: its tables are not those that were written")
        self.scale, self.patch_size = int(attributes["scale"]), int(attributes["patch_size"])
        self.attributes = _plain(attributes)
        self.sources: list[dict[str, str]] = json.loads(tables.pop("sources").tobytes())
        self.liveliness = tables["liveliness"]
        self._tables = tables

    def __len__(self) -> int:
        return len(self.liveliness)

    def __getitem__(self, index: int) -> Pair:
        try:
            patch = Pair(self._lr[index], self._hr[index])
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{self.place(index)} cannot be read: {_reason(error)}") from error
        if _crc32(patch) != self._tables["crc32"][index]:
            raise StoreError(f"{self.place(index)} is damaged: build the store again with `isr prepare`")
        return patch

    def place(self, index: int) -> str:
        """Which patch that is, in words: its number, the store, the picture and where in it."""
        top, left = self._tables["place"][index]
        return f"patch {index} of {str(self.path)!r}, from {self.file(index).name!r} at row {top}, column {left},"

    def file(self, index: int) -> Path:
        """The name of the picture that the patch was cut from."""
        return Path(self.sources[int(self._tables["source"][index])]["name"])

    def verify(self) -> None:
        """Reads every patch. StoreError that names the first that are damaged, and their number."""
        damaged = [index for index in range(len(self)) if not self._is_whole(index)]
        if damaged:
            first = ", ".join(map(str, damaged[:20])) + ("..." if len(damaged) > 20 else "")
            raise StoreError(f"{str(self.path)!r}: {len(damaged)} of {len(self)} patches are damaged: {first}")

    def _is_whole(self, index: int) -> bool:
        try:
            self[index]
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def _writing(destination: Path, size: int) -> Iterator[h5py.File]:
    if destination.is_dir():
        raise StoreError(f"{str(destination)!r} is a folder: name the store's file, such as patches.h5")
    try:
        with atomic.replacing(destination, suffix=".h5") as temporary:
            _reserve(temporary, size)
            # libver: the layout with checksums of its own tables.
            with h5py.File(temporary, "w", libver="latest") as file:
                _reserve(temporary, size)  # HDF5 made the file empty again
                yield file
    except (OSError, RuntimeError) as error:
        if isinstance(error, ISRError):
            raise
        raise StoreError(f"cannot write {str(destination)!r}: {_reason(error)}") from error


def _reserve(path: Path, size: int) -> None:
    """Takes the space on the disk, or raises OSError at once: HDF5 may crash, later, on a disk that was full."""
    if hasattr(os, "posix_fallocate"):
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _size(count: int, windows: Windows, pictures: int) -> int:
    """More bytes than the file will have: patches, their rows in tables and indices, the pictures' names."""
    patch = 3 * (windows.patch_size**2 + windows.label_size**2)
    return count * (patch + 64) + pictures * 1024 + 2**16


def _create(file: h5py.File, windows: Windows, count: int) -> None:
    for name, side in (("lr", windows.patch_size), ("hr", windows.label_size)):
        file.create_dataset(name, (count, side, side, 3), np.uint8, chunks=(1, side, side, 3))
    for name, kind in TABLES.items():
        file.create_dataset(name, (count, 2) if name == "place" else (count,), kind)


def _put(file: h5py.File, at: int, cuts: list[Pair], places: list[tuple[int, int]], source: int) -> None:
    columns = {
        "lr": np.stack([patch.lr for patch in cuts]),
        "hr": np.stack([patch.hr for patch in cuts]),
        "crc32": [_crc32(patch) for patch in cuts],
        "source": [source] * len(cuts),
        "place": places,
        "liveliness": [liveliness(patch.lr) for patch in cuts],
    }
    for name, values in columns.items():
        file[name][at : at + len(cuts)] = values


def _finish(file: h5py.File, sources: list[dict[str, str]], attributes: dict[str, Any]) -> None:
    file.create_dataset("sources", data=np.frombuffer(json.dumps(sources).encode(), np.uint8))
    attributes = {"format": FORMAT, "version": VERSION, "made_by": f"ISR {__version__}", **attributes}
    file.attrs.update(attributes)
    file.attrs["digest"] = _digest(attributes, {name: file[name][()] for name in [*TABLES, "sources"]})


def _crc32(patch: Pair) -> int:
    return zlib.crc32(patch.hr.tobytes(), zlib.crc32(patch.lr.tobytes()))


def _plain(attributes: dict[str, Any]) -> dict[str, str | int]:
    return {name: value if isinstance(value, str) else int(value) for name, value in attributes.items()}


def _digest(attributes: dict[str, Any], tables: dict[str, np.ndarray[Any, Any]]) -> str:
    total = hashlib.sha256(json.dumps(_plain(attributes), sort_keys=True).encode())
    for name in sorted(tables):
        total.update(np.ascontiguousarray(tables[name]).tobytes())
    return total.hexdigest()


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise StoreError(f"expected a patch store, got no file {str(path)!r}: `isr prepare` makes one")
    try:
        return h5py.File(path, "r", locking="best-effort")
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{str(path)!r} cannot be read as a patch store: {_reason(error)}") from error


def _dataset(file: h5py.File, name: str, kind: Any, axes: int) -> h5py.Dataset:
    """The dataset of that name, if it is in this very file: HDF5 can lead into others."""
    link = file.get(name, getlink=True)
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise StoreError(f"{file.filename!r} is no patch store: it has no plain dataset {name}")
    if found.dtype != kind or found.ndim != axes:
        raise StoreError(f"{file.filename!r} is no patch store: {name} is {found.dtype} of shape {found.shape}")
    return found


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever HDF5 and JSON raise of damaged bytes becomes a StoreError of one line."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{str(path)!r} is damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())[:200]
