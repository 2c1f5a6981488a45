"""Batches are a pure function of (seed, epoch, step)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.datasets import store
from ISR.datasets.batches import PatchBatches, StoreBatches
from ISR.datasets.patches import FLIPS_AND_TURNS, Flatness, Pair, flip_and_turn
from ISR.datasets.windows import Windows
from ISR.images import resize


def _pair(height: int, width: int, *, seed: int, scale: int = 2) -> Pair:
    hr = drawn(height * scale, width * scale, seed=seed)
    return Pair(resize.reduce(hr, scale), hr)


PAIRS = [_pair(20, 30, seed=0), _pair(25, 18, seed=1), _pair(16, 16, seed=2)]


def _batches(**changed: Any) -> PatchBatches:
    return PatchBatches(PAIRS, **{"patch_size": 12, "batch_size": 4, "steps": 5, "seed": 7, **changed})


def test_shape_dtype_and_range() -> None:
    batches = _batches()
    assert len(batches) == batches.num_batches == 5
    for lr, hr in (batches[step] for step in range(5)):
        assert (lr.shape, hr.shape) == ((4, 12, 12, 3), (4, 24, 24, 3))
        assert lr.dtype == hr.dtype == np.float32
        assert 0 <= lr.min() < lr.max() <= 1
        assert 0 <= hr.min() < hr.max() <= 1


def test_lr_and_hr_show_the_same() -> None:
    """Means of 2x2 HR pixels are close to LR pixels; to those of another patch they are not."""
    lr, hr = _batches(batch_size=16)[0]
    means = hr.reshape(16, 12, 2, 12, 2, 3).mean(axis=(2, 4))
    assert np.abs(means - lr).mean() < 0.02
    assert np.abs(means - np.roll(lr, 1, axis=0)).mean() > 0.1


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_same_after_reconstruction_in_any_order(epoch: int) -> None:
    first, again = _batches(), _batches()
    first.epoch = again.epoch = epoch
    expected = [first[step] for step in range(5)]
    for step in (4, 0, 2, 2, 1, 3):
        for came, wanted in zip(again[step], expected[step], strict=True):
            np.testing.assert_array_equal(came, wanted)


def test_another_seed_epoch_or_step_gives_other_patches() -> None:
    later, other = _batches(), _batches(seed=8)
    later.epoch = 1
    drawn_batches = [_batches()[0], _batches()[1], later[0], later[1], other[0]]
    assert len({lr.tobytes() for lr, _ in drawn_batches}) == len(drawn_batches)


def test_every_picture_is_equally_likely() -> None:
    """Three pictures of one colour each, of very different sizes."""
    sides = [(12, 12), (12, 200), (90, 90)]
    pairs = [
        Pair(np.full((h, w, 3), i, np.uint8), np.full((2 * h, 2 * w, 3), i, np.uint8)) for i, (h, w) in enumerate(sides)
    ]
    lr, _ = PatchBatches(pairs, patch_size=4, batch_size=600, steps=1, seed=0)[0]
    counts = np.bincount(np.rint(lr[:, 0, 0, 0] * 255).astype(int))
    assert counts.min() > 150


def test_fewer_pictures_than_a_batch_will_do() -> None:
    lr, _ = PatchBatches(PAIRS[:1], patch_size=16, batch_size=9, steps=1, seed=0)[0]
    assert lr.shape == (9, 16, 16, 3)


def test_flatness_is_heeded() -> None:
    hr = np.zeros((64, 64, 3), np.uint8)
    hr[:, 40:] = drawn(64, 24)
    pair = Pair(resize.reduce(hr, 2), hr)
    plain, lively = (
        PatchBatches([pair], patch_size=8, batch_size=64, steps=1, seed=0, flatness=Flatness(flatness))[0][0]
        for flatness in (0.0, 0.05)
    )
    assert (plain.std(axis=(1, 2, 3)) == 0).sum() > (lively.std(axis=(1, 2, 3)) == 0).sum()


def test_refuses_no_pictures_and_a_patch_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        PatchBatches([], patch_size=8, batch_size=1, steps=1, seed=0)
    with pytest.raises(ValueError, match="patch of 17 does not fit the smallest LR picture, 16 pixels"):
        _batches(patch_size=17)


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 for count in counts) / expected


# Of 7 degrees of freedom, 24.3 is passed one time in a thousand (NIST/SEMATECH e-Handbook, table 1.3.6.7.4).
LIMIT = 24.3


def test_the_eight_ways_occur_evenly() -> None:
    """One patch that fills its picture, 1600 draws: each way about 200 times, the half turn as often as the others."""
    pair = _pair(6, 6, seed=0)
    lr, _ = PatchBatches([pair], patch_size=6, batch_size=1600, steps=1, seed=0)[0]
    seen = Counter(np.rint(patch * 255).astype(np.uint8).tobytes() for patch in lr)
    assert set(seen) == {flip_and_turn(pair.lr, way).tobytes() for way in range(FLIPS_AND_TURNS)}
    assert chi_square(list(seen.values())) < LIMIT


def test_flatness_follows_the_epoch() -> None:
    hr = np.zeros((64, 64, 3), np.uint8)
    hr[:, 40:] = drawn(64, 24)
    rising = PatchBatches(
        [Pair(resize.reduce(hr, 2), hr)],
        patch_size=8,
        batch_size=64,
        steps=1,
        seed=0,
        flatness=Flatness(0.0, increase=0.05, every=2),
    )
    flat = []
    for epoch in (0, 1, 2):
        rising.epoch = epoch
        flat.append(int((rising[0][0].std(axis=(1, 2, 3)) == 0).sum()))
    assert min(flat[:2]) > 10 > flat[2]


def test_batches_name_their_files() -> None:
    """Pictures of one colour each: what was drawn can be told from the batch."""
    pairs = [Pair(np.full((8, 8, 3), i, np.uint8), np.full((16, 16, 3), i, np.uint8)) for i in range(9)]
    batches = PatchBatches(
        pairs, patch_size=4, batch_size=6, steps=9, seed=1, paths=[Path(f"{i}.png") for i in range(9)]
    )
    for epoch, step in [(0, 0), (0, 4), (3, 4)]:
        batches.epoch = epoch
        drawn_from = [f"{round(float(patch[0, 0, 0]) * 255)}.png" for patch in batches[step][0]]
        batches.epoch = 7
        assert [path.name for path in batches.files(epoch, step)] == list(dict.fromkeys(drawn_from))


def test_realistic_batches_are_pure_and_differ_from_epoch_to_epoch() -> None:
    first, again = (_batches(degradation="realistic", batch_size=3) for _ in range(2))
    for came, wanted in zip(again[2], first[2], strict=True):
        np.testing.assert_array_equal(came, wanted)
    plain = _batches(batch_size=3)[2]
    assert first[2][0].shape == plain[0].shape and not np.array_equal(first[2][0], plain[0])


@pytest.fixture(scope="module")
def patch_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.PatchStore]:
    """Patches of two pictures, of which one is flat: 4 and 4 of 8x8 LR pixels at x2."""
    folder = tmp_path_factory.mktemp("store")
    Image.fromarray(drawn(32, 32)).save(folder / "lively.png")
    Image.new("RGB", (32, 32), (9, 9, 9)).save(folder / "flat.png")
    store.build([folder / "flat.png", folder / "lively.png"], folder / "s.h5", windows=Windows(2, 8, 16))
    with store.PatchStore(folder / "s.h5") as opened:
        yield opened


def test_store_batches_are_a_pure_function_too(patch_store: store.PatchStore) -> None:
    first, again = (StoreBatches(patch_store, batch_size=5, steps=4, seed=2) for _ in range(2))
    assert len(first) == 4
    expected = [first[step] for step in range(4)]
    for step in (3, 1, 1, 0, 2):
        for came, wanted in zip(again[step], expected[step], strict=True):
            np.testing.assert_array_equal(came, wanted)
            assert came.dtype == np.float32 and 0 <= came.min() <= came.max() <= 1
    assert (expected[0][0].shape, expected[0][1].shape) == ((5, 8, 8, 3), (5, 16, 16, 3))
    again.epoch = 1
    assert not np.array_equal(again[0][0], expected[0][0])


def test_store_batches_show_every_patch_in_every_way_evenly(patch_store: store.PatchStore) -> None:
    """The four lively patches, 1600 draws: 32 possibilities of about 50 each; over the ways alone, 200 each."""
    batches = StoreBatches(patch_store, batch_size=1600, steps=1, seed=0, flatness=Flatness(0.01))
    lr, hr = batches[0]
    known = {
        flip_and_turn(patch_store[index].lr, way).tobytes(): (way, flip_and_turn(patch_store[index].hr, way))
        for index in range(4, 8)
        for way in range(FLIPS_AND_TURNS)
    }
    drawn_ways = []
    for small, large in zip(lr, hr, strict=True):
        way, expected = known[np.rint(small * 255).astype(np.uint8).tobytes()]
        np.testing.assert_array_equal(np.rint(large * 255).astype(np.uint8), expected)
        drawn_ways.append(way)
    assert len(known) == 32 and chi_square(list(Counter(drawn_ways).values())) < LIMIT
    assert [path.name for path in batches.files(0, 0)] == ["lively.png"]


def test_a_store_that_is_flat_all_over_still_gives_patches(patch_store: store.PatchStore) -> None:
    batches = StoreBatches(patch_store, batch_size=50, steps=1, seed=0, flatness=Flatness(0.9))
    assert {path.name for path in batches.files(0, 0)} == {"flat.png", "lively.png"}
