"""Decoded pictures that do not fit into memory lie in a file, and nobody can tell from the samples."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from verbs import said

from ISR.datasets import cache
from ISR.datasets.patches import Pair
from ISR.errors import PictureError
from ISR.images import resize

# Of 400 x 400 HR pixels each: 600,000 bytes with LR at x2, so that one fits into a megabyte and the second does not.
PAIRS = [Pair(resize.reduce(hr, 2), hr) for hr in (drawn(400, 400, seed=seed) for seed in range(3))]
PAIRS.insert(1, Pair(np.zeros((4, 4, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)))


def test_what_fits_is_held_and_the_rest_is_mapped(caplog: pytest.LogCaptureFixture) -> None:
    held = cache.hold(iter(PAIRS), limit_mb=1)
    for came, given in zip(held, PAIRS, strict=True):
        for one, other in zip(came, given, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == np.uint8 and type(one) is np.ndarray
    assert [pair is given for pair, given in zip(held, PAIRS, strict=True)] == [True, True, False, False]
    assert not any(samples.flags.writeable for pair in held[2:] for samples in pair)
    told = f"data.cache_limit_mb is 1: 2 of 4 pictures, 1.1 MB decoded, lie in a temporary file in {tempfile.tempdir}"
    assert said(caplog) == [("WARNING", told)]


def test_nothing_is_written_where_all_fits(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert cache.hold(PAIRS, limit_mb=2) == PAIRS and said(caplog) == []
    assert cache.hold([], limit_mb=0) == []


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_file_goes_with_the_last_view() -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open files are counted on Linux")
    before = open_files()
    held = cache.hold(PAIRS, limit_mb=0)
    assert open_files() == before + 1
    last = held[0].lr[:2, :2]
    del held
    assert int(last.sum()) > 0
    del last
    assert open_files() == before


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(PictureError, match=r"data\.cache_limit_mb, 1, .*/none' \(No such file.*TMPDIR") as caught:
        cache.hold(PAIRS, limit_mb=1)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two megabytes of room for 2.4."""
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(PictureError, match="No space left on device"):
        cache.hold([*PAIRS, PAIRS[0]], limit_mb=0)
    assert list(small_disk.iterdir()) == []
