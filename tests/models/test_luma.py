"""Networks that enlarge luma alone and take and give RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from verbs import randomised

from ISR import models
from ISR.errors import WeightsError
from ISR.images import resize

NETWORKS = [("srcnn", {"layout": "9-5-5"}), ("srcnn", {"padding": "valid"}), ("fsrcnn", {}), ("espcn", {})]
NETWORKS += [("vdsr", {"depth": 4, "width": 8})]
LR = np.random.default_rng(0).uniform(0, 1, (1, 20, 17, 3)).astype(np.float32)
# ITU-R BT.601-7, section 2.5.1: Y, and the differences B - Y and R - Y that are Cb's and Cr's but for a factor.
Y = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("name", "params"), NETWORKS)
def test_luma_is_the_network_s_and_colour_is_bicubic(name: str, params: dict[str, Any], scale: int) -> None:
    network = randomised(models.build(name, scale, {**params, "luma": True}))
    sr = network.run(LR)[0]
    bicubic = resize.enlarge(LR[0], scale, method="bicubic")
    edge = network.border
    bicubic = bicubic[edge : bicubic.shape[0] - edge, edge : bicubic.shape[1] - edge]
    assert sr.shape == bicubic.shape
    np.testing.assert_allclose(sr - sr @ Y[:, None], bicubic - bicubic @ Y[:, None], rtol=0, atol=2e-4)
    assert np.abs((sr - bicubic) @ Y).max() > 0.01, "random weights change the luma"


@pytest.mark.parametrize(("name", "params"), [each for each in NETWORKS if each[0] != "espcn"])
def test_its_luma_is_that_of_the_network_of_one_channel(name: str, params: dict[str, Any]) -> None:
    """Of the same weights."""
    network = randomised(models.build(name, 3, {**params, "luma": True}))
    alone = models.build(name, 3, {**params, "c_dim": 1})
    alone.model.set_weights(network.model.get_weights())
    sr = alone.run(LR @ Y[:, None])
    np.testing.assert_allclose(network.run(LR) @ Y[:, None], sr, rtol=0, atol=1e-3 * np.abs(sr).max())


def test_espcn_s_parameters_are_the_paper_s() -> None:
    """Section 3.3, l = 3, f = (5, 3, 3), n = (64, 32): 23 thousand weights at x3, in luma; biases on top."""
    weights = 25 * 64 + 9 * 64 * 32 + 9 * 32 * 9
    assert models.build("espcn", 3, {"luma": True}).model.count_params() == weights + 64 + 32 + 9


def test_its_weights_do_not_pass_for_those_of_rgb(tmp_path: Path) -> None:
    luma = models.build("espcn", 3, {"luma": True})
    luma.save(tmp_path / "net.weights.h5")
    with pytest.raises(WeightsError, match="luma"):
        models.build("espcn", 3, {}).load(tmp_path / "net.weights.h5")


@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "vdsr"])
def test_one_channel_has_no_luma_to_take(name: str) -> None:
    with pytest.raises(ValueError, match="c_dim of 3, got 1"):
        models.build(name, 3, {"c_dim": 1, "luma": True})
