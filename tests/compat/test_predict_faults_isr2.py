"""Faults P1 to P7 and P10 of ISR 2.2, those of `ImageModel.predict`, are gone. P8 and P9: test_predict_isr2.py."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from conftest import drawn
from isr2 import TINY, Array, Counted, floats, rdn, whole

from ISR.images import resize
from ISR.models import RDN


@pytest.fixture(scope="module")
def network() -> RDN:
    return rdn()


def by_hand(network: RDN, picture: Array, *, tile: int, padding: int) -> Array:
    """Windows of tile + 2 * padding, moved inwards at the border, of which the tile is kept; sides divide by `tile`."""
    rows = []
    window = [min(side, tile + 2 * padding) for side in picture.shape[:2]]
    for y in range(0, picture.shape[0], tile):
        row = []
        for x in range(0, picture.shape[1], tile):
            top, left = (
                max(0, min(start - padding, picture.shape[axis] - window[axis])) for axis, start in enumerate((y, x))
            )
            sr = whole(network, picture[top : top + window[0], left : left + window[1]])
            row.append(sr[2 * (y - top) :, 2 * (x - left) :][: 2 * tile, : 2 * tile])
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)


@pytest.mark.parametrize("tile", [3, 5, 16])
def test_p1_tiles_do_not_show(network: RDN, tile: int) -> None:
    picture = floats(31, 29, 3)
    result = network.predict(picture, by_patch_of_size=tile)
    np.testing.assert_allclose(result, whole(network, picture), rtol=0, atol=1e-5)
    seams = network.predict(picture, by_patch_of_size=tile, padding_size=2)
    assert np.abs(seams - whole(network, picture)).max() > 1e-3  # ISR 2's default


def test_p2_the_border_is_that_of_the_whole_picture(network: RDN) -> None:
    picture = floats(21, 26, 3)
    tiles, one = network.predict(picture, by_patch_of_size=6), network.predict(picture)
    for border in (np.s_[:8], np.s_[-8:], np.s_[:, :8], np.s_[:, -8:]):
        np.testing.assert_allclose(tiles[border], whole(network, picture)[border], rtol=0, atol=1e-5)
        np.testing.assert_allclose(one[border], whole(network, picture)[border], rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", [2, 3, 8, 30])
def test_p3_a_padding_of_half_a_tile_and_more_scrambles_nothing(network: RDN, padding: int) -> None:
    picture = floats(12, 20, 3)
    result = network.predict(picture, by_patch_of_size=4, padding_size=padding)
    np.testing.assert_allclose(result, by_hand(network, picture, tile=4, padding=padding), rtol=0, atol=1e-5)


def test_p4_no_padding_gives_each_tile_by_itself_and_nothing_black(network: RDN) -> None:
    picture = floats(12, 8, 3)
    result = network.predict(picture, by_patch_of_size=4, padding_size=0)
    np.testing.assert_allclose(result, by_hand(network, picture, tile=4, padding=0), rtol=0, atol=1e-5)
    assert result.min() > 0.05


@pytest.mark.parametrize("tile", [None, 7])
def test_p5_bytes_are_rounded(network: RDN, tile: int | None) -> None:
    picture = drawn(24, 24)
    exact = whole(network, picture.astype(np.float32) / 255) * 255
    difference = network.predict(picture, by_patch_of_size=tile) - exact
    assert np.abs(difference).max() <= 0.5 + 1e-3
    assert abs(difference.mean()) < 0.03  # truncation: -0.5


def extra_memory(side: int, **options: int) -> int:
    """Bytes beyond input and output at the peak."""
    network, picture = Counted(), np.zeros((side, side, 3), np.uint8)
    tracemalloc.start()
    try:
        result = network.predict(picture, **options)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


def test_p6_memory_does_not_grow_with_the_picture() -> None:
    for options in ({"by_patch_of_size": 40}, {"by_patch_of_size": 40, "padding_size": 2, "batch_size": 3}):
        assert extra_memory(900, **options) < 1.2 * extra_memory(300, **options) + 50_000
    assert extra_memory(1000) < 1.2 * extra_memory(600) + 50_000


def test_p6_a_run_is_never_larger_than_the_default_s() -> None:
    network = Counted()
    for tile in (1, 16, 60, 200, 300):
        network.predict(np.zeros((400, 300, 3), np.uint8), by_patch_of_size=tile, batch_size=500)
    sizes = [np.prod(shape[:3]) for shape in network.shapes if shape[1] <= 256 + 2 * 9]
    assert max(sizes) <= (256 + 2 * 9) ** 2 and max(shape[0] for shape in network.shapes) > 100


def test_p7_grey_and_alpha_and_16_bits(network: RDN) -> None:
    picture = floats(9, 10, 4)
    colour = network.predict(picture[..., :3])
    np.testing.assert_allclose(network.predict(picture)[..., :3], colour, rtol=0, atol=1e-6)
    alpha = resize.enlarge(picture[..., 3:], 2, method="bicubic").clip(0, 1)
    np.testing.assert_allclose(network.predict(picture)[..., 3:], alpha, rtol=0, atol=1e-6)
    assert network.predict(picture[..., 0]).shape == (18, 20)
    sixteen = np.rint(picture[..., :3] * 65535).astype(np.uint16)
    np.testing.assert_allclose(network.predict(sixteen) / 65535, colour, rtol=0, atol=2e-5)
    assert network.predict(sixteen).dtype == np.uint16


def test_p10_a_network_for_patches_predicts_every_size_also_after_training() -> None:
    fixed, free = rdn(patch_size=8), RDN(TINY)
    picture = floats(21, 10, 3)
    for _ in range(2):
        free.model.set_weights(fixed.model.get_weights())
        np.testing.assert_allclose(fixed.predict(picture), free.predict(picture), rtol=0, atol=1e-6)
        np.testing.assert_allclose(fixed.predict(picture, 5), free.predict(picture), rtol=0, atol=1e-5)
        before = fixed.predict(picture)
        fixed.model.compile("adam", "mae")
        fixed.model.fit(floats(4, 8, 8, 3), floats(4, 16, 16, 3), verbose=0)
    assert np.abs(fixed.predict(picture) - before).max() > 1e-4
