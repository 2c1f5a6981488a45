"""What ISR 2's Trainer takes: its defaults, what each argument must be, and the recipe that they make together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ISR import config
from ISR.config import Config
from ISR.errors import ConfigError
from ISR.settings import nearest

DEFAULTS: dict[str, dict[str, Any]] = {
    "loss_weights": {"generator": 1.0, "discriminator": 0.003, "feature_extractor": 1 / 12},
    "log_dirs": {"logs": "logs", "weights": "weights"},
    "flatness": {"min": 0.0, "increase_frequency": None, "increase": 0.0, "max": 0.0},
    "learning_rate": {"initial_value": 0.0004, "decay_frequency": 100, "decay_factor": 0.5},
    "adam_optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": None},
    "losses": {"generator": "mae", "discriminator": "binary_crossentropy", "feature_extractor": "mse"},
    "metrics": {"generator": "PSNR_Y"},
}
# What a dict that is given must hold, and what its other keys are where they are left out.
NEEDED = {
    "loss_weights": ["generator"],
    "log_dirs": ["logs", "weights"],
    "learning_rate": ["initial_value"],
    "adam_optimizer": ["beta1", "beta2"],
    "losses": ["generator"],
}
LEFT_OUT: dict[str, dict[str, Any]] = {
    "loss_weights": {"discriminator": 0.0, "feature_extractor": 0.0},
    "flatness": DEFAULTS["flatness"],
    "learning_rate": {"decay_frequency": None, "decay_factor": None},
    "adam_optimizer": {"epsilon": None},
    "losses": {"discriminator": "binary_crossentropy", "feature_extractor": "mse"},
}
LOSSES = {"mean_absolute_error": "mae", "mean_squared_error": "mse"}  # Keras' long names
EPSILON = 1e-7
# Where an error names a setting of the recipe, its reader knows it by the argument.
_SETTINGS = {
    "adversarial.learning_rate": "learning_rate['initial_value']",
    "train.decay_every": "learning_rate['decay_frequency']",
    "train.decay_factor": "learning_rate['decay_factor']",
    "train.beta_1": "adam_optimizer['beta1']",
    "train.beta_2": "adam_optimizer['beta2']",
    "train.epsilon": "adam_optimizer['epsilon']",
    "train.steps_per_epoch": "steps_per_epoch",
    "train.seed": "seed",
    "adversarial.epochs": "epochs",
    "adversarial.pixel": "losses['generator']",
    "adversarial.perceptual": "losses['feature_extractor']",
    "adversarial.loss_weights": "loss_weights",
    "adversarial.loss": "losses['discriminator']",
    "data.batch_size": "batch_size",
    "data.flatness_increase_every": "flatness['increase_frequency']",
    "data.flatness_increase": "flatness['increase']",
    "data.flatness_max": "flatness['max']",
    "data.flatness": "flatness['min']",
    "data.hr_dir": "hr_train_dir",
    "data.validation_dir": "hr_valid_dir",
    "output.save_every": "fallback_save_every_n_epochs",
    "output.monitor": "monitored_metrics",
}


def filled(name: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A dict of its own with every key that the argument has. ConfigError for a key that is unknown or missing."""
    if given is None:
        return dict(DEFAULTS[name])
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name} must be a dict, got {given!r}")
    for key in given:
        if key not in DEFAULTS[name]:
            raise ConfigError(f"unknown key {name}[{key!r}]{nearest(str(key), DEFAULTS[name])}")
    for key in NEEDED.get(name, []):
        if key not in given:
            raise ConfigError(f"{name} must hold {key!r}, got {dict(given)}")
    return {**LEFT_OUT.get(name, {}), **given}


def patch_size(generator: Any, discriminator: Any, feature_extractor: Any, given: int | None) -> int:
    """The side of the LR patches. ConfigError where the networks are for patches of other sizes."""
    side = getattr(generator, "patch_size", None) or given
    against = {"discriminator": discriminator, "feature_extractor": feature_extractor}
    sizes = {name: network.patch_size for name, network in against.items() if network is not None}
    if side is None and sizes:
        side = next(iter(sizes.values())) // generator.scale
    if side is None:
        raise ConfigError("the generator has no patch_size: build it with one, or give lr_patch_size to the Trainer")
    if given not in (None, side):
        raise ConfigError(f"the generator takes patches of {side}, lr_patch_size is {given}")
    for name, size in sizes.items():
        if size != side * generator.scale:
            wanted = f"LR patches of {side} enlarged {generator.scale} times"
            raise ConfigError(f"the {name} must take patches of {side * generator.scale} ({wanted}), got {size}")
    return int(side)


def text(path: str | Path | None) -> str | None:
    """The path as text."""
    return None if path is None else str(path)


def weights(name: str, path: str | Path | None, network: Any) -> Path | None:
    """The path of weights to begin with. ConfigError where there is no such file or no network to fill."""
    if path is None or path == "":
        return None
    if network is None:
        raise ConfigError(f"{name} is given, but no {name.removeprefix('weights_')}")
    if not Path(path).is_file():
        raise ConfigError(f"{name}: there is no file {str(path)!r}")
    return Path(path)


def recipe(generator: Any, name: str, features: Any, settings: Mapping[str, Any], **sizes: int) -> Config:
    """The recipe that the arguments make. sizes: `patch_size` and `seed`. ConfigError by the arguments' names."""
    loss = {part: LOSSES.get(str(loss).lower(), loss) for part, loss in settings["losses"].items()}
    power = 2 if loss["feature_extractor"] == "mse" else 1
    adversarial = {
        "recipe": "srgan",
        "epochs": 1,
        "learning_rate": settings["learning_rate"]["initial_value"],
        "pixel": loss["generator"],
        "perceptual": loss["feature_extractor"],
        "loss": loss["discriminator"],
        "feature_scale": 255.0**-power if getattr(features, "preprocessing", False) else 1.0,
        "loss_weights": settings["loss_weights"],
    }
    folders = {
        "hr_dir": settings["hr_train_dir"],
        "lr_dir": settings["lr_train_dir"],
        "validation_dir": settings["hr_valid_dir"],
        "validation_lr_dir": settings["lr_valid_dir"],
    }
    return _built(
        {
            "model": {"architecture": generator.architecture, "scale": generator.scale, "params": generator.params},
            "data": {**folders, "patch_size": sizes["patch_size"], **_flatness(settings["flatness"])},
            "train": {"epochs": 0, "warmup_steps": 0, "ema": 0.0, "seed": sizes["seed"], **_optimizer(settings)},
            "adversarial": adversarial,
            "output": {"name": name, "monitor": {}, "save_every": settings["fallback_save_every_n_epochs"]},
        }
    )


def with_lengths(
    known: Config, *, epochs: int, steps_per_epoch: int, batch_size: int, monitored_metrics: dict[str, str]
) -> Config:
    """The recipe with what `train` takes. ConfigError by the arguments' names."""
    content = config.to_mapping(known)
    content["train"]["steps_per_epoch"] = steps_per_epoch
    content["adversarial"]["epochs"] = epochs
    content["data"]["batch_size"] = batch_size
    content["output"]["monitor"] = monitored_metrics
    return _built(content)


def _optimizer(settings: Mapping[str, Any]) -> dict[str, Any]:
    rate, adam = settings["learning_rate"], settings["adam_optimizer"]
    moments = {"beta_1": adam["beta1"], "beta_2": adam["beta2"], "epsilon": adam["epsilon"] or EPSILON}
    every, factor = rate["decay_frequency"], rate["decay_factor"]
    if every is None and factor is None:
        return {"schedule": "constant", **moments}
    if every is None or factor is None:
        raise ConfigError("learning_rate needs both or neither of 'decay_frequency' and 'decay_factor'")
    return {"schedule": "step", "decay_every": every, "decay_factor": factor, **moments}


def _flatness(flatness: Mapping[str, Any]) -> dict[str, Any]:
    increase = flatness["increase"] or 0.0
    if not increase:
        return {"flatness": flatness["min"]}
    if not flatness["increase_frequency"]:
        raise ConfigError("flatness['increase'] needs 'increase_frequency', the epochs after which it is added")
    if flatness["max"] < flatness["min"]:
        raise ConfigError(f"flatness['max'] must be at least flatness['min'], got {dict(flatness)}")
    names = {"min": "flatness", "increase_frequency": "flatness_increase_every", "max": "flatness_max"}
    return {"flatness_increase": increase} | {ours: flatness[key] for key, ours in names.items()}


def _built(content: dict[str, Any]) -> Config:
    try:
        return config.from_mapping(content)
    except ConfigError as error:
        message = str(error)
        for setting, argument in _SETTINGS.items():
            message = message.replace(setting, argument)
        raise ConfigError(message) from error


def names_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as plain YAML takes them: functions by their names."""
    metrics = {key: getattr(metric, "__name__", metric) for key, metric in settings["metrics"].items()}
    return {**settings, "metrics": metrics, "log_dirs": {k: str(v) for k, v in settings["log_dirs"].items()}}


def described(recipe: Config) -> dict[str, Any]:
    """The recipe's settings under ISR 2's names, for the block of a run that `isr train` makes."""
    plain = dataclasses.asdict(recipe)
    return {
        "generator": {
            "name": recipe.model.architecture,
            "parameters": {**recipe.model.params, "x": recipe.model.scale},
            "weights_generator": recipe.model.weights,
        },
        "discriminator": None,
        "feature_extractor": None,
        "training_parameters": {**plain["data"], **plain["train"], "adversarial": plain["adversarial"]},
    }
