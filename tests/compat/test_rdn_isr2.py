"""RDN as programs for ISR 2.2 know it: sections 1.1 and 2.1 of its measured description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from verbs import randomised

from ISR import models
from ISR.errors import WeightsError
from ISR.models import RDN, RRDN, pretrained
from ISR.models.rdn import WEIGHTS_URLS, get_network, make_model
from ISR.models.records import WEIGHTS, Weights

SIZES = {"C": 2, "D": 3, "G": 4, "G0": 6, "x": 2}


def convolutions(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """name -> (kernel side, channels in, channels out)"""
    found = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    return {layer.name: tuple(layer.kernel.shape[1:]) for layer in found}


def test_the_arguments_stand_where_they_stood() -> None:
    network = RDN(SIZES, 16, 1, 5, "shuffle", 0.01, "")
    assert (network.patch_size, network.c_dim, network.kernel_size) == (16, 1, 5)
    assert (network.upscaling, network.init_extreme_val) == ("shuffle", 0.01)
    assert network.model.input_shape == (None, 16, 16, 1)


def test_attributes() -> None:
    network = RDN(arch_params=SIZES)
    assert (network.C, network.D, network.G, network.G0, network.scale) == (2, 3, 4, 6, 2)
    assert network.arch_params == SIZES and network.name == "rdn" and network.model.name == "generator"
    assert network.patch_size is None and network.c_dim == network.kernel_size == 3 and network.upscaling == "ups"
    assert {**network.params, "x": network.scale}.items() >= SIZES.items()


def test_the_initializer_draws_within_its_bounds() -> None:
    drawn = np.asarray(RDN(SIZES, init_extreme_val=0.2).initializer((1000,)))
    assert 0.15 < np.abs(drawn).max() <= 0.2


@pytest.mark.parametrize(("upscaling", "last"), [("ups", (3, 12, 3)), ("shuffle", (3, 3, 3))])
def test_layers_have_the_names_and_kernels_of_isr_2(upscaling: str, last: tuple[int, int, int]) -> None:
    blocks: dict[str, tuple[int, int, int]] = {}
    for d in (1, 2, 3):
        blocks |= {f"F_{d}_1": (3, 6, 4), f"F_{d}_2": (3, 10, 4), f"LFF_{d}": (1, 14, 6)}
    expected = {"F_m1": (3, 3, 6), "F_0": (3, 6, 6), **blocks, "GFF_1": (1, 18, 6), "GFF_2": (3, 6, 6)}
    expected |= {"UPN1": (5, 6, 64), "UPN2": (3, 64, 32), "UPN3": (3, 32, 12), "SR": last}
    network = RDN(SIZES, upscaling=upscaling)
    assert convolutions(network.model) == expected
    others = {f"F_{d}_{c}_Relu" for d in (1, 2, 3) for c in (1, 2)} | {f"LRL_{d}" for d in (1, 2, 3)}
    others |= {f"RDB_Concat_{d}_{c}" for d in (1, 2, 3) for c in (1, 2)}
    others |= {"LR", "LRLs_Concat", "FDF", "UPN1_Relu", "UPN2_Relu"}
    others |= {"UPsample" if upscaling == "ups" else "PixelShuffle"}
    assert {layer.name for layer in network.model.layers} == {*expected, *others}


def test_kernel_size_holds_where_it_held() -> None:
    sides = {name: shape[0] for name, shape in convolutions(RDN(SIZES, kernel_size=5).model).items()}
    assert {name for name, side in sides.items() if side == 5} == {
        "F_m1", "F_0", *(f"F_{d}_{c}" for d in (1, 2, 3) for c in (1, 2)), "GFF_2", "UPN1", "SR"
    }  # fmt: skip
    assert {name for name, side in sides.items() if side == 1} == {"LFF_1", "LFF_2", "LFF_3", "GFF_1"}


# Counted on ISR 2.2; they do not depend on the widths.
@pytest.mark.parametrize(("blocks", "layers", "convs"), [({"C": 6, "D": 20}, 414, 148), ({"C": 3, "D": 10}, 124, 48)])
def test_number_of_layers(blocks: dict[str, int], layers: int, convs: int) -> None:
    model = RDN({**blocks, "G": 2, "G0": 2, "x": 2}).model
    assert (len(model.layers), len(convolutions(model))) == (layers, convs)


def test_c_dim_holds_at_the_input_too() -> None:
    """ISR 2 fed three channels whatever c_dim was."""
    model = RDN(SIZES, c_dim=1).model
    assert model.input_shape[-1] == model.output_shape[-1] == 1


@pytest.mark.parametrize(
    "sizes", [None, {}, {**SIZES, "D": 0}, {**SIZES, "D": 2.5}, {**SIZES, "T": 1}, {"C": 1, "x": 2}]
)
def test_wrong_sizes_are_told_with_the_keys(sizes: dict[str, Any] | None) -> None:
    with pytest.raises(ValueError, match="arch_params must hold C, D, G, G0, x, each at least 1"):
        RDN(sizes)


def test_upscaling_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="ups, shuffle"):
        RDN(SIZES, upscaling="bicubic")


def test_make_model_builds_with_the_defaults() -> None:
    network = make_model(SIZES, 8)
    assert network.arch_params == SIZES and network.patch_size == 8 and network.upscaling == "ups"


def test_get_network_names_file_and_url() -> None:
    arch_params, c_dim, kernel_size, upscaling, url, name = get_network("psnr-small")
    assert arch_params == {"C": 3, "D": 10, "G": 64, "G0": 64, "x": 2}
    assert (c_dim, kernel_size, upscaling) == (3, 3, "ups")
    assert name == "rdn-C3-D10-G64-G064-x2_PSNR_epoch134.hdf5" and url.startswith("https://") and url.endswith(name)
    with pytest.raises(ValueError, match="psnr-small, psnr-large, noise-cancel"):
        get_network("gans")


def test_the_table_of_urls_is_that_of_the_weights() -> None:
    assert list(WEIGHTS_URLS) == ["psnr-small", "psnr-large", "noise-cancel"]
    for name, entry in WEIGHTS_URLS.items():
        assert entry["url"] == WEIGHTS[name].url
        assert sorted(entry) == ["arch_params", "c_dim", "kernel_size", "name", "upscaling", "url"]


@pytest.fixture
def saved(tmp_path: Path) -> tuple[RDN, Path]:
    network = randomised(RDN(SIZES, upscaling="shuffle", kernel_size=5))
    assert isinstance(network, RDN)
    network.save(tmp_path / "own-x2" / "own-x2.weights.h5")
    return network, tmp_path / "own-x2" / "own-x2.weights.h5"


def equal(first: RDN, second: RDN) -> None:
    assert first.arch_params == second.arch_params and first.params == second.params
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [str, Path])
def test_weights_are_a_path_that_says_what_to_build(saved: tuple[RDN, Path], kind: type) -> None:
    network, path = saved
    equal(RDN(weights=kind(path)), network)
    assert RDN(weights=kind(path), patch_size=7).model.input_shape == (None, 7, 7, 3)


def test_weights_by_path_must_fit_the_sizes_that_are_given(saved: tuple[RDN, Path]) -> None:
    network, path = saved
    equal(RDN(SIZES, kernel_size=5, upscaling="shuffle", weights=str(path)), network)
    with pytest.raises(WeightsError, match="made for another network"):
        RDN({**SIZES, "G": 5}, kernel_size=5, upscaling="shuffle", weights=str(path))


def test_weights_are_a_name_that_overrides_the_sizes(saved: tuple[RDN, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from ISR.models import manifest

    network, path = saved
    written = manifest.read(path)
    record = Weights(
        "own-x2", "rdn", 2, written["params"], written["parameters"], written["sha256"], "Apache-2.0", "none"
    )
    monkeypatch.setitem(WEIGHTS, "own-x2", record)
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: path.parents[1])
    for name in ("own-x2", "own"):
        equal(RDN({**SIZES, "x": 4}, c_dim=1, upscaling="ups", weights=name), network)


@pytest.mark.parametrize("name", ["rdn-tiny", "rdn-small"])
def test_our_own_come_with_the_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ISR.models import download

    monkeypatch.setattr(download, "fetch", None)
    network = RDN(weights=name)
    equal(network, RDN(weights=f"{name}-x2"))
    photo = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    assert network.predict(photo).shape == (18, 24, 3)


@pytest.mark.parametrize("name", ["psnr-smal", "gans", "compact-x2", "weights/psnr-small"])
def test_other_names_are_told_with_the_right_ones(name: str) -> None:
    with pytest.raises(WeightsError, match=r"psnr-small, psnr-large, noise-cancel.*\.hdf5") as caught:
        RDN(weights=name)
    assert isinstance(caught.value, ValueError) and "gans," not in str(caught.value)


def test_a_file_for_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    RRDN({**SIZES, "T": 1}).save(path)
    with pytest.raises(WeightsError, match="for the architecture rrdn, not rdn"):
        RDN(weights=path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.weights\.h5"):
        RDN(weights=tmp_path / "none.weights.h5")


def test_a_manifest_or_recipe_cannot_name_other_weights() -> None:
    with pytest.raises(ValueError, match="no parameter of a network"):
        models.build("rdn", 2, {**SIZES, "weights": "psnr-small"})
