"""ZSSR against its paper (Shocher, Cohen and Irani 2018)."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.images import resize
from ISR.models.zssr import ZSSR


def test_parameter_count_is_eight_hidden_layers_of_64() -> None:
    """Section 3.2: "8 hidden layers, each has 64 channels"; 3x3 kernels, RGB in and out, a bias each."""
    weights = 9 * 3 * 64 + 7 * 9 * 64 * 64 + 9 * 64 * 3
    assert ZSSR(2).model.count_params() == weights + 8 * 64 + 3 == 262_019


@pytest.mark.parametrize(
    ("scale", "kernel_size", "radius"),
    [(1, 3, 9), (1, 5, 18), (2, 3, 6), (4, 3, 4)],
)
def test_receptive_radius(scale: int, kernel_size: int, radius: int) -> None:
    """Nine convolutions of radius 1 or 2, plus what bicubic reaches (3 * scale / 2), in pixels of the input."""
    assert ZSSR(scale, width=2, kernel_size=kernel_size).receptive_radius == radius


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_untrained_it_is_bicubic(scale: int) -> None:
    lr = np.random.default_rng(0).uniform(0, 1, (1, 6, 5, 3)).astype(np.float32)
    expected = resize.enlarge(lr[0], scale, method="bicubic")
    np.testing.assert_allclose(ZSSR(scale, width=4, depth=2).run(lr)[0], expected, rtol=0, atol=1e-6)


def test_first_weights_are_a_function_of_the_seed() -> None:
    weights = []
    for seed in (3, 3, 4):
        network = ZSSR(1, width=8, depth=3)
        network.initialise(seed)
        weights.append(network.model.get_weights())
    for first, again, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, again)
        assert first.ndim == 1 or first.shape[-1] == 3 or not np.allclose(first, other)
    # He et al. 2015, equation 10: the variance is 2 over the fan-in. 576 draws: within 20 %.
    assert weights[0][2].shape == (3, 3, 8, 8)
    assert weights[0][2].var() == pytest.approx(2 / 72, rel=0.2)
    assert not weights[0][-2].any()


@pytest.mark.parametrize(
    ("scale", "options"),
    [(0, {}), (9, {}), (2, {"width": 0}), (2, {"depth": 0}), (2, {"c_dim": 0}), (2, {"kernel_size": 4})],
)
def test_refuses(scale: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="zssr"):
        ZSSR(scale, **options)
