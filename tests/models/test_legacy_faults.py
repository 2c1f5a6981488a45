"""Files in ISR 2's layout that are damaged, of another network or built by hand: refused, the network unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import Said, one_line, photo
from legacy_files import DESCRIBED, SIZES, not_described, refused, unpacked, written
from verbs import randomised
from weights_files import POINTER, compact

from ISR.cli import main
from ISR.models import build, hdf5
from ISR.models.image_model import ImageModel
from ISR.models.rdn import RDN

Edit = Callable[[h5py.File], object]
KERNEL = "F_1_2/F_1_2/kernel:0"
SHAPE = (3, 3, 8, 4)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The weights of a small RDN, as TensorFlow 2.15 wrote them."""
    return unpacked("rdn-ups-x2", tmp_path)


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return randomised(build(*DESCRIBED["rdn-ups-x2"]))


def edited(path: Path, edit: Edit) -> Path:
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def _value(value: float) -> Edit:
    def edit(file: h5py.File) -> None:
        file[KERNEL][1, 1, 0, 0] = value

    return edit


def _instead(data: Any, name: str = KERNEL) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[name]
        file[name] = data

    return edit


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "data", SHAPE)
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def _outside(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, SHAPE, "f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def _absurd(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (2**20, 2**20, 2**10, 1), "f4", chunks=(1, 1, 1, 1))


def _more(file: h5py.File) -> None:
    file["UPN4/UPN4/kernel:0"] = np.ones(3, "f4")


def _twice(file: h5py.File) -> None:
    file["F_1_2/again/kernel:0"] = file[KERNEL][()]


FAULTS: dict[str, tuple[Edit, str]] = {
    "missing": (lambda file: file.pop(KERNEL), "lacks F_1_2/kernel$"),
    "a layer missing": (lambda file: file.pop("LFF_2"), "lacks LFF_2/bias and 1 more"),
    "renamed": (lambda file: file.move("GFF_1", "GFF_9"), "lacks GFF_1/bias and 1 more"),
    "surplus": (_more, "has besides UPN4/kernel$"),
    "surplus at the root": (lambda file: file.create_dataset("more", data=np.ones(3, "f4")), "has besides more/more"),
    "twice": (_twice, "F_1_2/kernel is not one array"),
    "misshapen": (_instead(np.ones((3, 3, 4, 8), "f4")), r"F_1_2/kernel is \(3, 3, 4, 8\), expected \(3, 3, 8, 4\)"),
    "flat": (_instead(np.ones(288, "f4")), r"F_1_2/kernel is \(288,\)"),
    "nan": (_value(np.nan), "F_1_2/kernel holds values that are not finite"),
    "inf": (_value(-np.inf), "F_1_2/kernel holds values that are not finite"),
    "beyond float32": (_instead(np.full(SHAPE, 1e300)), "F_1_2/kernel holds values that are not finite"),
    "whole numbers": (_instead(np.ones(SHAPE, "i4")), "F_1_2/kernel is not one array of floats"),
    "text": (_instead("text"), "F_1_2/kernel is not one array of floats"),
    "empty": (_instead(h5py.Empty("f4")), "F_1_2/kernel is not one array of floats"),
    "link to a file": (_instead(h5py.ExternalLink("/etc/passwd", "/")), "lacks F_1_2/kernel"),
    "link within": (_instead(h5py.SoftLink("/F_1_1/F_1_1/kernel:0")), "lacks F_1_2/kernel"),
    "link in a circle": (_instead(h5py.SoftLink(f"/{KERNEL}")), "lacks F_1_2/kernel"),
    "virtual": (_virtual, "F_1_2/kernel is not one array of floats"),
    "stored outside": (_outside, "F_1_2/kernel is not one array of floats"),
    "absurd": (_absurd, "F_1_2/kernel is not one array of floats that the file holds whole"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_wrong_tensor_is_named(old: Path, model: ImageModel, fault: str) -> None:
    edit, message = FAULTS[fault]
    refused(model, edited(old, edit), message)


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "cannot be read: .*truncated"),
        (lambda content: content[:-1], "cannot be read: .*truncated"),
        (lambda content: content[:2000], "cannot be read: .*truncated"),
        (lambda content: b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "cannot be read"),
        (lambda content: POINTER, "no HDF5 file"),
        (lambda content: b"<!DOCTYPE html><html>Not found</html>", "no HDF5 file"),
        (lambda content: b"", "no HDF5 file"),
    ],
    ids=["half", "cut by one", "head only", "signature only", "pointer", "html", "empty"],
)
def test_a_damaged_file_is_refused(old: Path, model: ImageModel, damage: Any, message: str) -> None:
    old.write_bytes(damage(old.read_bytes()))
    refused(model, old, message)
    not_described(old, message)


def test_no_byte_of_the_first_thousand_goes_wrong_unseen(old: Path, model: ImageModel) -> None:
    """Whatever a flipped byte of the head does to HDF5, it ends in equal weights or in a WeightsError."""
    content = old.read_bytes()
    model.load(old)
    expected = model.model.get_weights()
    for place in range(8, 1000, 31):
        old.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            model.load(old)
        except ValueError as error:
            assert type(error).__name__ == "WeightsError", place
        for came, wanted in zip(model.model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(came, wanted)


@pytest.mark.parametrize("path", ["missing.hdf5", "folder.hdf5"])
def test_what_is_no_file_is_told(path: str, model: ImageModel, tmp_path: Path) -> None:
    (tmp_path / "folder.hdf5").mkdir()
    refused(model, tmp_path / path, "no file")
    not_described(tmp_path / path, "no file")


def test_a_file_of_countless_groups_is_not_walked_to_its_end(
    old: Path, model: ImageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "MOST_NODES", 50)
    refused(model, old, "over 50 groups and datasets")


def test_groups_that_hold_themselves_are_walked_once(old: Path, model: ImageModel) -> None:
    def circle(file: h5py.File) -> None:
        file["F_m1/circle"] = file["/"]

    model.load(edited(old, circle))


def test_weights_of_another_scale_or_kind_are_refused_by_a_tensor(old: Path, tmp_path: Path) -> None:
    sizes = DESCRIBED["rdn-ups-x2"][2]
    refused(build("rdn", 3, sizes), old, r"UPN3/kernel is \(3, 3, 32, 12\), expected \(3, 3, 32, 27\)|SR/kernel is")
    refused(build("rdn", 2, {**sizes, "upscaling": "shuffle"}), old, "SR/kernel is")
    refused(build("rdn", 2, {**sizes, "D": 3}), old, r"lacks F_3_1/bias and 5 more")
    refused(build("rrdn", 2, {**SIZES, "T": 1}), old, "lacks")


def test_other_networks_take_no_old_file(old: Path) -> None:
    refused(compact(), old, r"files of ISR 2 hold rdn, rrdn; .* compact ends in \.weights\.h5")


def _without(*layers: str) -> Edit:
    def edit(file: h5py.File) -> None:
        for layer in layers:
            del file[layer]

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_without("F_m1"), "no network of ISR 2: expected the layer F_m1"),
        (_without("SR"), "lacks SR/kernel"),
        (_without("UPN3"), "lacks UPN3/kernel"),
        (_without("F_2_2"), "lacks F_2_2/kernel"),
        (_without("LFF_1", "LFF_2"), "lacks LFF_1/kernel"),
        (_without("F_1_1", "F_1_2", "F_2_1", "F_2_2"), "lacks F_1_1/kernel"),
        (_instead(np.ones((3, 3, 32, 13), "f4"), "UPN3/UPN3/kernel:0"), "no scale: UPN3 gives 13 channels, SR 3"),
        (_instead(np.ones((3, 3, 32, 2), "f4"), "UPN3/UPN3/kernel:0"), "no scale: UPN3 gives 2 channels, SR 3"),
        (_instead(np.ones((3, 3, 7, 3), "f4"), "SR/SR/kernel:0"), "no upscaling: SR/kernel reads 7 channels"),
        (_instead(np.ones((3, 5, 3, 4), "f4"), "F_m1/F_m1/kernel:0"), r"no convolution: F_m1/kernel is \(3, 5, 3, 4\)"),
        (_instead(np.ones((3, 3, 3, 0), "f4"), "F_m1/F_m1/kernel:0"), "no convolution: F_m1/kernel"),
        (_instead(np.ones(4, "f4"), "F_1_1/F_1_1/kernel:0"), "no convolution: F_1_1/kernel"),
        (_absurd, "F_1_2/kernel is not one array of floats that the file holds whole"),
    ],
)
def test_what_describes_no_network_is_refused(old: Path, edit: Edit, message: str) -> None:
    not_described(edited(old, edit), message)


def test_high_counts_in_a_few_names_make_no_vast_network(tmp_path: Path) -> None:
    """300 blocks and 300 convolutions by their first names alone: 90,000 layers, were they believed."""
    path = tmp_path / "net.hdf5"
    with h5py.File(path, "w") as file:
        for i in range(1, 301):
            for layer in (f"LFF_{i}", f"F_1_{i}"):
                file[f"{layer}/{layer}/kernel:0"] = np.ones((1, 1, 1, 1), "f4")
        file["F_m1/F_m1/kernel:0"] = np.ones((1, 1, 1, 1), "f4")
    not_described(path, "lacks F_2_1/kernel")


def test_isr_2_s_three_channels_before_another_c_dim_are_told(tmp_path: Path) -> None:
    path = written(RDN({**SIZES, "x": 2}, c_dim=1), tmp_path / "net.hdf5")
    edited(path, _instead(np.ones((3, 3, 3, 4), "f4"), "F_m1/F_m1/kernel:0"))
    not_described(path, r"3 channels at its input and 1 at its output .*c_dim")


def test_the_command_line_tells_it_in_one_line(tmp_path: Path, capsys: Said) -> None:
    source, old = photo(tmp_path / "a.png"), unpacked("rrdn-x3", tmp_path)
    old.write_bytes(_cut(old.read_bytes()))
    assert main(["upscale", str(source), "--model", str(old)]) != 0
    assert "rrdn-x3.hdf5" in one_line(capsys)
    assert main(["weights", "convert", str(old), "-o", str(tmp_path / "net.weights.h5")]) != 0
    assert "rrdn-x3.hdf5" in one_line(capsys) and not (tmp_path / "net.weights.h5").exists()
