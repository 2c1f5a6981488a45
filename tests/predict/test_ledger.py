"""The manifest of a folder of results: what a line tells, which line counts, and what survives."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ISR.errors import PictureError
from ISR.predict.ledger import Entry, Ledger, Stamp, stamp_of

MAKING = {"model": {"name": "m", "scale": 2, "sha256": None}, "options": {"quality": 95, "size": (1, 2)}}


def noted(ledger: Ledger, key: str = "a.png", *, digest: str | None = "d", **entry: object) -> None:
    ledger.add(key, Path(key), digest, seconds=1.23456, entry=Entry(**entry))  # type: ignore[arg-type]


def test_a_line_tells_all(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"result")
    ledger = Ledger(tmp_path / "l", MAKING)
    noted(ledger, "sub/two\nlines\udcff.png", result="r", stamp=Stamp.of(tmp_path / "r"))
    (line,) = (tmp_path / "l").read_text(encoding="ascii").splitlines()
    record = json.loads(line)
    assert record["key"] == record["input"] == "sub/two\nlines\udcff.png" and record["input_sha256"] == "d"
    assert record["model"] == MAKING["model"] and record["options"] == {"quality": 95, "size": [1, 2]}
    assert record["result"] == "r" and record["stamp"]["bytes"] == 6 and record["error"] is None
    assert record["seconds"] == 1.235 and record["when"].endswith("Z") and len(record["when"]) == 20


@pytest.mark.parametrize(
    ("making", "digest", "known"),
    [
        (MAKING, "d", True),
        (MAKING, "e", False),
        ({**MAKING, "options": {"quality": 96, "size": (1, 2)}}, "d", False),
        ({**MAKING, "model": {"name": "m", "scale": 2, "sha256": "0"}}, "d", False),
        ({**MAKING, "more": 1}, "d", False),
    ],
)
def test_another_picture_model_or_option_is_another_result(
    tmp_path: Path, making: dict[str, object], digest: str, known: bool
) -> None:
    noted(Ledger(tmp_path / "l", MAKING), result="a.png")
    assert (Ledger(tmp_path / "l", making).done("a.png", digest) is not None) is known
    assert Ledger(tmp_path / "l", making).done("b.png", digest) is None


def test_the_last_line_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l", MAKING)
    noted(ledger, result="a.png")
    noted(ledger, error="no")
    assert ledger.done("a.png", "d") is None
    noted(ledger, result="a.png")
    assert ledger.done("a.png", "d") is not None


def test_a_failure_counts_for_those_who_saw_it_come(tmp_path: Path) -> None:
    mine = Ledger(tmp_path / "l", MAKING)
    noted(Ledger(tmp_path / "l", MAKING), error="no")
    assert mine.failed_meanwhile("a.png", "d") == "no" and mine.failed_meanwhile("a.png", "e") is None
    assert Ledger(tmp_path / "l", MAKING).failed_meanwhile("a.png", "d") is None


@pytest.mark.parametrize("torn", [b'{"key": "b.png", "inp', b"\0\0\0\0", b"\xff\xfe", b"[" * 100_000])
def test_a_torn_line_is_survived_and_what_follows_is_whole(tmp_path: Path, torn: bytes) -> None:
    ledger = Ledger(tmp_path / "l", MAKING)
    noted(ledger, result="a.png")
    with (tmp_path / "l").open("ab") as file:
        file.write(torn)
    assert Ledger(tmp_path / "l", MAKING).done("a.png", "d") is not None
    noted(ledger, "c.png", result="c.png")
    for reader in (ledger, Ledger(tmp_path / "l", MAKING)):
        assert reader.done("a.png", "d") is not None and reader.done("c.png", "d") is not None


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    noted(Ledger(tmp_path / "l", MAKING), result="a.png")
    whole = (tmp_path / "l").read_bytes()
    (tmp_path / "l").write_bytes(whole[:-9])
    reader = Ledger(tmp_path / "l", MAKING)
    assert reader.done("a.png", "d") is None
    (tmp_path / "l").write_bytes(whole)
    assert reader.done("a.png", "d") is not None


@pytest.mark.parametrize("line", ["1", "[]", "{}", '{"key": 3}', '{"key": "a.png", "stamp": 3}', '"x"'])
def test_a_line_of_another_kind_is_no_record(tmp_path: Path, line: str) -> None:
    (tmp_path / "l").write_text(line + "\n")
    assert Ledger(tmp_path / "l", MAKING).done("a.png", "d") is None


def test_a_line_is_on_the_disk_before_anything_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    noted(Ledger(tmp_path / "l", MAKING), result="a.png")
    assert sizes == [(tmp_path / "l").stat().st_size]


def test_a_manifest_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "folder" / "l", MAKING)
    with pytest.raises(PictureError, match="cannot be written: No such file"):
        noted(ledger, result="a.png")


def test_a_stamp_knows_its_file_again(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_bytes(b"result")
    stamp = Stamp.of(path)
    os.utime(path, (1, 1))  # as a copy from another disk
    assert stamp.fits(path)
    path.write_bytes(b"tluser")
    os.utime(path, (1, 1))
    assert not stamp.fits(path)
    path.unlink()
    assert not stamp.fits(path)
    path.mkdir()
    assert not stamp.fits(path)


@pytest.mark.parametrize("stamp", [None, 3, [], {"bytes": 3}, {"bytes": 1, "mtime_ns": 2, "sha256": "3", "more": 4}])
def test_a_stamp_that_cannot_be_understood_is_none(stamp: object) -> None:
    assert stamp_of({"stamp": stamp}) is None and stamp_of({}) is None
