"""isr prepare: a store where it was asked for, or nothing; and `isr train` on it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import Said, isr, names, one_line, photo
from conftest import drawn
from PIL import Image

from ISR.cli import main
from ISR.datasets.store import PatchStore
from ISR.images import files


def prepare(folder: Path, output: Path, *more: str) -> int:
    return main(["prepare", str(folder), "-o", str(output), *more])


def test_makes_a_store_and_prints_its_path(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    output = tmp_path / "new" / "s.h5"
    assert prepare(photo_folder, output, "--scale", "3", "--patch-size", "8", "--stride", "12") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{output}\n" and printed.err == ""
    with PatchStore(output) as store:
        store.verify()
        assert (store.scale, store.patch_size, store.attributes["stride"]) == (3, 8, 12)
        assert len(store.sources) == 6


def test_patches_lie_side_by_side_unless_told_otherwise(photo_folder: Path, tmp_path: Path) -> None:
    assert prepare(photo_folder, tmp_path / "s.h5", "--patch-size", "15", "--degradation", "realistic") == 0
    with PatchStore(tmp_path / "s.h5") as store:
        assert len(store) == 2 * 2 + 3 * 2 + 2 * 2 + 2 * 3 + 2 * 2 + 2 * 2
        assert store.attributes["stride"] == 30 and store.attributes["degradation"] == "realistic"


@pytest.mark.slow
def test_srcnn_trains_on_its_preset(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    """33 interpolated pixels, enlarged in the graph from 11, become 21; the weights then enlarge whole pictures."""
    assert prepare(photo_folder, tmp_path / "s.h5", "--preset", "srcnn") == 0
    settings = [f"data.store={tmp_path / 's.h5'}", "data.batch_size=2", f"output.runs={tmp_path / 'runs'}"]
    settings += ["model.architecture=srcnn", "model.scale=3", "model.params={padding: valid}"]
    settings += ["train.epochs=1", "train.steps_per_epoch=3", "train.warmup_steps=1"]
    capsys.readouterr()
    assert main(["train", *(f"--set={setting}" for setting in settings)]) == 0
    weights = capsys.readouterr().out.rstrip("\n")
    source = photo(tmp_path / "a.png")
    assert main(["upscale", str(source), "--model", weights]) == 0
    enlarged = files.read(tmp_path / "a_x3.png")
    assert (enlarged.width, enlarged.height) == (30, 36)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare"], "required: HR_DIR, -o"),
        (["prepare", "x", "-o", "s.h5", "--stride", "0"], "at least 1"),
        (["prepare", "x", "-o", "s.h5", "--preset", "vdsr"], "invalid choice: 'vdsr'"),
        (["prepare", "x", "-o", "s.h5", "--preset", "srcnn", "--scale", "3"], "leave out --scale"),
        (["train", "x", "--set", "data.store=s.h5"], "leave out data.hr_dir"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], message: str, capsys: Said) -> None:
    assert main(arguments) == 2
    assert message in one_line(capsys)


def test_bad_input_is_one_line_and_no_store(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "in").mkdir()
    assert prepare(tmp_path / "in", tmp_path / "s.h5") == 1
    assert "no picture in" in one_line(capsys)
    (tmp_path / "in" / "a.png").write_bytes(b"text")
    assert prepare(tmp_path / "in", tmp_path / "s.h5") == 1
    assert "1 fault in the pictures: " in one_line(capsys)
    assert names(tmp_path) == ["in"]
    assert main(["train", "--set", f"data.store={tmp_path / 's.h5'}"]) == 1
    assert "isr prepare" in one_line(capsys)


@pytest.fixture
def slow_folder(tmp_path: Path) -> Path:
    """A picture of 40 000 windows at a stride of 1, which take many seconds."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(drawn(220, 220)).save(folder / "a.png")
    return folder


def start(folder: Path, output: Path) -> subprocess.Popen[str]:
    """A process in the middle of writing."""
    command = [sys.executable, "-m", "ISR", "prepare", folder, "-o", output, "--patch-size", "10", "--stride", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not any(path.stat().st_size for path in output.parent.glob(".isr-*.h5")):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_killed_prepare_leaves_no_store(slow_folder: Path, tmp_path: Path, number: int, code: int) -> None:
    process = start(slow_folder, tmp_path / "out" / "s.h5")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    left = names(tmp_path / "out")
    assert "s.h5" not in left and (code == -9 or left == [])


def test_two_that_write_one_store_leave_one_that_is_whole(photo_folder: Path, tmp_path: Path) -> None:
    """The temporary names differ; the last to finish stays."""
    output = tmp_path / "out" / "s.h5"
    command = [sys.executable, "-m", "ISR", "prepare", str(photo_folder), "-o", str(output), "--patch-size"]
    both = [subprocess.Popen([*command, size], stdout=subprocess.DEVNULL) for size in ("8", "9")]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert names(tmp_path / "out") == ["s.h5"]
    with PatchStore(output) as store:
        store.verify()
        assert store.patch_size in (8, 9)


def test_in_a_process_of_its_own_it_says_nothing_but_the_path(photo_folder: Path, tmp_path: Path) -> None:
    done = isr("prepare", photo_folder, "-o", tmp_path / "s.h5")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 's.h5'}\n", "")
