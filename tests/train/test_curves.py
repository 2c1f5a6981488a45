"""The plot: a PNG whose curves move with the history."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ISR.train import curves


def drawn(*rows: dict[str, object]) -> np.ndarray:
    image = Image.open(io.BytesIO(curves.drawn(list(rows))))
    assert image.format == "PNG" and image.size == (960, 320)
    return np.asarray(image)


def rows(losses: list[str], psnr: list[str]) -> list[dict[str, object]]:
    pairs = zip(losses, psnr, strict=True)
    return [{"epoch": str(i), "train_loss": a, "val_psnr_y": b} for i, (a, b) in enumerate(pairs, 1)]


def heights(image: np.ndarray, colour: tuple[int, int, int], left: int, right: int) -> tuple[float, float]:
    """The mean row of the colour's pixels near the left and the right end of a panel."""
    there = np.all(image == colour, axis=-1)
    there[: curves.TOP + 1] = False
    ends = there[:, left : left + 60], there[:, right - 60 : right]
    return tuple(float(np.nonzero(end)[0].mean()) for end in ends)  # type: ignore[return-value]


def test_a_falling_loss_falls_and_a_rising_psnr_rises() -> None:
    image = drawn(*rows(["0.3", "0.2", "0.1"], ["30", "31", "32"]))
    first, last = heights(image, curves.COLOURS[0], curves.LEFT, curves.WIDTH - curves.RIGHT)
    assert first < last - 100  # rows count downwards
    first, last = heights(image, curves.COLOURS[0], curves.WIDTH + curves.LEFT, 2 * curves.WIDTH - curves.RIGHT)
    assert first > last + 100


def test_nothing_yet_one_epoch_and_epochs_without_validation_are_drawn() -> None:
    empty = drawn()
    one = drawn(*rows(["0.3"], ["nan"]))
    gaps = drawn(*rows(["0.3", "nan", "0.2"], ["", "31", "nan"]))
    assert not np.array_equal(empty, one) and not np.array_equal(one, gaps)
