"""Every setting of a training run: default, type, range, once; config.yml at the top of the project explains them."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ISR.errors import ConfigError


@dataclass(frozen=True)
class Rule:
    """What a value must satisfy beyond its type."""

    low: float | None = None
    high: float | None = None
    choices: tuple[str | int, ...] = ()
    pattern: str = ""

    def check(self, name: str, value: Any) -> None:
        """ConfigError, which says `name`, where the value breaks the rule."""
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} must be one of {', '.join(map(str, self.choices))}, got {value!r}")
        if self.low is not None and value < self.low:
            raise ConfigError(f"{name} must be at least {self.low}, got {value!r}")
        if self.high is not None and value > self.high:
            raise ConfigError(f"{name} must be at most {self.high}, got {value!r}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ConfigError(f"{name} must be letters, digits and . _ - with no dot in front, got {value!r}")


class _Loader(yaml.SafeLoader):
    """YAML's plain types, each key once: PyYAML by itself takes the last of equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            names = [key.value for key, _ in node.value]
            twice = next((name for name in names if names.count(name) > 1), names)
            raise yaml.YAMLError(f"the key {twice} stands twice in one mapping")
        return mapping


def _setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    pattern: str = "",
) -> Any:
    rule = {"rule": Rule(low, high, choices, pattern)}
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

    epochs: int = _setting(100, low=1)
    steps_per_epoch: int = _setting(500, low=1)
    loss: str = _setting("mae", choices=("mae", "mse", "charbonnier"))
    luma_weight: float = _setting(0.0, low=0.0)
    optimizer: str = _setting("adam", choices=("adam", "muon"))
    learning_rate: float = _setting(1e-3, low=1e-9)
    final_learning_rate: float = _setting(1e-6, low=0.0)
    warmup_steps: int = _setting(200, low=0)
    ema: float = _setting(0.999, low=0.0, high=0.99999)
    precision: str = _setting("float32", choices=("float32", "bfloat16"))
    validate_every: int = _setting(1, low=1)
    seed: int = _setting(0, low=0, high=2**32 - 1)


@dataclass(frozen=True)
class OutputConfig:
    """Where a run is kept: <runs>/<name>/<session>/."""

    runs: str = _setting("runs")
    name: str | None = _setting(None, pattern=r"[\w-][\w.-]*")


@dataclass(frozen=True)
class PredictionConfig:
    """What ISR.assistant enlarges with which weights: a name of `isr weights list`, an interpolation or a path."""

    input_dir: str | None = _setting(None)
    output_dir: str = _setting("./data/output")
    weights: str = _setting("compact-x2")


@dataclass(frozen=True)
class Config:
    """A whole recipe: Config() is config.yml."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    prediction: PredictionConfig = field(default_factory=PredictionConfig)


def load(path: str | Path | None = None, *, overrides: Iterable[str] = ()) -> Config:
    """The recipe in a YAML file, or the defaults, with `section.key=value` overrides applied.

    Raises ConfigError naming the setting: unknown (with the nearest known name), of a wrong type or out of its range.
    """
    content = read(Path(path)) if path is not None else {}
    config = from_mapping(content)
    for text in overrides:
        config = override(config, *_parse_override(text))
    return config


def from_mapping(content: Mapping[str, Any]) -> Config:
    """The recipe in nested mappings such as `yaml.safe_load` returns; what is left out keeps its default."""
    built = build(Config, content, "")
    assert isinstance(built, Config)
    return built


def to_mapping(config: Any) -> dict[str, Any]:
    """The recipe as nested plain dicts that `yaml.safe_dump` writes and `from_mapping` reads."""
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    return {name: to_mapping(value) if is_dataclass(value) else value for name, value in values.items()}


def dump(config: Config) -> str:
    """The recipe as YAML text."""
    return yaml.safe_dump(to_mapping(config), sort_keys=False)


def read(path: Path) -> Mapping[str, Any]:
    """A YAML file's mapping, each key once; empty for an empty file. ConfigError for any other file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config {str(path)!r}: {error}") from error
    content = _plain_yaml(text, repr(str(path)))
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{str(path)!r} must hold a mapping of sections, got {type(content).__name__}")
    return content or {}


def _plain_yaml(text: str, name: str) -> Any:
    try:
        # Aliases are refused: a few nested ones unfold to gigabytes.
        aliases = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=_Loader))
        content = None if aliases else yaml.load(text, Loader=_Loader)
    # PyYAML lets the ValueError of a date or number that cannot be, and Python's limit on nesting, through.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is not plain YAML: {' '.join(str(error).split())}") from error
    if aliases:
        raise ConfigError(f"{name} uses YAML aliases (*name), which a config does not need: write it out")
    return content


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
    changed = getattr(from_mapping({section: {key: value}}), section)
    return replace(config, **{section: replace(getattr(config, section), **{key: getattr(changed, key)})})


def _parse_override(text: str) -> tuple[str, str, Any]:
    path, equals, value = text.partition("=")
    section, dot, key = path.strip().partition(".")
    if not equals or not dot:
        raise ConfigError(f"an override is section.key=value, got {text!r}")
    return section, key, _plain_yaml(value, f"the value of {text!r}")
