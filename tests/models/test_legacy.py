"""ISR 2's `.hdf5`: the network they describe, TensorFlow 2.15's picture, and the way to `isr`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from command import Said, photo
from legacy_files import DESCRIBED, GOLDEN, SIZES, unpacked, written
from verbs import randomised

from ISR.cli import main
from ISR.errors import UnknownModelError, WeightsError
from ISR.images import files
from ISR.models import build, legacy, manifest
from ISR.models.convert import convert_file
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model
from ISR.models.rdn import RDN
from ISR.models.rrdn import RRDN


def loaded(path: Path) -> ImageModel:
    model = load_model(str(path))
    assert isinstance(model, ImageModel)
    return model


def assert_equal_weights(first: ImageModel, second: ImageModel) -> None:
    for came, wanted in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(came, wanted)


@pytest.fixture(params=list(DESCRIBED))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_network_is_found_from_its_tensors(name: str, tmp_path: Path) -> None:
    assert legacy.describe(unpacked(name, tmp_path)) == DESCRIBED[name]


def test_the_picture_is_tensorflow_2_15_s(name: str, tmp_path: Path) -> None:
    model = loaded(unpacked(name, tmp_path))
    assert (model.architecture, model.scale, model.params) == DESCRIBED[name]
    with np.load(GOLDEN / f"{name}.npz") as golden:
        assert golden["sr"].std() > 0.1
        np.testing.assert_allclose(model.run(golden["lr"]), golden["sr"], rtol=0, atol=1e-5)


ELSEWHERE = """
import sys, numpy
from ISR.models.pretrained import load_model
for path, golden in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    given = numpy.load(golden)
    numpy.testing.assert_allclose(load_model(path).run(given["lr"]), given["sr"], rtol=0, atol=1e-5)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_picture_is_the_same_on_other_backends(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    pairs = [path for name in DESCRIBED for path in (unpacked(name, tmp_path), GOLDEN / f"{name}.npz")]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", ELSEWHERE, *pairs], env=environment, check=True, timeout=900)


def test_psnr_small_is_found_whole(tmp_path: Path) -> None:
    """The sizes of ISR 2's psnr-small; its own file has 10,694,096 bytes (reference-api.md, section 4)."""
    sizes = {"C": 3, "D": 10, "G": 64, "G0": 64}
    original = randomised(build("rdn", 2, sizes))
    path = written(original, tmp_path / "rdn-C3-D10-G64-G064-x2_PSNR_epoch134.hdf5")
    assert abs(path.stat().st_size - 10_694_096) < 0.01 * 10_694_096
    described = legacy.describe(path)
    assert described == ("rdn", 2, {**sizes, "c_dim": 3, "kernel_size": 3, "upscaling": "ups"})
    again = build(*described)
    again.load(path)
    assert_equal_weights(again, original)


@pytest.mark.parametrize(
    "model",
    [
        RDN({"C": 1, "D": 3, "G": 2, "G0": 5, "x": 4}, kernel_size=5),
        RDN({"C": 3, "D": 1, "G": 2, "G0": 3, "x": 3}, c_dim=1, upscaling="shuffle"),
        RDN({"C": 1, "D": 1, "G": 1, "G0": 1, "x": 1}),
        RRDN({"C": 1, "D": 3, "G": 2, "G0": 5, "T": 1, "x": 4}, kernel_size=1),
        RRDN({"C": 2, "D": 1, "G": 1, "G0": 1, "T": 3, "x": 1}, c_dim=4),
    ],
    ids=["rdn k5 x4", "rdn grey shuffle x3", "rdn x1", "rrdn k1 x4", "rrdn four channels x1"],
)
def test_every_size_is_found(model: ImageModel, tmp_path: Path) -> None:
    path = written(randomised(model), tmp_path / "net.hdf5")
    assert legacy.describe(str(path)) == (model.architecture, model.scale, model.params)
    assert_equal_weights(loaded(path), model)


def test_at_scale_1_both_ways_of_upscaling_take_the_file(tmp_path: Path) -> None:
    shuffle = randomised(RDN({**SIZES, "x": 1}, upscaling="shuffle"))
    path = written(shuffle, tmp_path / "net.hdf5")
    again = RDN({**SIZES, "x": 1}, upscaling="shuffle")
    again.load(path)
    assert_equal_weights(again, shuffle)
    lr = np.random.default_rng(0).uniform(0, 1, (1, 5, 4, 3)).astype(np.float32)
    assert loaded(path).params["upscaling"] == "ups"
    np.testing.assert_allclose(loaded(path).run(lr), shuffle.run(lr), rtol=0, atol=1e-6)


def _attributes(kind: Callable[[list[str]], object]) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        for node, key in [(file, "layer_names"), *((group, "weight_names") for group in file.values())]:
            text = [each.decode() if isinstance(each, bytes) else each for each in node.attrs[key]]
            del node.attrs[key]
            node.attrs[key] = kind(text)

    return edit


def _without_attributes(file: h5py.File) -> None:
    for node in [file, *file.values()]:
        for key in list(node.attrs):
            del node.attrs[key]


def _numbered(file: h5py.File) -> None:
    """Keras numbered the inner names of a second network in one process."""
    for layer in ("F_m1", "SR"):
        file.move(f"{layer}/{layer}", f"{layer}/{layer}_1")


def _more_layers(file: h5py.File) -> None:
    file.create_group("multiply_beta_17").create_group("empty")


@pytest.mark.parametrize(
    "edit",
    [
        _attributes(lambda names: np.array(names, dtype="S")),
        _attributes(lambda names: np.array(names, dtype=h5py.string_dtype())),
        _without_attributes,
        _numbered,
        _more_layers,
    ],
    ids=["bytes (h5py 2)", "text (h5py 3)", "no attributes", "numbered", "layers without weights"],
)
def test_names_alone_decide(edit: Callable[[h5py.File], None], tmp_path: Path) -> None:
    plain = loaded(unpacked("rdn-ups-x2", tmp_path))
    path = unpacked("rdn-ups-x2", tmp_path).rename(tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        edit(file)
    assert_equal_weights(loaded(path), plain)


def test_order_does_not_matter(tmp_path: Path) -> None:
    original = randomised(build("rrdn", 2, {**SIZES, "T": 2}))
    path = written(original, tmp_path / "net.hdf5", backwards=True)
    with h5py.File(path) as file:
        assert next(iter(file)) == "SR"
    assert_equal_weights(loaded(path), original)


@pytest.mark.parametrize("dtype", ["<f2", "<f8", ">f4"])
def test_other_floats_become_float32(dtype: str, tmp_path: Path) -> None:
    path = unpacked("rrdn-x3", tmp_path)
    with h5py.File(path, "r+") as file:
        values = file["SR/SR/kernel:0"][()]
        del file["SR/SR/kernel:0"]
        file["SR/SR/kernel:0"] = values.astype(dtype)
    np.testing.assert_array_equal(loaded(path).model.get_layer("SR").get_weights()[0], values)


def test_scale_and_precision_are_those_of_load_model(tmp_path: Path) -> None:
    path = unpacked("rrdn-x3", tmp_path)
    rough = load_model(str(path), 3, precision="bfloat16")
    assert isinstance(rough, ImageModel) and rough.precision == "bfloat16"
    assert_equal_weights(rough, loaded(path))
    with pytest.raises(UnknownModelError, match="x3, not x2"):
        load_model(str(path), 2)


def test_upscale_takes_the_old_file(tmp_path: Path, capsys: Said) -> None:
    source, old = photo(tmp_path / "a.png"), unpacked("rrdn-x3", tmp_path)
    assert main(["upscale", str(source), "--model", str(old)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a_x3.png'}\n"
    picture = files.read(tmp_path / "a_x3.png")
    assert (picture.height, picture.width) == (36, 30)


def test_convert_writes_today_s_file(name: str, tmp_path: Path, capsys: Said) -> None:
    old, new = unpacked(name, tmp_path), tmp_path / "new" / "net.weights.h5"
    before = old.read_bytes()
    assert main(["weights", "convert", str(old), "-o", str(new)]) == 0
    assert capsys.readouterr().out == f"{new}\n" and old.read_bytes() == before
    content = manifest.read(new)
    assert (content["architecture"], content["scale"], content["params"]) == DESCRIBED[name]
    assert_equal_weights(loaded(new), loaded(old))


def test_convert_takes_only_the_old_and_writes_only_the_new(tmp_path: Path) -> None:
    old = unpacked("rrdn-x3", tmp_path)
    before = old.read_bytes()
    with pytest.raises(WeightsError, match=r"ends in \.weights\.h5"):
        convert_file(old, old)
    with pytest.raises(WeightsError, match=r"ends in \.hdf5"):
        convert_file("compact-x2", tmp_path / "net.weights.h5")
    link = tmp_path / "net.weights.h5"
    link.symlink_to(old)
    convert_file(old, link)
    assert old.read_bytes() == before and loaded(link).scale == 3
    with pytest.raises(WeightsError, match=r"ends in \.weights\.h5"):
        loaded(old).save(tmp_path / "net.hdf5")
