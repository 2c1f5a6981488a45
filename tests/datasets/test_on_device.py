"""Batches cut on the device are those cut on the host, to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import drawn

from ISR.config import DataConfig
from ISR.datasets import folders, on_device
from ISR.datasets.batches import PatchBatches
from ISR.datasets.on_device import DeviceBatches
from ISR.datasets.patches import Flatness, Pair
from ISR.errors import ConfigError
from ISR.images import resize


def pairs(scale: int) -> list[Pair]:
    hr = [drawn(height * scale, width * scale, seed=i) for i, (height, width) in enumerate([(20, 30), (25, 18)])]
    return [Pair(resize.reduce(picture, scale), picture) for picture in hr]


@pytest.mark.parametrize("options", [{}, {"flatness": Flatness(0.1, 0.05, 1)}, {"border": 3}])
@pytest.mark.parametrize("scale", [2, 3])
def test_its_batches_are_the_host_s(scale: int, options: dict[str, Any]) -> None:
    """Of 40 patches from two pictures, in all eight ways."""
    both = [
        kind(pairs(scale), patch_size=11, batch_size=40, steps=3, seed=5, **options)
        for kind in (DeviceBatches, PatchBatches)
    ]
    for epoch, step in ((0, 0), (0, 2), (4, 1)):
        for batches in both:
            batches.epoch = epoch
        for made, expected in zip(both[0][step], both[1][step], strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(made), expected)


def test_refuses_more_pixels_than_an_index_can_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "MOST_PIXELS", 1000)
    with pytest.raises(ConfigError, match="2 pictures of 1,050 pixels in all are more than 1,000"):
        DeviceBatches(pairs(2), patch_size=8, batch_size=1, steps=1, seed=0)


@pytest.mark.parametrize("changed", [{"store": "s.h5", "hr_dir": None}, {"degradation": "realistic"}])
def test_refuses_what_is_not_cut_from_pictures(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"data\.on_device cuts patches from whole pictures"):
        folders.find_pairs(DataConfig(**{"hr_dir": "h", "on_device": True, **changed}), 2)


def trained(photos: Path, runs: Path, backend: str, *settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ISR", "train", str(photos), "--set", f"output.runs={runs}"]
    every = ["output.name=n", "train.epochs=2", "train.steps_per_epoch=3", "data.patch_size=12", "data.batch_size=4"]
    every += ["model.params={width: 8, depth: 2}", "data.validation_pictures=1", "output.samples_every=0", *settings]
    sets = [part for setting in every for part in ("--set", setting)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    return subprocess.run([*command, *sets], env=environment, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_a_training_ends_with_the_host_s_weights(photo_folder: Path, tmp_path: Path) -> None:
    """On JAX; the seed, and so every batch, is the same."""
    pytest.importorskip("jax")
    weights = []
    for on in ("false", "true"):
        ran = trained(photo_folder, tmp_path / on, "jax", f"data.on_device={on}")
        assert ran.returncode == 0, ran.stderr
        weights.append(Path(ran.stdout.strip()).read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_other_backends_are_refused(photo_folder: Path, tmp_path: Path) -> None:
    ran = trained(photo_folder, tmp_path / "runs", "tensorflow", "data.on_device=true")
    assert ran.returncode != 0 and "data.on_device needs the JAX backend" in ran.stderr
