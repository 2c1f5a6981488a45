"""Rows that wait in an uncompressed TIFF: read again by libvips, and by Pillow, which has its own idea of a TIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ISR.errors import PictureError
from ISR.images import waiting

pytest.importorskip("pyvips", reason="streaming is an extra: pip install '.[large]'")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [1, 16, 37])
def test_what_is_put_is_read(tmp_path: Path, height: int, channels: int, dtype: type[np.generic]) -> None:
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, 23, channels), endpoint=True)
    values, path = values.astype(dtype), tmp_path / "samples"
    with path.open("wb") as file:
        writer = waiting.RowWriter(file, values.shape, values.dtype)
        for top in range(0, height, 10):
            for left in (0, 12):
                place = slice(top, min(top + 10, height)), slice(left, min(left + 12, 23))
                writer.put(*place, slice(None), values[place])
        writer.flush()
    np.testing.assert_array_equal(waiting.image(path).numpy().reshape(values.shape), values, strict=True)
    if dtype == np.uint8 and channels > 2:
        with Image.open(path) as image:
            assert image.mode == ("RGB" if channels == 3 else "RGBA")
            np.testing.assert_array_equal(np.asarray(image), values)


def test_a_row_of_tiles_can_be_done_again_until_the_next_begins(tmp_path: Path) -> None:
    path, columns = tmp_path / "samples", slice(0, 3)
    with path.open("wb") as file:
        writer = waiting.RowWriter(file, (6, 3, 1), np.dtype(np.uint8))
        for rows, value in [(slice(0, 2), 1), (slice(2, 6), 9), (slice(2, 4), 2), (slice(4, 6), 3)]:
            writer.put(rows, columns, slice(None), np.full((rows.stop - rows.start, 3, 1), value, np.uint8))
        writer.flush()
    assert waiting.image(path).numpy()[:, 0].tolist() == [1, 1, 2, 2, 3, 3]


def test_a_full_disk_is_an_error_of_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(PictureError, match="No space left on device"),
    ):
        waiting.RowWriter(full, (6, 3, 1), np.dtype(np.uint8))
