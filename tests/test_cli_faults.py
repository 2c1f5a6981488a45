"""What the command line says to bad input: one line, an exit code, nothing half done, and the other files finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import Said, bicubic, contents, names, one_line, photo
from PIL import Image

from ISR.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["enlarge"], "invalid choice: 'enlarge'"),
        (["upscale"], "required: PHOTO"),
        (["upscale", "a.png", "--scale", "0"], "expected a number above 0, got '0'"),
        (["upscale", "a.png", "--scale", "nan"], "expected a number above 0, got 'nan'"),
        (["upscale", "a.png", "--scale", "-1.5"], "expected a number above 0, got '-1.5'"),
        (["upscale", "a.png", "--scale", "9" * 5000], "expected a number above 0"),
        (["upscale", "a.png", "--scale", "1e9"], "at most 65536, got 1000000000.0"),
        (["upscale", "a.png", "--width", "0"], "expected a whole number of at least 1, got '0'"),
        (["upscale", "a.png", "--fit", "0x5"], "expected WIDTHxHEIGHT in pixels like 1920x1080, got '0x5'"),
        (["upscale", "a.png", "--fit", "100"], "got '100'"),
        (["upscale", "a.png", "--fit", "100x-5"], "got '100x-5'"),
        (["upscale", "a.png", "--scale", "2", "--fit", "5x5"], "--scale and --fit each say how large"),
        (["upscale", "a.png", "--width", "2", "--height", "9", "--scale", "3"], "--scale and --width and --height"),
        (["upscale", "a.png", "--strength", "1.1"], "expected a number from 0 to 1, got '1.1'"),
        (["evaluate", "photos", "--scale", "1.5"], "expected a whole number of at least 1, got '1.5'"),
        (["upscale", "a.png", "--tile", "1.5"], "expected a whole number"),
        (["upscale", "a.png", "--jpeg-quality", "101"], "expected a whole number of 1 to 100, got '101'"),
        (["upscale", "a.png", "--precision", "float8"], "invalid choice: 'float8'"),
        (["upscale", "a.png", "--un\nknown"], "unrecognized arguments"),
        (["evaluate"], "required: HR_DIR"),
        (["weights"], "required: COMMAND"),
        (["train", "--set", "train.epoch=1"], "did you mean epochs?"),
        (["train", "--set", "train.epochs=0"], "at least 1"),
        (["train"], "data.hr_dir"),
        (["train", "x", "--resume", "y"], "leave out HR_DIR"),
        (["train", "--config", "missing.yml"], "cannot read the config 'missing.yml'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], message: str, capsys: Said) -> None:
    assert main(arguments) == 2
    assert message in one_line(capsys)


def test_an_unknown_model_names_what_is_known(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "a.png")
    assert main(["upscale", "--model", "tri\ncubic", str(source)]) == 2
    assert "bicubic, bilinear, " in one_line(capsys)
    assert main(["upscale", "--model", str(tmp_path / "none.weights.h5"), str(source)]) == 1
    assert "none.weights.h5" in one_line(capsys)
    assert names(tmp_path) == ["a.png"]


def bad_inputs(folder: Path) -> dict[str, str]:
    """Names in the folder that are no pictures, and a piece of what is said about each."""
    whole = photo(folder / "whole.png").read_bytes()
    contents = {"empty.png": b"", "text.jpg": b"hello", "cut.png": whole[: len(whole) // 2], "page.webp": b"<html>"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "whole.png").unlink()
    (folder / "folder.png").mkdir()
    (folder / "lost.png").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.png")
    said = {"empty.png": "an empty file", "text.jpg": "got a file that begins with b'hello'", "cut.png": "is damaged"}
    said |= {
        "page.webp": "begins with b'<html>'",
        "folder.png": "got a folder",
        "lost.png": "a link that leads nowhere",
    }
    return {
        **said,
        "pipe.png": "a pipe",
        "miss\ning.png": "nothing of that name",
        "miss\x1b[1ming.png": "nothing of that name",
    }


def test_each_bad_picture_is_one_line_and_the_others_are_done(tmp_path: Path, capsys: Said) -> None:
    bad = bad_inputs(tmp_path / "in")
    good = [photo(tmp_path / "in" / name) for name in ("good.png", "zz.jpg")]
    mixed = [good[0], *(tmp_path / "in" / name for name in bad), good[1]]
    assert bicubic(*mixed, "-o", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert names(tmp_path / "out") == ["good_x2.png", "zz_x2.jpg"]
    assert len(printed.out.splitlines()) == 2 and len(printed.err.splitlines()) == len(bad)
    assert all(line.isprintable() and line.startswith("isr: ") for line in printed.err.splitlines())
    for piece in bad.values():
        assert piece in printed.err


@pytest.mark.parametrize("name", ["empty.png", "cut.png", "folder.png", "miss\ning.png"])
def test_a_bad_picture_alone_leaves_nothing(tmp_path: Path, name: str, capsys: Said) -> None:
    piece = bad_inputs(tmp_path / "in")[name]
    assert bicubic(tmp_path / "in" / name, "-o", tmp_path / "out") == 1
    assert piece in one_line(capsys) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["a.png", "link.png", "hard.png", "x/../a.png", "linked/a.png", "b.png"])
def test_an_input_is_never_overwritten(tmp_path: Path, out: str, capsys: Said) -> None:
    source = photo(tmp_path / "a.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "linked").symlink_to(tmp_path)
    os.link(source, tmp_path / "hard.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "link.png")
    before = contents(tmp_path)
    assert bicubic(source, "-o", tmp_path / out) == 2
    assert "one of the pictures to enlarge" in one_line(capsys) and contents(tmp_path) == before


@pytest.mark.parametrize("linked", [False, True])
def test_nor_is_another_input_of_the_same_call(tmp_path: Path, linked: bool, capsys: Said) -> None:
    first, second = photo(tmp_path / "a.png"), photo(tmp_path / "a_x2.png")
    if linked:
        second = second.rename(tmp_path / "other.png")
        (tmp_path / "a_x2.png").symlink_to(second)
    before = contents(tmp_path)
    assert bicubic(first, second) == 2
    assert "one of the pictures to enlarge" in one_line(capsys) and contents(tmp_path) == before


def test_nor_by_the_png_that_stands_in_for_a_jpeg(tmp_path: Path, capsys: Said) -> None:
    Image.new("RGBA", (4, 4)).save(tmp_path / "a.jpg", "PNG")
    second = photo(tmp_path / "a_x2.png")
    before = second.read_bytes()
    assert bicubic(tmp_path / "a.jpg", second) == 1
    assert "JPEG keeps no alpha" in capsys.readouterr().err
    assert second.read_bytes() == before and names(tmp_path) == ["a.jpg", "a_x2.png", "a_x2_x2.png"]


def test_two_pictures_never_become_one_file(tmp_path: Path, capsys: Said) -> None:
    first, second = photo(tmp_path / "one" / "a.png"), photo(tmp_path / "two" / "a.png")
    assert bicubic(first, second, "-o", tmp_path / "out") == 2
    assert "would both become" in one_line(capsys) and not (tmp_path / "out").exists()
    assert bicubic(first, first) == 2
    assert "would both become" in one_line(capsys)
    jpeg = photo(tmp_path / "two" / "a.jpg")
    assert bicubic(first, jpeg, "-o", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["a_x2.jpg", "a_x2.png"]


def test_two_pictures_that_fall_back_to_one_png_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.jpeg"):
        Image.new("RGBA", (4, 4)).save(tmp_path / name, "PNG")
    assert bicubic(tmp_path / "a.jpg", tmp_path / "a.jpeg") == 1
    assert names(tmp_path) == ["a.jpeg", "a.jpg"]


@pytest.mark.parametrize(("name", "pictures"), [("notes.txt", 1), ("notes.txt", 2), ("old.png", 2)])
def test_out_that_is_a_file_cannot_be_a_folder(tmp_path: Path, name: str, pictures: int, capsys: Said) -> None:
    (tmp_path / name).write_text("keep me")
    sources = [photo(tmp_path / f"{i}.png") for i in range(pictures)]
    assert bicubic(*sources, "-o", tmp_path / name) == 2
    assert "is a file: expected a folder" in one_line(capsys)
    assert (tmp_path / name).read_text() == "keep me" and len(names(tmp_path)) == pictures + 1


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("out", ["/proc/no/such", "/proc/no.png", "{}/a.png/under", "{}/lost/under"])
def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, out: str, capsys: Said) -> None:
    source = photo(tmp_path / "a.png")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert bicubic(source, "-o", out.format(tmp_path)) == 1
    assert "expected a folder that can be written, got '" in one_line(capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
@pytest.mark.usefixtures("no_work")
def test_a_read_only_folder_is_told_before_the_work(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "locked" / "a.png")
    source.parent.chmod(0o500)
    try:
        assert bicubic(source) == 1
        assert "Permission denied" in one_line(capsys)
    finally:
        source.parent.chmod(0o700)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(("mode", "message"), [("RGBA", "JPEG keeps no alpha"), ("I;16", "JPEG keeps 8 bits, got 16")])
def test_what_the_format_cannot_keep_is_told_before_the_work(
    tmp_path: Path, mode: str, message: str, capsys: Said
) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / "a.png")
    assert bicubic(tmp_path / "a.png", "-o", tmp_path / "b.jpg") == 1
    assert message in one_line(capsys) and names(tmp_path) == ["a.png"]


@pytest.mark.usefixtures("no_work")
def test_a_side_that_the_format_cannot_hold_is_told_before_the_work(tmp_path: Path, capsys: Said) -> None:
    photo(tmp_path / "a.png")
    assert bicubic(tmp_path / "a.png", "-o", tmp_path / "b.webp", "--scale", "2000") == 1
    assert "WEBP holds at most 16383 pixels a side, got 20000x24000" in one_line(capsys)


def test_a_name_that_becomes_too_long_is_told(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / ("n" * 251 + ".png"))
    assert bicubic(source) == 1
    assert "name too long" in one_line(capsys) and names(tmp_path) == [source.name]


@pytest.mark.parametrize("folder", ["missing", "empty"])
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_folder_without_pictures_is_told(tmp_path: Path, command: str, folder: str, capsys: Said) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    assert main([command, str(tmp_path / folder)]) == 1
    assert str(tmp_path / folder) in one_line(capsys)


def test_evaluate_looks_at_everything_before_it_begins(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    bicubic_on = ["evaluate", "--model", "bicubic", str(photo_folder)]
    assert main([*bicubic_on, str(tmp_path / "missing")]) == 1
    assert "missing" in one_line(capsys)
    assert main([*bicubic_on, "--json", "/proc/no/report.json"]) == 1
    assert "folder that can be written" in one_line(capsys)


def test_a_recipe_that_does_not_fit_is_wrong_usage(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    runs = f"--set=output.runs={tmp_path / 'runs'}"
    for setting, message in [
        ("model.architecture=nothing", "unknown architecture 'nothing'"),
        ("model.params.girth=3", "girth"),
        ("data.validation_pictures=6", "leaves none of the 6"),
        ("output.monitor={val_psnr: max}", "no metric is called 'val_psnr': this training has train_loss, val_PSNR_Y"),
    ]:
        small = ["--set=data.patch_size=16", "--set=data.validation_pictures=1"]
        assert main(["train", str(photo_folder), runs, *small, "--set", setting]) == 2
        assert message in one_line(capsys)
    assert not (tmp_path / "runs").exists()


def test_resuming_what_is_no_run_is_told(tmp_path: Path, capsys: Said) -> None:
    assert main(["train", "--resume", str(tmp_path)]) == 1
    assert "no run to resume" in one_line(capsys)
