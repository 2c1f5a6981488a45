"""From a folder of pictures to weights: what a run leaves behind, that it repeats itself, and that it goes on."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ISR import config, models
from ISR.datasets import folders, source, store
from ISR.datasets.windows import PRESETS
from ISR.errors import ConfigError, TrainingError
from ISR.images.files import to_float, to_samples
from ISR.metrics import psnr_y
from ISR.models import manifest
from ISR.train import callbacks, session, trainer

MODEL = {"architecture": "compact", "params": {"width": 8, "depth": 2}}
DATA = {"patch_size": 12, "batch_size": 4, "validation_pictures": 2}
TRAIN = {"epochs": 3, "steps_per_epoch": 5, "warmup_steps": 2, "ema": 0.9, "seed": 3}


@pytest.fixture
def recipe(photo_folder: Path, tmp_path: Path) -> Callable[..., config.Config]:
    def make(**train: Any) -> config.Config:
        data = {**DATA, "hr_dir": str(photo_folder)}
        output = {"runs": str(tmp_path / "runs")}
        return config.from_mapping({"model": MODEL, "data": data, "train": {**TRAIN, **train}, "output": output})

    return make


def fit(recipe: config.Config, run: session.RunFolder | None = None) -> tuple[session.RunFolder, list[Any]]:
    """One run from a fixed start; returns its folder and the weights that it kept."""
    import keras

    keras.utils.set_random_seed(0)
    generator = models.build(recipe.model.architecture, recipe.model.scale, recipe.model.params)
    run = run or session.new_run(recipe)
    trainer.train(generator, recipe, run=run, progress=False)
    return run, generator.model.get_weights()


def assert_same_bits(first: list[Any], second: list[Any]) -> None:
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def history(run: session.RunFolder) -> list[dict[str, str]]:
    return list(csv.DictReader(run.history.read_text().splitlines()))


def test_a_run_leaves_config_history_state_and_weights(recipe: Callable[..., config.Config]) -> None:
    run, weights = fit(recipe())
    assert config.load(run.config) == recipe()
    assert [row["epoch"] for row in history(run)] == ["1", "2", "3"]
    assert all(10 < float(row["val_psnr_y"]) < 60 for row in history(run))
    loaded = models.build("compact", 2, MODEL["params"])
    loaded.load(run.weights)
    assert_same_bits(loaded.model.get_weights(), weights)
    assert manifest.read(run.weights)["params"] == MODEL["params"]


def test_learns(recipe: Callable[..., config.Config]) -> None:
    run, _ = fit(recipe(epochs=6, steps_per_epoch=20))
    psnr = [float(row["val_psnr_y"]) for row in history(run)]
    assert psnr[-1] > psnr[0] + 0.3


@pytest.mark.parametrize("optimizer", ["adam", "muon", "soap"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(recipe: Callable[..., config.Config], optimizer: str) -> None:
    recipes = [recipe(optimizer=optimizer, epochs=2)] * 2
    (_, first), (_, second) = (
        fit(r, session.RunFolder(Path(r.output.runs) / str(i), "n")) for i, r in enumerate(recipes)
    )
    assert_same_bits(first, second)


@pytest.mark.parametrize("optimizer", ["adam", "muon", "soap"])
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    recipe: Callable[..., config.Config], optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recipe(optimizer=optimizer, epochs=4)
    _, expected = fit(whole, session.RunFolder(Path(whole.output.runs) / "whole", "n"))
    stopped = session.RunFolder(Path(whole.output.runs) / "stopped", "n")

    def stop(self: callbacks.Validate, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(callbacks.Validate, "on_epoch_end", stop)
        fit(whole, stopped)
    assert len(history(stopped)) == 2
    _, resumed = fit(whole, stopped)
    assert_same_bits(resumed, expected)
    assert [row["epoch"] for row in history(stopped)] == ["1", "2", "3", "4"]


def test_keeps_the_moving_average_and_not_the_last_step(recipe: Callable[..., config.Config]) -> None:
    _, averaged = fit(recipe(ema=0.9))
    _, last = fit(replace(recipe(ema=0.0), output=config.OutputConfig(runs=recipe().output.runs, name="last")))
    assert not all(np.array_equal(a, b) for a, b in zip(averaged, last, strict=True))


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_epochs_before(
    recipe: Callable[..., config.Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks.TellEpoch, "on_epoch_end", break_from_the_second_epoch_on, raising=False)
    run = session.new_run(recipe())
    with pytest.raises(TrainingError, match="epoch 2"):
        fit(recipe(), run)
    assert len(history(run)) == 1
    assert not run.weights.exists()


def break_from_the_second_epoch_on(self: Any, epoch: int, logs: dict[str, Any] | None = None) -> None:
    kernel = self.model.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))


def test_a_state_of_another_network_is_refused(recipe: Callable[..., config.Config]) -> None:
    run, _ = fit(recipe(epochs=1))
    other = replace(recipe(), model=config.ModelConfig(params={"width": 4, "depth": 2}))
    with pytest.raises(TrainingError, match="another network"):
        fit(other, run)


def test_a_patch_larger_than_a_picture_is_a_config_error(recipe: Callable[..., config.Config]) -> None:
    wide = config.override(recipe(), "data", "patch_size", 64)
    with pytest.raises(ConfigError, match="patch_size"):
        fit(wide)


def test_a_loss_without_edges_trains_by_what_is_inside(recipe: Callable[..., config.Config]) -> None:
    """After one step with all of the patch but its middle left out, other weights than with all of it; no more left
    out than there is."""
    whole, middle = (recipe(epochs=1, steps_per_epoch=1, ema=0.0, loss_border=border) for border in (0, 3))
    runs = [session.RunFolder(Path(r.output.runs) / str(i), "n") for i, r in enumerate((whole, middle))]
    losses = [float(history(fit(r, run)[0])[0]["train_loss"]) for r, run in zip((whole, middle), runs, strict=True)]
    assert losses[0] != losses[1]
    with pytest.raises(ConfigError, match=r"train\.loss_border: 8 LR pixels on every side leave nothing"):
        fit(recipe(epochs=1, loss_border=8))


def test_a_network_that_pads_nothing_trains_and_validates(recipe: Callable[..., config.Config]) -> None:
    """What it is measured by is what it makes of whole pictures where it pads, without the border of 6 pixels."""
    wanted = replace(recipe(epochs=1), model=config.ModelConfig(architecture="srcnn", params={"padding": "valid"}))
    wanted = replace(wanted, output=replace(wanted.output, samples_every=1))
    run, _ = fit(wanted)
    padded = models.build("srcnn", 2, {})
    padded.load(run.weights)
    by_hand = []
    for lr, hr in source.find(wanted).validation_pairs():
        sr = to_samples(padded.run(to_float(lr)[None])[0])
        by_hand.append(psnr_y(hr[6:-6, 6:-6], sr[6:-6, 6:-6], border=2))
    assert float(history(run)[0]["val_psnr_y"]) == pytest.approx(np.mean(by_hand), abs=1e-3)
    with Image.open(run.samples / "epoch_0001.png") as shown:
        assert shown.size == (3 * (60 - 12), 2 * (60 - 12))


@pytest.mark.parametrize(
    ("params", "message"), [({}, "network makes 33, the HR patches have 21"), ({"c_dim": 1}, "feeds 3")]
)
def test_a_store_for_another_network_is_refused_and_leaves_no_folder(
    recipe: Callable[..., config.Config], photo_folder: Path, tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    store.build(folders.pictures_in(photo_folder)[:1], tmp_path / "s.h5", windows=PRESETS["srcnn"])
    wanted = replace(recipe(), model=config.ModelConfig(architecture="srcnn", scale=3, params=params))
    wanted = replace(wanted, data=config.DataConfig(store=str(tmp_path / "s.h5")))
    generator = models.build("srcnn", 3, params)
    with pytest.raises(ConfigError, match=message):
        trainer.train(generator, wanted, run=partial(session.new_run, wanted), progress=False)
    assert not (tmp_path / "runs").exists()


WITHOUT_TENSORFLOW = """
import sys
from ISR.cli import main
code = main(sys.argv[1:])
print(code, *sorted({"tensorflow", "torch", "jax"} & set(sys.modules)))
"""


@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=pytest.mark.slow)])
def test_training_on_another_backend_never_loads_tensorflow(
    recipe: Callable[..., config.Config], tmp_path: Path, backend: str
) -> None:
    """Decision 1 of docs/architecture.md: both phases, validation, samples, and TensorBoard's files if it is there."""
    pytest.importorskip(backend)
    features = {"generator": 1.0, "discriminator": 0.0, "feature_extractor": 1.0}
    second = {"recipe": "srgan", "epochs": 1, "layers": {"block1_conv1": 1.0}, "vgg_weights": "random"}
    content = config.to_mapping(recipe(epochs=1, steps_per_epoch=1))
    content["data"] |= {"patch_size": 16, "batch_size": 1}
    content["adversarial"] |= {**second, "loss_weights": features}
    content["output"] |= {"samples_every": 1}
    (tmp_path / "r.yml").write_text(config.dump(config.from_mapping(content)))
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "train", "--config", str(tmp_path / "r.yml")]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    weights, loaded = done.stdout.splitlines()
    code, *names = loaded.split()  # Keras itself loads JAX, for Orbax, where it is installed
    assert code == "0" and backend in names and "tensorflow" not in names and Path(weights).is_file()


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"config\.yml"):
        session.open_run(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_trains_on_the_other_backends(recipe: Callable[..., config.Config], backend: str) -> None:
    pytest.importorskip(backend)
    overrides = config.to_mapping(recipe(epochs=10, steps_per_epoch=20, optimizer="muon"))
    settings = [f"{s}.{k}={v}" for s, keys in overrides.items() for k, v in keys.items() if v is not None]
    command = [sys.executable, "-m", "ISR", "train", *(part for setting in settings for part in ("--set", setting))]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": backend}, check=True, timeout=300, capture_output=True, text=True
    )
    run = session.RunFolder(Path(done.stdout.strip()).parent, "compact-x2")
    psnr = [float(row["val_psnr_y"]) for row in history(run)]
    assert psnr[-1] > psnr[0] + 0.3
