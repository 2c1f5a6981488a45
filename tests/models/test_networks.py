"""What every network promises: receptive radius, tiles that equal the whole, any size, any backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from verbs import assert_tiles_equal_whole, measured_receptive_radius, randomised

from ISR import models
from ISR.models.image_model import ImageModel

SMALL_RDN = {"C": 2, "D": 2, "G": 6, "G0": 8}
SMALL_RRDN = {"C": 2, "D": 2, "G": 6, "G0": 8, "T": 1}
NETWORKS: list[tuple[str, int, dict[str, Any]]] = [
    ("compact", 2, {"width": 8, "depth": 3}),
    ("compact", 3, {"width": 8, "depth": 1}),
    ("compact", 4, {"width": 8, "depth": 5}),
    ("espcn", 2, {}),
    ("espcn", 3, {}),
    ("espcn", 4, {}),
    ("rdn", 2, SMALL_RDN),
    ("rdn", 3, {**SMALL_RDN, "upscaling": "shuffle"}),
    ("rdn", 2, {**SMALL_RDN, "upscaling": "shuffle", "kernel_size": 5}),
    ("rrdn", 4, SMALL_RRDN),
    ("rrdn", 2, {**SMALL_RRDN, "T": 2, "C": 1, "beta": 0.5, "kernel_size": 5}),
    ("srcnn", 2, {}),
    ("srcnn", 3, {"layout": "9-5-5"}),
    ("srcnn", 4, {}),
    ("fsrcnn", 2, {"d": 8, "s": 4, "m": 2}),
    ("fsrcnn", 3, {}),
    ("fsrcnn", 4, {"d": 8, "s": 4, "m": 1}),
    ("vdsr", 2, {"depth": 5, "width": 8}),
    ("vdsr", 3, {"depth": 3, "width": 8}),
    ("vdsr", 4, {"depth": 4, "width": 8}),
    ("zssr", 1, {"depth": 2, "width": 8}),
    ("zssr", 2, {"depth": 3, "width": 8, "kernel_size": 5}),
    ("zssr", 3, {"depth": 2, "width": 8}),
    ("srgan", 2, {"blocks": 2, "width": 8}),
    ("srgan", 3, {"blocks": 1, "width": 8}),
    ("srgan", 4, {"blocks": 1, "width": 8}),
    ("srresnet", 8, {"blocks": 1, "width": 4}),
    ("compact", 2, {"width": 6, "depth": 2, "branches": True}),
    ("espcn", 3, {"luma": True}),
    ("srcnn", 2, {"luma": True}),
    ("fsrcnn", 4, {"d": 8, "s": 4, "m": 1, "luma": True}),
    ("vdsr", 2, {"depth": 3, "width": 8, "luma": True}),
]
IDS = [f"{name}-x{scale}-{i}" for i, (name, scale, _) in enumerate(NETWORKS)]
SIZES = [(1, 1), (1, 17), (2, 3), (7, 5), (13, 13), (31, 29), (40, 61)]


@pytest.fixture(scope="module", params=NETWORKS, ids=IDS)
def network(request: pytest.FixtureRequest) -> ImageModel:
    name, scale, params = request.param
    return randomised(models.build(name, scale, params))


def test_states_its_true_receptive_radius(network: ImageModel) -> None:
    side = 2 * network.receptive_radius + 7
    assert measured_receptive_radius(network, side=side) == network.receptive_radius


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("tile", [1, 8, 64])
def test_tiles_cannot_show(network: ImageModel, height: int, width: int, tile: int) -> None:
    if tile == 1 and height * width > 200:
        pytest.skip("a thousand tiles of one pixel tell no more than a hundred")
    assert_tiles_equal_whole(network, height, width, tile=tile)


def test_output_is_float32_of_scale_times_the_size(network: ImageModel) -> None:
    sr = network.run(np.zeros((2, 5, 9, 3), np.float32))
    assert sr.shape == (2, 5 * network.scale, 9 * network.scale, 3)
    assert sr.dtype == np.float32


def test_is_built_again_from_what_it_says(network: ImageModel) -> None:
    again = models.build(network.architecture, network.scale, network.params)
    assert [tuple(v.shape) for v in again.model.variables] == [tuple(v.shape) for v in network.model.variables]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("compact", {"width": 8, "height": 3}),
        ("compact", {"width": 0}),
        ("rdn", {"C": 2}),
        ("rdn", {**SMALL_RDN, "upscaling": "bicubic"}),
        ("srgan2", {}),
    ],
)
def test_refuses_what_it_does_not_know(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rdn|compact|unknown|arch_params|upscaling|width"):
        models.build(name, 2, params)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend: str, tmp_path: Path) -> None:
    """The same weights give the same picture to 1e-4 on TensorFlow (here) and the other backends (fresh processes)."""
    pytest.importorskip(backend)
    cases: dict[str, Any] = {}
    expected = []
    for i, (name, scale, params) in enumerate(NETWORKS):
        built = randomised(models.build(name, scale, params), seed=i)
        lr = np.random.default_rng(i).uniform(0, 1, (2, 11, 14, 3)).astype(np.float32)
        expected.append(built.run(lr))
        cases |= {f"lr_{i}": lr} | {f"w_{i}_{j}": w for j, w in enumerate(built.model.get_weights())}
    np.savez(tmp_path / "in.npz", **cases)
    script = Path(__file__).with_name("run_elsewhere.py")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, script, tmp_path], env=environment, check=True, timeout=900)
    with np.load(tmp_path / "out.npz") as out:
        for i, sr in enumerate(expected):
            np.testing.assert_allclose(out[f"sr_{i}"], sr, rtol=0, atol=1e-4, err_msg=IDS[i])
