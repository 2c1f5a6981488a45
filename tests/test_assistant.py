"""The assistant: both forms of config.yml, with nobody to ask and on a terminal; what is wrong is told in one line."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command import Said, contents, one_line, photo
from verbs import randomised

from ISR import assistant
from ISR.errors import ConfigError
from ISR.images import files

TRAINING_SETS = {"a": {"hr_train_dir": "./cats", "hr_valid_dir": "./dogs"}}
PSNR_SMALL = {"C": 3, "D": 10, "G": 64, "G0": 64, "x": 2}
SIZES = {"C": 1, "D": 1, "G": 2, "G0": 2, "x": 2}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ISR.models import RDN

    path = tmp_path_factory.mktemp("weights") / "rdn.weights.h5"
    randomised(RDN(SIZES)).save(path)
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two folders of pictures."""
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "cats" / "one.png", height=9, width=12)
    photo(tmp_path / "cats" / "two.png", height=7, width=5)
    photo(tmp_path / "dogs" / "three.png", height=8, width=8)
    return tmp_path


def isr_2(**sections: Any) -> dict[str, Any]:
    """A config.yml of ISR 2 with a network small enough for a test."""
    return {"default": {"generator": "rdn"}, "generators": {"rdn": SIZES}, "test_sets": {"cats": "./cats"}} | sections


def written(content: Any, name: str = "config.yml") -> Path:
    path = Path(name)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def process(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ISR.assistant", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def on_a_terminal(typed: bytes, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The assistant with a pseudo-terminal for stdin, on which this is typed ahead."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, typed)
        return process(*arguments, stdin=terminal)
    finally:
        os.close(terminal)
        os.close(keyboard)


def test_enlarges_by_isr_2_s_config(here: Path, weights: Path) -> None:
    from ISR.models import RDN
    from ISR.predict import Predictor

    config = written(isr_2(weights_paths={"generator": str(weights)}))
    paths = assistant.run(str(config), default=True, training=False, prediction=True)
    results = here / "data" / "output" / "cats" / "rdn"
    assert [path.name for path in paths] == ["one.png", "two.png"]
    assert {path.resolve().parents[1] for path in paths} == {results}
    network = RDN(SIZES)
    network.load(weights)
    expected = Predictor(network).upscale(here / "cats" / "one.png")
    np.testing.assert_array_equal(files.read(paths[0]).pixels, expected.pixels)
    assert expected.pixels.shape == (18, 24, 3)


def test_a_fixed_patch_does_not_bind_the_prediction(here: Path, weights: Path) -> None:
    """Fault P10 of ISR 2: with session.prediction.patch_size set, only pictures of that size were taken."""
    session = {"prediction": {"patch_size": 4}}
    written(isr_2(session=session, weights_paths={"generator": str(weights)}))
    assert len(assistant.run("config.yml", prediction=True)) == 2


def test_enlarges_by_our_config(here: Path, capsys: Said) -> None:
    config = written({"prediction": {"input_dir": "dogs", "output_dir": "large", "weights": "bicubic"}})
    assert assistant.main(["--prediction", "--config", str(config)]) == 0
    printed = capsys.readouterr()
    path = Path(printed.out.rstrip("\n"))
    assert path.parts[:2] == ("large", "dogs") and path.name == "three.png" and printed.err == ""
    assert files.read(path).pixels.shape == (16, 16, 3)


def test_trains_by_our_config(photo_folder: Path, here: Path, capsys: Said) -> None:
    """What `isr train --config` makes."""
    model = {"architecture": "compact", "params": {"width": 4, "depth": 1}}
    data = {"hr_dir": str(photo_folder), "patch_size": 16, "batch_size": 2, "validation_pictures": 1}
    train = {"epochs": 1, "steps_per_epoch": 2, "warmup_steps": 1}
    written({"model": model, "data": data, "train": train, "output": {"runs": "runs"}})
    assert assistant.main(["-t"]) == 0
    weights = Path(capsys.readouterr().out.rstrip("\n"))
    assert weights.parts[:2] == ("runs", "compact-x2") and weights.is_file()


def test_an_error_of_our_training_is_told_once(here: Path, capsys: Said) -> None:
    written({"data": {"hr_dir": "nowhere"}})
    assert assistant.main(["-t", "-c", "config.yml"]) != 0
    assert "nowhere" in one_line(capsys)
    with pytest.raises(SystemExit) as stopped:
        assistant.run("config.yml", training=True)
    assert stopped.value.code not in (0, None)


def test_with_stdin_closed_nothing_is_asked(here: Path, weights: Path) -> None:
    """Fault of ISR 2's Docker image (#163): the file it came with made the assistant fail without a terminal."""
    sets = {"cats": "./cats", "dogs": "./dogs"}
    written(isr_2(default={"test_set": "dogs"}, test_sets=sets, weights_paths={"generator": str(weights)}))
    command = shlex.join([sys.executable, "-m", "ISR.assistant", "-p", "-c", "config.yml"])
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True, check=False, timeout=300)
    path = Path(done.stdout.rstrip("\n"))
    assert (done.returncode, done.stderr) == (0, "")
    assert path.parts[:3] == ("data", "output", "dogs") and files.read(path).pixels.shape == (16, 16, 3)


def test_asks_on_a_terminal_for_what_is_open(here: Path, weights: Path) -> None:
    generators = {"rdn": SIZES, "rrdn": {**SIZES, "T": 1}}
    written(isr_2(default={}, generators=generators, test_sets={"cats": "./cats", "dogs": "./dogs"}))
    answers = ["5", "prediction", "1", "no", "2", str(weights)]  # 5 and no are asked again
    done = on_a_terminal("".join(f"{answer}\n" for answer in answers).encode(), "-c", "config.yml")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.rstrip("\n")).parts[:3] == ("data", "output", "dogs")
    asked = [line for line in done.stderr.replace("> ", "").splitlines() if line.startswith("Which")]
    assert asked == ["Which session?"] * 2 + ["Which generator?"] + ["Which test set?"] * 2
    assert "  1: cats\n  2: dogs\n" in done.stderr and done.stderr.endswith("a path or a name: ")


def test_asks_nothing_on_a_terminal_with_default(here: Path) -> None:
    written(isr_2(test_sets={"cats": "./cats", "dogs": "./dogs"}))
    done = on_a_terminal(b"1\n", "-p", "-d")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "isr: default.test_set is not set: write one of cats, dogs\n"


def test_end_of_input_at_a_question_is_one_line(here: Path) -> None:
    written(isr_2(test_sets={"cats": "./cats", "dogs": "./dogs"}))
    done = on_a_terminal(b"\x04", "-p")
    assert done.returncode == 2 and done.stderr.splitlines()[-1].endswith("or give --default"), done.stderr


def test_trains_by_isr_2_s_config(here: Path) -> None:
    photo(here / "large" / "one.png", height=20, width=24)
    photo(here / "large" / "two.png", height=16, width=18)
    sets = {"a": {"hr_train_dir": "./large", "hr_valid_dir": "./dogs", "data_name": "animals"}}
    training = {"patch_size": 4, "epochs": 1, "steps_per_epoch": 2, "batch_size": 3, "n_validation_samples": 1}
    training |= {"learning_rate": {"decay_factor": 0.25}}
    choices = {"generator": "rdn", "discriminator": True}
    written(isr_2(default=choices, training_sets=sets, session={"training": training}, loss_weights={"generator": 0.5}))
    assert assistant.run("config.yml", default=True, training=True) == []
    (run,) = (here / "weights" / "rdn-C1-D1-G2-G02-x2").iterdir()
    # Epoch 1 is the best yet by val_loss and val_PSNR_Y, the metrics that ISR 2's config.yml monitors.
    kept = [path.name for path in run.glob("*_epoch001.weights.h5")]
    assert {"rdn-C1-D1-G2-G02-x2_best-val_PSNR_Y_epoch001.weights.h5"} <= set(kept)
    (block,) = yaml.safe_load((run / "session_config.yml").read_text(encoding="utf-8")).values()
    assert block["discriminator"]["name"] == "srgan-large" and block["feature_extractor"] is None
    # What the file leaves out is section 5 of the measured description of ISR 2.2.
    assert block["training_parameters"] == {
        "lr_train_dir": None,
        "hr_train_dir": "./large",
        "lr_valid_dir": None,
        "hr_valid_dir": "./dogs",
        "dataname": "animals",
        "loss_weights": {"generator": 0.5, "discriminator": 0.01, "feature_extractor": 0.0833},
        "log_dirs": {"logs": "./logs", "weights": "./weights"},
        "fallback_save_every_n_epochs": 2,
        "n_validation": 1,
        "flatness": {"min": 0.0, "increase_frequency": None, "increase": 0.0, "max": 0.0},
        "learning_rate": {"initial_value": 0.0004, "decay_frequency": 50, "decay_factor": 0.25},
        "adam_optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": None},
        "losses": {"generator": "mae", "discriminator": "binary_crossentropy", "feature_extractor": "mse"},
        "metrics": {"generator": "PSNR_Y"},
        "lr_patch_size": 4,
        "epochs": 1,
        "steps_per_epoch": 2,
        "batch_size": 3,
        "starting_epoch": 0,
    }


@pytest.mark.parametrize(
    ("flag", "content", "message"),
    [
        ("-p", isr_2(), "weights_paths.generator is not set: .*: a path$"),
        ("-p", isr_2(generators={"rdn": PSNR_SMALL}), "generator is not set: .*: a path, rdn-small-x2, psnr-small$"),
        ("-p", isr_2(weights_paths={"generator": "nowhere.hdf5"}), "no file 'nowhere.hdf5'"),
        ("-p", isr_2(weights_paths={"generator": "compact-x2"}), "compact"),
        ("-p", isr_2(default={"test_set": "cat"}), "default.test_set names 'cat', .* test_sets: did you mean cats?"),
        ("-p", isr_2(default={"generator": "rrdn"}), "default.generator names 'rrdn', which is none of the file's gen"),
        ("-p", isr_2(test_sets={"a": "./cats", "b": "./dogs"}), "default.test_set is not set: write one of a, b"),
        ("-p", isr_2(test_sets={"a": "./nowhere"}, weights_paths={"generator": "a.hdf5"}), "nowhere"),
        ("-p", isr_2(test_sets={"a": 3}), "test_sets.a must be a folder's path"),
        ("-p", isr_2(generators={"rdn": {**SIZES, "T": 1}}), "unknown setting generators.rdn.T"),
        ("-p", "session: {prediction: {patchsize: 3}}", "session.prediction.patchsize: did you mean patch_size?"),
        ("-p", "default: !!python/name:os.system ''", "is not plain YAML"),
        ("-p", "default: {generator: rdn}\ntrain: {epochs: 3}", "unknown setting train"),
        ("-p", "prediction: {weights: bicubic}", "prediction.input_dir is not set"),
        ("-p", "prediction: {input_dir: dogs, weights: bicubik}", "unknown model 'bicubik'"),
        ("-p", "prediction: {input: dogs}", "unknown setting prediction.input: did you mean input_dir?"),
        ("-t", isr_2(), "default.training_set is not set: write one of your own"),
        ("-t", isr_2(default={"training_set": "a"}), "default.training_set names 'a', which is none of the file's"),
        ("-t", isr_2(training_sets={"a": {"lr_train_dir": "b"}}), "training_sets.a.hr_train_dir is not set"),
        ("-t", isr_2(training_sets=TRAINING_SETS, session={"training": {"epochs": 0}}), "must be at least 1, got 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    flag: str, content: Any, message: str, here: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(content)
    before = contents(here)
    monkeypatch.setattr(sys, "stdin", None)
    assert assistant.main([flag, "-c", str(config)]) in (1, 2)
    assert not [path for path in contents(here) if path not in before]
    with pytest.raises(Exception, match=message) as caught:
        assistant.run(config, prediction=flag == "-p", training=flag == "-t")
    assert str(caught.value) in one_line(capsys)


@pytest.mark.parametrize("arguments", [["-p", "-t"], ["--what"], []])
def test_wrong_usage_ends_with_2(arguments: list[str], here: Path, capsys: Said) -> None:
    written(isr_2())
    assert assistant.main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_both_at_once_are_refused_from_python_too(here: Path) -> None:
    with pytest.raises(assistant.UsageError, match="two calls"):
        assistant.run("config.yml", training=True, prediction=True)


def test_no_config_is_one_line(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the config 'config\.yml'"):
        assistant.run(prediction=True)
