"""EdgeConv2D: the branches of ECBSR, summed into one kernel."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from verbs import randomised

from ISR.errors import WeightsError
from ISR.models.compact import Compact
from ISR.models.convert import convert_file
from ISR.models.edge_conv import EDGES, EdgeConv2D
from ISR.models.pretrained import load_model
from ISR.models.srcnn import SRCNN

RNG = np.random.default_rng(5)
INPUT = RNG.uniform(-1, 1, (1, 8, 9, 4)).astype(np.float32)


def built(filters: int) -> EdgeConv2D:
    layer = EdgeConv2D(filters)
    layer.build(INPUT.shape)
    layer.set_weights([RNG.normal(size=weight.shape).astype(np.float32) for weight in layer.get_weights()])
    return layer


def convolved(inputs: object, kernel: np.ndarray) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.conv(inputs, np.float32(kernel), padding="same")))


@pytest.mark.parametrize("filters", [4, 6])
def test_it_is_the_paper_s_sum_of_branches_applied_to_the_features(filters: int) -> None:
    """Zhang, Zeng and Zhang 2021, equations 2 to 7, each branch by convolutions of its own, without inner biases."""
    layer = built(filters)
    kernel, expand, squeeze, edges, scales, bias = layer.get_weights()
    wanted = convolved(INPUT, kernel) + bias
    wanted += convolved(convolved(INPUT, expand[None, None]), squeeze)
    for one_by_one, scale, edge in zip(edges, scales[:, 0], EDGES, strict=True):
        mixed = ops.convert_to_tensor(convolved(INPUT, one_by_one[None, None]))
        depthwise = ops.depthwise_conv(mixed, np.tile(edge[:, :, None, None], (1, 1, filters, 1)), padding="same")
        wanted += scale * np.asarray(ops.convert_to_numpy(depthwise))
    wanted += INPUT if filters == 4 else 0.0
    np.testing.assert_allclose(ops.convert_to_numpy(layer(INPUT)), wanted, rtol=0, atol=1e-4)
    assert [array.shape for array in layer.collapsed()] == [(3, 3, 4, filters), (filters,)]
    np.testing.assert_allclose(convolved(INPUT, layer.collapsed()[0]) + bias, wanted, rtol=0, atol=1e-4)


def test_it_becomes_any_convolution() -> None:
    layer, kernel, bias = built(4), RNG.normal(size=(3, 3, 4, 4)), RNG.normal(size=4)
    layer.become(np.float32(kernel), np.float32(bias))
    np.testing.assert_allclose(layer.collapsed()[0], kernel, rtol=0, atol=1e-5)
    np.testing.assert_allclose(layer.collapsed()[1], bias, rtol=0, atol=1e-6)


def test_it_survives_keras_own_file(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None, None, 4)), EdgeConv2D(5, name="conv")])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict_on_batch(INPUT), again.predict_on_batch(INPUT))


LR = RNG.uniform(0, 1, (1, 11, 12, 3)).astype(np.float32)


def test_a_chain_with_branches_collapses_into_the_plain_one_and_begins_from_it(tmp_path: Path) -> None:
    trained = randomised(Compact(2, width=6, depth=3, branches=True))
    plain = trained.collapsed()
    assert plain.params == {"width": 6, "depth": 3}
    np.testing.assert_allclose(plain.run(LR), trained.run(LR), rtol=0, atol=1e-4)
    trained.save(tmp_path / "branches.weights.h5")
    convert_file(tmp_path / "branches.weights.h5", tmp_path / "plain.weights.h5")
    np.testing.assert_array_equal(load_model(str(tmp_path / "plain.weights.h5")).run(LR), plain.run(LR))
    again = Compact(2, width=6, depth=3, branches=True)
    again.begin_from(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(again.run(LR), plain.run(LR), rtol=0, atol=1e-4)
    with pytest.raises(WeightsError, match="needs no conversion"):
        convert_file(tmp_path / "plain.weights.h5", tmp_path / "more.weights.h5")
    with pytest.raises(WeightsError, match="is the file to convert"):
        convert_file(tmp_path / "branches.weights.h5", tmp_path / "branches.weights.h5")


def test_a_deeper_chain_begins_with_identities_in_the_middle_and_another_scale_with_its_own_end(tmp_path: Path) -> None:
    """Where all features are positive, LeakyReLU passes them, and so do the identities that are put in."""
    first = Compact(2, width=4, depth=2)
    for layer in first.model.layers:
        layer.set_weights([np.abs(array) for array in layer.get_weights()])
    first.save(tmp_path / "first.weights.h5")
    deeper = Compact(2, width=4, depth=5)
    deeper.begin_from(tmp_path / "first.weights.h5")
    np.testing.assert_allclose(deeper.run(LR), first.run(LR), rtol=0, atol=1e-5)
    tripled = Compact(3, width=4, depth=2)
    end = tripled.model.get_layer("sub_pixels").get_weights()
    tripled.begin_from(tmp_path / "first.weights.h5")
    np.testing.assert_array_equal(tripled.model.get_layer("sub_pixels").get_weights()[0], end[0])
    for name in ("conv_1", "conv_2"):
        for ours, theirs in zip(*(m.model.get_layer(name).get_weights() for m in (tripled, first)), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("branches", [False, True])
def test_a_wider_chain_begins_as_the_narrow_one(branches: bool, tmp_path: Path) -> None:
    narrow = randomised(Compact(2, width=4, depth=2))
    narrow.save(tmp_path / "narrow.weights.h5")
    wide = Compact(2, width=7, depth=2, branches=branches)
    fresh = wide.collapsed() if branches else Compact(2, width=7, depth=2)
    wide.begin_from(tmp_path / "narrow.weights.h5")
    np.testing.assert_allclose(wide.run(LR), narrow.run(LR), rtol=0, atol=1e-5)
    kernel = (wide.collapsed() if branches else wide).model.get_layer("conv_2").get_weights()[0]
    assert np.all(np.abs(kernel[:, :, :4, :4]) > 0.0) and np.abs(kernel[:, :, 4:, :4]).max() < 1e-6
    others = fresh.model.get_layer("conv_2").get_weights()[0][..., 4:]
    assert np.abs(kernel[..., 4:]).max() > 0.0 and (not branches or np.allclose(kernel[..., 4:], others, atol=1e-6))


@pytest.mark.parametrize(("scale", "width", "branches"), [(2, 8, False), (3, 9, False), (2, 8, True)])
def test_a_chain_of_twice_the_width_begins_as_the_mean_over_a_half_turn(
    scale: int, width: int, branches: bool, tmp_path: Path
) -> None:
    narrow = randomised(Compact(scale, width=4, depth=3))
    narrow.save(tmp_path / "narrow.weights.h5")
    wide = Compact(scale, width=width, depth=3, branches=branches)
    wide.begin_from(tmp_path / "narrow.weights.h5")
    turned = narrow.run(np.ascontiguousarray(LR[:, ::-1, ::-1]))[:, ::-1, ::-1]
    np.testing.assert_allclose(wide.run(LR), (narrow.run(LR) + turned) / 2, rtol=0, atol=1e-4)
    assert np.abs(turned - narrow.run(LR)).max() > 0.01


def test_a_chain_begins_from_no_other_network(tmp_path: Path) -> None:
    Compact(2, width=4, depth=3).save(tmp_path / "deep.weights.h5")
    SRCNN(2).save(tmp_path / "other.weights.h5")
    with pytest.raises(WeightsError, match="4 wide and 3 deep, but the network is 4 wide and 2 deep"):
        Compact(2, width=4, depth=2).begin_from(tmp_path / "deep.weights.h5")
    with pytest.raises(WeightsError, match="neither wider nor deeper"):
        Compact(2, width=3, depth=3).begin_from(tmp_path / "deep.weights.h5")
    with pytest.raises(WeightsError, match="architecture srcnn, not compact"):
        Compact(2, width=4, depth=3).begin_from(tmp_path / "other.weights.h5")
