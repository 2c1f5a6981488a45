"""In which steps zero-shot super-resolution reaches a scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ISR.config import ZeroShotConfig
from ISR.errors import ConfigError


def routes(settings: ZeroShotConfig, *, kernel: bool) -> tuple[tuple[float, ...], ...]:
    """The ways to the scale, whose pictures are averaged: each the equal factors of a network that enlarges in turn.

    `scale_steps` factors, or where it is 0 two ways: with factors of about 2, and of about the root of 2. Small factors
    keep edges sharper, large ones amplify less noise. kernel: whether one is given; a whole factor must apply it, so
    that the first way is the only one. ConfigError where the factor is not whole.
    """
    scale, count = settings.scale, settings.scale_steps
    if count:
        return (_factors(scale, [count], whole=kernel),)
    about_2, about_root_2 = (max(1, round(each * math.log2(scale))) for each in (1, 2))
    route = _factors(scale, range(about_2, 0, -1), whole=kernel)
    return (route,) if kernel or about_root_2 == about_2 else (route, _factors(scale, [about_root_2], whole=False))


def _factors(scale: float, counts: Sequence[int], *, whole: bool) -> tuple[float, ...]:
    """Equal factors whose product is the scale, in the first number of them that `whole` allows."""
    for count in counts:
        factor = scale ** (1.0 / count)
        if math.isclose(factor, round(factor), rel_tol=1e-9):
            return (float(round(factor)),) * count
        if not whole:
            return (factor,) * count
    wanted = "a kernel needs whole factors: a whole zero_shot.scale, and zero_shot.scale_steps that divide it evenly"
    raise ConfigError(f"{wanted}, got {scale} in {counts[-1]} step(s)")
