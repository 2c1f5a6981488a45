"""The recipe: config.yml is the defaults, and every way of getting a setting wrong is named."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ISR import config
from ISR.config import Config
from ISR.errors import ConfigError

RECIPE = Path(__file__).parents[1] / "config.yml"
SECTIONS = [field.name for field in dataclasses.fields(Config)]
KEYS = [(section, field.name) for section in SECTIONS for field in dataclasses.fields(getattr(Config(), section))]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """A function that writes a config and returns its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "recipe.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_config_yml_is_the_defaults() -> None:
    assert config.load(RECIPE) == config.load() == Config()


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_config_yml_names_and_explains_every_setting(section: str, key: str) -> None:
    assert key in yaml.safe_load(RECIPE.read_text(encoding="utf-8"))[section]
    assert re.search(rf"^  {key}:.* # \S.*$", RECIPE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufefftrain: {epochs: 100}", "train: {}"])
def test_what_is_left_out_keeps_its_default(written: Any, text: str) -> None:
    assert config.load(written(text)) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian: {epochs: 3}", "trian: did you mean train"),
        ("train: {epoch: 3}", "train.epoch: did you mean epochs"),
        ("train: {zzz: 3}", "train.zzz: known are beta_1"),
        ("1: {epochs: 3}", "unknown setting 1"),
        ("train: {null: 3}", "unknown setting train.None"),
        ("train: 5", "train must be a mapping, got 5"),
        ("train: null", "train must be a mapping, got None"),
        ("- train", "must hold a mapping of sections, got list"),
        ("just text", "must hold a mapping of sections, got str"),
        ("train: {epochs: 2.5}", "train.epochs must be int, got 2.5"),
        ("train: {epochs: '3'}", "train.epochs must be int"),
        ("train: {epochs: true}", "train.epochs must be int, got True"),
        ("train: {ema: true}", "train.ema must be float, got True"),
        ("train: {ema: often}", "train.ema must be float"),
        ("train: {epochs: null}", "train.epochs must be int, got None"),
        ("data: {hr_dir: 7}", "data.hr_dir must be str or none, got 7"),
        ("data: {hr_dir: [a, b]}", "data.hr_dir must be str or none"),
        ("model: {params: [1]}", "model.params must be dict"),
        ("data: {hr_scales: 0.5}", "data.hr_scales must be list, got 0.5"),
        ("data: {hr_scales: []}", "data.hr_scales must have at least one value"),
        ("data: {hr_scales: [1, x]}", r"data.hr_scales\[1\] must be a number, got 'x'"),
        ("data: {hr_scales: [1, 1.5]}", r"data.hr_scales\[1\] must be at most 1.0, got 1.5"),
        ("data: {hr_scales: [0.5, .nan]}", r"data.hr_scales\[1\] must be at least 0.05, got nan"),
        ("data: {hr_scales: [true]}", r"data.hr_scales\[0\] must be a number, got True"),
        ("output: {name: 2024-01-01}", "output.name must be str or none"),
    ],
)
def test_refuses_unknown_settings_and_wrong_types(written: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(written(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "scale", 1),
        ("model", "scale", 9),
        ("data", "validation_pictures", -1),
        ("data", "patch_size", 0),
        ("data", "batch_size", 0),
        ("data", "flatness", -0.1),
        ("data", "flatness", 1.1),
        ("data", "flatness_increase", -0.1),
        ("data", "flatness_increase_every", 0),
        ("data", "flatness_max", 1.1),
        ("data", "degradation", "foul"),
        ("data", "cache_limit_mb", -1),
        ("train", "epochs", 0),
        ("train", "steps_per_epoch", 0),
        ("train", "loss", "l3"),
        ("train", "luma_weight", -1),
        ("train", "learning_rate", 0),
        ("train", "learning_rate", -1e-3),
        ("train", "final_learning_rate", -1e-9),
        ("train", "warmup_steps", -1),
        ("train", "ema", 1.0),
        ("train", "optimizer", "sgd"),
        ("train", "precision", "float8"),
        ("train", "validate_every", 0),
        ("train", "seed", -1),
        ("train", "seed", 2**32),
        ("output", "name", ""),
        ("output", "name", "../elsewhere"),
        ("output", "name", "a/b"),
        ("output", "name", ".hidden"),
        *[("train", "learning_rate", value) for value in (float("nan"), float("inf"), "nan", ".inf")],
        *[("train", "ema", value) for value in (float("nan"), float("-inf"))],
    ],
)
def test_refuses_what_is_out_of_range(section: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{section}\.{key} must be"):
        config.from_mapping({section: {key: value}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epochs: !!python/object/apply:os.getcwd []}", "not plain YAML"),
        ("train: !!python/tuple [1]", "not plain YAML"),
        ("!!binary not-base-64", "not plain YAML"),
        ("a: &a [x]\nb: *a", "aliases"),
        ("train: {epochs: 1}\ntrain: {epochs: 2}", "the key train stands twice"),
        ("train:\n  ema: 0.5\n  loss: mse\n  ema: 0.6", "the key ema stands twice"),
        ("model: {params: {width: 1, width: 2}}", "the key width stands twice"),
        ("train: {epochs: 1", "not plain YAML"),
        ("train: {}\n---\ntrain: {}", "not plain YAML"),
        ("? [a]\n: b", "not plain YAML"),
        ("train: {epochs: " + "9" * 5000 + "}", "not plain YAML"),
        ("output: {name: 2024-13-45}", "not plain YAML"),
        ("[" * 5000, "not plain YAML"),
        ("tra\x00in: 1", "not plain YAML"),
        (b"train: \xff\xfe", "cannot read the config"),
        ("train: {}".encode("utf-16"), "cannot read the config"),
    ],
)
def test_refuses_what_is_not_plain_yaml(written: Any, text: str | bytes, message: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read the config"):
            config.load(path)


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("train.epochs=3", "train", "epochs", 3),
        ("train.learning_rate=1e-4", "train", "learning_rate", 1e-4),
        ("train.learning_rate=1", "train", "learning_rate", 1.0),
        ("data.hr_dir=a=b", "data", "hr_dir", "a=b"),
        ("data.hr_dir=", "data", "hr_dir", None),
        ("output.name='5'", "output", "name", "5"),
        ("model.params={}", "model", "params", {}),
        ("model.params.width=64", "model", "params", {"width": 64, "depth": 8}),
        ("model.params.upscaling=shuffle", "model", "params", {"width": 32, "depth": 8, "upscaling": "shuffle"}),
    ],
)
def test_an_override_changes_one_setting(text: str, section: str, key: str, value: Any) -> None:
    changed = config.load(overrides=[text])
    came = getattr(getattr(changed, section), key)
    assert came == value
    assert type(came) is type(value)
    restored = dataclasses.replace(getattr(changed, section), **{key: getattr(getattr(Config(), section), key)})
    assert dataclasses.replace(changed, **{section: restored}) == Config()


def test_overrides_come_after_the_file_and_in_their_order(written: Any) -> None:
    path = written("model: {params: {width: 4}}\ntrain: {epochs: 2, seed: 5}")
    changed = config.load(path, overrides=["model.params.depth=1", "train.epochs=3", "train.epochs=4"])
    assert changed.model.params == {"width": 4, "depth": 1}
    assert (changed.train.epochs, changed.train.seed) == (4, 5)
    assert Config().model.params == {"width": 32, "depth": 8}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.epochs", "section.key=value"),
        ("epochs=3", "section.key=value"),
        ("", "section.key=value"),
        (".epochs=3", "unknown setting"),
        ("train.=3", "unknown setting train."),
        ("trian.epochs=3", "did you mean train"),
        ("train.epoch=3", "did you mean epochs"),
        ("train.loss.weight=3", "unknown setting train.loss.weight"),
        ("train.epochs=[", "not plain YAML"),
        ("train.epochs=*a", "not plain YAML|aliases"),
        ("train.epochs=2024-13-45", "not plain YAML"),
        ("train.epochs=many", "train.epochs must be int"),
        ("train.epochs=0", "train.epochs must be at least 1"),
    ],
)
def test_refuses_wrong_overrides(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(overrides=[text])


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)  # NUL is refused
COUNTS = st.integers(1, 10**9)
PLAIN = st.one_of(st.integers(), st.booleans(), WORDS, st.floats(allow_nan=False, allow_infinity=False))
RECIPES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.fixed_dictionaries(
            {},
            optional={
                "architecture": WORDS,
                "scale": st.integers(2, 8),
                "params": st.dictionaries(WORDS, PLAIN, max_size=4),
            },
        ),
        "data": st.fixed_dictionaries(
            {}, optional={"hr_dir": st.none() | WORDS, "batch_size": COUNTS, "flatness": st.floats(0, 1)}
        ),
        "train": st.fixed_dictionaries(
            {},
            optional={
                "epochs": COUNTS,
                "learning_rate": st.floats(1e-9, 1e9),
                "loss": st.sampled_from(["mae", "mse"]),
                "seed": st.integers(0, 2**32 - 1),
            },
        ),
        "output": st.fixed_dictionaries({}, optional={"runs": WORDS, "name": st.sampled_from([None, "a", "a-x2.1"])}),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECIPES)
def test_round_trip(content: dict[str, Any]) -> None:
    """Through mappings and through YAML text, whatever the texts and numbers."""
    recipe = config.from_mapping(content)
    assert config.from_mapping(config.to_mapping(recipe)) == recipe
    assert config.from_mapping(yaml.safe_load(config.dump(recipe))) == recipe


def test_dump_is_read_by_load(written: Any) -> None:
    recipe = config.load(overrides=["data.hr_dir=ä ö", "train.ema=0.5", "model.params.depth=2"])
    assert config.load(written(config.dump(recipe))) == recipe


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().train.epochs = 3  # type: ignore[misc]


def test_import_is_cheap() -> None:
    code = "import sys, ISR.config; print([m for m in ('keras', 'tensorflow', 'numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
