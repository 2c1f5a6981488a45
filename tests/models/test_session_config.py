"""Names as ISR 2 makes them, and its session_config.yml read without running anything."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ISR.models import session_config
from ISR.models.interpolation import Interpolation


class Sized:
    """A network as far as its name goes."""

    def __init__(self, name: str, scale: int, **params: object) -> None:
        self.name, self.scale, self.params = name, scale, params


@pytest.mark.parametrize(
    ("model", "name"),
    [
        # As the reference names them: its four weights' files begin so.
        (Sized("rdn", 2, G0=64, G=64, C=3, D=10, c_dim=3, kernel_size=3, upscaling="ups"), "rdn-C3-D10-G64-G064-x2"),
        (Sized("rrdn", 4, C=4, D=3, G=32, G0=32, T=10, beta=0.2, c_dim=3), "rrdn-C4-D3-G32-G032-T10-x4"),
        (Sized("compact", 2, width=32, depth=8), "compact-depth8-width32-x2"),
        (Interpolation("bicubic", 3), "bicubic-x3"),
    ],
)
def test_a_network_is_named_by_its_sizes(model: Sized | Interpolation, name: str) -> None:
    assert session_config.basename(model) == name


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("rdn-C6-D20-G64-G064-x2_PSNR_epoch086.hdf5", "rdn-C6-D20-G64-G064-x2"),
        ("a/b_c/rrdn-C4-D3-G32-G032-T10-x4_epoch299.hdf5", "rrdn-C4-D3-G32-G032-T10-x4"),
        ("rdn-C1-x2_best-val_loss_epoch001.weights.h5", "rdn-C1-x2"),
        ("compact-x2.weights.h5", "compact-x2"),
        ("rdn-C1-x2.hdf5", "rdn-C1-x2"),
        ("_best.weights.h5", "_best"),
    ],
)
def test_a_weights_file_is_named_by_what_stands_before_the_underscore(weights: str, name: str) -> None:
    assert session_config.basename_of(weights) == session_config.basename_of(Path(weights)) == name


def read(folder: Path, text: str | bytes) -> dict[str, object]:
    (folder / "session_config.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return session_config.read_beside(folder / "x.hdf5")


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("!!python/name:ISR.utils.metrics.PSNR_Y ''", "ISR.utils.metrics.PSNR_Y"),
        ("!!python/object/apply:pathlib.Path.touch [ran]", ["ran"]),
        ("!!python/object/new:dict {a: !!python/tuple [1, 2.5]}", {"a": [1, 2.5]}),
        ("!!python/unicode text", "text"),
        ("!mine 5", "5"),
    ],
)
def test_a_tag_is_text_and_nothing_is_called(tmp_path: Path, yaml: str, value: object) -> None:
    assert read(tmp_path, f"key: {yaml}\n") == {"key": value}
    assert [path.name for path in tmp_path.iterdir()] == ["session_config.yml"]


def test_no_file_is_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert session_config.read_beside(tmp_path / "x.hdf5") == {}
    assert caplog.records == []


@pytest.mark.parametrize("content", ["a: [1", "- a\n", "", "just text", "a: 2001-99-99\n", b"\xff\xfe\xfa", "[" * 5000])
def test_what_cannot_be_read_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | bytes
) -> None:
    assert read(tmp_path, content) == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "session_config.yml' cannot be read" in caplog.text and caplog.text.count("\n") == 1
