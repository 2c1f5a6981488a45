"""Pictures and settings that several tests share. Every picture is made here: no test needs a file from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ISR.predict.predictor import Predictor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def drawn(height: int, width: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture with edges, slopes and texture: (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(2, 9) + y / rng.uniform(2, 9)) for _ in range(3)]
    discs = [(x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2 < (min(height, width) / 3) ** 2] * 3
    planes = [90 + 40 * wave + 80 * disc for wave, disc in zip(waves, discs, strict=True)]
    noise = rng.normal(0, 2, (height, width, 3))
    return np.clip(np.stack(planes, axis=-1) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six PNG pictures between 60 and 97 pixels a side."""
    folder = tmp_path_factory.mktemp("photos")
    for i, (height, width) in enumerate([(64, 64), (97, 61), (60, 80), (72, 90), (66, 66), (81, 71)]):
        Image.fromarray(drawn(height, width, seed=i)).save(folder / f"photo_{i}.png")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of two megabytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let tests mount a file system")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enlarging anything fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a picture was enlarged")

    monkeypatch.setattr(Predictor, "upscale", refuse)
