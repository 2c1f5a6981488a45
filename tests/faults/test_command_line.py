"""The faults of a command line and its settings that ISR survives: one line of ours, an exit code, nothing done.

What single settings refuse besides: tests/test_config.py, tests/test_isr2_config.py.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Said, isr, names, one_line, photo

from ISR import assistant
from ISR.cli import main
from ISR.config import Config
from ISR.models import session_config
from ISR.settings import Rule

FIELDS = {
    f"{section.name}.{setting.name}": setting
    for section in dataclasses.fields(Config)
    for setting in dataclasses.fields(getattr(Config(), section.name))
}


def by_config(content: str | bytes) -> int:
    Path("recipe.yml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return main(["train", "pictures", "--config", "recipe.yml"])


def by_set(override: str) -> int:
    return main(["train", "pictures", "--set", override])


def by_our_file(value: str) -> int:
    return by_config(f"train: {{epochs: {value}}}")


def by_override(value: str) -> int:
    return by_set(f"train.epochs={value}")


def by_isr_2_s_file(value: str) -> int:
    Path("config.yml").write_text(f"session: {{training: {{epochs: {value}}}}}", encoding="utf-8")
    return assistant.main(["--training", "--default"])


DOORS = [by_our_file, by_override, by_isr_2_s_file]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of two pictures."""
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "pictures" / "a.png", height=40, width=40)
    photo(tmp_path / "pictures" / "b.png", height=40, width=40)
    return tmp_path


def refused(door: Callable[[str], int], value: str, message: str, said: Said) -> None:
    """Asserts exit code 2, one line, and a working directory with nothing in it but what was there."""
    assert door(value) == 2
    line = one_line(said)
    assert message in line and len(line) < 700
    assert set(names(Path())) <= {"pictures", "recipe.yml", "config.yml"}
    assert names(Path("pictures")) == ["a.png", "b.png"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.mkdir [made]",
        "!!python/object/new:pathlib.Path [made]",
        "!!python/name:os.system ''",
        "!!python/module:antigravity ''",
        "!!python/tuple [1, 2]",
        "!!python/object:ISR.config.Config {}",
        "!mine 3",
        "!!timestamp soon",
        "!!bool perhaps",
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_yaml_with_tags(door: Callable[[str], int], value: str, capsys: Said) -> None:
    refused(door, value, "is not plain YAML", capsys)


# Each unfolds to 9^9 values.
NINE = [", ".join([f"*a{i}"] * 9) for i in range(9)]
LISTS = ", ".join(["&a0 [x]", *(f"&a{i} [{aliases}]" for i, aliases in enumerate(NINE, 1))])
MERGES = ", ".join(["&a0 {x: 1}", *(f"&a{i} {{<<: [{aliases}]}}" for i, aliases in enumerate(NINE, 1))])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("value", [f"[{LISTS}]", f"[{MERGES}]", "&a [*a]"], ids=["lists", "merges", "itself"])
@pytest.mark.parametrize("door", DOORS)
def test_yaml_with_exponential_aliases(door: Callable[[str], int], value: str, capsys: Said) -> None:
    started = time.process_time()
    refused(door, value, "aliases", capsys)
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize("value", [f"[{LISTS}]", f"[{MERGES}]", "&a [*a]"], ids=["lists", "merges", "itself"])
def test_exponential_aliases_beside_weights_are_left_out_with_a_warning(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A session_config.yml of ISR 2 may have aliases."""
    (tmp_path / session_config.FILE_NAME).write_text(f"a: {value}", encoding="utf-8")
    assert session_config.read_beside(tmp_path / "net.hdf5") == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] and "unfold" in caplog.text
    (tmp_path / session_config.FILE_NAME).write_text("a: &b [1, 2]\nc: {d: *b}", encoding="utf-8")
    assert session_config.read_beside(tmp_path / "net.hdf5") == {"a": [1, 2], "c": {"d": [1, 2]}}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", [*(field.name for field in dataclasses.fields(Config)), *FIELDS])
def test_unknown_keys_are_told_with_the_nearest(name: str, capsys: Said) -> None:
    section, _, key = name.partition(".")
    written = f"{section}.{key}{key[-1]}=1" if key else f"{section[:-1]}.x=1"
    refused(by_set, written, f"did you mean {key or section}?", capsys)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("key", ['"two\\nlines"', "l" * 900, '"\\e[1mbold"', '""', "null", "3", "2001-01-01", ".nan"])
def test_unknown_keys_of_any_kind_are_one_line(key: str, capsys: Said) -> None:
    for content in (f"{key}: 1", f"train: {{? {key} : 1}}"):
        refused(by_config, content, "unknown setting", capsys)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", FIELDS)
def test_wrong_types(name: str, capsys: Said) -> None:
    """No setting is a date, one is a list of numbers, and none is any other list."""
    kind = str(FIELDS[name].type)
    for value in ("2001-01-01", "'a text'" if "str" not in kind else "3", *["[1]"] * ("list" not in kind)):
        refused(by_set, f"{name}={value}", f"{name} must be", capsys)
    if "list" in kind:
        for value in ("[[1]]", "[{a: 1}]", "[2001-01-01]", "['a text']", "[true]", "[null]"):
            refused(by_set, f"{name}={value}", f"{name}[0] must be", capsys)


def out_of_range() -> Iterator[str]:
    """Each setting with values beside its rule, and numbers with those that are none."""
    for name, field in FIELDS.items():
        rule: Rule = field.metadata["rule"]
        beside = ["../elsewhere"] if rule.choices or rule.pattern else []
        beside += [".nan", ".inf", "9" * 400, f"0x{'f' * 5000}", str(rule.low - 1)] if rule.low is not None else []
        beside += [str(rule.high + 1)] if rule.high is not None else []
        yield from (f"{name}={value}" for value in beside)
    for value in ("-1", ".nan", "1e10", "'x'", "[]"):
        yield f"adversarial.loss_weights={{generator: {value}}}"
    yield from ("adversarial.layers={block9_conv1: 1}", "adversarial.layers={block1_conv1: .nan}")
    yield 'data.hr_dir="a\\0b"'


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("override", [pytest.param(override, id=override[:40]) for override in out_of_range()])
def test_wrong_ranges(override: str, capsys: Said) -> None:
    refused(by_set, override, override.partition("=")[0], capsys)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x: " + b"a" * 200_000, "at most 100,000 bytes"),
        (b"train: \xff\xfe", "utf-8"),
        (b"[train]", "mapping"),
        (b"<!DOCTYPE html><html></html>", "mapping"),
        (b"version https://git-lfs.github.com/spec/v1\n", "mapping"),
    ],
)
def test_a_config_that_is_none(content: bytes, message: str, capsys: Said) -> None:
    refused(lambda _: by_config(content), "", message, capsys)


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="the system has no endless file")
@pytest.mark.parametrize(("path", "told"), [("/dev/zero", "100,000"), ("pictures", "Is a dir"), ("-", "No such")])
def test_a_config_without_end_or_that_is_not_there(path: str, told: str, capsys: Said) -> None:
    refused(lambda given: main(["train", "pictures", f"--config={given}"]), path, told, capsys)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"}, ASCII])
def test_a_locale_that_is_not_utf_8(tmp_path: Path, locale: dict[str, str]) -> None:
    """A name is printed in its own bytes."""
    given = [b"\xf0\x9f\x98\x80.png", b"not-utf8-\xff.png"]
    for name in given:
        photo(tmp_path / os.fsdecode(name))
    command = [sys.executable, "-m", "ISR", "upscale", "--model", "bicubic", *given, "missing-😀".encode()]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **locale}, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [b"\xf0\x9f\x98\x80_x2.png", b"not-utf8-\xff_x2.png"]
    assert done.stderr.startswith(b"isr: 'missing-") and done.stderr.count(b"\n") == 1


def test_a_config_in_utf_8_where_the_locale_is_not(tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text("data: {hr_dir: Bilder für später}  # größer", encoding="utf-8")
    done = isr("train", "--config", "recipe.yml", cwd=tmp_path, env={**os.environ, **ASCII})
    assert done.returncode == 1 and "Bilder f" in done.stderr and done.stderr.count("\n") == 1
    assert names(tmp_path) == ["recipe.yml"]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ISR": f"{sys.executable} -m ISR"}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("redirection", "code", "lines"), [(">&-", 0, 0), (">/dev/full", 1, 1), ("2>&-", 0, 0), (">&- 2>&-", 0, 0)]
)
def test_a_closed_stdout(tmp_path: Path, redirection: str, code: int, lines: int) -> None:
    """Pictures are done without somewhere to print."""
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    done = shell(f"$ISR upscale --model nearest a.png b.png {redirection}", tmp_path)
    assert done.returncode == code and done.stderr.count("\n") == lines
    assert {"a_x2.png", "b_x2.png"} < set(names(tmp_path))


@pytest.mark.parametrize("command", ["--version", "upscale --help", "weights list"])
def test_a_reader_of_stdout_that_left(tmp_path: Path, command: str) -> None:
    done = shell(f"{{ sleep 0.5; $ISR {command}; echo $? >code; }} | true", tmp_path)
    assert done.stderr == "isr: cannot write to standard output: Broken pipe\n"
    assert (tmp_path / "code").read_text() == "1\n"
