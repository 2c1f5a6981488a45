"""RRDN as programs for ISR 2.2 know it: sections 1.2 and 2.2 of its measured description; see models/test_rrdn.py."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from verbs import randomised

from ISR.errors import WeightsError
from ISR.models import RRDN, layers
from ISR.models.records import WEIGHTS
from ISR.models.rrdn import WEIGHTS_URLS, MultiplyBeta, PixelShuffle, get_network, make_model

SIZES = {"C": 2, "D": 2, "G": 4, "G0": 6, "T": 2, "x": 4}


def convolutions(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """name -> (kernel side, channels in, channels out)"""
    found = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    return {layer.name: tuple(layer.kernel.shape[1:]) for layer in found}


def test_the_arguments_stand_where_they_stood() -> None:
    network = RRDN(SIZES, 16, 0.3, 1, 5, 0.2, "")
    assert (network.patch_size, network.beta, network.c_dim, network.kernel_size) == (16, 0.3, 1, 5)
    assert network.init_val == 0.2 and 0.15 < np.abs(np.asarray(network.initializer((1000,)))).max() <= 0.2


def test_sizes_are_kept_as_they_came() -> None:
    network = RRDN(arch_params=SIZES)
    assert network.arch_params == SIZES and network.beta == 0.2
    assert {**network.params, "x": network.scale}.items() >= SIZES.items()


def test_layers_have_the_kernels_of_isr_2() -> None:
    blocks: dict[str, tuple[int, int, int]] = {}
    for block in ("1_1", "1_2", "2_1", "2_2"):
        blocks |= {f"F_{block}_1": (3, 6, 4), f"F_{block}_2": (3, 10, 4), f"LFF_{block}": (3, 14, 6)}
    expected = {"Pre_blocks_conv": (3, 3, 6), **blocks, "post_blocks_conv": (3, 6, 6), "PreShuffle": (3, 6, 48)}
    assert convolutions(RRDN(SIZES).model) == {**expected, "SR": (3, 3, 3)}


def test_kernel_size_holds_where_it_held() -> None:
    sides = {name: shape[0] for name, shape in convolutions(RRDN(SIZES, kernel_size=5).model).items()}
    fixed = {f"LFF_{block}" for block in ("1_1", "1_2", "2_1", "2_2")} | {"post_blocks_conv", "PreShuffle"}
    assert {name for name, side in sides.items() if side == 3} == fixed
    assert {side for name, side in sides.items() if name not in fixed} == {5}


# Counted on ISR 2.2; they do not depend on the widths.
@pytest.mark.parametrize(("blocks", "layers", "convs"), [(10, 477, 154), (4, 195, 64)])
def test_number_of_layers(blocks: int, layers: int, convs: int) -> None:
    model = RRDN({"C": 4, "D": 3, "G": 2, "G0": 2, "T": blocks, "x": 4}).model
    assert (len(model.layers), len(convolutions(model))) == (layers, convs)


def test_the_layers_of_its_own_come_from_its_module() -> None:
    assert PixelShuffle is layers.PixelShuffle and MultiplyBeta is layers.MultiplyBeta
    assert PixelShuffle(3).get_config()["scale"] == 3 and MultiplyBeta(0.3).get_config()["beta"] == 0.3


def test_no_sizes_are_told_with_the_keys() -> None:
    with pytest.raises(ValueError, match="arch_params must hold C, D, G, G0, T, x, each at least 1"):
        RRDN()


def test_make_model_builds_with_the_defaults() -> None:
    network = make_model(SIZES, 8)
    assert network.arch_params == SIZES and network.patch_size == 8 and network.beta == 0.2


def test_get_network_names_file_and_url() -> None:
    arch_params, c_dim, kernel_size, url, name = get_network("gans")
    assert arch_params == {"C": 4, "D": 3, "G": 32, "G0": 32, "T": 10, "x": 4} and c_dim == kernel_size == 3
    assert name == "rrdn-C4-D3-G32-G032-T10-x4_epoch299.hdf5" and url == WEIGHTS["gans"].url
    assert list(WEIGHTS_URLS) == ["gans"] and "upscaling" not in WEIGHTS_URLS["gans"]
    with pytest.raises(ValueError, match="expected one of gans"):
        get_network("psnr-small")


def test_weights_are_a_path_that_says_what_to_build(tmp_path: Path) -> None:
    network = randomised(RRDN(SIZES, beta=0.4))
    network.save(tmp_path / "own.weights.h5")
    again = RRDN(weights=tmp_path / "own.weights.h5")
    assert again.arch_params == SIZES and again.beta == 0.4
    for one, other in zip(again.model.get_weights(), network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_our_own_comes_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from ISR.models import download

    monkeypatch.setattr(download, "fetch", None)
    network = RRDN(weights="rrdn")
    assert network.arch_params == {"C": 4, "D": 3, "G": 32, "G0": 32, "T": 10, "x": 4}, "as idealo's gans"
    photo = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    assert network.predict(photo).shape == (36, 48, 3)


def test_other_names_are_told_with_the_right_one() -> None:
    with pytest.raises(WeightsError, match=r"unknown rrdn weights 'psnr-small': expected rrdn-x4, gans, or a path"):
        RRDN(weights="psnr-small")
