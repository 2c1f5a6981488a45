"""FSRCNN against its paper (Dong, Loy and Tang 2016)."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.models.fsrcnn import FSRCNN


# Table 1 and section 3.3 of the paper: weights at one channel. On top come biases and the slopes of PReLU.
@pytest.mark.parametrize(("d", "s", "m", "weights"), [(56, 12, 4, 12_464), (32, 5, 1, 3_937)])
def test_parameter_count_is_the_paper_s(d: int, s: int, m: int, weights: int) -> None:
    assert weights == 25 * d + 2 * s * d + 9 * m * s**2 + 81 * d
    network = FSRCNN(3, d=d, s=s, m=m, c_dim=1)
    assert network.model.count_params() == weights + 2 * (2 * d + (m + 1) * s) + 1


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_deconvolution_is_centred(scale: int) -> None:
    """A flat deconvolution answers an impulse with 9 equal pixels around its block, half a pixel off at most."""
    network = FSRCNN(scale, d=1, s=1, m=1, c_dim=1)
    for variable in network.model.variables:
        variable.assign(np.zeros(variable.shape, np.float32))
    for name in ("extract", "shrink", "expand"):
        kernel = np.zeros(network.model.get_layer(name).kernel.shape, np.float32)
        kernel[kernel.shape[0] // 2, kernel.shape[0] // 2] = 1.0
        network.model.get_layer(name).kernel.assign(kernel)
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[1, 1] = 1.0
    network.model.get_layer("map_1").kernel.assign(kernel)
    network.model.get_layer("deconv").kernel.assign(np.ones((9, 9, 1, 1), np.float32))
    lr = np.zeros((1, 15, 15, 1), np.float32)
    lr[0, 7, 7] = 1.0
    rows = np.nonzero(network.run(lr)[0, :, 7 * scale, 0])[0]
    assert len(rows) == 9
    assert abs(rows.mean() - (7 * scale + (scale - 1) / 2)) <= 0.5


@pytest.mark.parametrize(("scale", "options"), [(8, {}), (5, {}), (2, {"m": 0}), (2, {"d": 0}), (2, {"c_dim": 0})])
def test_refuses(scale: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"fsrcnn|at least 1"):
        FSRCNN(scale, **options)
