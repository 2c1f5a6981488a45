"""Weights are taken whole and right, or refused by name with the network as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from verbs import randomised
from weights_files import PARAMS, POINTER, compact, edit_manifest, refused

from ISR import models
from ISR.errors import WeightsError
from ISR.models import manifest
from ISR.models.compact import Compact
from ISR.models.image_model import ImageModel


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
    ("other", "message"),
    [
        (lambda: randomised(models.build("espcn", 2, {})), "architecture is compact, expected espcn"),
        (lambda: compact(scale=3), "scale is 2, expected 3"),
        (lambda: compact(width=5), "params is"),
        (lambda: compact(depth=3), "params is"),
    ],
)
def test_refuses_weights_of_another_network(saved: Path, other: Callable[[], ImageModel], message: str) -> None:
    refused(saved, message, model=other())


def _variables(saved: Path) -> list[Any]:
    return list(manifest.read(saved)["variables"])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v[:-1], "variables is 5 variables, expected 6 variables"),
        (lambda v: [*v, ["more/kernel", [1]]], "variables is 7 variables"),
        (lambda v: [["renamed/kernel", v[0][1]], *v[1:]], "variables is .*renamed/kernel"),
        (lambda v: [[v[0][0], [3, 3, 4, 3]], *v[1:]], r"variables is .*\[3, 3, 4, 3\]"),
        (lambda v: [v[1], v[0], *v[2:]], "variables is .*conv_1/bias"),
        (lambda v: [], "variables is 0 variables"),
        (lambda v: [None, 7], "variables is None"),
    ],
)
def test_refuses_missing_renamed_and_surplus_variables(saved: Path, edit: Any, message: str) -> None:
    edit_manifest(saved, variables=edit(_variables(saved)))
    refused(saved, message)


def _flip_a_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        _flip_a_bit,
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\0",
        lambda content: b"",
        lambda content: POINTER,
        lambda content: b"<!DOCTYPE html><html>Not found</html>",
        lambda content: b"\0" * len(content),
    ],
    ids=["bit flipped", "cut by one", "cut in half", "longer", "empty", "pointer", "html", "zeros"],
)
def test_refuses_a_damaged_file(saved: Path, damage: Callable[[bytes], bytes]) -> None:
    saved.write_bytes(damage(saved.read_bytes()))
    refused(saved, "is damaged: sha256 is .* copy it again")


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
