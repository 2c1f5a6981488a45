"""Terminal, streams and signals: what the user sees when something ends otherwise than planned."""

from __future__ import annotations

import logging
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Said, bicubic, isr, names, one_line, photo

from ISR import console
from ISR.cli import main
from ISR.images import files
from ISR.predict.predictor import Predictor


def failing(error: BaseException) -> Callable[..., files.Picture]:
    """Predictor.upscale that fails for the first picture only."""
    real, calls = Predictor.upscale, []

    def upscale(self: Predictor, source: files.Picture) -> files.Picture:
        calls.append(source)
        if len(calls) == 1:
            raise error
        return real(self, source)

    return upscale


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("one\ntwo " * 300), OSError(28, "No space left on device")]
)
def test_what_nobody_expected_is_one_line_and_the_others_are_done(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    sources = [photo(tmp_path / "a.png"), photo(tmp_path / "b.png")]
    monkeypatch.setattr(Predictor, "upscale", failing(error))
    assert bicubic(*sources) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and type(error).__name__ in printed.err and len(printed.err) < 600
    assert printed.out == f"{tmp_path / 'b_x2.png'}\n" and not (tmp_path / "a_x2.png").exists()
    monkeypatch.setattr(Predictor, "upscale", failing(error))
    assert main(["upscale", "-v", "--model", "bicubic", str(sources[0])]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_error_before_the_pictures_is_one_line_too(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    from ISR.models import pretrained

    monkeypatch.setattr(pretrained, "WEIGHTS", None)
    assert main(["weights", "list"]) == 1
    assert "AttributeError" in one_line(capsys)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_work_and_leaves_no_part(
    tmp_path: Path, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    before = signal.getsignal(number)

    monkeypatch.setattr(files.atomic, "_flush", lambda path: os.kill(os.getpid(), number))
    assert bicubic(photo(tmp_path / "a.png"), photo(tmp_path / "b.png")) == code
    assert one_line(capsys) in ("isr: interrupted\n", "isr: terminated\n")
    assert names(tmp_path) == ["a.png", "b.png"] and signal.getsignal(number) == before


def test_a_failed_picture_leaves_the_earlier_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, earlier = photo(tmp_path / "a.png"), photo(tmp_path / "a_x2.png")
    before = earlier.read_bytes()
    monkeypatch.setattr(Predictor, "upscale", failing(RuntimeError()))
    assert bicubic(source) == 1
    assert earlier.read_bytes() == before
    assert bicubic(source) == 0
    assert files.read(earlier).pixels.shape == (24, 20, 3)


@pytest.mark.parametrize("columns", [0, 100])
def test_the_bar_counts_output_pixels_and_only_on_a_terminal(tmp_path: Path, columns: int) -> None:
    source = photo(tmp_path / "a.png", height=100, width=50)
    leader, follower = pty.openpty()
    try:
        termios.tcsetwinsize(follower, (24, columns))
        command = [sys.executable, "-m", "ISR", "upscale", "--model", "bicubic", "--tile", "20", str(source)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=follower, check=True)
        shown = os.read(leader, 100_000).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert "a.png: 100%" in shown and "20.0k/20.0k" in shown and "px/s" in shown
    assert done.stdout == f"{tmp_path / 'a_x2.png'}\n".encode()
    assert isr("upscale", "--model", "bicubic", source).stderr == ""


def test_a_command_inside_a_command_says_each_line_once(capsys: Said) -> None:
    with console.log_shown(verbose=False), console.log_shown(verbose=False):
        logging.getLogger("ISR").warning("something")
    assert capsys.readouterr().err == "isr: something\n"
