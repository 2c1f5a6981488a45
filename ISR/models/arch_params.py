"""ISR 2's way of asking for a network: one dict of sizes, `arch_params`, that holds the scale as `x`, or `weights`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

from ISR.errors import WeightsError
from ISR.models import pretrained
from ISR.models.records import WEIGHTS, Weights

Network = TypeVar("Network")


@dataclass(frozen=True)
class Settled:
    """What a constructor builds: sizes with the scale as `x`, options by name, and the file to fill it from."""

    arch_params: dict[str, int]
    options: dict[str, Any]
    weights: Path | None


def settle(
    architecture: str,
    names: Sequence[str],
    arch_params: Mapping[str, int] | None,
    *,
    weights: str | Path,
    options: Mapping[str, Any],
) -> Settled:
    """What the arguments of a constructor come to.

    The name of weights decides on sizes and options, whatever else was given; a path does where there are no sizes. A
    download takes place here. ValueError where neither sizes nor weights are given, or a size is unknown or below 1;
    WeightsError where weights cannot be had or are for another architecture.
    """
    if not weights:
        return Settled(_checked(arch_params or {}, names), dict(options), None)
    if arch_params and pretrained.is_path(weights):
        return Settled(_checked(arch_params, names), dict(options), Path(weights))
    located = pretrained.locate(weights, architecture)
    # What the file does not say is as the caller has it.
    params = {**options, **located.params, "x": located.scale}
    if unknown := sorted(params.keys() - {*names, *options}):
        raise WeightsError(f"{located.path.name} has parameters that {architecture} has not: {', '.join(unknown)}")
    sizes = {key: value for key, value in params.items() if key in names}
    return Settled(_checked(sizes, names), {key: params[key] for key in options}, located.path)


def _checked(arch_params: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    positive = all(isinstance(value, Integral) and value >= 1 for value in arch_params.values())
    if sorted(arch_params) != sorted(names) or not positive:
        raise ValueError(f"arch_params must hold {', '.join(names)}, each at least 1, got {dict(arch_params)}")
    return dict(arch_params)


def build(
    network: type[Network], names: Sequence[str], *, scale: int, params: Mapping[str, Any], precision: str
) -> Network:
    """The network of which `params` holds sizes and options side by side. ValueError where one is not known."""
    if "weights" in params:  # a manifest or a recipe from elsewhere must not make us fetch or read another file
        raise ValueError(f"weights are no parameter of a network, got {params['weights']!r}")
    sizes = {key: value for key, value in params.items() if key in names}
    options = {key: value for key, value in params.items() if key not in names}
    try:
        return network({**sizes, "x": scale}, **options, precision=precision)  # type: ignore[call-arg]
    except TypeError as error:
        name = network.architecture  # type: ignore[attr-defined]
        raise ValueError(f"{name} cannot be built from {dict(params)}: {error}") from error


def weights_urls(architecture: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """ISR 2's table of the weights of an architecture that are downloaded: name -> arch_params, options, url, name."""
    return {
        record.name: _entry(record, names)
        for record in WEIGHTS.values()
        if record.architecture == architecture and not record.shipped
    }


def _entry(record: Weights, names: Sequence[str]) -> dict[str, Any]:
    params = {**record.params, "x": record.scale}
    options: dict[str, Any] = {key: params[key] for key in ["upscaling", "c_dim", "kernel_size"] if key in params}
    return {"arch_params": {key: params[key] for key in names}, **options, "url": record.url, "name": record.file}


def network_of(weights: str, urls: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> tuple[Any, ...]:
    """The entry of that name as a tuple in the order of `keys`. WeightsError where there is none."""
    if weights not in urls:
        raise WeightsError(f"unknown weights {weights!r}: expected one of {', '.join(urls)}")
    return tuple(urls[weights][key] for key in keys)
