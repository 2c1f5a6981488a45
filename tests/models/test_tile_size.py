"""The size of tiles by arithmetic: no memory is measured here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ISR.models import tile_size

GIB = 2**30
# As compact-x2: 67 floats for each pixel are held at once, and it sees 13 pixels far.
COMPACT = SimpleNamespace(scale=2, receptive_radius=13, floats_per_pixel=67)
FAR = SimpleNamespace(scale=2, receptive_radius=150, floats_per_pixel=2624)


def test_a_tile_s_bytes_are_floats_times_window_times_four_times_the_factor() -> None:
    assert tile_size.OVER_LAYERS == 3
    assert tile_size.bytes_for(COMPACT, 256) == 67 * 282 * 282 * 4 * 3
    assert tile_size.bytes_for(COMPACT, 32) == 67 * 58 * 58 * 4 * 3


def test_a_model_that_says_nothing_holds_its_output_twice() -> None:
    model = SimpleNamespace(scale=3, receptive_radius=2)
    assert tile_size.bytes_for(model, 16) == 2 * 27 * 400 * 4 * 3


# 64 MB for a tile of 256 with its window of 282, 19 MB for 128 (154), 6.5 MB for 64 (90), 2.7 MB for 32 (58): doubled.
@pytest.mark.parametrize(
    ("free", "tile"),
    [(None, 256), (20 * GIB, 256), (127_875_000, 256), (127_870_000, 128), (38_000_000, 64), (12_000_000, 32), (0, 32)],
)
def test_the_tile_is_halved_until_a_run_fits_half_of_what_is_free(free: int | None, tile: int) -> None:
    assert tile_size.automatic(COMPACT, free) == tile


def test_a_batch_counts_for_so_many_tiles() -> None:
    assert tile_size.automatic(COMPACT, 500_000_000, batch_size=3) == 256
    assert tile_size.automatic(COMPACT, 500_000_000, batch_size=4) == 128


def test_a_far_sighted_model_has_larger_tiles_and_a_larger_least() -> None:
    assert (tile_size.fastest(FAR), tile_size.smallest(FAR)) == (300, 75)
    assert tile_size.automatic(FAR, 1000 * GIB) == 300
    assert tile_size.automatic(FAR, 0) == 75


def test_an_accelerator_s_memory_is_its_own() -> None:
    model = SimpleNamespace(scale=2, receptive_radius=13, floats_per_pixel=67, on_accelerator=True)
    assert tile_size.automatic(model, 0) == 256
