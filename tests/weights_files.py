"""Weights files of a small network, right and wrong ones."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import Said, contents, one_line, photo
from verbs import randomised

from ISR.cli import main
from ISR.errors import WeightsError
from ISR.models import manifest
from ISR.models.compact import Compact
from ISR.models.image_model import ImageModel

PARAMS = {"width": 4, "depth": 2}


def compact(*, scale: int = 2, seed: int = 0, **changed: Any) -> ImageModel:
    return randomised(Compact(scale, **{**PARAMS, **changed}), seed=seed)


def refused(path: Path, message: str, *, model: ImageModel | None = None) -> None:
    """Asserts one line of WeightsError that names the file, and a network that is as it was."""
    model = model or compact(seed=1)
    before = [value.copy() for value in model.model.get_weights()]
    with pytest.raises(WeightsError, match=message) as caught:
        model.load(path)
    assert "net." in str(caught.value)
    assert "\n" not in str(caught.value)
    for value, wanted in zip(model.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, wanted)


def edit_manifest(weights: Path, **changed: Any) -> None:
    path = manifest.path_of(weights)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changed}), encoding="utf-8")


def edit_arrays(weights: Path, edit: Callable[[h5py.File], None]) -> None:
    """Changes the HDF5 file and makes its manifest agree, as someone would who built it by hand."""
    with h5py.File(weights, "r+") as file:
        edit(file)
    edit_manifest(weights, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 25816\n"


def refused_everywhere(path: Path, message: str, said: Said, *, model: ImageModel | None = None) -> None:
    """As `refused`; and the command line ends with exit code 1 and one line, and makes and changes nothing."""
    refused(path, message, model=model)
    source = photo(path.with_name("a.png"))
    before = contents(path.parent)
    assert main(["upscale", str(source), "--model", str(path)]) == 1
    line = one_line(said)
    assert path.name.partition(".")[0] in line and re.search(message, line), line
    assert contents(path.parent) == before
