"""ISR 2's config.yml, by section 5 of the measured description of ISR 2.2: every key, every default, every mistake."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from ISR import isr2_config, plain_yaml
from ISR.errors import ConfigError

# Every key of section 5 with a value that is not its default.
WHOLE = """
default: {generator: rrdn, feature_extractor: true, discriminator: true, training_set: cats, test_set: dogs}
log_dirs: {logs: ./l, weights: ./w}
feature_extractor: {vgg19: {layers_to_extract: [2, block5_conv4]}}
generators:
  rdn: {C: 1, D: 2, G: 3, G0: 4, x: 3}
  rrdn: {C: 1, D: 2, G: 3, G0: 4, T: 5, x: 2}
loss_weights: {generator: 0, feature_extractor: 0.5, discriminator: 0.25}
losses: {generator: mse, discriminator: mse, feature_extractor: mae}
session:
  prediction: {patch_size: 48}
  training:
    steps_per_epoch: 10
    patch_size: 24
    batch_size: 2
    epochs: 3
    n_validation_samples: 4
    learning_rate: {initial_value: 1e-3, decay_frequency: 7, decay_factor: 0.25}
    fallback_save_every_n_epochs: 5
    flatness: {min: 0.01, increase_frequency: 6, increase: 0.02, max: 0.1}
    metrics: {generator: PSNR}
    monitored_metrics: {val_generator_loss: min}
    adam_optimizer: {beta1: 0.5, beta2: 0.9, epsilon: 1e-5}
test_sets: {dogs: ./dogs}
training_sets:
  cats: {lr_train_dir: a, hr_train_dir: b, lr_valid_dir: c, hr_valid_dir: d, data_name: cats}
weights_paths: {generator: g.hdf5, discriminator: d.hdf5}
"""
# The table of section 5, as a program sees it.
DEFAULTS = """
default: {generator: null, feature_extractor: false, discriminator: false, training_set: null, test_set: null}
log_dirs: {logs: ./logs, weights: ./weights}
feature_extractor: {vgg19: {layers_to_extract: [5, 9]}}
generators:
  rdn: {C: 6, D: 20, G: 64, G0: 64, x: 2}
  rrdn: {C: 4, D: 3, G: 32, G0: 32, T: 4, x: 4}
loss_weights: {generator: 1.0, feature_extractor: 0.0833, discriminator: 0.01}
losses: {generator: mae, discriminator: binary_crossentropy, feature_extractor: mse}
session:
  prediction: {patch_size: null}
  training:
    steps_per_epoch: 1000
    patch_size: 32
    batch_size: 16
    epochs: 300
    n_validation_samples: 100
    learning_rate: {initial_value: 0.0004, decay_frequency: 50, decay_factor: 0.5}
    fallback_save_every_n_epochs: 2
    flatness: {min: 0.0, increase_frequency: null, increase: 0.0, max: 0.0}
    metrics: {generator: PSNR_Y}
    monitored_metrics: {val_loss: min, val_PSNR_Y: max}
    adam_optimizer: {beta1: 0.9, beta2: 0.999, epsilon: null}
test_sets: {sample: ./data/input/sample}
training_sets: {}
weights_paths: {generator: null, discriminator: null}
"""


def with_floats(content: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text, and 0 as an int."""
    if isinstance(content, dict):
        return {key: with_floats(value) for key, value in content.items()}
    return float(content) if isinstance(content, str) and content.startswith("1e") else content


def nulls(content: Any) -> Any:
    """Null for every key that has a default; the names in the mappings named here are the user's own."""
    own = {"generators", "test_sets", "monitored_metrics"}
    if not isinstance(content, dict):
        return None
    return {key: None if key in own else nulls(value) for key, value in content.items()}


def test_every_key_is_read() -> None:
    content = yaml.safe_load(WHOLE)
    assert asdict(isr2_config.from_mapping(content)) == with_floats(content)


@pytest.mark.parametrize("content", [{}, {"default": None}, nulls(yaml.safe_load(DEFAULTS))], ids=["", "null", "nulls"])
def test_what_is_missing_or_null_has_isr_2_s_default(content: dict[str, Any]) -> None:
    assert asdict(isr2_config.from_mapping(content)) == yaml.safe_load(DEFAULTS)


def test_a_training_set_may_have_nulls() -> None:
    """As in the file that ISR 2 came with."""
    content = yaml.safe_load("training_sets: {custom data: {lr_train_dir: null, hr_train_dir: b}}")
    folders = isr2_config.from_mapping(content).training_sets["custom data"]
    assert folders == isr2_config.TrainingSet(hr_train_dir="b")


def test_the_content_given_is_left_alone() -> None:
    content = yaml.safe_load(WHOLE)
    settings = isr2_config.from_mapping(content)
    assert content == yaml.safe_load(WHOLE)
    with pytest.raises(FrozenInstanceError):
        settings.default.generator = "rdn"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("generator: {rdn: {}}", "unknown setting generator: did you mean generators?"),
        ("dirs: {logs: x}", "unknown setting dirs: did you mean log_dirs?"),
        ("default: {genrator: rdn}", "unknown setting default.genrator: did you mean generator?"),
        ("default: {feature_extractor: vgg19}", "default.feature_extractor must be bool, got 'vgg19'"),
        ("default: {discriminator: 1}", "default.discriminator must be bool, got 1"),
        ("default: {generator: 3}", "default.generator must be str or none, got 3"),
        ("session: {training: {epoch: 3}}", "unknown setting session.training.epoch: did you mean epochs?"),
        ("session: {training: {epochs: 0}}", "session.training.epochs must be at least 1, got 0"),
        ("session: {training: {epochs: true}}", "session.training.epochs must be int, got True"),
        ("session: {training: {learning_rate: 0.1}}", "session.training.learning_rate must be a mapping, got 0.1"),
        ("session: {training: {learning_rate: {decay_frequency: 0}}}", "decay_frequency must be at least 1, got 0"),
        ("session: {training: {monitored_metrics: {val_loss: less}}}", "val_loss must be min or max, got 'less'"),
        (
            "session: {prediction: {patch_size: small}}",
            "session.prediction.patch_size must be int or none, got 'small'",
        ),
        ("loss_weights: {generator: -1}", "loss_weights.generator must be at least 0.0, got -1.0"),
        ("generators: [rdn]", "generators must be dict, got"),
        ("generators: {rnd: {C: 1}}", "unknown setting generators.rnd: did you mean rdn?"),
        ("generators: {rdn: 3}", "generators.rdn must be a mapping of C, D, G, G0, x, got 3"),
        ("generators: {rdn: {C: 1, D: 1, G: 1, G0: 1}}", "generators.rdn.x must be a whole number .*, got None"),
        ("generators: {rdn: {C: 0, D: 1, G: 1, G0: 1, x: 2}}", "generators.rdn.C must be a whole number .*, got 0"),
        (
            "generators: {rdn: {C: 1, D: 1, G: 1, G0: 1, x: 2, T: 1}}",
            "unknown setting generators.rdn.T: known are C, D",
        ),
        ("test_sets: {a: 3}", "test_sets.a must be a folder's path, got 3"),
        ("test_sets: ./a", "test_sets must be dict, got './a'"),
        ("training_sets: {a: ./a}", "training_sets.a must be a mapping, got './a'"),
        ("training_sets: {a: {hr_dir: ./a}}", "unknown setting training_sets.a.hr_dir: did you mean hr_"),
        ("training_sets: ./a", "training_sets must be dict, got './a'"),
        ("weights_paths: {generator: 7}", "weights_paths.generator must be str or none, got 7"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        isr2_config.from_mapping(yaml.safe_load(text))
    assert "\n" not in str(caught.value)


def test_a_tag_of_python_s_is_refused(tmp_path: Path) -> None:
    """ISR 2 wrote such tags, and loaded its files without a safe loader."""
    path = tmp_path / "config.yml"
    path.write_text("session: {training: {metrics: {generator: !!python/name:os.system ''}}}")
    with pytest.raises(ConfigError, match="is not plain YAML"):
        plain_yaml.read(path)


def test_tells_isr_2_s_file_from_ours() -> None:
    assert not isr2_config.recognises(yaml.safe_load((Path(__file__).parents[1] / "config.yml").read_text()))
    assert not isr2_config.recognises({})
    assert all(isr2_config.recognises({name: {}}) for name in yaml.safe_load(WHOLE) if name in isr2_config._MARKS)
    assert isr2_config.recognises(yaml.safe_load(WHOLE))


def test_import_loads_no_network() -> None:
    code = "import sys, ISR.isr2_config; print([m for m in ('keras', 'numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
