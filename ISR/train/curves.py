"""The run's history as a picture: loss and PSNR over the epochs."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480, 320, 70, 14, 26, 36
COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44))
Points = list[tuple[float, float]]


def drawn(history: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG, 960x320: training and validation loss on the left, PSNR of the validation pictures in dB on the right."""
    image = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    for i, (title, keys) in enumerate({"loss": ("train_loss", "val_loss"), "PSNR (dB)": ("val_psnr_y",)}.items()):
        _panel(draw, i * WIDTH, title, {key: _points(history, key) for key in keys})
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _points(history: Sequence[Mapping[str, Any]], key: str) -> Points:
    pairs = [(float(row["epoch"]), float(row.get(key) or math.nan)) for row in history]
    return [(x, y) for x, y in pairs if math.isfinite(y)]


def _panel(draw: ImageDraw.ImageDraw, left: int, title: str, curves: Mapping[str, Points]) -> None:
    corners = (left + LEFT, TOP, left + WIDTH - RIGHT, HEIGHT - BOTTOM)
    draw.rectangle(corners, outline="black")
    draw.text((left + LEFT, 8), title, "black")
    draw.text((left + WIDTH - 60, HEIGHT - 16), "epoch", "black")
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return
    (x_low, x_high), (y_low, y_high) = (_span([point[axis] for point in points]) for axis in (0, 1))

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - x_low) / (x_high - x_low), (y - y_low) / (y_high - y_low)
        return corners[0] + across * (corners[2] - corners[0]), corners[3] - up * (corners[3] - corners[1])

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = x_low + share * (x_high - x_low), y_low + share * (y_high - y_low)
        draw.text((place(x, y_low)[0] - 8, HEIGHT - BOTTOM + 4), f"{x:.4g}", "black")
        draw.text((left + 4, place(x_low, y)[1] - 6), f"{y:.4g}", "black")
    for i, (name, curve) in enumerate(curves.items()):
        places = [place(*point) for point in curve]
        draw.text((left + 180 + 110 * i, 8), name, COLOURS[i])
        draw.line(places, COLOURS[i], width=2)
        for x, y in places if len(places) < 40 else []:
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), COLOURS[i])


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
