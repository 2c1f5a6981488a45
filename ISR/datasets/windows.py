"""The windows of a picture that a patch store holds, and the pair of patches in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ISR.datasets.patches import Pair, Samples, degraded


@dataclass(frozen=True)
class Windows:
    """Squares on a grid. patch_size: side in LR pixels. stride: HR pixels from one to the next. border: HR pixels that
    are missing on each side of the HR patch, for networks that pad nothing. ValueError for what cannot be.
    """

    scale: int
    patch_size: int
    stride: int
    border: int = 0

    def __post_init__(self) -> None:
        if min(self.scale, self.patch_size, self.stride) < 1 or self.border < 0 or self.label_size < 1:
            raise ValueError(f"expected scale, patch_size and stride of at least 1 and a patch left, got {self}")

    @property
    def side(self) -> int:
        """HR pixels that the LR patch covers."""
        return self.patch_size * self.scale

    @property
    def label_size(self) -> int:
        """The side of the HR patch."""
        return self.side - 2 * self.border

    def as_attributes(self) -> dict[str, int]:
        """The numbers by name."""
        return {**asdict(self), "label_size": self.label_size}

    def rows(self, hr: Samples) -> Iterator[list[tuple[int, int]]]:
        """The (top, left) of all windows that lie in the picture, row by row; none where it is too small."""
        lefts = range(0, hr.shape[1] - self.side + 1, self.stride)
        if lefts:
            for top in range(0, hr.shape[0] - self.side + 1, self.stride):
                yield [(top, left) for left in lefts]


# SRCNN (Dong, Loy, He and Tang 2016), section 4.1: sub-images of 33x33 pixels at a stride of 14, of which a network
# without padding makes 21x21. ISR's SRCNN enlarges within, so that its input is the 11x11 pixels that 33x33 come from.
PRESETS = {"srcnn": Windows(scale=3, patch_size=11, stride=14, border=6)}


def cut(hr: Samples, place: tuple[int, int], windows: Windows, *, degradation: str, rng: np.random.Generator) -> Pair:
    """The LR patch that the degradation makes of the window at (top, left), and the HR patch without its border."""
    patch = degraded(hr, *place, windows.patch_size, scale=windows.scale, degradation=degradation, rng=rng)
    kept = slice(windows.border, windows.border + windows.label_size)
    return Pair(patch.lr, patch.hr[kept, kept])
