"""Weights with their manifest: what a file must hold before a network takes it.

Keras loads renamed, surplus, damaged or NaN weights without a word. So each `NAME.weights.h5` has a
`NAME.manifest.json` beside it: sha256, architecture, scale, parameters, and the name and shape of every variable.
"""

from __future__ import annotations

import contextlib
import json
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ISR import atomic
from ISR.checksum import sha256
from ISR.errors import WeightsError
from ISR.models import hdf5

SUFFIX = ".weights.h5"
MOST_BYTES = 16_000_000  # of a manifest; RRDN's of 10 blocks is 100 kB
# Of the parameters of all networks, those that say how often something is repeated: each repetition has variables.
REPEATS = ("depth", "blocks", "C", "D", "T", "m")
SMALLEST_FLOAT = 2  # bytes: float16


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
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"expected at most {MOST_BYTES:,} bytes, got {path.stat().st_size:,}")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"the manifest {str(path)!r} cannot be read: {error}") from error
    expected = {"sha256": str, "architecture": str, "scale": int, "params": dict, "variables": list}
    for key, kind in expected.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), kind):
            raise WeightsError(f"the manifest {str(path)!r} must hold {key!r} as {kind.__name__}")
    if content["scale"] < 1 or content["scale"] is True:
        raise WeightsError(f"the manifest {str(path)!r} must hold a scale of at least 1, got {_cut(content['scale'])}")
    return dict(content)


def check_described(weights: Path, content: Mapping[str, Any], build: Callable[[], keras.Model]) -> None:
    """That the network which the manifest describes has the variables that it lists, and the file has room for them.

    build: gives that network; it is built without values here, so that a small file cannot make a vast one.
    WeightsError where any of it is not so.
    """
    repeated = [size for key, size in content["params"].items() if key in REPEATS and isinstance(size, int)]
    try:
        if math.prod(repeated) > len(content["variables"]):
            raise ValueError(f"{content['params']} needs more than {len(content['variables'])} variables")
        with ThreadPoolExecutor(1) as thread:
            variables = thread.submit(_without_values, build).result()
    except Exception as error:  # Keras raises whatever comes up in sizes that someone wrote by hand
        reason = _cut(error) or type(error).__name__
        raise WeightsError(f"{weights.name} describes no network: {reason}") from error
    if variables != content["variables"]:
        came = _first_difference(content["variables"], variables)
        raise WeightsError(f"{str(weights)!r} was made for another network: variables is {came}, not what params gives")
    numbers = sum(math.prod(shape) for _, shape in variables)
    if SMALLEST_FLOAT * numbers > weights.stat().st_size:
        raise WeightsError(
            f"{str(weights)!r} is too small for the {numbers:,} parameters that its manifest lists: copy it again"
        )


def _without_values(build: Callable[[], keras.Model]) -> list[list[Any]]:
    """The variables of the network. In a thread of its own: Keras keeps those without values for later in it."""
    with keras.StatelessScope(initialize_variables=False):
        return _variables(build())


def save(
    model: keras.Model, weights: Path, *, architecture: str, scale: int, params: dict[str, Any], half: int = 0
) -> None:
    """Write the model's weights and their manifest. half: in float16 of so many significant bits; 0 for float32.

    WeightsError, and nothing written, where a value is not finite (in float16, where that is asked for), all are zero,
    or the files cannot be written.
    """
    path = path_of(weights)
    check_values(model, weights)
    content = {
        "architecture": architecture,
        "scale": scale,
        "params": params,
        "parameters": model.count_params(),
        "variables": _variables(model),
    }
    try:
        with atomic.replacing(weights, suffix=SUFFIX) as temporary:
            _without_optimizer(model).save_weights(temporary)
            if half:
                hdf5.halve(temporary, half)
            content = {"sha256": sha256(temporary), **content}
        atomic.write_text(path, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise WeightsError(f"the weights {str(weights)!r} cannot be written: {error}") from error


def load(model: keras.Model, weights: Path, *, architecture: str, scale: int, params: dict[str, Any]) -> None:
    """Fill the model with weights that are exactly what their manifest says and what the model needs.

    Else WeightsError, and the model is as it was.
    """
    content = read(weights)
    name = repr(str(weights))
    wanted: dict[str, Any] = {
        "architecture": architecture,
        "scale": scale,
        "params": params,
        "variables": _variables(model),
    }
    for key, value in wanted.items():
        if content[key] != value:
            came = _short(content[key]) if key != "variables" else _first_difference(content[key], value)
            raise WeightsError(f"{name} was made for another network: {key} is {came}, expected {_short(value)}")
    digest = sha256(weights)
    if digest != content["sha256"]:
        raise WeightsError(
            f"{name} is damaged: sha256 is {digest}, its manifest says {content['sha256']}: copy it again"
        )
    with all_or_nothing(model), hdf5.reading(weights):
        _check_stored(model, weights)
        _without_optimizer(model).load_weights(weights)
        check_values(model, weights)


def _without_optimizer(model: keras.Model) -> keras.Model:
    """The same layers; Keras would write and read the optimizer of a compiled model along with them."""
    return keras.Model(model.inputs, model.outputs)


@contextlib.contextmanager
def all_or_nothing(model: keras.Model) -> Iterator[None]:
    """Where the block raises, the model has the weights again that it had before."""
    before = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    try:
        yield
    except BaseException:
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        raise


def _check_stored(model: keras.Model, weights: Path) -> None:
    """WeightsError where the file's arrays are not the network's, or lie elsewhere: Keras pairs them by their order."""
    with hdf5.opened(weights) as datasets:
        ours = [dataset for name, dataset in datasets.items() if not name.startswith("optimizer/")]
        stored = [dataset.shape if hdf5.is_plain(dataset) else () for dataset in ours]
    if sorted(stored) != sorted(tuple(variable.shape) for variable in model.variables):
        raise WeightsError(f"{str(weights)!r} holds other arrays than the {len(model.variables)} of the network")


def _variables(model: keras.Model) -> list[list[Any]]:
    return [[variable.path, list(variable.shape)] for variable in model.variables]


def _first_difference(came: list[Any], wanted: list[Any]) -> str:
    pairs = zip(came, wanted, strict=False)
    return next((_cut(c) for c, w in pairs if c != w), f"{len(came)} variables")


def _short(value: Any) -> str:
    return f"{len(value)} variables like the network's" if isinstance(value, list) else _cut(value)


def _cut(value: Any) -> str:
    try:
        return textwrap.shorten(str(value), 300)
    except RecursionError:
        return "nested too deeply"


def check_values(model: keras.Model, weights: Path) -> None:
    """WeightsError, naming the file and the variable, where the model holds a value that is not finite, or only zeros.

    No training ends with all of them zero, and most networks would make black pictures of it.
    """
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}
    for path, value in values.items():
        if not np.isfinite(value).all():
            raise WeightsError(f"{str(weights)!r}: {path} holds values that are not finite")
    if not any(value.any() for value in values.values()):
        raise WeightsError(f"{str(weights)!r}: every value is zero")
