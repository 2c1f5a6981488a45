"""kill -9 in the middle of a folder: the next run finishes, nothing is half, nothing is done twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from command import names, photo

from ISR.images import files
from ISR.models.interpolation import Interpolation
from ISR.predict import Predictor

PICTURES = 24


def command(source: Path, out: Path, *more: str) -> list[str]:
    call = ["upscale", str(source), "-o", str(out), "--model", "nearest", "--scale", "4", "--tile", "48", "--recursive"]
    return [sys.executable, "-m", "ISR", *call, *more]


def records(out: Path) -> list[dict[str, object]]:
    manifest = out / ".isr" / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines() if manifest.is_file() else []
    whole = (line for line in lines if line.startswith(b"{") and line.endswith(b"}"))
    return [json.loads(line) for line in whole]


def killed_after(process: subprocess.Popen[bytes], out: Path, pictures: int, delay: float) -> None:
    """Kill it when it has done so many more, and a moment later: anywhere in the next picture."""
    goal = len(records(out)) + pictures
    while process.poll() is None and len(records(out)) < goal:
        time.sleep(0.005)
    time.sleep(delay)
    process.kill()
    process.communicate()


def check(source: Path, out: Path) -> None:
    """Every picture is there whole, was done once, and nothing else is there."""
    expected = {path.relative_to(source).with_name(f"{path.stem}_x4.png") for path in source.rglob("*.png")}
    found = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    assert found == expected | {Path(".isr/manifest.jsonl")} and names(out / ".isr") == ["manifest.jsonl"]
    done = Counter(record["key"] for record in records(out) if record["error"] is None)
    assert done == Counter(path.as_posix() for path in expected)
    predictor = Predictor(Interpolation("nearest", 4))
    for path in source.rglob("*.png"):
        result = files.read(out / path.relative_to(source).with_name(f"{path.stem}_x4.png"))
        assert (result.pixels == predictor.upscale(path).pixels).all()


def pictures(folder: Path, number: int) -> Path:
    for i in range(number):
        photo(folder / ("sub" if i % 3 else "") / f"{i:02}.png", height=90 + i, width=120)
    return folder


@pytest.mark.parametrize(
    ("kills", "jobs"),
    [(3, 1), pytest.param(20, 1, marks=pytest.mark.slow), pytest.param(20, 2, marks=pytest.mark.slow)],
)
def test_killed_at_random_moments_a_rerun_finishes(tmp_path: Path, kills: int, jobs: int) -> None:
    source, out, rng = pictures(tmp_path / "in", PICTURES), tmp_path / "out", random.Random(kills + jobs)
    for _ in range(kills):
        process = subprocess.Popen(command(source, out, "--jobs", str(jobs)), stdout=subprocess.PIPE)
        killed_after(process, out, rng.randint(0, 2 if kills > 10 else 6), rng.uniform(0, 0.06))
    last = subprocess.run(command(source, out, "--jobs", str(jobs)), capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    check(source, out)


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    source, out = pictures(tmp_path / "in", PICTURES), tmp_path / "out"
    both = [subprocess.Popen(command(source, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    shown = [printed.decode().splitlines() for printed, _ in said]
    assert len(shown[0] + shown[1]) == len({*shown[0], *shown[1]}) == PICTURES
    check(source, out)


def test_one_of_two_that_is_killed_leaves_its_picture_to_the_other(tmp_path: Path) -> None:
    source, out = pictures(tmp_path / "in", PICTURES), tmp_path / "out"
    dying, other = (subprocess.Popen(command(source, out), stdout=subprocess.PIPE) for _ in range(2))
    killed_after(dying, out, 2, 0.01)
    other.communicate(timeout=300)
    assert other.returncode == 0
    check(source, out)
