"""ISR 2's config.yml: its keys, their types, and what stands for one that is missing or null. No Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ISR import settings
from ISR.errors import ConfigError
from ISR.settings import Rule

# What each generator's sizes are called, and those of ISR 2's own config.yml.
SIZES = {
    "rdn": {"C": 6, "D": 20, "G": 64, "G0": 64, "x": 2},
    "rrdn": {"C": 4, "D": 3, "G": 32, "G0": 32, "T": 4, "x": 4},
}
# Sections that our own config.yml will not have.
_MARKS = {"default", "generators", "log_dirs", "session", "test_sets", "training_sets", "weights_paths"}


def _at_least(low: float, default: Any) -> Any:
    return field(default=default, metadata={"rule": Rule(low=low)})


@dataclass(frozen=True)
class Choices:
    """Section `default`: what is taken where nobody is asked."""

    generator: str | None = None
    feature_extractor: bool = False
    discriminator: bool = False
    training_set: str | None = None
    test_set: str | None = None


@dataclass(frozen=True)
class LogDirs:
    """Folders of the logs and of the weights of all trainings."""

    logs: str = "./logs"
    weights: str = "./weights"


@dataclass(frozen=True)
class VGG19:
    """Which of VGG19's layers are compared."""

    layers_to_extract: list[int | str] = field(default_factory=lambda: [5, 9])


@dataclass(frozen=True)
class FeatureExtractor:
    """The one feature extractor that there is."""

    vgg19: VGG19 = field(default_factory=VGG19)


@dataclass(frozen=True)
class LossWeights:
    """How much each part of the loss counts."""

    generator: float = _at_least(0.0, 1.0)
    feature_extractor: float = _at_least(0.0, 0.0833)
    discriminator: float = _at_least(0.0, 0.01)


@dataclass(frozen=True)
class Losses:
    """Which loss each part has, by Keras' name."""

    generator: str = "mae"
    discriminator: str = "binary_crossentropy"
    feature_extractor: str = "mse"


@dataclass(frozen=True)
class LearningRate:
    """initial_value, multiplied by decay_factor every decay_frequency epochs."""

    initial_value: float = _at_least(0.0, 0.0004)
    decay_frequency: int = _at_least(1, 50)
    decay_factor: float = _at_least(0.0, 0.5)


@dataclass(frozen=True)
class Flatness:
    """The least standard deviation of a patch: min, raised by increase every increase_frequency epochs up to max."""

    min: float = _at_least(0.0, 0.0)
    increase_frequency: int | None = _at_least(1, None)
    increase: float = _at_least(0.0, 0.0)
    max: float = _at_least(0.0, 0.0)


@dataclass(frozen=True)
class Adam:
    """The generator's optimizer; epsilon None is Keras' own."""

    beta1: float = _at_least(0.0, 0.9)
    beta2: float = _at_least(0.0, 0.999)
    epsilon: float | None = _at_least(0.0, None)


@dataclass(frozen=True)
class Metrics:
    """What is measured on the generator's output."""

    generator: str = "PSNR_Y"


@dataclass(frozen=True)
class Training:
    """Section `session.training`; patch_size is the side of the LR patch in pixels."""

    steps_per_epoch: int = _at_least(1, 1000)
    patch_size: int = _at_least(1, 32)
    batch_size: int = _at_least(1, 16)
    epochs: int = _at_least(1, 300)
    n_validation_samples: int = _at_least(1, 100)
    learning_rate: LearningRate = field(default_factory=LearningRate)
    fallback_save_every_n_epochs: int = _at_least(1, 2)
    flatness: Flatness = field(default_factory=Flatness)
    metrics: Metrics = field(default_factory=Metrics)
    monitored_metrics: dict[str, Any] = field(default_factory=lambda: {"val_loss": "min", "val_PSNR_Y": "max"})
    adam_optimizer: Adam = field(default_factory=Adam)


@dataclass(frozen=True)
class Prediction:
    """Section `session.prediction`; patch_size bound ISR 2 to pictures of that size."""

    patch_size: int | None = _at_least(1, None)


@dataclass(frozen=True)
class Session:
    """What a prediction and a training are made with."""

    prediction: Prediction = field(default_factory=Prediction)
    training: Training = field(default_factory=Training)


@dataclass(frozen=True)
class TrainingSet:
    """The four folders of a data set, and what it is called in the training's records."""

    lr_train_dir: str | None = None
    hr_train_dir: str | None = None
    lr_valid_dir: str | None = None
    hr_valid_dir: str | None = None
    data_name: str | None = None


@dataclass(frozen=True)
class WeightsPaths:
    """Weights to predict with or to start the training from."""

    generator: str | None = None
    discriminator: str | None = None


@dataclass(frozen=True)
class ISR2Config:
    """A whole config.yml of ISR 2. generators: sizes by name; test_sets: folders by name."""

    default: Choices = field(default_factory=Choices)
    log_dirs: LogDirs = field(default_factory=LogDirs)
    feature_extractor: FeatureExtractor = field(default_factory=FeatureExtractor)
    generators: dict[str, dict[str, int]] = field(default_factory=lambda: {k: dict(v) for k, v in SIZES.items()})
    loss_weights: LossWeights = field(default_factory=LossWeights)
    losses: Losses = field(default_factory=Losses)
    session: Session = field(default_factory=Session)
    test_sets: dict[str, str] = field(default_factory=lambda: {"sample": "./data/input/sample"})
    training_sets: dict[str, TrainingSet] = field(default_factory=dict)
    weights_paths: WeightsPaths = field(default_factory=WeightsPaths)


def recognises(content: Mapping[str, Any]) -> bool:
    """Whether the mapping has a section that only ISR 2's config.yml has."""
    return not _MARKS.isdisjoint(content)


def from_mapping(content: Mapping[str, Any]) -> ISR2Config:
    """The settings in nested mappings; what is missing or null has ISR 2's default.

    ConfigError naming the key: unknown (with the nearest known name), of a wrong type or out of its range.
    """
    given = _without_nulls(content)
    for name, folders in _entries(given, "training_sets"):
        given["training_sets"][name] = settings.build(TrainingSet, folders, f"training_sets.{settings.spelled(name)}.")
    built: ISR2Config = settings.build(ISR2Config, given, "")
    for name, sizes in built.generators.items():
        _check_sizes(name, sizes)
    for name, folder in built.test_sets.items():
        _check(f"test_sets.{settings.spelled(name)}", "a folder's path", folder, isinstance(folder, str))
    for name, mode in built.session.training.monitored_metrics.items():
        setting = f"session.training.monitored_metrics.{settings.spelled(name)}"
        _check(setting, "min or max", mode, mode in ("min", "max"))
    return built


def _without_nulls(content: Any) -> Any:
    if not isinstance(content, Mapping):
        return content
    return {key: _without_nulls(value) for key, value in content.items() if value is not None}


def _entries(content: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
    """A section's items; none where it is no mapping, which is told by its type later."""
    entries = content.get(section)
    return list(entries.items()) if isinstance(entries, Mapping) else []


def _check_sizes(name: str, sizes: Any) -> None:
    if name not in SIZES:
        raise ConfigError(f"unknown setting generators.{settings.spelled(name)}{settings.nearest(name, SIZES)}")
    wanted = ", ".join(SIZES[name])
    _check(f"generators.{name}", f"a mapping of {wanted}", sizes, isinstance(sizes, Mapping))
    for key in sizes:
        if key not in SIZES[name]:
            unknown = f"unknown setting generators.{name}.{settings.spelled(key)}"
            raise ConfigError(unknown + settings.nearest(key, SIZES[name]))
    for key in SIZES[name]:
        size = sizes.get(key)
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 1
        _check(f"generators.{name}.{key}", "a whole number of at least 1", size, whole)


def _check(name: str, wanted: str, value: Any, fits: bool) -> None:
    if not fits:
        raise ConfigError(f"{name} must be {wanted}, got {settings.shown(value)}")
