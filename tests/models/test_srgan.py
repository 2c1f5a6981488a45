"""SRGAN's generator against figure 4 of its paper (Ledig et al. 2017)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from verbs import randomised

from ISR import models
from ISR.models.srgan import SRGAN, SRResNet

# 9x9 and its PReLU; 16 blocks of two 3x3, two batch norms and a PReLU; a 3x3 and its batch norm; the last 9x9.
TRUNK = 81 * 3 * 64 + 64 + 64 + 16 * (2 * (9 * 64 * 64 + 64) + 2 * 4 * 64 + 64) + 9 * 64 * 64 + 64 + 4 * 64
LAST = 81 * 64 * 3 + 3


def stage(factor: int) -> int:
    """A 3x3 convolution to factor^2 times 64 channels, and a PReLU on 64."""
    return 9 * 64 * 64 * factor**2 + 64 * factor**2 + 64


@pytest.mark.parametrize(("scale", "stages"), [(2, [2]), (3, [3]), (4, [2, 2]), (8, [2, 2, 2])])
def test_parameter_count(scale: int, stages: list[int]) -> None:
    assert SRGAN(scale).model.count_params() == TRUNK + sum(map(stage, stages)) + LAST


def test_the_paper_s_network_has_one_and_a_half_million_parameters() -> None:
    assert SRGAN().model.count_params() == 1_554_883
    # 33 batch norms keep a mean and a variance of 64 channels that are not trained.
    assert sum(np.prod(v.shape) for v in SRGAN().model.trainable_variables) == 1_554_883 - 33 * 128


def test_receptive_radius_of_the_paper_s_network() -> None:
    # 4 + 32 + 1 at the input's size, one more at each stage: ((37 + 1) * 2 + 1) * 2 + 4 = 158 HR pixels.
    assert SRGAN(4, width=2).receptive_radius == 40


def test_srresnet_is_the_same_network_and_takes_its_weights(tmp_path: Path) -> None:
    assert models.SRResNet is SRResNet is SRGAN
    first, second = (models.build(name, 2, {"blocks": 1, "width": 4}) for name in ("srresnet", "srgan"))
    randomised(first).save(tmp_path / "net.weights.h5")
    second.load(tmp_path / "net.weights.h5")
    lr = np.random.default_rng(0).uniform(0, 1, (1, 6, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(first.run(lr), second.run(lr))


def test_slopes_start_at_a_quarter() -> None:
    slope = np.asarray(SRGAN(2, blocks=1, width=4).model.get_layer("block_1_act").alpha)
    np.testing.assert_array_equal(slope, np.full((1, 1, 4), 0.25, np.float32))


@pytest.mark.parametrize(
    ("scale", "options"), [(5, {}), (6, {}), (2, {"blocks": 0}), (2, {"width": 0}), (2, {"c_dim": 0})]
)
def test_refuses(scale: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"srgan|at least 1"):
        SRGAN(scale, **options)
