"""Weights in 16 bits."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from verbs import randomised

from ISR import cli, models
from ISR.errors import WeightsError
from ISR.models import hdf5, manifest
from ISR.models.convert import convert_file
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model

LR = np.random.default_rng(0).uniform(0, 1, (1, 9, 8, 3)).astype(np.float32)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    randomised(models.build("rdn", 2, {"C": 2, "D": 2, "G": 16, "G0": 32})).save(tmp_path / "whole.weights.h5")
    return tmp_path / "whole.weights.h5"


@pytest.mark.parametrize("name", ["rdn-x2", "espcn-x3"])
def test_half_is_half_as_large_and_every_value_the_nearest_float16(name: str, whole: Path) -> None:
    if name == "espcn-x3":
        randomised(models.build("espcn", 3, {"luma": True})).save(whole)
    half = whole.with_name("half.weights.h5")
    assert cli.main(["weights", "convert", str(whole), "-o", str(half), "--half"]) == 0
    before, after = load_model(str(whole)), load_model(str(half))
    assert isinstance(before, ImageModel) and isinstance(after, ImageModel)
    for old, new in zip(before.model.get_weights(), after.model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old.astype(np.float16).astype(np.float32))
    with hdf5.opened(half) as datasets:
        assert {dataset.dtype for dataset in datasets.values()} == {np.dtype(np.float16)}
        overhead = half.stat().st_size - sum(dataset.nbytes for dataset in datasets.values())
    assert overhead <= whole.stat().st_size - 4 * before.model.count_params() + 4096
    sr = before.run(LR)
    np.testing.assert_allclose(after.run(LR), sr, rtol=0, atol=2e-3 * np.abs(sr).max())


def test_eight_significant_bits_keep_the_sum_of_each_filter_and_archives_pack_them_smaller(whole: Path) -> None:
    packed = []
    for bits in (11, 8):
        half = whole.with_name(f"half-{bits}.weights.h5")
        assert cli.main(["weights", "convert", str(whole), "-o", str(half), "--half", "--bits", str(bits)]) == 0
        packed.append(len(zlib.compress(half.read_bytes())))
    before, after = load_model(str(whole)), load_model(str(half))
    assert isinstance(before, ImageModel) and isinstance(after, ImageModel)
    for old, new in zip(before.model.get_weights(), after.model.get_weights(), strict=True):
        if old.ndim == 4:
            large = np.abs(new) > 2.0**-14  # float16's smallest of full precision
            np.testing.assert_array_equal(new[large], new[large].astype(ml_dtypes.bfloat16))
            step = 2.0**-7 * np.abs(old).max()  # at least that of the largest
            assert np.abs(new - old).max() < step, "half of a step, and half that was carried over"
            assert np.abs((new - old).sum(axis=(0, 1, 2))).max() < step
        else:
            np.testing.assert_array_equal(new, old.astype(np.float16))
    assert packed[1] < 0.9 * packed[0]


@pytest.mark.parametrize("bits", [0, 12, -1])
def test_bits_that_float16_does_not_have(bits: int, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = whole.with_name("half.weights.h5")
    with pytest.raises(ValueError, match=f"bits must be from 1 to 11, got {bits}"):
        convert_file(whole, half, half=True, bits=bits)
    assert cli.main(["weights", "convert", str(whole), "-o", str(half), "--half", f"--bits={bits}"]) == 2
    assert "expected a whole number of 1 to 11" in capsys.readouterr().err
    assert not half.exists()


def test_what_16_bits_do_not_hold_is_refused_and_nothing_is_written(whole: Path) -> None:
    network = load_model(str(whole))
    assert isinstance(network, ImageModel)
    values = network.model.get_weights()
    values[0][...] = 70_000.0
    network.model.set_weights(values)
    with pytest.raises(WeightsError, match="up to 70000, 16 bits hold 65504"):
        network.save(whole.with_name("half.weights.h5"), half=True)
    assert sorted(path.name for path in whole.parent.iterdir()) == ["whole.manifest.json", whole.name]


def test_without_half_nothing_is_to_be_done(whole: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs no conversion: .*, or half"):
        convert_file(whole, whole.with_name("other.weights.h5"))


def test_a_halved_file_s_manifest_is_of_that_file(whole: Path) -> None:
    half = whole.with_name("half.weights.h5")
    convert_file(whole, half, half=True)
    with h5py.File(half, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        file[names[0]][...] = 0.5
    assert manifest.read(half)["sha256"] != manifest.read(whole)["sha256"]
    with pytest.raises(WeightsError, match="damaged"):
        load_model(str(half))
