"""Every setting of a training run: default, type, range, once; config.yml at the top of the project explains them."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ISR import plain_yaml
from ISR.errors import ConfigError
from ISR.plain_yaml import read as read


@dataclass(frozen=True)
class Rule:
    """What a value must satisfy beyond its type."""

    low: float | None = None
    high: float | None = None
    choices: tuple[str | int, ...] = ()
    pattern: str = ""
    keys: str = ""
    each: Rule | None = None

    def check(self, name: str, value: Any) -> None:
        """ConfigError where the value, called `name`, is not what the rule says."""
        if isinstance(value, dict):
            self._check_items(name, value)
            return
        if self.low is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"{name} must be a number, got {value!r}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} must be one of {', '.join(map(str, self.choices))}, got {value!r}")
        if self.low is not None and value < self.low:
            raise ConfigError(f"{name} must be at least {self.low}, got {value!r}")
        if self.high is not None and value > self.high:
            raise ConfigError(f"{name} must be at most {self.high}, got {value!r}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ConfigError(f"{name} must be letters, digits and . _ - with no dot in front, got {value!r}")

    def _check_items(self, name: str, items: dict[Any, Any]) -> None:
        for key, value in items.items():
            if self.keys and not re.fullmatch(self.keys, str(key)):
                raise ConfigError(f"unknown setting {name}.{key}: expected {self.keys}")
            if self.each is not None and isinstance(value, dict) != bool(self.each.each):
                raise ConfigError(
                    f"{name}.{key} must be {'a mapping' if self.each.each else 'one value'}, got {value!r}"
                )
            if self.each is not None:
                self.each.check(f"{name}.{key}", value)


def _setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    pattern: str = "",
    keys: str = "",
    each: Rule | None = None,
) -> Any:
    rule = {"rule": Rule(low, high, choices, pattern, keys, each)}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=rule)
    return field(default=default, metadata=rule)


@dataclass(frozen=True)
class ModelConfig:
    """Which network: a name in ISR.models.ARCHITECTURES, what its constructor takes, and weights to start from."""

    architecture: str = _setting("compact")
    scale: int = _setting(2, low=2, high=8)
    params: dict[str, Any] = _setting({"width": 32, "depth": 8})  # noqa: RUF009
    weights: str | None = _setting(None)


@dataclass(frozen=True)
class DataConfig:
    """Which pictures, and how patches are cut from them. patch_size is the side of the LR patch in pixels."""

    hr_dir: str | None = _setting(None)
    lr_dir: str | None = _setting(None)
    validation_dir: str | None = _setting(None)
    validation_lr_dir: str | None = _setting(None)
    validation_pictures: int = _setting(8, low=0)
    degradation: str = _setting("bicubic", choices=("bicubic", "realistic"))
    store: str | None = _setting(None)
    patch_size: int = _setting(32, low=1)
    batch_size: int = _setting(16, low=1)
    flatness: float = _setting(0.0, low=0.0, high=1.0)
    flatness_increase: float = _setting(0.0, low=0.0, high=1.0)
    flatness_increase_every: int = _setting(1, low=1)
    flatness_max: float = _setting(1.0, low=0.0, high=1.0)
    cache_limit_mb: int = _setting(8000, low=0)


@dataclass(frozen=True)
class TrainConfig:
    """How the network is fitted. Learning rates are the optimizer's; luma_weight adds the loss of the luma planes."""

    epochs: int = _setting(100, low=0)
    steps_per_epoch: int = _setting(500, low=1)
    loss: str = _setting("mae", choices=("mae", "mse", "charbonnier"))
    luma_weight: float = _setting(0.0, low=0.0)
    optimizer: str = _setting("adam", choices=("adam", "muon"))
    learning_rate: float = _setting(1e-3, low=1e-9)
    final_learning_rate: float = _setting(1e-6, low=0.0)
    warmup_steps: int = _setting(200, low=0)
    schedule: str = _setting("cosine", choices=("cosine", "step", "constant"))
    decay_every: int = _setting(50, low=1)
    decay_factor: float = _setting(0.5, low=0.0, high=1.0)
    clip_norm: float = _setting(0.0, low=0.0)
    beta_1: float = _setting(0.9, low=0.0, high=0.99999)
    beta_2: float = _setting(0.999, low=0.0, high=0.99999)
    epsilon: float = _setting(1e-7, low=1e-12)
    ema: float = _setting(0.999, low=0.0, high=0.99999)
    precision: str = _setting("float32", choices=("float32", "bfloat16", "float16"))
    validate_every: int = _setting(1, low=1)
    devices: int = _setting(1, low=1)
    seed: int = _setting(0, low=0, high=2**32 - 1)


# What a total loss is made of, by ISR 2's names: the pixel loss, the critic's verdict, VGG19's features.
_PARTS = "generator|discriminator|feature_extractor"
_WEIGHT = Rule(low=0.0, high=1e9)


@dataclass(frozen=True)
class AdversarialConfig:
    """The second phase: what it adds to the pixel loss. None and {} leave a part as the recipe has it."""

    recipe: str | None = _setting(None, choices=("srgan", "esrgan"))
    epochs: int = _setting(100, low=1)
    learning_rate: float = _setting(1e-4, low=1e-9)
    final_learning_rate: float = _setting(1e-6, low=0.0)
    warmup_steps: int = _setting(0, low=0)
    pixel: str | None = _setting(None, choices=("mae", "mse", "charbonnier"))
    perceptual: str | None = _setting(None, choices=("mse", "mae"))
    layers: dict[str, float] = _setting({}, keys="block[1-5]_(conv[1-4]|pool)", each=_WEIGHT)  # noqa: RUF009
    before_activation: bool | None = _setting(None)
    feature_scale: float | None = _setting(None, low=0.0)
    vgg_weights: str = _setting("imagenet")
    loss: str | None = _setting(None, choices=("binary_crossentropy", "relativistic", "hinge", "least_squares"))
    label_smoothing: float = _setting(0.0, low=0.0, high=0.49)
    loss_weights: dict[str, float] = _setting({}, keys=_PARTS, each=_WEIGHT)  # noqa: RUF009
    loss_weights_by_epoch: dict[int, dict[str, float]] = _setting(  # noqa: RUF009
        {}, keys="[0-9]+", each=Rule(keys=_PARTS, each=_WEIGHT)
    )
    critic: str = _setting("patch", choices=("patch", "paper"))
    critic_weights: str | None = _setting(None)
    critic_learning_rate: float = _setting(2e-4, low=1e-9)
    critic_beta_1: float = _setting(0.5, low=0.0, high=0.99999)


@dataclass(frozen=True)
class OutputConfig:
    """Where a run is kept, <runs>/<name>/<session>/, and what besides its state and its last weights."""

    runs: str = _setting("runs")
    name: str | None = _setting(None, pattern=r"[\w-][\w.-]*")
    monitor: dict[str, str] = _setting({"val_psnr_y": "max"}, each=Rule(choices=("min", "max")))  # noqa: RUF009
    save_every: int = _setting(2, low=0)
    keep_best: int = _setting(5, low=1)
    keep_others: int = _setting(5, low=1)
    state_every_steps: int = _setting(0, low=0)
    samples_every: int = _setting(5, low=0)


@dataclass(frozen=True)
class Config:
    """A whole recipe: Config() is config.yml."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def load(path: str | Path | None = None, *, overrides: Iterable[str] = ()) -> Config:
    """The recipe in a YAML file, or the defaults, with `section.key=value` overrides applied.

    Raises ConfigError naming the setting: unknown (with the nearest known name), of a wrong type or out of its range.
    """
    config = build(Config, read(Path(path)) if path is not None else {}, "")
    for text in overrides:
        config = override(config, *_parse_override(text))
    return _consistent(config)


def from_mapping(content: Mapping[str, Any]) -> Config:
    """The recipe in nested mappings such as `yaml.safe_load` returns; what is left out keeps its default."""
    built = build(Config, content, "")
    assert isinstance(built, Config)
    return _consistent(built)


def to_mapping(config: Any) -> dict[str, Any]:
    """The recipe as nested plain dicts that `yaml.safe_dump` writes and `from_mapping` reads."""
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    return {name: to_mapping(value) if is_dataclass(value) else value for name, value in values.items()}


def dump(config: Config) -> str:
    """The recipe as YAML text."""
    return plain_yaml.dump(to_mapping(config))


def build(kind: type, content: Any, prefix: str) -> Any:
    """The frozen dataclass `kind` from a mapping, each value checked by its field's type and Rule.

    prefix: where the mapping stands, for messages: `train.`. ConfigError as in `load`.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'the config'} must be a mapping, got {content!r}")
    known = {f.name: f for f in fields(kind)}
    types = typing.get_type_hints(kind)
    values = {}
    for key, value in content.items():
        if key not in known:
            raise ConfigError(f"unknown setting {prefix}{key}{nearest(str(key), known)}")
        name = f"{prefix}{key}"
        if is_dataclass(types[key]):
            values[key] = build(types[key], value, name + ".")
        else:
            values[key] = _checked(name, value, types[key], known[key].metadata.get("rule", Rule()))
    return kind(**values)


def nearest(key: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown key: the known one that looks most like it, else all."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f": did you mean {close[0]}?" if close else f": known are {', '.join(names)}"


def _checked(name: str, value: Any, expected: Any, rule: Rule) -> Any:
    allowed = typing.get_args(expected) if type(None) in typing.get_args(expected) else (expected,)
    kinds = [typing.get_origin(kind) or kind for kind in allowed]
    if value is None and type(None) in kinds:
        return None
    if float in kinds:
        value = _as_float(value)
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, tuple(kinds)):
        wanted = " or ".join("none" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigError(f"{name} must be {wanted}, got {value!r}")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ConfigError(f"{name} must be finite, got {value!r}")
    rule.check(name, value)
    return value


def _as_float(value: Any) -> Any:
    # YAML 1.1 reads 1e-3 (no point) as text.
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def override(config: Config, section: str, key: str, value: Any) -> Config:
    """The recipe with one setting changed, checked as if the file had said so."""
    if section == "model" and key.startswith("params."):
        value = {**config.model.params, key.removeprefix("params."): value}
        key = "params"
    changed = getattr(build(Config, {section: {key: value}}, ""), section)
    return replace(config, **{section: replace(getattr(config, section), **{key: getattr(changed, key)})})


def _parse_override(text: str) -> tuple[str, str, Any]:
    path, equals, value = text.partition("=")
    section, dot, key = path.strip().partition(".")
    if not equals or not dot:
        raise ConfigError(f"an override is section.key=value, got {text!r}")
    return section, key, plain_yaml.parse(value, f"the value of {text!r}")


def _consistent(config: Config) -> Config:
    if config.train.epochs == 0 and config.adversarial.recipe is None:
        raise ConfigError("train.epochs must be at least 1 where adversarial.recipe is null, got 0")
    check_shares(config, config.train.devices)
    return config


def check_shares(config: Config, devices: int) -> None:
    """ConfigError where the recipe's batch cannot be shared out evenly among so many devices."""
    if config.data.batch_size % devices:
        raise ConfigError(f"data.batch_size must be a multiple of the {devices} devices, got {config.data.batch_size}")
