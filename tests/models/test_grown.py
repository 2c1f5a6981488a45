"""Networks that begin from smaller ones: they compute the same, and what they have more is there to be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ISR import models
from ISR.errors import WeightsError
from ISR.models.grown import embedded, side_by_side

LR = np.random.default_rng(0).uniform(0, 1, (1, 13, 12, 3)).astype(np.float32)
RDN = {"C": 2, "D": 3, "G": 3, "G0": 5}
RRDN = {"C": 2, "D": 2, "G": 3, "G0": 5, "T": 2}


def built(name: str, params: dict[str, Any], scale: int = 2) -> models.ImageModel:
    """With biases that are not 0, as the untrained ones are."""
    network = models.build(name, scale, params)
    rng = np.random.default_rng(len(network.model.weights))
    for layer in network.model.layers:
        layer.set_weights([w + rng.uniform(0.0, 0.1, w.shape) * (w.ndim == 1) for w in layer.get_weights()])
    return network


def test_the_channels_of_a_small_convolution_within_a_larger_one() -> None:
    assert side_by_side(2, 3, apart=4, after=10) == [10, 11, 12, 14, 15, 16]
    small, own = (
        [np.full(shape, value), np.full(shape[-1:], value)]
        for shape, value in [((1, 1, 2, 1), 2.0), ((1, 1, 4, 2), 7.0)]
    )
    kernel, bias = embedded(small, own, [1, 3])
    np.testing.assert_array_equal(kernel[0, 0], [[0, 7], [2, 7], [0, 7], [2, 7]])
    np.testing.assert_array_equal(bias, [2, 7])
    np.testing.assert_array_equal(embedded(small, own)[0][0, 0], [[2, 7], [2, 7], [0, 7], [0, 7]])


@pytest.mark.parametrize(
    ("name", "params", "larger"),
    [
        *(("rdn", RDN, {key: value + 2}) for key, value in RDN.items()),
        ("rdn", RDN | {"D": 1}, RDN),
        ("rdn", RDN | {"upscaling": "shuffle"}, {"C": 3, "D": 4, "G": 4, "G0": 7}),
        *(("rrdn", RRDN, {key: value + 2}) for key, value in RRDN.items()),
        ("rrdn", RRDN | {"beta": 0.5}, {"C": 3, "D": 3, "G": 4, "G0": 7, "T": 4}),
    ],
)
def test_a_larger_network_begins_as_the_smaller_one(
    name: str, params: dict[str, Any], larger: dict[str, Any], tmp_path: Path
) -> None:
    small, large = built(name, params), built(name, params | larger)
    small.save(tmp_path / "small.weights.h5")
    before = {weight.path: weight.numpy() for weight in large.model.weights}
    large.begin_from(tmp_path / "small.weights.h5")
    np.testing.assert_allclose(large.run(LR), small.run(LR), rtol=0, atol=1e-5)
    # What is new begins with its own first weights: a kernel that is all new keeps them.
    assert any(
        np.any((weight.numpy() == before[weight.path]) & (weight.numpy() != 0.0)) for weight in large.model.weights
    )


@pytest.mark.parametrize(("name", "params", "ends"), [("rdn", RDN, ["UPN3", "SR"]), ("rrdn", RRDN, ["PreShuffle"])])
def test_of_another_scale_all_but_the_ends_is_taken(
    name: str, params: dict[str, Any], ends: list[str], tmp_path: Path
) -> None:
    small, large, doubled = built(name, params, 3), built(name, params | {"G0": 6}), built(name, params | {"G0": 6}, 3)
    small.save(tmp_path / "small.weights.h5")
    own = [large.model.get_layer(end).get_weights()[0] for end in ends]
    for network in (large, doubled):
        network.begin_from(tmp_path / "small.weights.h5")
    for end, kernel in zip(ends, own, strict=True):
        np.testing.assert_array_equal(large.model.get_layer(end).get_weights()[0], kernel)
    np.testing.assert_allclose(doubled.run(LR), small.run(LR), rtol=0, atol=1e-5)
    for layer, same in zip(large.model.layers, doubled.model.layers, strict=True):
        if layer.name not in ends and layer.get_weights():
            seen = slice(0, 5) if layer.get_weights()[0].shape[-1] == 6 else slice(None)
            ours, theirs = (each.get_weights()[0][..., seen] for each in (layer, same))
            np.testing.assert_array_equal(ours != 0.0, theirs != 0.0)


@pytest.mark.parametrize(
    ("name", "params", "other"),
    [
        ("rdn", RDN, RDN | {"G": 4}),
        ("rdn", RDN, RDN | {"C": 1, "D": 4}),
        ("rdn", RDN, RDN | {"upscaling": "shuffle"}),
        ("rrdn", RRDN, RRDN | {"T": 3}),
        ("rrdn", RRDN, RRDN | {"beta": 0.1, "T": 1}),
    ],
)
def test_no_network_begins_from_a_larger_one_or_one_of_other_options(
    name: str, params: dict[str, Any], other: dict[str, Any], tmp_path: Path
) -> None:
    models.build(name, 2, other).save(tmp_path / "other.weights.h5")
    network = models.build(name, 2, params)
    before = network.model.get_weights()
    with pytest.raises(WeightsError, match="it can begin from one that has no larger"):
        network.begin_from(tmp_path / "other.weights.h5")
    for ours, theirs in zip(network.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    models.build("espcn", 2, {}).save(tmp_path / "espcn.weights.h5")
    with pytest.raises(WeightsError, match="another network: architecture is espcn"):
        network.begin_from(tmp_path / "espcn.weights.h5")
