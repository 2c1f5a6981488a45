"""How large a tile may be: from what a model needs for each pixel of a window, and the memory there is."""

from __future__ import annotations

from typing import Any

# Cores smaller than this spend most of a network's time on context that is thrown away.
FASTEST = 256
# Below this the context of even a near-sighted network is most of the work.
SMALLEST = 32
# The peak of a run over the bytes of the layers that are alive at once: docs/benchmarks.md, Memory, has measured ones.
OVER_LAYERS = 3
# What the rest of the process and other programs may take meanwhile.
SHARE_OF_FREE = 0.5
_FLOAT = 4


def fastest(model: Any) -> int:
    """The side of a tile's core where memory is plenty, in low-resolution pixels."""
    return max(FASTEST, 2 * int(model.receptive_radius))


def smallest(model: Any) -> int:
    """The side below which a tile would need hardly less memory, and far more time: its context stays."""
    return max(SMALLEST, int(model.receptive_radius) // 2)


def automatic(model: Any, free: int | None, *, batch_size: int = 1) -> int:
    """The tile to run the model with where `free` bytes are free: the fastest, halved until a run fits or it is small.

    None, where the system does not say, and a model whose `on_accelerator` is true, which has memory of its own, leave
    the fastest. Nothing smaller than `smallest` is chosen, whether it fits or not.
    """
    tile, least = fastest(model), smallest(model)
    if free is None or getattr(model, "on_accelerator", False):
        return tile
    while tile // 2 >= least and bytes_for(model, tile) * batch_size > free * SHARE_OF_FREE:
        tile //= 2
    return tile


def bytes_for(model: Any, tile: int) -> int:
    """About how many bytes one run of a tile takes: `floats_per_pixel` times window times 4 bytes times `OVER_LAYERS`.

    A model that does not say how many floats it holds for a low-resolution pixel, an interpolation, is taken to hold
    its output twice.
    """
    window = (tile + 2 * int(model.receptive_radius)) ** 2
    held = getattr(model, "floats_per_pixel", None) or 2 * 3 * int(model.scale) ** 2
    return int(held) * window * _FLOAT * OVER_LAYERS
