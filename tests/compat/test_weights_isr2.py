"""`weights=` with files of ISR 2.2: by path, and by a name whose file is downloaded from a server on this machine.

The files in tests/golden were written by TensorFlow 2.15, which computed `sr` (tests/golden/make_legacy.py).
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from command import names, photo
from files_server import Server, refuses, sends, serving

from ISR.cli import main
from ISR.errors import WeightsError
from ISR.models import RDN, RRDN, legacy
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model
from ISR.models.records import WEIGHTS

GOLDEN = Path(__file__).parents[1] / "golden"
FILE = "rdn-ups-x2.hdf5"


def unpacked(name: str, folder: Path) -> Path:
    path = folder / f"{name}.hdf5"
    path.write_bytes(gzip.decompress((GOLDEN / f"{name}.hdf5.gz").read_bytes()))
    return path


def gap(model: ImageModel, name: str) -> float:
    """How far the network's picture is from that of TensorFlow 2.15."""
    with np.load(GOLDEN / f"{name}.npz") as golden:
        difference: npt.NDArray[np.float32] = model.run(golden["lr"]) - golden["sr"]
    return float(np.abs(difference).max())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has the file of `psnr-small`, which is here a small RDN's."""
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    content = unpacked("rdn-ups-x2", tmp_path).read_bytes()
    _, scale, params = legacy.describe(tmp_path / FILE)
    with serving() as server:
        remote = server.remote(content)
        record = replace(WEIGHTS["psnr-small"], scale=scale, params=params, url=remote.url, file=FILE)
        monkeypatch.setitem(WEIGHTS, "psnr-small", replace(record, size=remote.size, sha256=remote.sha256))
        server.answer = sends(content)
        yield server


@pytest.mark.parametrize("name", ["rdn-ups-x2", "rdn-shuffle-x2"])
def test_rdn_takes_a_file_and_builds_what_it_is_for(name: str, tmp_path: Path) -> None:
    network = RDN(weights=str(unpacked(name, tmp_path)))
    assert name == f"rdn-{network.upscaling}-x{network.scale}"
    assert gap(network, name) < 1e-5


@pytest.mark.parametrize("name", ["rrdn-x3", "rrdn-whole-x2"])
def test_rrdn_takes_a_file_and_builds_what_it_is_for(name: str, tmp_path: Path) -> None:
    network = RRDN(weights=unpacked(name, tmp_path))
    assert network.beta == 0.2 and network.T == 2
    assert gap(network, name) < 1e-5


def test_beta_is_the_caller_s_where_the_file_does_not_say(tmp_path: Path) -> None:
    network = RRDN(weights=unpacked("rrdn-x3", tmp_path), beta=0.4)
    assert network.beta == network.params["beta"] == 0.4
    assert gap(network, "rrdn-x3") > 1e-3


def test_a_file_must_fit_sizes_that_are_given(tmp_path: Path) -> None:
    path = unpacked("rdn-ups-x2", tmp_path)
    sizes = RDN(weights=path).arch_params
    assert gap(RDN(sizes, weights=path), "rdn-ups-x2") < 1e-5
    with pytest.raises(WeightsError, match="is not of this network"):
        RDN({**sizes, "D": sizes["D"] + 1}, weights=path)
    with pytest.raises(WeightsError, match="for the architecture rdn, not rrdn"):
        RRDN(weights=path)


def test_a_name_is_downloaded_once_and_computes_what_it_did(server: Server, tmp_path: Path) -> None:
    assert gap(RDN({"C": 9, "D": 9, "G": 9, "G0": 9, "x": 4}, weights="psnr-small"), "rdn-ups-x2") < 1e-5
    loaded = load_model("psnr-small")
    assert isinstance(loaded, RDN) and gap(loaded, "rdn-ups-x2") < 1e-5
    assert len(server.asked) == 1 and (tmp_path / "cache" / FILE).is_file()


def test_upscale_downloads_by_name(server: Server, tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.png")
    assert main(["upscale", "--model", "psnr-small", str(source)]) == 0
    assert names(tmp_path / "in") == ["a.png", "a_x2.png"] and len(server.asked) == 1


def test_upscale_tells_on_one_line_what_it_cannot_have(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = refuses(404)
    assert main(["upscale", "--model", "psnr-small", str(photo(tmp_path / "a.png"))]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "answers 404" in told and "--model PATH" in told


def test_a_file_that_was_cut_off_is_not_kept(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Fault P11 of ISR 2: its `get_file` kept what had come, and failed on it ever after."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / FILE).write_bytes((tmp_path / FILE).read_bytes()[:5000])
    with caplog.at_level(logging.WARNING, "ISR"):
        assert gap(RDN(weights="psnr-small"), "rdn-ups-x2") < 1e-5
    assert "is damaged (5,000 bytes" in caplog.text and len(server.asked) == 1
