"""A tiny network of ISR 2's kind, and one that tells what it was given, for the tests of what ISR 2's users call."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from verbs import randomised

from ISR.models import RDN

Array = npt.NDArray[Any]
TINY = {"C": 1, "D": 1, "G": 4, "G0": 4, "x": 2}  # sees 9 pixels far
NAME = "rdn-C1-D1-G4-G04-x2"


def floats(*shape: int) -> Array:
    return np.random.default_rng(0).random(shape, np.float32)


def whole(network: RDN, picture: Array) -> Array:
    return network.run(picture[None])[0]


def rdn(patch_size: int | None = None) -> RDN:
    """Untrained, but its output lies inside [0, 1], where clipping hides nothing."""
    network = RDN(TINY, patch_size)
    randomised(network)
    last = network.model.get_layer("SR")
    last.bias.assign(np.zeros(3, np.float32))
    most = np.float32(np.abs(network.run(floats(1, 32, 32, 3))).max())
    last.kernel.assign(np.asarray(last.kernel) * np.float32(0.4) / most)
    last.bias.assign(np.full(3, 0.5, np.float32))
    return network


class Counted(RDN):
    """Gives each pixel twice, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(TINY)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Array) -> Array:
        self.shapes.append(batch.shape)
        return batch.repeat(2, axis=1).repeat(2, axis=2)
