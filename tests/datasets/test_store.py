"""A patch store gives back what was cut, says which patch is damaged, and is whole or absent."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.datasets import folders
from ISR.datasets.store import PatchStore, build, sha256
from ISR.datasets.windows import PRESETS, Windows, cut
from ISR.errors import PairsError, StoreError

WINDOWS = Windows(scale=2, patch_size=8, stride=10, border=2)


def edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def spoil(path: Path, patch: int, *, name: str = "hr") -> None:
    """Turn one bit of one patch."""
    with h5py.File(path, "r") as file:
        at = file[name].id.get_chunk_info(patch).byte_offset
    content = bytearray(path.read_bytes())
    content[at + 5] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def built(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("built") / "s.h5"
    build(folders.pictures_in(photo_folder), path, windows=WINDOWS)
    return path


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path / "copied.h5"))


def test_gives_back_every_window_of_every_picture(built: Path, photo_folder: Path) -> None:
    index, rng = 0, np.random.default_rng(0)
    with PatchStore(built) as store:
        for path in folders.pictures_in(photo_folder):
            hr = folders.read_hr(path, 2)
            for place in (place for row in WINDOWS.rows(*hr.shape[:2]) for place in row):
                expected = cut(hr, place, WINDOWS, degradation="bicubic", rng=rng)
                np.testing.assert_array_equal(store[index].lr, expected.lr)
                np.testing.assert_array_equal(store[index].hr, expected.hr)
                assert store.file(index).name == path.name and f"row {place[0]}, column {place[1]}," in store.place(
                    index
                )
                index += 1
        assert index == len(store) > 150
        store.verify()


def test_says_how_it_was_made(built: Path, photo_folder: Path) -> None:
    with PatchStore(built) as store:
        assert (store.scale, store.patch_size) == (2, 8)
        wanted = {"stride": 10, "border": 2, "label_size": 12, "degradation": "bicubic", "seed": 0}
        assert store.attributes.items() >= wanted.items() and str(store.attributes["made_by"]).startswith("ISR ")
        assert [s["name"] for s in store.sources] == [f"photo_{i}.png" for i in range(6)]
        assert store.sources[3]["sha256"] == sha256(photo_folder / "photo_3.png")
        assert store.liveliness[0] == pytest.approx(store[0].lr.std(axis=(0, 1)).max() / 255)


def test_the_srcnn_preset_holds_11_and_21_pixels(photo_folder: Path, tmp_path: Path) -> None:
    assert build([photo_folder / "photo_1.png"], tmp_path / "s.h5", windows=PRESETS["srcnn"]) == 5 * 2
    with PatchStore(tmp_path / "s.h5") as store:
        assert (store[0].lr.shape, store[0].hr.shape) == ((11, 11, 3), (21, 21, 3))


def test_realistic_patches_are_made_from_the_seed(photo_folder: Path, tmp_path: Path) -> None:
    def made(name: str, seed: int) -> bytes:
        paths = [photo_folder / "photo_0.png", photo_folder / "photo_2.png"]
        build(paths, tmp_path / name, windows=Windows(2, 16, 32), degradation="realistic", seed=seed)
        with PatchStore(tmp_path / name) as store:
            return b"".join(store[i].lr.tobytes() for i in range(len(store)))

    assert made("a.h5", 0) == made("b.h5", 0) != made("c.h5", 1)


def test_tells_of_progress(photo_folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build(
        folders.pictures_in(photo_folder)[:3],
        tmp_path / "s.h5",
        windows=WINDOWS,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["lr", "hr"])
def test_a_damaged_patch_is_named(copied: Path, name: str) -> None:
    spoil(copied, 7, name=name)
    with PatchStore(copied) as store:
        assert store[6].lr.shape == store[8].lr.shape
        with pytest.raises(
            StoreError, match=r"patch 7 of '.*copied\.h5', from 'photo_0\.png' at row 10, column 20, is damaged"
        ):
            store[7]
        with pytest.raises(StoreError, match=rf"1 of {len(store)} patches are damaged: 7$"):
            store.verify()


def test_patches_that_changed_places_are_damaged(copied: Path) -> None:
    def swap(file: h5py.File) -> None:
        file["hr"][1], file["hr"][2] = file["hr"][2], file["hr"][1]

    edit(copied, swap)
    with PatchStore(copied) as store, pytest.raises(StoreError, match=r"2 of .* damaged: 1, 2$"):
        store.verify()


def _other_value(file: h5py.File) -> None:
    file["source"][0] = 3


def _other_scale(file: h5py.File) -> None:
    file.attrs["scale"] = 4


def _no_digest(file: h5py.File) -> None:
    del file.attrs["digest"]


def _fewer(file: h5py.File) -> None:
    kept = file["lr"][:5]
    del file["lr"]
    file["lr"] = kept


def _claims_too_much(file: h5py.File) -> None:
    del file["crc32"]
    file.create_dataset("crc32", (2**50,), np.uint32, chunks=(4096,))


def _leads_elsewhere(file: h5py.File) -> None:
    del file["lr"]
    file["lr"] = h5py.ExternalLink("/etc/passwd", "/lr")


def _without(file: h5py.File) -> None:
    del file["place"]


def _of_another_type(file: h5py.File) -> None:
    del file["hr"]
    file["hr"] = np.zeros((4, 2, 2, 3), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_other_value, "tables are not those that were written"),
        (_other_scale, "tables are not those that were written"),
        (_no_digest, "tables are not those that were written"),
        (_fewer, "tables are not those that were written"),
        (_claims_too_much, "claims to hold more than its size"),
        (_leads_elsewhere, "no plain dataset lr"),
        (_without, "no plain dataset place"),
        (_of_another_type, "hr is float32"),
        (lambda file: file.attrs.__setitem__("version", 2), "no patch store of version 1"),
        (lambda file: file.attrs.__delitem__("format"), "no patch store"),
    ],
)
def test_tables_that_are_not_as_written_are_refused(
    copied: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    edit(copied, change)
    with pytest.raises(StoreError, match=message) as caught:
        PatchStore(copied)
    assert "copied.h5" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 8, 100, 5_000, 100_000])
def test_half_a_file_is_refused(copied: Path, keep: int) -> None:
    copied.write_bytes(copied.read_bytes()[:keep])
    with pytest.raises(StoreError, match=r"copied\.h5' cannot be read as a patch store") as caught:
        PatchStore(copied)
    assert "\n" not in str(caught.value)


def test_any_damaged_byte_is_found_or_harms_nothing(copied: Path, built: Path) -> None:
    """Sixty bytes at drawn places: an error of ours, or every patch as it was."""
    whole, rng = built.read_bytes(), np.random.default_rng(0)
    with PatchStore(built) as store:
        expected = [store[i].hr.tobytes() for i in range(len(store))]
    found = 0
    for at in rng.integers(len(whole), size=60):
        content = bytearray(whole)
        content[at] ^= 0xFF
        copied.write_bytes(content)
        try:
            with PatchStore(copied) as store:
                store.verify()
                assert [store[i].hr.tobytes() for i in range(len(store))] == expected
        except StoreError:
            found += 1
    assert found > 20


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("hello")
    for path in (tmp_path / "none.h5", tmp_path, tmp_path / "text.h5"):
        with pytest.raises(StoreError, match=path.name):
            PatchStore(path)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_bad_pictures_are_listed_before_any_is_cut(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    bad = [tmp_path / "in" / f"{i}.png" for i in range(3)]
    for path in bad:
        path.write_bytes(b"nothing")
    with pytest.raises(PairsError, match="3 faults"):
        build(bad, tmp_path / "s.h5", windows=WINDOWS)
    assert leftovers(tmp_path) == ["in"]


def test_no_window_fits(tmp_path: Path) -> None:
    Image.fromarray(drawn(20, 14)).save(tmp_path / "a.png")
    with pytest.raises(StoreError, match="no picture holds a patch of 16x16"):
        build([tmp_path / "a.png"], tmp_path / "s.h5", windows=WINDOWS)
    assert leftovers(tmp_path) == ["a.png"]


def test_a_failure_leaves_the_store_that_was_there(copied: Path, photo_folder: Path, tmp_path: Path) -> None:
    """The second picture ends behind its header."""
    before = copied.read_bytes()
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes((photo_folder / "photo_3.png").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"damaged\.png"):
        build([photo_folder / "photo_0.png", damaged], copied, windows=WINDOWS)
    assert copied.read_bytes() == before and leftovers(tmp_path) == ["copied.h5", "damaged.png"]


def test_a_folder_is_no_destination(tmp_path: Path, photo_folder: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        build([photo_folder / "photo_0.png"], tmp_path, windows=WINDOWS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_costs_nothing_but_the_new_store(small_disk: Path, photo_folder: Path) -> None:
    destination = small_disk / "s.h5"
    build([photo_folder / "photo_0.png"], destination, windows=WINDOWS)
    before = destination.read_bytes()
    with pytest.raises(StoreError, match=r"cannot write '.*s\.h5': No space left on device"):
        build(folders.pictures_in(photo_folder), destination, windows=Windows(2, 8, 4))
    assert destination.read_bytes() == before and leftovers(small_disk) == ["s.h5"]
    with PatchStore(destination) as store:
        store.verify()
