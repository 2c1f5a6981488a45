"""Run by test_devices.py, with two logical processors: trains on one and on both; prints what came out as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pytest
import small_runs

from ISR import backend, config
from ISR.errors import ConfigError
from ISR.train import callbacks, session, state

PHOTOS, RUNS = Path(sys.argv[1]), Path(sys.argv[2])
# With its own epsilon Adam would hide a gradient of the wrong size, and make much of one that is rounding alone.
FIVE_STEPS = {"epochs": 1, "steps_per_epoch": 5, "epsilon": 1e-2}

if backend.name() == "tensorflow":
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


def recipe(*, phases: int = 1) -> config.Config:
    """Five steps of a batch of four; of two phases only the second, which is measured on an odd number of patches."""
    sections = {"data": {"batch_size": 4, "validation_pictures": 1}, "train": FIVE_STEPS}
    wanted = small_runs.recipe(PHOTOS, RUNS, phases=phases, **sections)
    if phases == 1:
        return wanted
    second = replace(wanted.adversarial, epochs=1, loss="least_squares")
    return replace(wanted, train=replace(wanted.train, epochs=0), adversarial=second)


def trained(devices: int, wanted: config.Config, name: str) -> list[np.ndarray]:
    """The generator's weights after the training, or what it goes on to from the state that is there."""
    with backend.shared_out(devices):
        return small_runs.fit(wanted, session.RunFolder(RUNS / name, "n"))


def stopped(devices: int, wanted: config.Config, name: str, *, after: int) -> None:
    """Train and stop after so many steps, as if by SIGTERM."""
    taken, before = [], callbacks.StopAtNaN.on_train_batch_end

    def count(self: callbacks.StopAtNaN, batch: int, logs: dict[str, float] | None = None) -> None:
        before(self, batch, logs)
        taken.append(batch)
        if len(taken) == after:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(callbacks.StopAtNaN, "on_train_batch_end", count)
        trained(devices, wanted, name)


def apart(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """The largest difference between any two values."""
    return max(float(np.max(np.abs(a - b))) for a, b in zip(first, second, strict=True))


def refused(devices: int) -> str:
    try:
        with backend.shared_out(devices):
            return ""
    except ConfigError as error:
        return str(error)


report: dict[str, object] = {"three": refused(3)}
one, two = (trained(devices, recipe(), f"pixel-{devices}") for devices in (1, 2))
report["losses"] = [state.peek(RUNS / f"pixel-{n}" / "state.npz").history[0]["train_loss"] for n in (1, 2)]
stopped(2, recipe(), "pixel-stopped", after=3)
report |= {"pixel": apart(one, two), "resumed": apart(two, trained(2, recipe(), "pixel-stopped"))}
kept = [state.load(RUNS / f"pixel-{name}" / "state.npz")[1] for name in ("2", "stopped")]
report["state"] = apart(*kept)
one, two = (trained(devices, recipe(phases=2), f"critic-{devices}") for devices in (1, 2))
report["critic"] = apart(one, two)
report["rows"] = [state.peek(RUNS / f"critic-{devices}" / "state.npz").history[0] for devices in (1, 2)]
print(json.dumps(report))
