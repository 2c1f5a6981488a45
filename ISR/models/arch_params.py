"""ISR 2's way of giving a network's sizes: one dict, `arch_params`, that holds the scale as `x`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Network = TypeVar("Network")


def check(arch_params: Mapping[str, int], names: Sequence[str]) -> None:
    """ValueError where `arch_params` does not hold these names and no others, each at least 1."""
    if sorted(arch_params) != sorted(names) or min(arch_params.values()) < 1:
        raise ValueError(f"arch_params must hold {', '.join(names)}, each at least 1, got {dict(arch_params)}")


def build(
    network: type[Network], names: Sequence[str], *, scale: int, params: Mapping[str, Any], precision: str
) -> Network:
    """The network of which `params` holds sizes and options side by side. ValueError where one is not known."""
    sizes = {key: value for key, value in params.items() if key in names}
    options = {key: value for key, value in params.items() if key not in names}
    try:
        return network({**sizes, "x": scale}, **options, precision=precision)  # type: ignore[call-arg]
    except TypeError as error:
        name = network.architecture  # type: ignore[attr-defined]
        raise ValueError(f"{name} cannot be built from {dict(params)}: {error}") from error
