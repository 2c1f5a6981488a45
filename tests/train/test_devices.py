"""Two devices that share every batch train as one does; run_on_devices.py makes two of this machine's processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ISR import backend, config
from ISR.errors import ConfigError

PROGRAM = Path(__file__).with_name("run_on_devices.py")
TWO_PROCESSORS = "--xla_force_host_platform_device_count=2"  # TensorFlow's two are made by the program


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def report(request: pytest.FixtureRequest, photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The backend's name, and what the program measured on it."""
    pytest.importorskip(request.param)
    environment = {**os.environ, "KERAS_BACKEND": request.param, "XLA_FLAGS": TWO_PROCESSORS}
    environment["PYTHONPATH"] = str(Path(backend.__file__).parents[1])
    runs = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, str(PROGRAM), str(photo_folder), str(runs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return request.param, json.loads(done.stdout)


@pytest.mark.slow
def test_two_devices_train_as_one_does(report: Any) -> None:
    assert report[1]["pixel"] <= 1e-6
    one, two = map(float, report[1]["losses"])
    assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.slow
def test_stopped_within_an_epoch_two_devices_end_with_the_same_bits(report: Any) -> None:
    assert report[1]["resumed"] == 0.0 and report[1]["state"] == 0.0


@pytest.mark.slow
def test_two_devices_train_and_measure_against_a_critic(report: Any) -> None:
    name, measured = report
    one, two = measured["rows"]
    assert one.keys() == two.keys() and "val_d_real_loss" in two
    # On TensorFlow every device normalises its own half of the batch, so that there the two critics differ.
    # Their losses did by 0.012 where this was written.
    within, loss_within = (1e-6, 1e-4) if name == "jax" else (1e-2, 5e-2)
    assert measured["critic"] <= within
    for key in two.keys() - {"seconds"}:
        assert float(two[key]) == pytest.approx(float(one[key]), rel=1e-2, abs=loss_within)


@pytest.mark.slow
def test_more_devices_than_there_are_is_an_error_that_names_them(report: Any) -> None:
    assert report[1]["three"].startswith(f"train.devices is 3, but {report[0]} has 2 here: ")


def test_a_batch_that_cannot_be_shared_out_evenly_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.batch_size must be a multiple of the 3 devices, got 16"):
        config.load(overrides=["train.devices=3"])
    assert config.load(overrides=["train.devices=4"]).train.devices == 4


def test_torch_says_which_backends_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "name", lambda: "torch")
    with pytest.raises(ConfigError, match="needs the tensorflow or the jax backend"), backend.shared_out(2):
        pass
    with pytest.raises(ConfigError, match="needs the jax backend, got torch"):
        backend.check_joins()
    with backend.shared_out(1):
        assert backend.devices_here() == 1
