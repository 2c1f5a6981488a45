"""The part "Prediction" of the list of faults that ISR survives, without memory: a test for each, named after it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from command import Said, bicubic, contents, names, one_line, photo

from ISR.cli import main
from ISR.errors import CancelledError, DestinationError, PictureError
from ISR.models.interpolation import Interpolation
from ISR.predict import Predictor
from ISR.predict.cancel import Cancel

Floats = npt.NDArray[np.float32]


class Setting(Interpolation):
    """Sets a token in its second tile, and says how many it was asked for."""

    def __init__(self, token: Cancel | threading.Event) -> None:
        super().__init__("nearest", 2)
        self.token, self.tiles = token, 0

    def run(self, batch: Floats) -> Floats:
        self.tiles += 1
        if self.tiles == 2:
            self.token.set()
        return super().run(batch)


@pytest.mark.parametrize("kind", [Cancel, threading.Event])
@pytest.mark.parametrize("call", ["array", "file", "folder"])
def test_cancelled_midway_no_file(tmp_path: Path, kind: type[threading.Event], call: str) -> None:
    source, token = photo(tmp_path / "in" / "a.png", height=40, width=40), kind()
    model = Setting(token)
    predictor, out = Predictor(model, tile=8), tmp_path / "out"
    with pytest.raises(CancelledError, match="cancelled: nothing was written"):
        if call == "array":
            predictor.upscale(np.zeros((40, 40), np.uint8), cancel=token)
        elif call == "file":
            predictor.upscale_file(source, out / "a_x2.png", cancel=token)
        else:
            list(predictor.upscale_folder(source.parent, out, cancel=token))
    assert model.tiles == 2 and not list(out.rglob("*.png")) and not list(out.rglob("*.lock"))


def test_output_folder_missing_is_made(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    assert bicubic(tmp_path / "in", "-o", tmp_path / "new" / "deep") == 0
    assert names(tmp_path / "new" / "deep") == [".isr", "a_x2.png"]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("out", ["/proc/no/such", "{}/notes.txt/under"])
def test_output_folder_read_only_is_told_before_the_work(tmp_path: Path, out: str, capsys: Said) -> None:
    (tmp_path / "notes.txt").write_text("")
    photo(tmp_path / "in" / "a.png")
    assert bicubic(tmp_path / "in", "-o", out.format(tmp_path)) == 1
    assert "expected a folder that can be written" in one_line(capsys)


def fill(path: Path) -> None:
    with pytest.raises(OSError, match="No space"), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("read_only", [False, True])
def test_output_folder_full_is_told_before_the_work(
    tmp_path: Path, small_disk: Path, read_only: bool, capsys: Said
) -> None:
    photo(tmp_path / "in" / "a.png")
    if read_only:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    else:
        fill(small_disk / "ballast")
    assert bicubic(tmp_path / "in", "-o", small_disk / "out") == 1
    assert ("Read-only file system" if read_only else "No space left on device") in one_line(capsys)


def test_output_folder_that_becomes_full_ends_the_work_and_a_rerun_finishes(
    tmp_path: Path, small_disk: Path, capsys: Said
) -> None:
    for name in "abcdef":
        photo(tmp_path / "in" / f"{name}.png", height=310, width=310)
    assert bicubic(tmp_path / "in", "-o", small_disk / "out") == 1
    printed = capsys.readouterr()
    done = printed.out.splitlines()
    assert 1 <= len(done) < 5 and "No space left on device" in printed.err.splitlines()[0]
    assert f"the disk takes no more: {5 - len(done)} pictures are left for another run" in printed.err
    assert names(small_disk / "out") == [".isr", *(Path(path).name for path in done)]
    assert names(small_disk / "out" / ".isr") == ["manifest.jsonl"]
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert bicubic(tmp_path / "in", "-o", small_disk / "out") == 0
    assert f"{6 - len(done)} done, {len(done)} passed over, 0 failed" in capsys.readouterr().err


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("link", [False, True])
def test_output_equal_to_input_is_refused(tmp_path: Path, link: bool, capsys: Said) -> None:
    source = photo(tmp_path / "in" / "a_x2.png")
    photo(tmp_path / "in" / "a.png")
    out = tmp_path / "in"
    if link:
        out = tmp_path / "link"
        out.symlink_to(tmp_path / "in")
    before = contents(tmp_path)
    for call in ([tmp_path / "in", "-o", out], [source, "-o", out / "a_x2.png"], [out / "a.png", source]):
        assert bicubic(*call) == 2
        assert "choose another" in one_line(capsys)
    with pytest.raises(DestinationError, match="choose another folder"):
        Predictor(Interpolation("bicubic", 2)).upscale_folder(tmp_path / "in", out)
    with pytest.raises(PictureError, match="another file than the source"):
        Predictor(Interpolation("bicubic", 2)).upscale_file(source, out / "a_x2.png")
    assert contents(tmp_path) == before


def test_two_processes_on_one_folder_each_picture_done_once(tmp_path: Path) -> None:
    for number in range(12):
        photo(tmp_path / "in" / f"{number}.png", height=150, width=150)
    call = [sys.executable, "-m", "ISR", "upscale", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    call += ["--model", "nearest"]
    both = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    shown = [line for printed, _ in said for line in printed.splitlines()]
    assert sorted(shown) == sorted(str(tmp_path / "out" / f"{number}_x2.png") for number in range(12))
    assert main(call[3:]) == 0
