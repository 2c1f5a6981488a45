"""RRDN against section 2.5 of the measured description of ISR 2.2."""

from __future__ import annotations

import numpy as np
import pytest

from ISR import models
from ISR.models.rrdn import RRDN

SMALL = {"C": 2, "D": 2, "G": 4, "G0": 4, "T": 2, "x": 2}
MEASURED = [
    ({"C": 4, "D": 3, "G": 32, "G0": 32, "T": 10, "x": 4}, 4_176_100),
    ({"C": 4, "D": 3, "G": 64, "G0": 64, "T": 10, "x": 2}, 16_644_128),
    ({"C": 4, "D": 3, "G": 32, "G0": 32, "T": 4, "x": 4}, 1_684_900),
]


@pytest.mark.parametrize(("arch_params", "count"), MEASURED)
def test_parameter_count(arch_params: dict[str, int], count: int) -> None:
    assert RRDN(arch_params).model.count_params() == count


def test_receptive_radius_of_the_original() -> None:
    assert RRDN({"C": 4, "D": 3, "G": 2, "G0": 2, "T": 10, "x": 4}).receptive_radius == 154


def test_layers_have_the_names_of_isr_2() -> None:
    named = [layer.name for layer in RRDN(SMALL).model.layers if not layer.name.startswith("MultiplyBeta")]
    block = [
        name
        for t in (1, 2)
        for d in (1, 2)
        for c in (1, 2)
        for name in (f"F_{t}_{d}_{c}", f"F_{t}_{d}_{c}_Relu", f"RDB_Concat_{t}_{d}_{c}")
    ]
    block += [name for t in (1, 2) for d in (1, 2) for name in (f"LFF_{t}_{d}", f"LRL_{t}_{d}")]
    ends = ["LR_input", "Pre_blocks_conv", "RRDB_1_out", "RRDB_2_out", "post_blocks_conv", "GRL", "PreShuffle"]
    assert sorted(named) == sorted([*block, *ends, "PixelShuffle", "SR"])


def test_attributes_are_those_of_isr_2() -> None:
    network = RRDN(SMALL, 16, 0.3, 1, 5, 0.01)
    sizes = {key: getattr(network, key) for key in ("C", "D", "G", "G0", "T")}
    assert {**sizes, "x": network.scale} == SMALL
    assert (network.patch_size, network.beta, network.c_dim, network.kernel_size) == (16, 0.3, 1, 5)
    assert network.name == "rrdn" and network.model.name == "generator"


def test_c_dim_holds_on_both_ends_and_patch_size_fixes_the_input() -> None:
    network = RRDN(SMALL, 16, c_dim=1)
    assert network.model.input_shape == (None, 16, 16, 1)
    assert network.model.output_shape == (None, 32, 32, 1)


def test_beta_nought_leaves_the_blocks_out() -> None:
    """Without residual scaling's share nothing of the blocks can come through."""
    network = RRDN(SMALL, beta=0.0)
    lr = np.random.default_rng(0).uniform(0, 1, (1, 5, 4, 3)).astype(np.float32)
    before = network.run(lr)
    for layer in network.model.layers:
        if layer.name.startswith(("F_", "LFF_")) and layer.weights:
            layer.kernel.assign(np.ones(layer.kernel.shape, np.float32))
    np.testing.assert_array_equal(network.run(lr), before)


def test_kernels_start_small_and_apart() -> None:
    network = RRDN(SMALL, init_val=0.01)
    kernels = [np.asarray(network.model.get_layer(name).kernel) for name in ("F_1_1_1", "F_2_1_1")]
    assert max(np.abs(kernel).max() for kernel in kernels) <= 0.01
    assert not np.allclose(*kernels)


@pytest.mark.parametrize(
    "arch_params", [{}, {**SMALL, "T": 0}, {**SMALL, "S": 1}, {"C": 1, "D": 1, "G": 1, "G0": 1, "x": 2}]
)
def test_refuses(arch_params: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="arch_params must hold C, D, G, G0, T, x"):
        RRDN(arch_params)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(ValueError, match=r"rrdn cannot be built .*upscaling"):
        models.build("rrdn", 2, {"C": 1, "D": 1, "G": 1, "G0": 1, "T": 1, "upscaling": "ups"})
