"""Interpolation behaves like a network: shapes, receptive radius, tiles that cannot show."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from verbs import assert_tiles_equal_whole, measured_receptive_radius

from ISR.images import resize
from ISR.models.interpolation import RECEPTIVE_RADIUS, Interpolation

NAMES = sorted(RECEPTIVE_RADIUS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_states_its_true_receptive_radius(name: str, scale: int) -> None:
    model = Interpolation(name, scale)
    assert measured_receptive_radius(model, side=15) == model.receptive_radius


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width", "tile"), [(1, 1, 4), (3, 17, 4), (23, 14, 5), (9, 9, 64)])
def test_tiles_cannot_show(name: str, height: int, width: int, tile: int) -> None:
    assert_tiles_equal_whole(Interpolation(name, 3), height, width, tile=tile)


@pytest.mark.parametrize("name", NAMES)
def test_enlarges_each_picture_of_a_batch(name: str) -> None:
    batch = np.random.default_rng(0).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
    sr = Interpolation(name, 2).run(batch)
    assert (sr.shape, sr.dtype) == ((2, 10, 14, 3), np.float32)
    np.testing.assert_array_equal(sr[1], resize.enlarge(batch[1], 2, method=name))


def test_knows_every_kernel_and_no_other() -> None:
    assert set(RECEPTIVE_RADIUS) == set(resize.KERNELS)
    with pytest.raises(ValueError, match="expected one of nearest, bilinear, bicubic, lanczos"):
        Interpolation("cubic", 2)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Interpolation("bicubic", 0)


def test_needs_no_keras() -> None:
    code = "import sys, ISR.models.interpolation; print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
