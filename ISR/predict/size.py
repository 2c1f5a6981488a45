"""How large a picture becomes: a factor, a width, a height, or a box that it fits into; its proportions stay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ISR.errors import ConfigError, PictureError

MOST_SCALE = 65_536  # one pixel becomes as many as ISR.predict.chain allows


@dataclass(frozen=True)
class Size:
    """One of: scale, how many times larger; width or height in pixels; fit, a box (width, height) in pixels.

    width and height together are taken where they agree with a picture's proportions. Less than the picture has makes
    it smaller. ConfigError where nothing is said, or things that contradict each other, or a number out of range.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    fit: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        sides = self.width is not None or self.height is not None
        if [self.scale is not None, sides, self.fit is not None].count(True) != 1:
            got = ", ".join(f"{name}={value}" for name, value in vars(self).items() if value is not None) or "none"
            raise ConfigError(f"expected one of scale, width or height, and fit, got {got}")
        if self.scale is not None and not 0 < self.scale <= MOST_SCALE:
            raise ConfigError(f"scale must be a number above 0 and at most {MOST_SCALE}, got {self.scale}")
        if min((self.width or 1, self.height or 1, *(self.fit or ()))) < 1 or 0 in (self.width, self.height):
            raise ConfigError(f"a picture is at least 1 pixel wide and high, got {self.label}")

    @property
    def label(self) -> str:
        """What a file of that size is called after: x1.5, w1920, h1080 or 1920x1080."""
        if self.scale is not None:
            return f"x{int(self.scale) if self.scale == int(self.scale) else self.scale}"
        if self.width is not None and self.height is not None:
            return f"{self.width}x{self.height}"
        if self.fit is not None:
            return f"{self.fit[0]}x{self.fit[1]}"
        return f"h{self.height}" if self.width is None else f"w{self.width}"

    def of(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture of `width` x `height` becomes.

        Rounded to the nearest pixel, halves up, and at least 1. PictureError where both sides are given and the picture
        would have to be stretched.
        """
        if self.scale is not None:
            factor = Fraction(str(self.scale))  # as it was written: 100 * 1.005 is 100.5, and not a little less
            return _nearest(width * factor), _nearest(height * factor)
        if self.fit is not None:
            ways = [_by_width(width, height, self.fit[0]), _by_height(width, height, self.fit[1])]
            return ways[0] if self.fit[0] * height <= self.fit[1] * width else ways[1]
        ways = [] if self.width is None else [_by_width(width, height, self.width)]
        ways += [] if self.height is None else [_by_height(width, height, self.height)]
        if len(ways) == 2 and (self.width, self.height) not in ways:
            box = f"{self.width}x{self.height}"
            raise PictureError(
                f"a {width}x{height} picture would be stretched to {box}: --fit {box} keeps its proportions"
            )
        return next((way for way in ways if way == (self.width, self.height)), ways[0])


def _by_width(width: int, height: int, wanted: int) -> tuple[int, int]:
    return wanted, _nearest(Fraction(height * wanted, width))


def _by_height(width: int, height: int, wanted: int) -> tuple[int, int]:
    return _nearest(Fraction(width * wanted, height)), wanted


def _nearest(value: Fraction) -> int:
    return max(1, math.floor(value + Fraction(1, 2)))
