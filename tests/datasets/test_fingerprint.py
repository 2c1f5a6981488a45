"""A mark tells one content from another by little of the file."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.datasets import fingerprint
from ISR.errors import PictureError


@pytest.mark.parametrize("size", [0, 10, fingerprint.ENDS, fingerprint.ENDS + 1, 3 * fingerprint.ENDS])
def test_a_mark_is_the_size_and_the_checksum_of_both_ends(tmp_path: Path, size: int) -> None:
    content = np.random.default_rng(0).bytes(size)
    (tmp_path / "a").write_bytes(content)
    ends = content if size <= 2 * fingerprint.ENDS else content[: fingerprint.ENDS] + content[-fingerprint.ENDS :]
    assert fingerprint.mark(tmp_path / "a") == f"{size}-{zlib.crc32(ends):08x}"


def test_one_sample_in_the_middle_of_a_png_changes_its_mark(tmp_path: Path) -> None:
    """Stored uncompressed, so that the size stays: zlib's checksum of all samples is in the end."""
    picture = drawn(300, 300)
    for name in ("a.png", "b.png"):
        Image.fromarray(picture).save(tmp_path / name, compress_level=0)
        picture[150, 150, 1] ^= 1
    first, second = (tmp_path / name for name in ("a.png", "b.png"))
    assert first.stat().st_size == second.stat().st_size > 3 * fingerprint.ENDS
    marks = [fingerprint.mark(path) for path in (first, second)]
    assert marks[0] != marks[1]
    os.utime(second, (0, 0))
    assert fingerprint.mark(second) == marks[1]


def test_changes_are_listed_by_kind() -> None:
    before = dict.fromkeys("abcdef", "1")
    assert fingerprint.changes(before, dict(before)) == ""
    now = {**dict.fromkeys("abcd", "2"), "f": "1", "g": "1"}
    assert fingerprint.changes(before, now) == "4 changed: a, b, c, ...; 1 gone: e; 1 new: g"


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"gone\.png' cannot be read: No such file"):
        fingerprint.mark(tmp_path / "gone.png")
