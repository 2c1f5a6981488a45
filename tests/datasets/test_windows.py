"""Windows on a grid, and SRCNN's from its paper."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import drawn

from ISR.datasets.windows import PRESETS, Windows, cut
from ISR.images import resize


def places(windows: Windows, height: int, width: int) -> list[tuple[int, int]]:
    found = [place for row in windows.rows(height, width) for place in row]
    assert len(found) == windows.count(height, width)
    return found


def test_windows_lie_on_the_grid_and_in_the_picture() -> None:
    windows = Windows(scale=2, patch_size=3, stride=5)
    assert (windows.side, windows.label_size) == (6, 6)
    assert places(windows, 11, 17) == [(0, 0), (0, 5), (0, 10), (5, 0), (5, 5), (5, 10)]
    assert places(windows, 6, 6) == [(0, 0)]
    assert places(windows, 5, 90) == places(windows, 90, 5) == []


def test_srcnn_s_preset_is_the_paper_s() -> None:
    """Section 4.1 of Dong et al. 2016: 33 pixels, 21 of them the goal, stride 14; a 255x255 picture gives 16 x 16."""
    windows = PRESETS["srcnn"]
    assert (windows.side, windows.label_size, windows.stride, windows.scale) == (33, 21, 14, 3)
    assert len(places(windows, 255, 255)) == 16 * 16


def test_a_cut_is_the_window_s_reduction_and_its_middle() -> None:
    """At row 14 and column 28, where no LR pixel of the whole picture begins: reduced from a grid that does."""
    hr = drawn(99, 99)
    patch = cut(hr, (14, 28), PRESETS["srcnn"], degradation="bicubic", rng=np.random.default_rng(0))
    np.testing.assert_array_equal(patch.hr, hr[20:41, 34:55])
    shifted = resize.reduce(resize.crop_to_multiple(hr[2:, 1:], 3).astype(np.uint8), 3)
    np.testing.assert_array_equal(patch.lr, shifted[4:15, 9:20])


@pytest.mark.parametrize("numbers", [(0, 8, 8, 0), (2, 0, 8, 0), (2, 8, 0, 0), (2, 8, 8, -1), (2, 8, 8, 8)])
def test_refuses_windows_that_cannot_be(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Windows(*numbers)
