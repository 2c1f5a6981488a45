"""Which networks, one after another, bring a picture to a size, and what is reduced at the end: arithmetic alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ISR.errors import ConfigError, PictureError

# 24 times the largest picture that is read by default: beyond it, somebody's finger slipped.
MOST_PIXELS = 2**32


@dataclass(frozen=True)
class Chain:
    """The way from one size to another: enlarged by each of the factors in turn, then resized to the target.

    start, target: (width, height) in pixels. factors: scales of networks, in the order in which they run.
    """

    start: tuple[int, int]
    factors: tuple[int, ...]
    target: tuple[int, int]

    @property
    def reached(self) -> tuple[int, int]:
        """The (width, height) after the last network."""
        factor = math.prod(self.factors)
        return self.start[0] * factor, self.start[1] * factor

    @property
    def resized(self) -> bool:
        return self.reached != self.target

    def pixels(self) -> list[int]:
        """The output pixels of every network, and of the resize if there is one."""
        grown = itertools.accumulate(self.factors, lambda area, factor: area * factor**2, initial=math.prod(self.start))
        return [*list(grown)[1:], *([math.prod(self.target)] if self.resized or not self.factors else [])]

    def described(self, names: Sequence[str]) -> str:
        """The chain as one line; names: of its networks."""
        if not self.factors and not self.resized:
            return "no network: the picture has that size"
        way = ", ".join(names) if self.factors else "no network"
        ratio = max(wanted / had for wanted, had in zip(self.target, self.start, strict=True))
        shown = f"{ratio:.3g}" if ratio < 1 else f"{round(ratio, 2):g}"
        return f"{way}, reduced from {math.prod(self.factors)}x to {shown}x" if self.resized else way


def plan(
    start: tuple[int, int], target: tuple[int, int], scales: Sequence[int] | None, *, direct: bool = False
) -> Chain:
    """The shortest chain of networks that reaches the target, and of the shortest the one that exceeds it least.

    start, target: (width, height) of equal proportions. scales: of the networks there are; None for any whole one.
    direct: only a whole multiple is left to networks; the resize does all the rest. No network runs where the target is
    no larger than the start. PictureError where anything on the way is beyond MOST_PIXELS, ConfigError where no network
    enlarges.
    """
    _check_pixels(target)
    needed = max(-(-wanted // had) for wanted, had in zip(target, start, strict=True))
    whole = target == (start[0] * needed, start[1] * needed)
    chain = Chain(start, () if direct and not whole else shortest(needed, scales), target)
    _check_pixels(chain.reached)
    return chain


def shortest(needed: int, scales: Sequence[int] | None) -> tuple[int, ...]:
    """The fewest scales, ascending, whose product is at least `needed`, and of these the least product.

    The smallest comes first, because each network runs on the pixels of the one before it. () where 1 is enough.
    """
    if needed <= 1:
        return ()
    if scales is None:
        return (needed,)
    enlarging = sorted({scale for scale in scales if scale > 1})
    if not enlarging:
        raise ConfigError(f"expected a network that enlarges, got the scales {', '.join(map(str, scales)) or 'none'}")
    for length in itertools.count(1):
        chains = itertools.combinations_with_replacement(enlarging, length)
        if enough := [chain for chain in chains if math.prod(chain) >= needed]:
            return min(enough, key=math.prod)
    raise AssertionError  # count does not end


def _check_pixels(size: tuple[int, int]) -> None:
    if math.prod(size) > MOST_PIXELS:
        raise PictureError(
            f"expected at most {MOST_PIXELS} pixels on the way, got {size[0]}x{size[1]}: choose a smaller size"
        )
