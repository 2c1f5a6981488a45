"""ESPCN against its paper (Shi et al. 2016)."""

from __future__ import annotations

import numpy as np
import pytest
from verbs import randomised

from ISR.models.espcn import ESPCN


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_parameter_count_is_the_paper_s(scale: int) -> None:
    """Section 3.3: (f1, n1) = (5, 64), (f2, n2) = (3, 32), f3 = 3; here from RGB to RGB."""
    last = 3 * scale**2
    assert ESPCN(scale).model.count_params() == 25 * 3 * 64 + 64 + 9 * 64 * 32 + 32 + 9 * 32 * last + last


def test_every_convolution_works_at_low_resolution() -> None:
    sides = [layer.output.shape[-1] for layer in ESPCN(3).model.layers]
    assert sides[-1] == 3 and 27 in sides, "sub-pixels of three channels at x3, before they are spread"


def test_a_step_of_one_lr_pixel_is_a_step_of_scale_sr_pixels() -> None:
    network = randomised(ESPCN(3))
    lr = np.random.default_rng(0).uniform(0, 1, (1, 15, 12, 3)).astype(np.float32)
    radius = network.receptive_radius
    here, moved = network.run(lr)[0], network.run(lr[:, 1:])[0]
    inside = slice(3 * radius, -3 * radius)
    np.testing.assert_allclose(here[3:][inside], moved[inside], rtol=0, atol=1e-5)
