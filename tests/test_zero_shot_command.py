"""`isr upscale --model zssr` from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import isr
from conftest import drawn
from PIL import Image

from ISR.cli import main
from ISR.images import files

Said = pytest.CaptureFixture[str]
TINY = "zero_shot: {width: 4, depth: 1, crop_size: 16, ensemble: 1}\n"


@pytest.fixture
def call(tmp_path: Path) -> list[str]:
    """The command for one small picture, with a tiny network."""
    (tmp_path / "tiny.yml").write_text(TINY, encoding="utf-8")
    Image.fromarray(drawn(12, 10)).save(tmp_path / "a.png")
    return ["upscale", str(tmp_path / "a.png"), "--model", "zssr", "--config", str(tmp_path / "tiny.yml")]


def test_a_picture_is_enlarged_beside_itself(call: list[str], tmp_path: Path, capsys: Said) -> None:
    assert main([*call, "--scale", "4", "--budget", "0", "--max-steps", "2", "--seed", "7"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'a_x4.png'}\n" and printed.err == ""
    first = files.read(tmp_path / "a_x4.png").pixels
    assert first.shape == (48, 40, 3)
    assert main([*call, "--scale", "4", "--budget", "0", "--max-steps", "2", "--seed", "7"]) == 0
    np.testing.assert_array_equal(files.read(tmp_path / "a_x4.png").pixels, first)


def test_verbose_says_how_to_repeat_it(call: list[str], capsys: Said) -> None:
    assert main(["-v", *call, "--budget", "100", "--max-steps", "12"]) == 0
    assert "12 of 12 steps" in (told := capsys.readouterr().err)
    assert "budget 0, max_steps 12 and seed 0 give the same picture again" in told


def test_a_kernel_file_is_used(call: list[str], tmp_path: Path, capsys: Said) -> None:
    kernel = tmp_path / "k.txt"
    kernel.write_text("1 2 1\n2 4 2\n1 2 1\n", encoding="utf-8")
    assert main([*call, "--budget", "0", "--max-steps", "2", "--kernel", str(kernel)]) == 0
    blurred = files.read(tmp_path / "a_x2.png").pixels
    assert main([*call, "--budget", "0", "--max-steps", "2"]) == 0
    assert not np.array_equal(blurred, files.read(tmp_path / "a_x2.png").pixels)
    kernel.write_text("1 two\n", encoding="utf-8")
    assert main([*call, "--kernel", str(kernel)]) == 1
    assert f"isr: '{kernel}': expected a .npy file or lines of numbers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--budget", "-1"], "zero_shot.budget must be at least 0.0"),
        (["--noise", "2"], "zero_shot.noise must be at most 1.0"),
        (["--max-steps", "0"], "zero_shot.max_steps must be at least 1"),
        (["--scale", "17"], "zero_shot.scale must be at most 16.0"),
        (["--model", "bicubic"], "--config belongs to --model zssr, got --model bicubic"),
        (["--model", "bicubic", "--max-steps", "3"], "--max-steps belongs to --model zssr"),
    ],
)
def test_wrong_options_are_usage(call: list[str], extra: list[str], message: str, capsys: Said) -> None:
    assert main([*call, *extra]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_process_of_its_own_says_nothing_but_the_path(call: list[str], tmp_path: Path) -> None:
    done = isr(*call, "--budget", "5")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'a_x2.png'}\n", "")
