"""Batches are a pure function of (seed, epoch, step)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import drawn

from ISR.datasets.batches import PatchBatches
from ISR.datasets.patches import Pair
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
        PatchBatches([pair], patch_size=8, batch_size=64, steps=1, seed=0, flatness=flatness)[0][0]
        for flatness in (0.0, 0.05)
    )
    assert (plain.std(axis=(1, 2, 3)) == 0).sum() > (lively.std(axis=(1, 2, 3)) == 0).sum()


def test_refuses_no_pictures_and_a_patch_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        PatchBatches([], patch_size=8, batch_size=1, steps=1, seed=0)
    with pytest.raises(ValueError, match="patch of 17 does not fit the smallest LR picture, 16 pixels"):
        _batches(patch_size=17)
