"""Every shipped network on every set, beside bicubic and what others report: the tables and the plot of `isr evaluate
--all`, and putting them into a document."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ISR import atomic, cost
from ISR.cost import Cost
from ISR.errors import ISRError
from ISR.evaluate import Report, evaluate
from ISR.models.records import WEIGHTS
from ISR.models.tiled import Upscaler
from ISR.published import PUBLISHED

Load = Callable[[str, int], Upscaler]
BASELINE = "bicubic"
THREADS = (1, 2)
# What a table is put between: `<!-- isr evaluate --all: full -->` and `<!-- end -->`, each a line of its own.
TABLES = ("full", "short", "others")
BEGIN, END = "<!-- isr evaluate --all: {} -->", "<!-- end -->"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 420, 60, 44, 34, 20
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Row:
    """One model: its report on each set, and its cost with each number of THREADS. Interpolation has no parameters."""

    name: str
    scale: int
    parameters: int | None
    multiply_adds: float | None
    reports: tuple[Report, ...]
    costs: tuple[Cost, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain dicts and lists for `json.dump`."""
        return asdict(self) | {"reports": [report.as_json() for report in self.reports]}


def rows(folders: Sequence[str | Path], *, load: Load, said: Callable[[str], object]) -> list[Row]:
    """Shipped networks by scale and parameters, bicubic before those of each scale. load: gives a model by its name
    and scale. said: told each name. ISRError where a folder holds no pictures or a process fails."""
    shipped = sorted((r for r in WEIGHTS.values() if r.shipped), key=lambda r: (r.scale, r.parameters))
    scales = sorted({record.scale for record in shipped})
    named = [(BASELINE, scale, None) for scale in scales] + [(r.name, r.scale, r.parameters) for r in shipped]
    found = []
    for name, scale, parameters in sorted(named, key=lambda each: each[1]):
        said(f"{name} x{scale}")
        model = load(name, scale)
        reports = tuple(evaluate(model, folder, name=name) for folder in folders)
        costs = tuple(cost.measured(name, scale, threads=threads) for threads in THREADS)
        found.append(Row(name, scale, parameters, getattr(model, "multiply_adds", None), reports, costs))
    return found


def full(found: Sequence[Row]) -> str:
    """The table of docs/benchmarks.md."""
    sets = " | ".join(f"{report.set} PSNR-Y / SSIM-Y" for report in found[0].reports)
    head = f"| model | scale | parameters | multiply-adds | {sets} | s, 1 thread | s, 2 threads | memory, MB |"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    for row in found:
        scores = " | ".join(f"{report.psnr_y:.2f} / {report.ssim_y:.4f}" for report in row.reports)
        seconds = " | ".join(f"{each.seconds:.3f}" for each in row.costs)
        peak = _said(row.costs[-1].peak_mb, "{:.0f}")
        size = f"{_said(row.parameters, '{:,}')} | {_said(row.multiply_adds, '{:,.0f}')}"
        lines.append(f"| `{row.name}` | x{row.scale} | {size} | {scores} | {seconds} | {peak} |")
    return "\n".join(lines)


def others() -> str:
    """What others report, as a table."""
    lines = ["| network | parameters | Set5 x2 | x3 | x4 | by |", "|---" * 6 + "|"]
    for each in PUBLISHED:
        scores = " | ".join(_said(psnr, "{:.2f}") for psnr in each.set5)
        lines.append(f"| {each.name} | {_said(each.parameters, '{:,}')} | {scores} | {each.source} |")
    return "\n".join(lines)


def short(found: Sequence[Row]) -> str:
    """The table of the README: luma PSNR in dB, and seconds for an output megapixel on two threads."""
    sets = " | ".join(report.set for report in found[0].reports)
    head = f"| model | scale | parameters | {sets} | s per megapixel |"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    for row in found:
        scores = " | ".join(f"{report.psnr_y:.2f}" for report in row.reports)
        size = _said(row.parameters, "{:,}")
        lines.append(f"| `{row.name}` | x{row.scale} | {size} | {scores} | {row.costs[-1].seconds:.2f} |")
    return "\n".join(lines)


def _said(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def check(documents: Sequence[Path]) -> None:
    """ISRError where one cannot be read or has no marker of `put`."""
    for document in documents:
        _filled(document, dict.fromkeys(TABLES, ""))


def put(document: Path, tables: dict[str, str]) -> None:
    """Put each table whose marker the document has between it and the next END. ISRError where it has none of them, or
    one has no END."""
    atomic.write_text(document, _filled(document, tables))


def _filled(document: Path, tables: dict[str, str]) -> str:
    try:
        text = document.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ISRError(f"cannot read {str(document)!r}: {error}") from error
    found = False
    for name, table in tables.items():
        before, marker, rest = text.partition(f"{BEGIN.format(name)}\n")
        if marker:
            _, end, after = rest.partition(f"{END}\n")
            if not end:
                raise ISRError(f"{str(document)!r}: no line {END!r} follows {BEGIN.format(name)!r}")
            text, found = f"{before}{marker}\n{table}\n\n{END}\n{after}", True
    if not found:
        markers = ", ".join(repr(BEGIN.format(name)) for name in tables)
        raise ISRError(f"{str(document)!r} has no line that says where a table goes: expected one of {markers}")
    return text


def plot(found: Sequence[Row]) -> bytes:
    """A PNG: of each network the PSNR on the first set against its multiply-adds, one panel for each scale."""
    networks = [row for row in found if row.multiply_adds is not None]
    scales = sorted({row.scale for row in networks})
    image = Image.new("RGB", (WIDTH * len(scales), HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    for i, scale in enumerate(scales):
        _panel(draw, font, WIDTH * i, [row for row in networks if row.scale == scale], scale)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _panel(draw: ImageDraw.ImageDraw, font: Any, left: int, networks: list[Row], scale: int) -> None:
    points = [(math.log10(row.multiply_adds or 1.0), row.reports[0].psnr_y, row.name) for row in networks]
    theirs = [
        (math.log10(each.parameters / scale**2), psnr, each.name)  # all their weights work at the size of the input
        for each in PUBLISHED
        if each.parameters is not None and (psnr := each.at(scale)) is not None
    ]
    x_low, x_high = _span([x for x, _, _ in points + theirs])
    y_low, y_high = _span([y for _, y, _ in points + theirs])
    box = (left + LEFT, TOP, left + WIDTH - RIGHT, HEIGHT - BOTTOM)
    draw.rectangle(box, outline="black")
    draw.text((left + LEFT, 8), f"x{scale}: PSNR-Y on {networks[0].reports[0].set}, dB", "black", font)
    draw.text((left + LEFT, HEIGHT - 20), "multiply-adds for an output pixel", "black", font)
    dots = []
    for colour, group in (("#1f77b4", points), ("#888888", theirs)):
        for x, y, name in group:
            across = box[0] + (x - x_low) / (x_high - x_low) * (box[2] - box[0])
            down = box[3] - (y - y_low) / (y_high - y_low) * (box[3] - box[1])
            dots.append((across, down, name, colour))
            draw.ellipse((across - 4, down - 4, across + 4, down + 4), colour)
    taken: list[Box] = [(across - 4, down - 4, across + 4, down + 4) for across, down, _, _ in dots]
    for across, down, name, colour in dots:
        width, height = draw.textbbox((0, 0), name, font, anchor="lt")[2:]
        corners = [(x, down + y) for x in (across + 7, across - 7 - width) for y in (-height / 2, 8, -8 - height)]
        places: list[Box] = [(x, y, x + width, y + height) for x, y in corners]
        inside = [place for place in places if _inside(place, box)]
        free = [place for place in inside if not any(_overlap(place, other) for other in taken)]
        taken.append((free or inside or places)[0])
        draw.text(taken[-1][:2], name, colour, font, anchor="lt")
    for y in (math.ceil(y_low), math.floor(y_high)):
        draw.text((left + 8, box[3] - (y - y_low) / (y_high - y_low) * (box[3] - box[1]) - 8), f"{y}", "black", font)
    for x in range(math.ceil(x_low), math.floor(x_high) + 1):
        place = box[0] + (x - x_low) / (x_high - x_low) * (box[2] - box[0])
        draw.text((place - 12, box[3] + 4), f"{10**x:,}", "black", font)


def _inside(one: Box, other: Box) -> bool:
    return other[0] < one[0] and one[2] < other[2] and other[1] < one[1] and one[3] < other[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _span(values: list[float]) -> tuple[float, float]:
    """A little more than the values take, and at least one step of each axis."""
    return min(values) - 0.3, max(max(values) + 0.3, min(values) + 0.7)
