"""Claims on pictures: one holder each, a folder of its own, nothing left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from command import names

from ISR.errors import PictureError
from ISR.lock import LockedError
from ISR.predict import claims
from ISR.predict.claims import Claims


def test_a_picture_is_claimed_once_and_leaves_nothing(tmp_path: Path) -> None:
    one, two = Claims(tmp_path / "out"), Claims(tmp_path / "out")
    claim = one.take("sub/a.png")
    claim.staging.mkdir()
    (claim.staging / "half.png").write_bytes(b"half")
    with pytest.raises(LockedError):
        two.take("sub/a.png")
    two.release(two.take("b.png"))
    one.release(claim)
    two.release(two.take("sub/a.png"))
    one.close()
    two.close()
    assert names(tmp_path / "out" / ".isr") == []


def test_at_the_end_nothing_of_the_dead_is_left_and_all_of_the_living(tmp_path: Path) -> None:
    dead, alive, mine = (Claims(tmp_path) for _ in range(3))
    left = dead.take("left.png")
    left.staging.mkdir()
    os.close(left.lock.descriptor)  # the kernel does this when a process dies
    stray = tmp_path / ".isr" / ("0" * 32)
    stray.mkdir()
    kept = alive.take("kept.png")
    kept.staging.mkdir()
    (tmp_path / ".isr" / "manifest.jsonl").write_text("")
    mine.take("mine.png").staging.mkdir()
    mine.close()
    assert set(names(tmp_path / ".isr")) == {kept.staging.name, f"{kept.staging.name}.lock", "manifest.jsonl"}
    alive.close()


def test_what_is_held_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEAT", 0.01)
    mine = Claims(tmp_path)
    path = mine.take("a.png").lock.path
    os.utime(path, (1, 1))
    until = time.monotonic() + 20
    while path.stat().st_mtime < 2:
        assert time.monotonic() < until, "no beat"
        time.sleep(0.01)
    mine.close()


def test_a_room_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureError, match="cannot be made"):
        Claims(tmp_path / "file")
