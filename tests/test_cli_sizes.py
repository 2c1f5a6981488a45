"""Sizes, the ensemble and the strength as the command line's user meets them: files, names, and what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from command import Said, bicubic, isr, names, one_line, photo

from ISR.cli import main
from ISR.images import files, resize


def pixels(path: Path) -> npt.NDArray[np.generic]:
    return files.read(path).pixels


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        (["--scale", "1.5"], "a_x1.5.png", (15, 18)),
        (["--scale", "3.0"], "a_x3.png", (30, 36)),
        (["--scale", "0.5"], "a_x0.5.png", (5, 6)),
        (["--scale", "1"], "a_x1.png", (10, 12)),
        (["--width", "25"], "a_w25.png", (25, 30)),
        (["--height", "25"], "a_h25.png", (21, 25)),
        (["--width", "20", "--height", "24"], "a_20x24.png", (20, 24)),
        (["--fit", "100x48"], "a_100x48.png", (40, 48)),
    ],
)
@pytest.mark.parametrize("model", ["nearest", "bicubic"])
def test_a_picture_of_any_size(
    model: str, options: list[str], name: str, expected: tuple[int, int], tmp_path: Path, capsys: Said
) -> None:
    source = photo(tmp_path / "a.png")
    assert main(["upscale", "--model", model, str(source), *options]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{tmp_path / name}\n", "")
    by_hand = resize.resize(files.to_float(files.read(source).pixels), expected[::-1], method=model)
    np.testing.assert_array_equal(pixels(tmp_path / name), files.to_samples(by_hand), strict=True)


def test_every_picture_of_a_call_gets_its_own_size(tmp_path: Path) -> None:
    sources = [photo(tmp_path / "wide.png", height=8, width=20), photo(tmp_path / "high.jpg", height=30, width=10)]
    assert bicubic(*sources, "--fit", "40x40", "-o", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["high_40x40.jpg", "wide_40x40.png"]
    shapes = [pixels(tmp_path / "out" / name).shape for name in names(tmp_path / "out")]
    assert shapes == [(40, 13, 3), (16, 40, 3)]


def test_a_picture_that_would_be_stretched_or_too_large_fails_alone(tmp_path: Path, capsys: Said) -> None:
    good, bad = photo(tmp_path / "good.png", height=20, width=20), photo(tmp_path / "bad.png")
    assert bicubic(bad, good, "--width", "30", "--height", "30", "-o", tmp_path / "out") == 1
    printed = capsys.readouterr().err
    assert printed == "isr: a 10x12 picture would be stretched to 30x30: --fit 30x30 keeps its proportions\n"
    assert names(tmp_path / "out") == ["good_30x30.png"]
    assert bicubic(good, "--width", "100000", "-o", tmp_path / "out") == 1
    assert "expected at most 4294967296 pixels on the way, got 100000x100000" in one_line(capsys)


def test_a_side_that_the_format_cannot_hold_is_told_before_the_work(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "a.png", height=1)
    assert bicubic(source, "--width", "20000", "-o", tmp_path / "b.webp") == 1
    assert "WEBP holds at most 16383 pixels a side, got 20000x2000" in one_line(capsys)


def test_a_weights_file_is_chained_with_itself_and_the_chain_told_once(tmp_path: Path, capsys: Said) -> None:
    from ISR.models import Compact

    weights, sources = tmp_path / "tiny.weights.h5", [photo(tmp_path / f"{name}.png") for name in "ab"]
    Compact(2, width=4, depth=1).save(weights)
    call = ["upscale", *map(str, sources), "--model", str(weights), "--precision", "float32"]
    assert main([*call, "--scale", "3"]) == 0
    assert capsys.readouterr().err == "isr: compact-x2, compact-x2, reduced from 4x to 3x\n"
    assert [pixels(tmp_path / f"{name}_x3.png").shape for name in "ab"] == [(36, 30, 3)] * 2
    assert main([*call, "--width", "5"]) == 0
    assert capsys.readouterr().err == "isr: no network, reduced from 1x to 0.5x\n"
    assert pixels(tmp_path / "a_w5.png").shape == (6, 5, 3)
    assert main([*call, "--strength", "0", "--self-ensemble"]) == 0
    assert capsys.readouterr().err == ""
    assert bicubic(sources[0], "-o", tmp_path / "bicubic.png") == 0
    np.testing.assert_array_equal(pixels(tmp_path / "a_x2.png"), pixels(tmp_path / "bicubic.png"), strict=True)


def test_strength_mixes_and_the_ensemble_is_measured(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "a.png", height=30, width=40)
    results = {}
    for strength in ("0", "0.5", "1"):
        call = ["upscale", str(source), "--model", "nearest", "-o", str(tmp_path / f"{strength}.png")]
        assert main([*call, "--strength", strength]) == 0
        results[strength] = pixels(tmp_path / f"{strength}.png").astype(float)
    middle = (results["0"] + results["1"]) / 2
    assert np.abs(results["0"] - results["1"]).mean() > 4 * np.abs(results["0.5"] - middle).mean()
    capsys.readouterr()
    assert main(["evaluate", str(photo_folder), "--model", "bicubic", "--self-ensemble"]) == 0
    ensemble = capsys.readouterr().out.splitlines()[-1].split("|")[5]
    assert main(["evaluate", str(photo_folder), "--model", "bicubic"]) == 0
    assert ensemble == capsys.readouterr().out.splitlines()[-1].split("|")[5]  # bicubic turns with the picture


@pytest.mark.slow
def test_compact_goes_to_any_size_in_a_process_of_its_own(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png", height=20, width=24)
    done = isr("upscale", source, "--model", "compact-x2", "--fit", "36x36", "--self-ensemble", "--strength", "0.8")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'a_36x36.png'}\n")
    assert done.stderr == "isr: compact-x2, reduced from 2x to 1.5x\n"
    assert pixels(tmp_path / "a_36x36.png").shape == (30, 36, 3)
