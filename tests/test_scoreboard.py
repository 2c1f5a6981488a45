"""`isr evaluate --all`: the tables, the plot, and how they get into documents."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import Said, isr
from PIL import Image

from ISR import cost, scoreboard
from ISR.cli import main
from ISR.cost import Cost
from ISR.errors import ISRError
from ISR.evaluate import Report
from ISR.models.records import WEIGHTS
from ISR.scoreboard import Row

SAMPLE = Path(__file__).parents[1] / "docs" / "pictures" / "sample.png"


def row(name: str, scale: int, psnr: float, **more: float) -> Row:
    report = Report(name, scale, "Set5", 5, psnr, 0.95, 1.0, 0.5, ())
    sizes = {"parameters": None, "multiply_adds": None} | more
    return Row(name, scale, reports=(report,), costs=(Cost(0.4, 60.4), Cost(0.2, None)), **sizes)  # type: ignore[arg-type]


ROWS = [row("bicubic", 2, 33.654), row("small-x2", 2, 37.305, parameters=24_999, multiply_adds=6_200.0)]


def test_the_full_table() -> None:
    head, _, bicubic, small = scoreboard.full(ROWS).splitlines()
    assert head.startswith("| model | scale | parameters | multiply-adds | Set5 PSNR-Y / SSIM-Y |")
    assert bicubic == "| `bicubic` | x2 | - | - | 33.65 / 0.9500 | 0.400 | 0.200 | - |"
    assert small == "| `small-x2` | x2 | 24,999 | 6,200 | 37.30 / 0.9500 | 0.400 | 0.200 | - |"


def test_the_short_table_and_that_of_others() -> None:
    assert scoreboard.short(ROWS).splitlines()[-1] == "| `small-x2` | x2 | 24,999 | 37.30 | 0.20 |"
    assert "| VDSR | - | 37.53 | 33.66 | 31.35 | Kim, Lee and Lee 2016 |" in scoreboard.others().splitlines()


def test_tables_go_between_their_markers_and_the_rest_stays(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# A\n\n<!-- isr evaluate --all: short -->\nold\n<!-- end -->\n\nlast\n", encoding="utf-8")
    scoreboard.check([document])
    for _ in range(2):
        scoreboard.put(document, {"full": "FULL", "short": "| new |"})
        text = document.read_text(encoding="utf-8")
        assert text == "# A\n\n<!-- isr evaluate --all: short -->\n\n| new |\n\n<!-- end -->\n\nlast\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "has no line that says where a table goes"),
        ("<!-- isr evaluate --all: full -->\n| x |\n", "no line '<!-- end -->' follows"),
        (None, "cannot read"),
    ],
)
def test_a_document_without_its_place_is_refused_and_stays(tmp_path: Path, text: str | None, message: str) -> None:
    document = tmp_path / "a.md"
    if text is not None:
        document.write_text(text)
    with pytest.raises(ISRError, match=message):
        scoreboard.put(document, {"full": "| x |"})
    assert text is None or document.read_text() == text


def blue_of(rows: list[Row]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where the plot has the colour of ISR's networks."""
    with Image.open(io.BytesIO(scoreboard.plot(rows))) as image:
        return (np.asarray(image) == (31, 119, 180)).all(axis=2)


def test_the_plot_has_a_panel_for_each_scale() -> None:
    networks = [*ROWS, row("a-x3", 3, 33.2, parameters=1_000, multiply_adds=100.0)]
    with Image.open(io.BytesIO(scoreboard.plot(networks))) as image:
        assert image.size == (2 * scoreboard.WIDTH, scoreboard.HEIGHT)
    blue = blue_of(networks)
    halves = [blue[:, half * scoreboard.WIDTH :][:, : scoreboard.WIDTH].sum() for half in (0, 1)]
    assert min(halves) > 30, "a dot in each"


def test_labels_stay_inside_the_frame_and_off_each_other() -> None:
    """Two dots, one at the right end, with three names each: as many blue pixels as those of the names alone."""
    names = ["first", "the-second-of-them", "third"]
    rows = [
        row(name, 5, psnr, parameters=1_000, multiply_adds=multiply_adds)
        for psnr, multiply_adds in ((33.0, 100.0), (36.0, 90_000.0))
        for name in names
    ]
    together, *alone = (blue_of(each) for each in (rows, *([each] for each in rows)))
    assert not together[:, scoreboard.WIDTH - scoreboard.RIGHT :].any() and not together[:, : scoreboard.LEFT].any()
    dot = blue_of([replace(rows[0], name="")]).sum()
    assert together.sum() == 2 * dot + sum(blue.sum() - dot for blue in alone)


def test_documents_without_all_are_a_mistake(capsys: Said) -> None:
    assert main(["evaluate", str(SAMPLE.parent), "--into", "README.md"]) == 2
    assert capsys.readouterr().err == "isr: --into and --plot belong to --all: say --all as well\n"


def test_cost_in_a_process_of_its_own() -> None:
    """Where nothing that other tests held is used again: the memory would come out too low."""
    nearest, lanczos = (cost.measured(name, 2, threads=1, precision="float32") for name in ("nearest", "lanczos"))
    assert nearest.seconds > 0 and (nearest.peak_mb is None or -1 < nearest.peak_mb < 500)
    assert nearest != lanczos


def test_a_process_that_fails_is_an_error() -> None:
    with pytest.raises(ISRError, match=r"no-such x2 could not be measured: exit code 1, .*UnknownModelError"):
        cost.measured("no-such", 2, threads=1)


@pytest.mark.slow
def test_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "Some" / "HR").mkdir(parents=True)
    shutil.copy(SAMPLE, tmp_path / "Some" / "HR")
    document = tmp_path / "a.md"
    document.write_text("<!-- isr evaluate --all: full -->\n<!-- end -->\n")
    outputs = ["--into", document, "--plot", tmp_path / "a.png", "--json", tmp_path / "a.json"]
    done = isr("evaluate", "--all", tmp_path / "Some" / "HR", *outputs)
    assert done.returncode == 0, done.stderr
    shipped = {name for name, record in WEIGHTS.items() if record.shipped}
    found = json.loads((tmp_path / "a.json").read_text())
    assert {each["name"] for each in found} == {"bicubic", *shipped}
    assert all(name in document.read_text() for name in shipped) and done.stdout in document.read_text()
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
