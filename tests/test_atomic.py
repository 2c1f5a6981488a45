"""Files are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ISR import atomic


def test_writes_bytes_and_text_and_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    atomic.write_bytes(path, memoryview(b"one"))
    assert path.read_bytes() == b"one"
    atomic.write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException], before: bytes | None) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), atomic.replacing(path) as temporary:
        temporary.write_bytes(b"half of the ne")
        raise error
    assert [found.read_bytes() for found in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may only notice when the file is flushed."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic.write_bytes(path, b"new")
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [b"old"]


def test_the_file_is_flushed_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    names: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: names.append(path.exists()))
    atomic.write_bytes(path, b"new")
    assert names == [False]
    assert path.exists()


def test_a_writer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.replacing(tmp_path / "file"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_temporary_name_is_another_each_time_and_lies_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.weights.h5"
    with atomic.replacing(path, suffix=".weights.h5") as first, atomic.replacing(path, suffix=".weights.h5") as second:
        assert first != second
        assert {first.parent, second.parent} == {tmp_path}
        assert first.name.startswith(".")
        assert first.name.endswith(".weights.h5")
        first.write_bytes(b"1")
        second.write_bytes(b"2")
    assert path.read_bytes() == b"1"  # the outer block ends last


def test_a_name_of_the_longest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    atomic.write_bytes(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_new_folder_is_always_new(tmp_path: Path) -> None:
    made = [atomic.new_folder(tmp_path / "deep" / "er", "a", separator="_").name for _ in range(3)]
    assert made == ["a", "a_2", "a_3"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        atomic.new_folder(tmp_path / "file", "a")
