"""Animations through the predictor and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import bicubic, names
from PIL import Image

from ISR.errors import FormatError
from ISR.images import files, frames
from ISR.models.interpolation import Interpolation
from ISR.predict.predictor import Predictor


def animated(path: Path) -> Path:
    shown = [Image.new("RGB", (6, 5), colour) for colour in ("red", "green", "blue")]
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=50)
    return path


def test_progress_counts_the_pixels_of_all_frames(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    predictor = Predictor(Interpolation("nearest", 2))
    predictor.upscale_file(
        animated(tmp_path / "a.png"), tmp_path / "b.webp", progress=lambda done, total: told.append((done, total))
    )
    assert told == [(120, 360), (240, 360), (360, 360)]
    content = frames.read(tmp_path / "b.webp")
    assert isinstance(content, frames.Animation)
    assert [(frame.width, frame.height) for frame in content.frames] == [(12, 10)] * 3


def test_a_format_of_one_picture_is_refused_before_the_work(tmp_path: Path) -> None:
    told: list[int] = []
    predictor = Predictor(Interpolation("nearest", 2), progress=lambda done, total: told.append(done))
    with pytest.raises(FormatError, match="JPEG keeps one picture, got 3"):
        predictor.upscale_file(animated(tmp_path / "a.png"), tmp_path / "b.jpg")
    assert told == [] and names(tmp_path) == ["a.png"]


def test_what_a_gif_cannot_keep_becomes_a_png(tmp_path: Path) -> None:
    Image.new("RGB", (6, 5), "red").save(tmp_path / "still.gif")
    assert bicubic(tmp_path / "still.gif") == 0
    assert bicubic(animated(tmp_path / "moving.gif")) == 0
    assert names(tmp_path) == ["moving.gif", "moving_x2.gif", "still.gif", "still_x2.png"]
    assert files.read(tmp_path / "still_x2.png").width == 12
