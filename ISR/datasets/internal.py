"""Pairs to learn from that are made of one picture: a part of it or of a reduced version, and that part made worse.

Section 3.2 of Shocher et al. 2018: an HR father is the picture at a random scale, a larger one more often, flipped or
turned in one of eight ways; its LR son is the father reduced by the factor that the picture is to be enlarged by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ISR.datasets.patches import FLIPS_AND_TURNS, flip_and_turn
from ISR.images import degrade, kernels, resize
from ISR.images.kernels import Kernel

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reduction:
    """How a son is made of a father: by which factor, with bicubic or a kernel, and how much noise is added to it.

    kernel: for a whole factor only. noise: standard deviation, samples in [0, 1].
    """

    factor: float
    kernel: Kernel | None = None
    noise: float = 0.0

    def reduced(self, values: Floats, size: tuple[int, int]) -> Floats:
        """The values (height, width, c) at `size`, which is theirs over the factor; without noise."""
        if self.kernel is not None:
            return kernels.reduce(values, self.kernel, round(self.factor))
        return resize.resize(values, size)

    def interpolated_son(self, father: Floats, *, rng: np.random.Generator | None = None) -> Floats:
        """The father's son, interpolated to the father's size: what the network makes the father of."""
        size = (max(1, round(father.shape[0] / self.factor)), max(1, round(father.shape[1] / self.factor)))
        son = self.reduced(father, size)
        if rng is not None and self.noise:
            son = degrade.gaussian_noise(son, self.noise, rng=rng)
        return resize.resize(son, father.shape[:2])


@dataclass(frozen=True)
class InternalPairs:
    """Batches of pairs from the pictures `sources`, (height, width, c) float32 each: pure functions of seed and step.

    crop: side of a father in pixels, at most the shorter side of every source. batch_size: pairs in a step. scales: how
    many sizes a source is reduced to, itself included, in equal ratios down to `smallest`, as far as a crop fits; each
    is drawn as often as its side is long.
    """

    sources: tuple[Floats, ...]
    reduction: Reduction
    crop: int
    batch_size: int = 1
    scales: int = 6
    smallest: float = 0.5
    seed: int | tuple[int, ...] = 0

    @cached_property
    def _windows(self) -> list[tuple[int, int]]:
        """(source, side of the window that is reduced to a crop): all fathers."""
        ratios = self.smallest ** (np.arange(self.scales) / max(1, self.scales - 1))
        sides = [(i, round(self.crop / ratio)) for i in range(len(self.sources)) for ratio in ratios]
        return [(i, side) for i, side in sides if side <= min(self.sources[i].shape[:2])]

    @cached_property
    def _chances(self) -> npt.NDArray[np.float64]:
        """As the fathers' sides: that of the source over that of the window, which is one crop."""
        sizes = np.array([np.sqrt(np.prod(self.sources[i].shape[:2])) / side for i, side in self._windows])
        return np.asarray(sizes / sizes.sum())

    def father(self, rng: np.random.Generator) -> Floats:
        """A random crop of a random father: (crop, crop, c)."""
        source, side = self._windows[int(rng.choice(len(self._windows), p=self._chances))]
        height, width = self.sources[source].shape[:2]
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        window = self.sources[source][top : top + side, left : left + side]
        father = window if side == self.crop else resize.resize(window, (self.crop, self.crop))
        return np.ascontiguousarray(flip_and_turn(father, int(rng.integers(FLIPS_AND_TURNS))))

    def batch(self, step: int) -> tuple[Floats, Floats]:
        """The pairs of that step: interpolated sons and fathers, (batch_size, crop, crop, c) float32 each."""
        rng = np.random.default_rng([*np.atleast_1d(self.seed), step])
        fathers = [self.father(rng) for _ in range(self.batch_size)]
        return np.stack([self.reduction.interpolated_son(father, rng=rng) for father in fathers]), np.stack(fathers)
