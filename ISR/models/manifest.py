"""Weights with their manifest: what a file must hold before a network takes it.

Keras loads renamed, surplus, damaged or NaN weights without a word. So each `NAME.weights.h5` has a `NAME.manifest.json`
beside it: sha256, architecture, scale, parameters, and the name and shape of every variable.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ISR import atomic
from ISR.errors import WeightsError

SUFFIX = ".weights.h5"


def path_of(weights: Path) -> Path:
    """Where the manifest of that weights file lies. WeightsError where the name does not end in .weights.h5."""
    if not weights.name.endswith(SUFFIX):
        raise WeightsError(f"a weights file ends in {SUFFIX}, got {str(weights)!r}")
    return weights.with_name(weights.name.removesuffix(SUFFIX) + ".manifest.json")


def read(weights: Path) -> dict[str, Any]:
    """The manifest of that weights file. WeightsError where either is missing or the manifest cannot be read."""
    path = path_of(weights)
    for needed in (weights, path):
        if not needed.is_file():
            raise WeightsError(f"no file {str(needed)!r}: weights need {weights.name} and {path.name} in one folder")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"the manifest {str(path)!r} cannot be read: {error}") from error
    expected = {"sha256": str, "architecture": str, "scale": int, "params": dict, "variables": list}
    for key, kind in expected.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), kind):
            raise WeightsError(f"the manifest {str(path)!r} must hold {key!r} as {kind.__name__}")
    return dict(content)


def save(model: keras.Model, weights: Path, *, architecture: str, scale: int, params: dict[str, Any]) -> None:
    """Write the model's weights and their manifest. WeightsError, and nothing written, where a value is not finite."""
    path = path_of(weights)
    _check_finite(model, weights)
    with atomic.replacing(weights, suffix=SUFFIX) as temporary:
        model.save_weights(temporary)
        digest = _sha256(temporary)
    content = {
        "sha256": digest,
        "architecture": architecture,
        "scale": scale,
        "params": params,
        "parameters": model.count_params(),
        "variables": _variables(model),
    }
    atomic.write_text(path, json.dumps(content, indent=1) + "\n")


def load(model: keras.Model, weights: Path, *, architecture: str, scale: int, params: dict[str, Any]) -> None:
    """Fill the model with weights that are exactly what their manifest says and what the model needs, else WeightsError."""
    content = read(weights)
    wanted = {"architecture": architecture, "scale": scale, "params": params, "variables": _variables(model)}
    for key, value in wanted.items():
        if content[key] != value:
            came = content[key] if key != "variables" else _first_difference(content[key], value)
            raise WeightsError(f"{weights.name} was made for another network: {key} is {came}, expected {_short(value)}")
    digest = _sha256(weights)
    if digest != content["sha256"]:
        raise WeightsError(f"{str(weights)!r} is damaged: sha256 is {digest}, its manifest says {content['sha256']}")
    model.load_weights(weights)
    _check_finite(model, weights)


def _variables(model: keras.Model) -> list[list[Any]]:
    return [[variable.path, list(variable.shape)] for variable in model.variables]


def _first_difference(came: list[Any], wanted: list[Any]) -> str:
    pairs = zip(came, wanted, strict=False)
    return next((str(c) for c, w in pairs if c != w), f"{len(came)} variables")


def _short(value: Any) -> str:
    return f"{len(value)} variables like the network's" if isinstance(value, list) else str(value)


def _check_finite(model: keras.Model, weights: Path) -> None:
    for variable in model.variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise WeightsError(f"{weights.name}: {variable.path} holds values that are not finite")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
