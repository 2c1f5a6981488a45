"""LR and HR pictures matched by name, and every fault of theirs told in one error."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.datasets import pairs
from ISR.datasets.pairs import PairPaths
from ISR.errors import PairsError


def paths(folder: str, *names: str) -> list[Path]:
    return [Path(folder) / name for name in names]


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("0001.png", "0001x2.png"),
        ("0001.png", "0001_x2.png"),
        ("0001.png", "0001.png"),
        ("box.png", "box.png"),
        ("box.png", "boxx2.png"),
        ("foxx2.png", "foxx2.png"),
        ("a.PNG", "a.Jpeg"),
        ("a.b.tif", "a.bX2.png"),
        ("x2.png", "x2.png"),
    ],
)
def test_names_that_belong_together(hr: str, lr: str) -> None:
    found, faults = pairs.match(paths("HR", hr), paths("LR", lr), scale=2)
    assert (found, faults) == ({Path("HR") / hr: Path("LR") / lr}, [])


def test_order_of_the_names_does_not_matter() -> None:
    """Sorted by name, a1x2.png comes before ax2.png, but a.png before a1.png."""
    found, faults = pairs.match(paths("HR", "a.png", "a1.png"), paths("LR", "a1x2.png", "ax2.png"), scale=2)
    assert faults == [] and [path.name for path in found.values()] == ["a1x2.png", "ax2.png"]
    assert found[Path("HR/a.png")] == Path("LR/ax2.png")


@pytest.mark.parametrize(
    ("hr", "lr", "faults"),
    [
        (["a.png"], ["ax8.png"], ["'LR/ax8.png' says x8: the scale is 2", "no LR picture for 'HR/a.png'"]),
        (["a.png", "b.png"], ["a.png"], ["no LR picture for 'HR/b.png'"]),
        (["a.png"], ["a.png", "c.png"], ["no HR picture for 'LR/c.png'"]),
        (["a.png"], ["a.png", "ax2.png"], ["'LR/ax2.png' and 'LR/a.png' are both LR pictures of 'a'"]),
        (["a.jpg", "a.png"], ["a.png"], ["2 HR pictures are called 'a'"]),
        (["a.png"], ["b.png"], ["no HR picture for 'LR/b.png'", "no LR picture for 'HR/a.png'"]),
    ],
)
def test_names_that_do_not(hr: list[str], lr: list[str], faults: list[str]) -> None:
    assert pairs.match(paths("HR", *hr), paths("LR", *lr), scale=2)[1] == faults


def saved(path: Path, height: int, width: int, mode: str = "RGB") -> Path:
    path.parent.mkdir(exist_ok=True)
    image = (
        Image.fromarray(np.zeros((height, width), np.uint16)) if mode == "I;16" else Image.new(mode, (width, height))
    )
    image.save(path)
    return path


def pair(folder: Path, name: str, hr: tuple[int, int], lr: tuple[int, int], modes: tuple[str, str]) -> PairPaths:
    return PairPaths(saved(folder / "HR" / name, *hr, modes[0]), saved(folder / "LR" / name, *lr, modes[1]))


@pytest.mark.parametrize(
    ("hr", "lr", "modes"),
    [
        ((8, 12), (4, 6), ("RGB", "RGB")),
        ((9, 13), (4, 6), ("RGB", "RGB")),
        ((8, 12), (4, 6), ("L", "LA")),
        ((8, 12), (4, 6), ("RGBA", "P")),
    ],
)
def test_pairs_that_fit(tmp_path: Path, hr: tuple[int, int], lr: tuple[int, int], modes: tuple[str, str]) -> None:
    assert pairs.check([pair(tmp_path, "a.png", hr, lr, modes)], scale=2) == [4]


@pytest.mark.parametrize(
    ("hr", "lr", "modes", "message"),
    [
        ((8, 12), (4, 5), ("RGB", "RGB"), r"LR/a\.png' is 5x4: expected 6x4, for '.*HR/a\.png' is 12x8"),
        ((8, 12), (6, 4), ("RGB", "RGB"), "is 4x6: expected 6x4"),
        ((10, 12), (4, 6), ("RGB", "RGB"), "is 6x4: expected 6x5"),
        ((8, 12), (4, 6), ("RGB", "L"), r"LR/a\.png' is grey, '.*HR/a\.png' is in colour"),
        ((8, 12), (4, 6), ("I;16", "L"), r"HR/a\.png' has 16 bits a sample: 8 are needed"),
        ((1, 12), (1, 6), ("RGB", "RGB"), "12x1: smaller than the scale 2"),
    ],
)
def test_pairs_that_do_not_fit(
    tmp_path: Path, hr: tuple[int, int], lr: tuple[int, int], modes: tuple[str, str], message: str
) -> None:
    with pytest.raises(PairsError, match=message):
        pairs.check([pair(tmp_path, "a.png", hr, lr, modes)], scale=2)


def test_a_turned_jpeg_has_its_upright_size(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(drawn(8, 12)).save(tmp_path / "hr.jpg", exif=turned)
    lr = saved(tmp_path / "lr.png", 6, 4)
    assert pairs.check([PairPaths(tmp_path / "hr.jpg", lr)], scale=2) == [4]


def test_all_faults_are_in_one_error_the_first_twenty_in_full(tmp_path: Path) -> None:
    wrong = [pair(tmp_path, f"{i:02}.png", (8, 8), (4, 5), ("RGB", "RGB")) for i in range(30)]
    (tmp_path / "HR" / "03.png").write_bytes(b"no picture")
    with pytest.raises(PairsError) as caught:
        pairs.check(wrong, scale=2, faults=["one before"])
    text = str(caught.value)
    assert text.startswith("31 faults in the pictures: one before; ") and text.endswith("; and 11 more")
    assert "begins with b'no picture'" in text and "18.png" in text and "19.png" not in text
    assert "\n" not in text


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    """A PNG that ends after its header passes: what is behind is told when it is read."""
    path = saved(tmp_path / "a.png", 64, 64)
    path.write_bytes(path.read_bytes()[:60])
    assert pairs.check([PairPaths(path)], scale=2) == [32]


def test_transparency_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        pairs.check([PairPaths(saved(tmp_path / f"{i}.png", 4, 4, "RGBA")) for i in range(3)], scale=2)
    assert [record.getMessage() for record in caplog.records] == [
        "3 of the pictures have transparency, which is left out"
    ]


def test_a_thousand_headers_take_seconds(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", 1000, 1000)
    started = time.perf_counter()
    pairs.check([PairPaths(path, None)] * 1000, scale=2)
    assert time.perf_counter() - started < 20
