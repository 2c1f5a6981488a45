"""VDSR against its paper (Kim, Lee and Lee 2016)."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.images import resize
from ISR.models.vdsr import VDSR


def test_parameter_count_is_the_paper_s() -> None:
    """Section 3.1: 20 layers of 3x3 with 64 filters between one channel and one: 665 thousand in later tables."""
    weights = 9 * 64 + 18 * 9 * 64 * 64 + 9 * 64
    assert weights == 664_704
    assert VDSR(2, c_dim=1).model.count_params() == weights + 19 * 64 + 1


@pytest.mark.parametrize(("scale", "radius"), [(2, 12), (3, 8), (4, 7)])
def test_receptive_radius_of_the_paper_s_depth(scale: int, radius: int) -> None:
    """Section 3.1: 41 x 41 interpolated pixels, 20 on each side, and the reach of the interpolation (3, 4 and 6)."""
    assert VDSR(scale, width=4).receptive_radius == radius


def test_without_weights_it_is_bicubic() -> None:
    network = VDSR(3, depth=4, width=4)
    last = network.model.get_layer("conv_4")
    last.kernel.assign(np.zeros(last.kernel.shape, np.float32))
    lr = np.random.default_rng(0).uniform(0, 1, (1, 6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(network.run(lr)[0], resize.enlarge(lr[0], 3, method="bicubic"), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("scale", "options"), [(8, {}), (2, {"depth": 1}), (2, {"width": 0}), (2, {"c_dim": 0})])
def test_refuses(scale: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"vdsr|at least"):
        VDSR(scale, **options)
