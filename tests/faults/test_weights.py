"""The faults of a weights file that ISR survives: one line that names the file, a network as it was, no picture.

Most files here agree with their manifest, as those of someone who built them by hand. The same faults in ISR 2's files:
tests/models/test_legacy_faults.py. Weights that are fetched: test_weights_fetched.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import Said, bicubic, contents, names, one_line, photo
from legacy_files import unpacked
from verbs import randomised
from weights_files import PARAMS, POINTER, compact, edit_arrays, edit_manifest, refused, refused_everywhere

from ISR import models
from ISR.cli import main
from ISR.images import files
from ISR.models import manifest
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model

Edit = Callable[[h5py.File], Any]
KERNEL = "layers/conv2d/vars/0"
HTML = b"<!DOCTYPE html><html><body>Not found</body></html>"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The weights file of a small Compact, its manifest beside it."""
    path = tmp_path / "net.weights.h5"
    compact().save(path)
    return path


def one_channel() -> ImageModel:
    return randomised(models.build("fsrcnn", 2, {"d": 4, "s": 2, "m": 1, "c_dim": 1}))


def three_channels() -> ImageModel:
    return randomised(models.build("fsrcnn", 2, {"d": 4, "s": 2, "m": 1, "c_dim": 3}))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: randomised(models.build("espcn", 2, {})), "architecture is compact, expected espcn"),
        (lambda: compact(width=5), "params is"),
        (lambda: compact(depth=3), "params is"),
    ],
)
def test_wrong_architecture(saved: Path, other: Callable[[], ImageModel], message: str, capsys: Said) -> None:
    refused(saved, message, model=other())
    second = saved.with_name("other.weights.h5")
    other().save(second)
    assert main(["weights", "blend", str(saved), str(second), "-o", str(saved.with_name("out.weights.h5"))]) == 1
    assert "are of two networks" in one_line(capsys) and not saved.with_name("out.weights.h5").exists()


def test_weights_to_train_from_of_a_wrong_architecture_start_no_run(
    photo_folder: Path, saved: Path, tmp_path: Path, capsys: Said
) -> None:
    settings = [f"model.weights={saved}", "model.params={width: 3, depth: 2}", "data.patch_size=16"]
    settings += ["data.validation_pictures=1", f"output.runs={tmp_path / 'runs'}"]
    assert main(["train", str(photo_folder), *(f"--set={setting}" for setting in settings)]) == 1
    assert "net.weights.h5' is 4 wide and 2 deep, but the network is 3 wide and 2 deep" in one_line(capsys)
    assert not (tmp_path / "runs").exists()


def test_wrong_scale(saved: Path, capsys: Said) -> None:
    refused(saved, "scale is 2, expected 3", model=compact(scale=3))
    source = photo(saved.with_name("a.png"))
    assert main(["evaluate", str(source.parent), "--model", str(saved), "--scale", "3"]) == 2
    assert "net.weights.h5 enlarges x2, not x3" in one_line(capsys)
    edit_manifest(saved, scale=3)
    refused_everywhere(saved, "variables is|scale is 3, expected 2", capsys)


def test_wrong_channel_count(tmp_path: Path, capsys: Said) -> None:
    path, source = tmp_path / "net.weights.h5", photo(tmp_path / "a.png")
    one_channel().save(path)
    refused(path, "'c_dim': 1", model=three_channels())
    before = contents(tmp_path)
    assert main(["upscale", str(source), "--model", str(path)]) == 1
    assert "takes pictures of 1 channel(s), got 3" in one_line(capsys) and contents(tmp_path) == before


def _instead(data: Any, **options: Any) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=data, **options)

    return edit


def _value(value: float) -> Edit:
    return lambda file: file[KERNEL].write_direct(np.full((3, 3, 3, 4), value, "f4"))


def _surplus(name: str) -> Edit:
    return lambda file: file.create_dataset(name, data=np.ones(3, "f4"))


def _link(kind: Any) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[KERNEL]
        file[KERNEL] = kind

    return edit


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "data", (3, 3, 3, 4))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def _elsewhere(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 3, 4), "f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def _absurd(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (2**20, 2**20, 2**10), "f4", chunks=(1, 1, 1))


ARRAYS: dict[str, tuple[Edit, str]] = {
    "missing layer": (lambda file: file.pop("layers/conv2d"), "other arrays"),
    "missing array": (lambda file: file.pop(KERNEL), "other arrays"),
    "surplus layer": (_surplus("layers/conv2d_9/vars/0"), "other arrays"),
    "surplus array": (_surplus("layers/conv2d/vars/2"), "other arrays"),
    "surplus at the root": (_surplus("elsewhere"), "other arrays"),
    "renamed layer": (lambda file: file.move("layers/conv2d", "layers/renamed"), "cannot be read"),
    "NaN": (_value(np.nan), "conv_1/kernel holds values that are not finite"),
    "Inf": (_value(np.inf), "conv_1/kernel holds values that are not finite"),
    "-Inf": (_value(-np.inf), "conv_1/kernel holds values that are not finite"),
    "misshapen": (_instead(np.ones((3, 3, 4, 3), "f4")), "other arrays"),
    "whole numbers": (_instead(np.ones((3, 3, 3, 4), "i4")), "other arrays"),
    "text": (_instead(b"text"), "other arrays"),
    "external link": (_link(h5py.ExternalLink("/etc/passwd", "/")), "other arrays"),
    "soft link to nowhere": (_link(h5py.SoftLink("/nowhere")), "other arrays"),
    "virtual data set": (_virtual, "other arrays"),
    "stored elsewhere": (_elsewhere, "other arrays"),
    "absurd shape": (_absurd, "other arrays"),
    "path traversal": (_surplus("layers/../../../../tmp/evil"), "other arrays"),
    "absolute path": (_surplus("/etc/evil"), "other arrays"),
}


@pytest.mark.parametrize("fault", list(ARRAYS))
def test_wrong_arrays_even_where_the_manifest_agrees(saved: Path, fault: str, capsys: Said) -> None:
    edit, message = ARRAYS[fault]
    edit_arrays(saved, edit)
    refused_everywhere(saved, message, capsys)


def test_all_zero(saved: Path, capsys: Said) -> None:
    def empty(_: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            node[...] = 0

    edit_arrays(saved, lambda file: file.visititems(empty))
    refused_everywhere(saved, "every value is zero", capsys)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_float16_and_float64(saved: Path, dtype: Any) -> None:
    """These become float32 and work."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(dtype)
    edit_arrays(saved, _instead(kernel))
    model = load_model(str(saved))
    assert isinstance(model, ImageModel)
    np.testing.assert_array_equal(model.model.get_weights()[0], kernel.astype(np.float32))
    assert main(["upscale", str(photo(saved.with_name("a.png"))), "--model", str(saved)]) == 0
    assert files.read(saved.with_name("a_x2.png")).pixels.shape == (24, 20, 3)


def test_a_file_with_an_optimizer_beside_the_network_is_taken(saved: Path) -> None:
    """Keras' own `save_weights` of a compiled model writes one."""
    edit_arrays(saved, _surplus("optimizer/vars/0"))
    compact(seed=1).load(saved)


def test_one_flipped_bit(saved: Path, capsys: Said) -> None:
    content, model = saved.read_bytes(), compact(seed=1)
    for bit in np.random.default_rng(0).integers(0, 8 * len(content), 30):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        saved.write_bytes(flipped)
        refused(saved, "is damaged: sha256 is .* copy it again", model=model)
    refused_everywhere(saved, "is damaged: sha256 is .* copy it again", capsys)


def test_cut_off(saved: Path) -> None:
    content, model = saved.read_bytes(), compact(seed=1)
    for kept in [len(content) * part // 16 for part in range(16)] + [len(content) - 1]:
        saved.write_bytes(content[:kept])
        refused(saved, "is damaged: sha256", model=model)


@pytest.mark.parametrize(
    "content", [POINTER, HTML, b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 500], ids=["pointer", "html", "empty", "head"]
)
def test_a_pointer_file_or_html_saved_as_weights(saved: Path, content: bytes, capsys: Said) -> None:
    saved.write_bytes(content)
    refused_everywhere(saved, "is damaged: sha256|too small for the", capsys)
    edit_manifest(saved, sha256=hashlib.sha256(content).hexdigest())
    refused_everywhere(saved, "cannot be read|too small for the", capsys)
    old = saved.with_name("net.hdf5")
    old.write_bytes(content)
    assert main(["upscale", str(saved.with_name("a.png")), "--model", str(old)]) == 1
    assert "net.hdf5' " in one_line(capsys)


@pytest.mark.parametrize("content", [POINTER, HTML], ids=["pointer", "html"])
def test_a_pointer_file_or_html_saved_as_the_manifest(saved: Path, content: bytes, capsys: Said) -> None:
    manifest.path_of(saved).write_bytes(content)
    refused_everywhere(saved, r"net\.manifest\.json' cannot be read", capsys)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v[:-1], "variables is 5 variables"),
        (lambda v: [*v, ["more/kernel", [1]]], "variables is 7 variables"),
        (lambda v: [["renamed/kernel", v[0][1]], *v[1:]], "variables is .*renamed/kernel"),
        (lambda v: [["../../../tmp/evil", v[0][1]], *v[1:]], "variables is .*evil"),
        (lambda v: [[v[0][0], [3, 3, 4, 3]], *v[1:]], r"variables is .*\[3, 3, 4, 3\]"),
        (lambda v: [v[1], v[0], *v[2:]], "variables is .*conv_1/bias"),
        (lambda v: [], "variables is 0 variables|needs more than 0 variables"),
        (lambda v: [None, 7], "variables is None"),
    ],
)
def test_missing_surplus_and_renamed_layers_in_the_manifest(saved: Path, edit: Any, message: str, capsys: Said) -> None:
    edit_manifest(saved, variables=edit(manifest.read(saved)["variables"]))
    refused_everywhere(saved, message, capsys)


def test_by_name_that_matches_nothing(tmp_path: Path, capsys: Said) -> None:
    """Keras loads nothing then, without a word."""
    old, new = unpacked("rdn-ups-x2", tmp_path), tmp_path / "net.weights.h5"
    with h5py.File(old, "r+") as file:
        for layer in list(file):
            file.move(layer, f"another_{layer}")
    assert main(["weights", "convert", str(old), "-o", str(new)]) == 1
    assert "rdn-ups-x2.hdf5' holds no network of ISR 2" in one_line(capsys)
    assert names(tmp_path) == ["rdn-ups-x2.hdf5"]


VAST: dict[str, dict[str, Any]] = {
    "wide": {"params": {"width": 10**7, "depth": 2}},
    "deep": {"params": {"width": 4, "depth": 10**9}},
    "a vast scale": {"scale": 10**6},
    "no scale": {"scale": 0},
    "negative": {"params": {"width": -4, "depth": 2}},
    "a fraction": {"params": {"width": 4.5, "depth": 2}},
    "text": {"params": {"width": "4", "depth": 2}},
    "unknown": {"params": {**PARAMS, "height": 4}},
    "many blocks": {"architecture": "rdn", "params": {"C": 10**5, "D": 10**5, "G": 1, "G0": 1}},
    "unknown architecture": {"architecture": "../../evil"},
    "nested": {"variables": [json.loads("[" * 900 + "]" * 900)]},
    "nested params": {"params": json.loads('{"width":' * 900 + "4" + "}" * 900)},
}


@pytest.mark.parametrize("fault", list(VAST))
def test_absurd_sizes_in_the_manifest(saved: Path, fault: str, capsys: Said) -> None:
    """Told before memory is taken for such a network."""
    edit_manifest(saved, **VAST[fault])
    refused_everywhere(saved, r"net\.(weights\.h5|manifest\.json)'? ", capsys)


def test_absurd_sizes_that_the_variables_repeat(saved: Path, capsys: Said) -> None:
    wide = 10**5  # 360 GB
    shapes = [[3, 3, 3, wide], [wide], [3, 3, wide, wide], [wide], [3, 3, wide, 12], [12]]
    written = [name for name, _ in manifest.read(saved)["variables"]]
    variables = [list(pair) for pair in zip(written, shapes, strict=True)]
    edit_manifest(saved, params={"width": wide, "depth": 2}, variables=variables)
    assert main(["upscale", str(photo(saved.with_name("a.png"))), "--model", str(saved)]) == 1
    assert "too small for the 90,013,700,012 parameters" in one_line(capsys)


@pytest.mark.parametrize("name", ["../../etc/passwd", "compact-x2/../../evil", "..", "/", "~", "compact-x2\n"])
def test_path_traversal_in_the_name_of_weights(tmp_path: Path, name: str, capsys: Said) -> None:
    assert bicubic(photo(tmp_path / "a.png"), "--model", name) == 2
    assert "unknown model" in one_line(capsys) and names(tmp_path) == ["a.png"]
