"""Weights and their manifest: what is written is what is taken. What is refused: tests/faults/test_weights.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from verbs import randomised
from weights_files import PARAMS, compact, refused

from ISR import models
from ISR.errors import WeightsError
from ISR.models import manifest
from ISR.models.compact import Compact


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The weights file of a small Compact, its manifest beside it."""
    path = tmp_path / "net.weights.h5"
    compact().save(path)
    return path


@pytest.mark.parametrize(
    ("name", "scale", "params"),
    [
        ("compact", 3, PARAMS),
        ("espcn", 2, {}),
        ("rdn", 2, {"C": 2, "D": 2, "G": 6, "G0": 8}),
        ("rdn", 2, {"C": 1, "D": 1, "G": 6, "G0": 8, "upscaling": "shuffle"}),
        ("rrdn", 2, {"C": 1, "D": 1, "G": 6, "G0": 8, "T": 2}),
        ("fsrcnn", 2, {"d": 4, "s": 2, "m": 2}),
        ("srgan", 4, {"blocks": 1, "width": 4}),
    ],
)
def test_round_trip(tmp_path: Path, name: str, scale: int, params: dict[str, Any]) -> None:
    path = tmp_path / "new" / "net.weights.h5"
    first, second = (randomised(models.build(name, scale, params), seed=seed) for seed in (0, 1))
    first.save(str(path))
    second.load(str(path))
    for came, wanted in zip(second.model.get_weights(), first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(came, wanted)
    assert sorted(found.name for found in path.parent.iterdir()) == ["net.manifest.json", "net.weights.h5"]


def test_the_manifest_says_what_the_file_holds(saved: Path) -> None:
    content = manifest.read(saved)
    assert content["sha256"] == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert (content["architecture"], content["scale"], content["params"]) == ("compact", 2, PARAMS)
    # 9*3*4+4, 9*4*4+4, 9*4*12+12
    assert content["parameters"] == 112 + 148 + 444
    assert content["variables"][0] == ["conv_1/kernel", [3, 3, 3, 4]]
    assert len(content["variables"]) == 6


def test_weights_computed_in_bfloat16_are_the_same_weights(saved: Path) -> None:
    rough = Compact(2, **PARAMS, precision="bfloat16")
    rough.load(saved)
    np.testing.assert_array_equal(rough.model.get_weights()[0], compact().model.get_weights()[0])


def test_the_optimizer_of_a_compiled_network_is_neither_saved_nor_changed(saved: Path) -> None:
    size = saved.stat().st_size
    model = compact()
    model.model.compile(keras.optimizers.Adam(0.1), "mse")
    model.model.optimizer.build(model.model.trainable_variables)
    for variable in model.model.optimizer.variables[2:]:
        variable.assign(variable + 0.5)
    model.save(saved)
    assert saved.stat().st_size == size
    model.load(saved)
    assert all(np.all(np.asarray(variable) == 0.5) for variable in model.model.optimizer.variables[2:])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b"[]",
        b"null",
        b"{}",
        json.dumps({"sha256": 5, "architecture": "compact", "scale": 2, "params": {}, "variables": []}).encode(),
        json.dumps({"sha256": "", "architecture": "compact", "scale": "2", "params": {}, "variables": []}).encode(),
        json.dumps({"sha256": "", "architecture": "compact", "scale": 2, "params": {}}).encode(),
    ],
    ids=[
        "empty",
        "text",
        "utf-16",
        "nested",
        "list",
        "null",
        "no keys",
        "sha256 a number",
        "scale a text",
        "one key less",
    ],
)
def test_refuses_a_manifest_that_is_none(saved: Path, content: bytes) -> None:
    manifest.path_of(saved).write_bytes(content)
    refused(saved, r"the manifest '.*net\.manifest\.json' (cannot be read|must hold)")


def test_refuses_a_missing_file_a_missing_manifest_and_another_name(saved: Path) -> None:
    manifest.path_of(saved).unlink()
    refused(saved, r"no file '.*net\.manifest\.json'")
    refused(saved.with_name("net.h5"), r"ends in \.weights\.h5")
    saved.unlink()
    refused(saved, r"no file '.*net\.weights\.h5'")


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "every value is zero")]
)
def test_does_not_write_what_it_would_not_read(saved: Path, value: float, message: str) -> None:
    before = [path.read_bytes() for path in (saved, manifest.path_of(saved))]
    model = compact()
    for variable in model.model.variables:
        variable.assign(variable * 0 + value)
    with pytest.raises(WeightsError, match=message):
        model.save(saved)
    assert [path.read_bytes() for path in (saved, manifest.path_of(saved))] == before


def test_a_full_disk_leaves_the_last_weights(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WeightsError, match=r"net\.weights\.h5' cannot be written: .*No space left"):
        compact(seed=2).save(saved)
    monkeypatch.undo()
    assert len(list(saved.parent.iterdir())) == 2
    assert saved.read_bytes() == before
    compact(seed=1).load(saved)
