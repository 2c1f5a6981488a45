"""`isr upscale` on folders: what is taken, where it goes, what is said, and what a second run does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from command import Said, bicubic, isr, names, one_line, photo

from ISR.cli import main
from ISR.images import files


def folder(path: Path, *pictures: str) -> Path:
    for name in pictures:
        photo(path / name)
    return path


def said(capsys: Said) -> tuple[list[str], list[str]]:
    printed = capsys.readouterr()
    return printed.out.splitlines(), printed.err.splitlines()


def test_a_folder_becomes_a_folder_and_a_second_run_does_what_is_left(tmp_path: Path, capsys: Said) -> None:
    source, out = folder(tmp_path / "in", "a.png", "b.jpg", "sub/c.webp"), tmp_path / "deep" / "out"
    (source / "notes.txt").write_text("")
    (source / "Thumbs.db").write_text("")
    assert bicubic(source, "-o", out) == 0
    assert said(capsys) == (
        [str(out / "a_x2.png"), str(out / "b_x2.jpg")],
        ["isr: 2 done, 0 passed over, 0 failed; 1 other files are no pictures"],
    )
    assert names(out) == [".isr", "a_x2.png", "b_x2.jpg"] and names(out / ".isr") == ["manifest.jsonl"]
    assert bicubic(source, "-o", out, "--recursive") == 0
    shown, told = said(capsys)
    assert shown == [str(out / "sub" / "c_x2.webp")] and told[0].startswith("isr: 1 done, 2 passed over, 0 failed")
    assert files.read(out / "sub" / "c_x2.webp").width == 20
    (tmp_path / "in" / "a.png").write_bytes(b"broken")
    assert bicubic(source, "-o", out) == 1
    shown, told = said(capsys)
    assert shown == [] and len(told) == 2 and "0 done, 1 passed over, 1 failed" in told[1] and "a.png" in told[0]
    assert bicubic(source, "-o", out, "--jpeg-quality", "40") == 1
    assert "1 done, 0 passed over, 1 failed" in said(capsys)[1][1]


def test_the_manifest_tells_how_a_result_was_made(tmp_path: Path) -> None:
    from ISR.models import Compact
    from ISR.models.pretrained import identify

    weights = tmp_path / "tiny.weights.h5"
    Compact(3, width=4, depth=1).save(weights)
    source = folder(tmp_path / "in", "a.png")
    call = ["upscale", str(source), "-o", str(tmp_path / "out"), "--model", str(weights), "--precision", "float32"]
    assert main([*call, "--name", "{stem}_{model}_x{scale}_{width}{ext}"]) == 0
    record = json.loads((tmp_path / "out" / ".isr" / "manifest.jsonl").read_text())
    assert record["model"]["name"] == "tiny" and record["model"]["scale"] == 3 and len(record["model"]["sha256"]) == 64
    assert record["options"]["precision"] == "float32" and record["options"]["jpeg_quality"] == 95
    assert record["result"] == record["key"] == "a_tiny_x3_30.png" and record["input"] == "a.png"
    before = identify(str(weights))
    assert asdict(before) == record["model"]
    Compact(3, width=4, depth=1).save(weights)  # other weights under the same name
    assert identify(str(weights)).sha256 != before.sha256


def test_nothing_is_left_and_no_network_is_loaded(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", "a.png")
    code = "import sys; from ISR.cli import main; "
    call = ["upscale", str(source), "-o", str(tmp_path / "out"), "--skip-existing"]
    (tmp_path / "out").mkdir()
    photo(tmp_path / "out" / "a_x2.png")
    code += f"assert main({call}) == 0; assert 'keras' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "isr: 0 done, 1 passed over, 0 failed\n" and done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}/in"], "is a folder: say with -o which folder"),
        (["{}/in", "-o", "{}/in"], "choose another folder with -o"),
        (["{}/in", "-o", "{}/notes.txt"], "is a file: expected a folder for the results"),
        (["{}/in", "-o", "{}/out", "--name", "{{sten}}{{ext}}"], "did you mean stem?"),
        (["{}/in", "-o", "{}/out", "--name", "../{{stem}}{{ext}}"], "a name holds no slash"),
        (["{}/in", "-o", "{}/out", "--shard", "3/2"], "expected a whole number of 1 to 2, got '3'"),
        (["{}/in", "-o", "{}/out", "--shard", "0/2"], "expected a whole number of 1 to 2, got '0'"),
        (["{}/in", "-o", "{}/out", "--shard", "2"], "expected I/N"),
        (["{}/in", "-o", "{}/out", "--jobs", "0"], "expected a whole number of 1 to 256"),
        (["{}/in", "-o", "{}/out", "--recursive", "--name", "one.png"], "would both become"),
        (["{}/in", "{}/in/a.png", "-o", "{}/out"], "would both become"),
        (["{}/in", "-o", "{}/linked", "--recursive"], "leads out of"),
    ],
)
def test_what_cannot_be_meant_is_told_before_the_work(
    tmp_path: Path, arguments: list[str], message: str, capsys: Said
) -> None:
    folder(tmp_path / "in", "a.png", "c.jpg", "sub/b.png")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "sub").symlink_to(tmp_path / "in" / "sub")
    assert bicubic(*(argument.format(tmp_path) for argument in arguments)) == 2
    assert message in one_line(capsys) and not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_an_error_a_share_without_is_none(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "empty").mkdir()
    assert bicubic(tmp_path / "empty", "-o", tmp_path / "out") == 1
    assert "no picture in" in one_line(capsys) and not (tmp_path / "out").exists()
    source = folder(tmp_path / "in", "a.png", "b.png")
    results = [bicubic(source, "-o", tmp_path / "out", "--shard", f"{i}/7") for i in range(1, 8)]
    assert results == [0] * 7 and names(tmp_path / "out")[1:] == ["a_x2.png", "b_x2.png"]


def test_out_inside_the_folder_is_not_read_again(tmp_path: Path, capsys: Said) -> None:
    source = folder(tmp_path / "in", "a.png", "sub/b.png")
    for _ in range(3):
        assert bicubic(source, "-o", source / "out", "--recursive") == 0
    assert "0 done, 2 passed over" in said(capsys)[1][-1]
    assert names(source / "out") == [".isr", "a_x2.png", "sub"] and names(source / "out" / "sub") == ["b_x2.png"]


def test_names_of_every_kind_go_through_a_folder_and_back(tmp_path: Path, capsys: Said) -> None:
    given = ["-a.png", "two\nlines.png", "😀.png", "with space.png", "n" * 251 + ".png"]
    source = folder(tmp_path / "in", *given)
    assert bicubic(source, "-o", tmp_path / "out") == 1
    assert "name too long" in said(capsys)[1][0]
    made = {"-a_x2.png", "two\nlines_x2.png", "😀_x2.png", "with space_x2.png"}
    assert set(names(tmp_path / "out")) == {".isr", *made}
    assert bicubic(source, "-o", tmp_path / "out") == 1
    assert "0 done, 4 passed over, 1 failed" in said(capsys)[1][1]


def test_files_that_are_named_are_done_each_time_and_leave_no_manifest(tmp_path: Path, capsys: Said) -> None:
    sources = [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")]
    for _ in range(2):
        assert bicubic(*sources, "-o", tmp_path / "out") == 0
        assert len(said(capsys)[0]) == 2
    assert names(tmp_path / "out") == ["a_x2.png", "b_x2.png"]
    assert bicubic(*sources, "-o", tmp_path / "out", "--skip-existing") == 0
    assert said(capsys) == ([], ["isr: 0 done, 2 passed over, 0 failed"])
    assert bicubic(*sources, "--name", "{model}-{stem}.webp") == 0
    assert {"bicubic-a.webp", "bicubic-b.webp"} <= set(names(tmp_path))


def test_two_jobs_do_what_one_does(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", "a.png", "b.jpg", "sub/c.png")
    (source / "bad.png").write_bytes(b"x")
    done = isr("upscale", source, "-o", tmp_path / "two", "--recursive", "--model", "bicubic", "--jobs", "2")
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 3
    assert [line[:4] for line in done.stderr.splitlines()] == ["isr:"] * 2, done.stderr
    assert bicubic(source, "-o", tmp_path / "one", "--recursive") == 1
    made = ["a_x2.png", "b_x2.jpg", "sub/c_x2.png"]
    assert [(tmp_path / "one" / n).read_bytes() for n in made] == [(tmp_path / "two" / n).read_bytes() for n in made]
    assert bicubic(source, "-o", tmp_path / "two", "--recursive") == 1


def begun(source: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """An `isr upscale` in a process of its own that is at its pictures."""
    command = [sys.executable, "-m", "ISR", "upscale", str(source), "-o", str(out), "--model", "nearest", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(out.glob(".isr/*.lock")):
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly(tmp_path: Path, number: signal.Signals, code: int, jobs: str) -> None:
    for name in "abcdef":
        photo(tmp_path / "in" / f"{name}.png", height=300, width=300)
    process = begun(tmp_path / "in", tmp_path / "out", "--scale", "8", "--tile", "16", "--jobs", jobs)
    os.kill(process.pid, number)
    printed, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (code, "isr: interrupted\n" if code == 130 else "isr: terminated\n")
    left = {path for path in (tmp_path / "out").rglob("*") if path.is_file()} - {tmp_path / "out/.isr/manifest.jsonl"}
    assert left == {Path(line) for line in printed.splitlines()} and all(files.read(path) for path in left)
    assert names(tmp_path / "out" / ".isr") in ([], ["manifest.jsonl"])


def test_a_reader_that_leaves_is_told_once_and_the_pictures_are_done(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", "a.png", "b.png", "c.png")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "ISR", "upscale", str(source), "-o", str(tmp_path / "out"), "--model", "nearest"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    told = ["isr: cannot write to standard output: Broken pipe", "isr: 3 done, 0 passed over, 0 failed"]
    assert done.returncode == 1 and done.stderr.splitlines() == told
    assert names(tmp_path / "out") == [".isr", "a_x2.png", "b_x2.png", "c_x2.png"]
