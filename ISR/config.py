"""Every setting of a training run: default, type, range, once; config.yml at the top of the project explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ISR import plain_yaml
from ISR.errors import ConfigError
from ISR.plain_yaml import read
from ISR.settings import Rule, build, setting, shown


@dataclass(frozen=True)
class ModelConfig:
    """Which network: a name in ISR.models.ARCHITECTURES, what its constructor takes, and weights to start from."""

    architecture: str = setting("compact")
    scale: int = setting(2, low=2, high=8)
    params: dict[str, Any] = setting({"width": 32, "depth": 8})  # noqa: RUF009
    weights: str | None = setting(None)


@dataclass(frozen=True)
class DataConfig:
    """Which pictures, and how patches are cut from them. patch_size is the side of the LR patch in pixels.

    hr_scales: the sizes at which each picture is trained on, of its own (Dong, Loy and Tang 2016, section 4.1).
    on_device: whether all pictures lie on the accelerator.
    """

    hr_dir: str | None = setting(None)
    lr_dir: str | None = setting(None)
    validation_dir: str | None = setting(None)
    validation_lr_dir: str | None = setting(None)
    validation_pictures: int = setting(8, low=0)
    hr_scales: list[float] = setting([1.0], each=Rule(low=0.05, high=1.0))  # noqa: RUF009
    degradation: str = setting("bicubic", choices=("bicubic", "realistic"))
    store: str | None = setting(None)
    patch_size: int = setting(32, low=1)
    batch_size: int = setting(16, low=1)
    flatness: float = setting(0.0, low=0.0, high=1.0)
    flatness_increase: float = setting(0.0, low=0.0, high=1.0)
    flatness_increase_every: int = setting(1, low=1)
    flatness_max: float = setting(1.0, low=0.0, high=1.0)
    cache_limit_mb: int = setting(8000, low=0)
    on_device: bool = setting(False)


@dataclass(frozen=True)
class TrainConfig:
    """How the network is fitted. Learning rates are the optimizer's; luma_weight adds the loss of the luma planes.

    loss_border: LR pixels at a patch's edge that the loss leaves out: there the network sees padding, not neighbours.
    """

    epochs: int = setting(100, low=0)
    steps_per_epoch: int = setting(500, low=1)
    loss: str = setting("mae", choices=("mae", "mse", "charbonnier", "psnr"))
    luma_weight: float = setting(0.0, low=0.0)
    loss_border: int = setting(0, low=0)
    optimizer: str = setting("adam", choices=("adam", "muon", "soap"))
    learning_rate: float = setting(1e-3, low=1e-9)
    final_learning_rate: float = setting(1e-6, low=0.0)
    warmup_steps: int = setting(200, low=0)
    schedule: str = setting("cosine", choices=("cosine", "step", "constant"))
    decay_every: int = setting(50, low=1)
    decay_factor: float = setting(0.5, low=0.0, high=1.0)
    clip_norm: float = setting(0.0, low=0.0)
    beta_1: float = setting(0.9, low=0.0, high=0.99999)
    beta_2: float = setting(0.999, low=0.0, high=0.99999)
    epsilon: float = setting(1e-7, low=1e-12)
    ema: float = setting(0.999, low=0.0, high=0.99999)
    precision: str = setting("float32", choices=("float32", "bfloat16", "float16"))
    validate_every: int = setting(1, low=1)
    devices: int = setting(1, low=1)
    seed: int = setting(0, low=0, high=2**32 - 1)


# What a total loss is made of, by ISR 2's names: the pixel loss, the critic's verdict, VGG19's features.
_PARTS = "generator|discriminator|feature_extractor"
_WEIGHT = Rule(low=0.0, high=1e9)


@dataclass(frozen=True)
class AdversarialConfig:
    """The second phase: what it adds to the pixel loss. None and {} leave a part as the recipe has it."""

    recipe: str | None = setting(None, choices=("srgan", "esrgan"))
    epochs: int = setting(100, low=1)
    learning_rate: float = setting(1e-4, low=1e-9)
    final_learning_rate: float = setting(1e-6, low=0.0)
    warmup_steps: int = setting(0, low=0)
    pixel: str | None = setting(None, choices=("mae", "mse", "charbonnier", "psnr"))
    perceptual: str | None = setting(None, choices=("mse", "mae"))
    layers: dict[str, float] = setting({}, keys="block[1-5]_(conv[1-4]|pool)", each=_WEIGHT)  # noqa: RUF009
    before_activation: bool | None = setting(None)
    feature_scale: float | None = setting(None, low=0.0)
    vgg_weights: str = setting("imagenet")
    loss: str | None = setting(None, choices=("binary_crossentropy", "relativistic", "hinge", "least_squares"))
    label_smoothing: float = setting(0.0, low=0.0, high=0.49)
    loss_weights: dict[str, float] = setting({}, keys=_PARTS, each=_WEIGHT)  # noqa: RUF009
    loss_weights_by_epoch: dict[int, dict[str, float]] = setting(  # noqa: RUF009
        {}, keys="[0-9]+", each=Rule(keys=_PARTS, each=_WEIGHT)
    )
    critic: str = setting("patch", choices=("patch", "paper"))
    critic_weights: str | None = setting(None)
    critic_learning_rate: float = setting(2e-4, low=1e-9)
    critic_beta_1: float = setting(0.5, low=0.0, high=0.99999)


@dataclass(frozen=True)
class OutputConfig:
    """Where a run is kept, <runs>/<name>/<session>/, and what besides its state and its last weights."""

    runs: str = setting("runs")
    name: str | None = setting(None, pattern=r"[\w-][\w.-]*")
    monitor: dict[str, str] = setting({"val_psnr_y": "max"}, each=Rule(choices=("min", "max")))  # noqa: RUF009
    save_every: int = setting(2, low=0)
    keep_best: int = setting(5, low=1)
    keep_others: int = setting(5, low=1)
    state_every_steps: int = setting(0, low=0)
    samples_every: int = setting(5, low=0)


@dataclass(frozen=True)
class PredictionConfig:
    """What ISR.assistant enlarges with which weights: a name of `isr weights list`, an interpolation or a path."""

    input_dir: str | None = setting(None)
    output_dir: str = setting("./data/output")
    weights: str = setting("compact-x2")


@dataclass(frozen=True)
class ZeroShotConfig:
    """`isr upscale --model zssr`: the network, its training on the one picture, and what becomes of its output.

    Sizes are pixels, noise is in samples of [0, 1], budget in seconds; scale_steps 0 is two ways, budget 0 no
    limit. Shocher et al. 2018, section 3.
    """

    scale: float = setting(2.0, low=1.01, high=16.0)
    scale_steps: int = setting(0, low=0, high=16)
    channels: int | None = setting(None, choices=(1, 3))
    width: int = setting(64, low=1, high=1024)
    depth: int = setting(8, low=1, high=64)
    kernel_size: int = setting(3, choices=(1, 3, 5, 7, 9, 11))
    optimizer: str = setting("adam", choices=("adam", "muon"))
    lr: float = setting(1e-3, low=1e-9, high=1.0)
    lr_stop: float = setting(1e-6, low=1e-12, high=1.0)
    lr_decay: float = setting(0.1, low=1e-6, high=0.99)
    ratio: float = setting(1.5, low=0.0)
    range: int = setting(256, low=3)
    step: int = setting(32, low=1)
    max_steps: int = setting(3000, low=1)
    cooldown: float = setting(0.5, low=0.0, high=1.0)
    crop_size: int = setting(64, low=8)
    batch_size: int = setting(1, low=1)
    father_scales: int = setting(6, low=1, high=100)
    smallest_father: float = setting(0.5, low=0.05, high=1.0)
    noise: float = setting(0.0, low=0.0, high=1.0)
    kernel: str | None = setting(None)
    ensemble: int = setting(8, choices=(1, 2, 4, 8))
    back_projections: int = setting(4, low=0, high=1000)
    patch_size: int = setting(256, low=8)
    budget: float = setting(150.0, low=0.0)
    seed: int = setting(0, low=0, high=2**32 - 1)


@dataclass(frozen=True)
class Config:
    """A whole recipe: Config() is config.yml."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    prediction: PredictionConfig = field(default_factory=PredictionConfig)
    zero_shot: ZeroShotConfig = field(default_factory=ZeroShotConfig)


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
        raise ConfigError(f"an override is section.key=value, got {shown(text)}")
    return section, key, plain_yaml.parse(value, f"the value of {shown(text)}")


def _consistent(config: Config) -> Config:
    if config.train.epochs == 0 and config.adversarial.recipe is None:
        raise ConfigError("train.epochs must be at least 1 where adversarial.recipe is null, got 0")
    check_shares(config, config.train.devices)
    check_zero_shot(config.zero_shot)
    return config


def check_shares(config: Config, devices: int) -> None:
    """ConfigError where the recipe's batch cannot be shared out evenly among so many devices."""
    if config.data.batch_size % devices:
        raise ConfigError(f"data.batch_size must be a multiple of the {devices} devices, got {config.data.batch_size}")


def zero_shot(changes: Mapping[str, Any], settings: ZeroShotConfig | None = None) -> ZeroShotConfig:
    """The settings, or the defaults, with those changes, each checked as if config.yml had said so."""
    checked = build(ZeroShotConfig, changes, "zero_shot.")
    changed = replace(settings or ZeroShotConfig(), **{name: getattr(checked, name) for name in changes})
    check_zero_shot(changed)
    return changed


def check_zero_shot(settings: ZeroShotConfig) -> None:
    """ConfigError where one setting of zero_shot makes another meaningless."""
    if settings.lr_stop > settings.lr:
        raise ConfigError(f"zero_shot.lr_stop must be at most zero_shot.lr={settings.lr}, got {settings.lr_stop}")
    if settings.range < 2 * settings.step:
        least = "two steps, for a line through three errors"
        raise ConfigError(f"zero_shot.range must span {least}: at least {2 * settings.step}, got {settings.range}")
