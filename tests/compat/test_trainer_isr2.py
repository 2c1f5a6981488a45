"""ISR 2's Trainer: rows 1.7, 1.11, 3.3, 3.5 and 3.6 of what the reference does, and of its faults those of training."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from conftest import drawn
from PIL import Image
from small_runs import PATCH, SCALE, SmallCritic, SmallFeatures

from ISR import models
from ISR.config import TrainConfig
from ISR.errors import ConfigError
from ISR.images import resize
from ISR.train import Trainer, arguments, optimizers, state
from ISR.train.phases import plan

LENGTHS = {"epochs": 2, "steps_per_epoch": 2, "batch_size": 2}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Four folders: LR and HR pictures to train on and to validate with, the LR ones named as DIV2K's."""
    root = tmp_path_factory.mktemp("div2k")
    for part, count in (("train", 3), ("valid", 2)):
        for kind in ("lr", "hr"):
            (root / f"{kind}_{part}").mkdir()
        for i in range(count):
            hr = drawn(40, 44, seed=i + 10 * count)
            Image.fromarray(hr).save(root / f"hr_{part}" / f"{i:04d}.png")
            Image.fromarray(resize.reduce(hr, SCALE)).save(root / f"lr_{part}" / f"{i:04d}x2.png")
    return {f"{kind}_{part}_dir": str(root / f"{kind}_{part}") for part in ("train", "valid") for kind in ("lr", "hr")}


@pytest.fixture
def make(folders: dict[str, str], tmp_path: Path) -> Callable[..., Trainer]:
    def trainer(**given: Any) -> Trainer:
        keras.utils.set_random_seed(0)
        generator = given.pop("generator", None) or models.build("compact", SCALE, {"width": 4, "depth": 1})
        wanted = {"discriminator": None, "feature_extractor": None, **folders}
        wanted |= {"log_dirs": {"logs": str(tmp_path / "logs"), "weights": str(tmp_path / "weights")}}
        wanted |= {"lr_patch_size": PATCH}
        return Trainer(generator, **{**wanted, **given})

    return trainer


def names(run: Path, pattern: str = "*.weights.h5") -> list[str]:
    return sorted(path.name for path in run.glob(pattern))


def test_1_7_defaults() -> None:
    expected: dict[str, Any] = {
        "loss_weights": {"generator": 1.0, "discriminator": 0.003, "feature_extractor": 1 / 12},
        "log_dirs": {"logs": "logs", "weights": "weights"},
        "flatness": {"min": 0.0, "increase_frequency": None, "increase": 0.0, "max": 0.0},
        "learning_rate": {"initial_value": 0.0004, "decay_frequency": 100, "decay_factor": 0.5},
        "adam_optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": None},
        "losses": {"generator": "mae", "discriminator": "binary_crossentropy", "feature_extractor": "mse"},
        "metrics": {"generator": "PSNR_Y"},
    }
    assert {name: arguments.filled(name, None) for name in expected} == expected


def test_1_7_the_arguments_become_one_recipe(make: Callable[..., Trainer], folders: dict[str, str]) -> None:
    recipe = make(
        flatness={"min": 0.1, "increase_frequency": 3, "increase": 0.01, "max": 0.2},
        learning_rate={"initial_value": 1e-3, "decay_frequency": 50, "decay_factor": 0.25},
        adam_optimizer={"beta1": 0.5, "beta2": 0.9, "epsilon": 0.1},
        losses={"generator": "mse", "discriminator": "hinge", "feature_extractor": "mae"},
        loss_weights={"generator": 0.5},
        fallback_save_every_n_epochs=7,
    )._recipe
    assert (recipe.data.hr_dir, recipe.data.lr_dir) == (folders["hr_train_dir"], folders["lr_train_dir"])
    assert recipe.data.validation_lr_dir == folders["lr_valid_dir"]
    flat = (recipe.data.flatness, recipe.data.flatness_increase, recipe.data.flatness_increase_every)
    assert (*flat, recipe.data.flatness_max) == (0.1, 0.01, 3, 0.2)
    assert (recipe.train.beta_1, recipe.train.beta_2, recipe.train.epsilon) == (0.5, 0.9, 0.1)
    assert (recipe.train.schedule, recipe.train.decay_every, recipe.train.decay_factor) == ("step", 50, 0.25)
    wanted = recipe.adversarial
    assert (wanted.learning_rate, wanted.pixel, wanted.loss, wanted.perceptual) == (1e-3, "mse", "hinge", "mae")
    assert wanted.loss_weights == {"generator": 0.5, "discriminator": 0.0, "feature_extractor": 0.0}
    assert (wanted.critic_learning_rate, wanted.critic_beta_1) == (2e-4, 0.5)
    assert (recipe.output.save_every, len(plan(recipe))) == (7, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss_weights": {"discriminator": 1.0}}, "loss_weights must hold 'generator'"),
        ({"loss_weights": {"generator": -1.0}}, r"loss_weights\.generator must be at least 0"),
        ({"loss_weights": {"generator": 1.0, "critic": 1.0}}, r"unknown key loss_weights\['critic'\]"),
        ({"log_dirs": {"logs": "logs"}}, "log_dirs must hold 'weights'"),
        ({"learning_rate": {"decay_factor": 0.5}}, "learning_rate must hold 'initial_value'"),
        ({"learning_rate": {"initial_value": 0.0}}, r"learning_rate\['initial_value'\] must be at least"),
        ({"learning_rate": {"initial_value": 1.0, "decay_factor": 0.5}}, "both or neither"),
        ({"adam_optimizer": {"beta1": 0.9}}, "adam_optimizer must hold 'beta2'"),
        ({"adam_optimizer": {"beta1": 1.5, "beta2": 0.9}}, r"adam_optimizer\['beta1'\] must be at most"),
        ({"flatness": {"min": 0.1, "increase": 0.1}}, "needs 'increase_frequency'"),
        ({"flatness": {"min": 0.1, "increase": 0.1, "increase_frequency": 1, "max": 0.0}}, "at least flatness"),
        ({"losses": {"generator": "ssim"}}, r"losses\['generator'\] must be one of mae"),
        ({"losses": "mae"}, "losses must be a dict"),
        ({"metrics": {"generator": "SSIM"}}, r"must be one of PSNR, PSNR_Y or a function"),
        ({"metrics": {"discriminator": "accuracy"}}, r"unknown key metrics\['discriminator'\]"),
        ({"n_validation": -1}, "n_validation must be at least 0"),
        ({"fallback_save_every_n_epochs": -1}, "fallback_save_every_n_epochs must be at least 0"),
        ({"weights_generator": "nowhere.weights.h5"}, "weights_generator: there is no file"),
        ({"weights_discriminator": "nowhere.weights.h5"}, "but no discriminator"),
        ({"discriminator": SmallCritic(16)}, r"the discriminator must take patches of 24 .*got 16"),
        ({"feature_extractor": SmallFeatures(16)}, "the feature_extractor must take patches of 24"),
        ({"lr_patch_size": None}, "has no patch_size"),
        ({"lr_patch_size": 30}, "patch of 30 does not fit"),
        ({"lr_valid_dir": None}, "validation_lr_dir"),
    ],
)
def test_1_7_every_argument_is_checked_before_anything_is_written(
    make: Callable[..., Trainer], tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make(**given)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("epoch", "rate"), [(0, 4e-4), (99, 4e-4), (100, 2e-4), (250, 1e-4), (5000, 1e-7)])
def test_3_3_the_learning_rate(epoch: int, rate: float) -> None:
    """lr(epoch) = max(1e-7, initial * factor^(epoch // frequency)), at the first and at the last step of the epoch."""
    settings = TrainConfig(
        schedule="step", learning_rate=4e-4, decay_every=100, steps_per_epoch=7, warmup_steps=0, epochs=9000
    )
    for step in (7 * epoch, 7 * epoch + 6):
        assert float(optimizers.schedule(settings)(step)) == pytest.approx(rate, rel=1e-4)
    assert float(optimizers.schedule(settings, first_step=7 * epoch)(0)) == pytest.approx(rate, rel=1e-4)


KEYS = {
    (False, False): {"loss", "PSNR_Y"},
    (True, True): {"loss", "generator_loss", "discriminator_loss", "feature_extractor_loss"}
    | {"feature_extractor_1_loss", "generator_PSNR_Y", "d_real_loss", "d_real_accuracy", "d_fake_loss"},
    (True, False): {"loss", "generator_loss", "discriminator_loss", "generator_PSNR_Y"},
    (False, True): {"loss", "generator_loss", "feature_extractor_loss", "generator_PSNR_Y"},
}


@pytest.mark.parametrize(("critic", "features"), list(KEYS))
def test_3_5_3_6_and_t1_t3_t4_every_combination_trains_and_keeps_what_is_monitored(
    make: Callable[..., Trainer], critic: bool, features: bool
) -> None:
    """T1: val_PSNR_Y is measured beside a critic too. T3, T4: each network may be None."""
    trainer = make(
        discriminator=SmallCritic() if critic else None, feature_extractor=SmallFeatures() if features else None
    )
    run = trainer.train(**LENGTHS, monitored_metrics={"val_PSNR_Y": "max", "train_loss": "min"})
    progress = state.peek(run / "state.npz")
    keys = {f"{side}_{key}" for key in KEYS[critic, features] for side in ("train", "val")}
    assert keys <= set(progress.history[-1]) and set(progress.best) == {"val_PSNR_Y", "train_loss"}
    assert "compact-depth1-width4-x2_best-train_loss_epoch001.weights.h5" in names(run)
    assert "compact-depth1-width4-x2_best-val_PSNR_Y_epoch001.weights.h5" in names(run)
    assert ("srgan-large_best-val_PSNR_Y_epoch001.weights.h5" in names(run)) == critic


def test_t1_an_unknown_metric_is_an_error_before_training_with_the_known_ones(
    make: Callable[..., Trainer], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="'val_psnr': this training has train_PSNR_Y, train_loss, val_PSNR_Y"):
        make().train(**LENGTHS, monitored_metrics={"val_psnr": "max"})
    assert list(tmp_path.iterdir()) == []


def test_t5_t6_without_n_validation_all_validate_and_else_that_many(make: Callable[..., Trainer]) -> None:
    from ISR.datasets import source
    from ISR.train.trainer import _some

    pairs = source.find(make(n_validation=None)._recipe).validation_pairs()
    assert len(_some(pairs, None)) == 2
    assert [len(_some(pairs, count)) for count in (0, 1, 2, 9)] == [0, 1, 2, 2]
    assert len({id(pair.hr) for pair in _some(pairs * 1, 2)}) == 2


def test_t7_t10_training_twice_makes_two_folders_and_changes_no_argument(make: Callable[..., Trainer]) -> None:
    given: dict[str, Any] = {"metrics": {"generator": "PSNR_Y"}, "loss_weights": {"generator": 1.0}}
    before, monitored = copy.deepcopy(given), {"val_loss": "min"}
    trainer = make(**given)
    start = trainer.generator.model.get_weights()
    first = trainer.train(**LENGTHS, monitored_metrics=monitored)
    between = trainer.generator.model.get_weights()
    second = trainer.train(**LENGTHS, monitored_metrics=monitored)
    assert first != second and first.parent == second.parent
    assert (
        given == before and monitored == {"val_loss": "min"} and arguments.DEFAULTS["metrics"]["generator"] == "PSNR_Y"
    )
    after = trainer.generator.model.get_weights()
    assert not np.array_equal(start[0], between[0]) and not np.array_equal(between[0], after[0])


def test_t9_keys_that_are_left_out_mean_none(make: Callable[..., Trainer]) -> None:
    recipe = make(learning_rate={"initial_value": 1e-3}, flatness={"min": 0.1})._recipe
    assert recipe.train.schedule == "constant" and recipe.data.flatness_increase == 0.0
    assert make()._recipe.train.epsilon == 1e-7  # None crashes Keras 3 at the first update


def test_t18_t19_a_session_goes_on_from_the_weights_of_another(make: Callable[..., Trainer]) -> None:
    """The epoch comes from the name, the best values from the history, earlier blocks of the config are carried on."""
    first = make().train(**LENGTHS, monitored_metrics={"train_loss": "min", "val_PSNR_Y": "max"})
    weights = first / "compact-depth1-width4-x2_best-train_loss_epoch002.weights.h5"
    assert weights.is_file()
    trainer = make(weights_generator=weights)
    best = trainer._start({"train_loss": "min"}).best["train_loss"]
    assert best == min(float(row["train_loss"]) for row in state.peek(first / "state.npz").history)
    with pytest.raises(ConfigError, match="epochs counts from the first: the weights given have 2, got 2"):
        trainer.train(**LENGTHS, monitored_metrics={})
    second = trainer.train(**{**LENGTHS, "epochs": 3}, monitored_metrics={"train_loss": "min"})
    assert [row["epoch"] for row in state.peek(second / "state.npz").history] == ["3"]
    blocks = yaml.safe_load((second / "session_config.yml").read_text())
    assert list(blocks) == [first.name, second.name]
    assert blocks[second.name]["training_parameters"]["starting_epoch"] == 2
    assert blocks[second.name]["generator"]["weights_generator"] == str(weights)


def test_1_11_session_config_is_plain_yaml_with_isr_2_s_keys(
    make: Callable[..., Trainer], folders: dict[str, str]
) -> None:
    trainer = make(feature_extractor=SmallFeatures(), dataname="div2k")
    block = trainer.described(0, LENGTHS)
    assert block == yaml.safe_load(yaml.safe_dump(block))
    assert block["discriminator"] is None
    assert block["feature_extractor"] == {"name": "vgg19", "layers": [5, 9]}  # T3: recorded without a critic too
    training = block["training_parameters"]
    wanted = "lr_train_dir hr_train_dir lr_valid_dir hr_valid_dir loss_weights log_dirs fallback_save_every_n_epochs"
    wanted += " dataname n_validation flatness learning_rate adam_optimizer losses metrics"
    wanted += " lr_patch_size steps_per_epoch batch_size starting_epoch"
    assert set(wanted.split()) <= set(training)
    assert training["metrics"] == {"generator": "PSNR_Y"} and training["hr_train_dir"] == folders["hr_train_dir"]


def test_t20_equal_layers_begin_with_different_kernels() -> None:
    generator = models.build("rdn", 2, {"C": 2, "D": 2, "G": 4, "G0": 4})
    kernels = [np.asarray(layer.kernel) for layer in generator.model.layers if layer.name in ("LFF_1", "LFF_2")]
    assert kernels[0].shape == kernels[1].shape and not np.array_equal(*kernels)


def test_lr_folders_may_be_left_out(make: Callable[..., Trainer]) -> None:
    from ISR.datasets import source

    made = source.find(make(lr_train_dir=None, lr_valid_dir=None)._recipe).validation_pairs()
    given = source.find(make()._recipe).validation_pairs()
    for one, other in zip(made, given, strict=True):
        np.testing.assert_array_equal(one.lr, other.lr)
