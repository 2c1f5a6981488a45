"""Tiles that run out of memory, or are not finite: with NumPy models that fail above a size, or where a value is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import drawn
from verbs import said

from ISR import memory
from ISR.errors import ISRError, OutOfMemoryError
from ISR.images import resize
from ISR.models.interpolation import Interpolation
from ISR.models.tiled import Tiled

Floats = npt.NDArray[np.float32]


class ResourceExhaustedError(Exception):
    """TensorFlow's, by its name."""


@dataclass
class Limited:
    """Bicubic that has no memory for runs above `most` window pixels."""

    most: int
    error: Callable[[str], BaseException] = MemoryError
    name: str = "limited"
    scale: int = 2
    receptive_radius: int = 2
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def run(self, batch: Floats) -> Floats:
        self.shapes.append(batch.shape)
        if batch.shape[0] * batch.shape[1] * batch.shape[2] > self.most:
            raise self.error("out of memory allocating tensor")
        return np.stack([resize.enlarge(picture, 2) for picture in batch])


def whole(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return Tiled(Interpolation("bicubic", 2), tile=10**6).array(picture)


@pytest.mark.parametrize(("batch_size", "channels"), [(1, 3), (4, 3), (2, 4), (3, 1)])
def test_smaller_tiles_give_the_same_result(caplog: pytest.LogCaptureFixture, batch_size: int, channels: int) -> None:
    picture = np.dstack([drawn(300, 270), drawn(300, 270)[..., :1]])[..., 4 - channels :]
    model = Limited(most=70 * 70)
    result = Tiled(model, tile=256, batch_size=batch_size).array(picture)
    np.testing.assert_array_equal(result, whole(picture))
    levels, messages = zip(*said(caplog), strict=True)
    assert set(levels) == {"WARNING"} and len(messages) == 2 + (batch_size > 1)
    assert messages[-1].startswith("out of memory with 1 tile(s) of 128: going on with one of 64 (out of")


def test_floats_are_the_same_to_rounding() -> None:
    picture = drawn(150, 140).astype(np.float32) / 255
    result = Tiled(Limited(most=50 * 50), tile=140).array(picture)
    np.testing.assert_allclose(result, whole(picture), rtol=0, atol=1e-5)


class FailsOnce(Limited):
    """Out of memory at its ninth run alone."""

    def run(self, batch: Floats) -> Floats:
        if len(self.shapes) == 8:
            self.shapes.append(batch.shape)
            raise MemoryError
        return super().run(batch)


def test_rows_of_tiles_that_are_finished_are_not_done_again() -> None:
    model, picture, calls = FailsOnce(most=10**6), drawn(256, 192), list[tuple[int, int]]()
    tiled = Tiled(model, tile=64, progress=lambda done, total: calls.append((done, total)))
    np.testing.assert_array_equal(tiled.array(picture), whole(picture))
    # Three tiles to a row: two rows are finished, two tiles of the third are done, and its last one fails. From there
    # on tiles of 32: four rows of six.
    assert [shape[1] for shape in model.shapes] == [68] * 9 + [36] * 24
    assert calls[-1] == (4 * 256 * 192, 4 * 256 * 192) and all(done <= total for done, total in calls)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError,
        ResourceExhaustedError,
        lambda text: RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 108000000 bytes."),
        lambda text: RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        lambda text: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 72000000 bytes."),
    ],
)
def test_every_way_of_saying_so_is_understood(error: Callable[[str], BaseException]) -> None:
    model = Limited(most=100 * 100, error=error)
    np.testing.assert_array_equal(Tiled(model, tile=128).array(drawn(140, 140)), whole(drawn(140, 140)))


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("out of memory"), KeyboardInterrupt()]
)
def test_other_errors_pass_through_at_once(error: BaseException) -> None:
    model = Limited(most=0, error=lambda text: error)
    with pytest.raises(type(error)):
        Tiled(model, tile=128).array(drawn(140, 140))
    assert len(model.shapes) == 1


def test_below_the_smallest_tile_it_is_an_error_of_one_line() -> None:
    model = Limited(most=0)
    with pytest.raises(OutOfMemoryError, match=r"^not enough memory .* tile of 32 .* below 32 .* smaller model"):
        Tiled(model, tile=128).array(drawn(140, 140))
    assert [shape[1] for shape in model.shapes] == [132, 68, 36]


def test_a_tile_that_is_small_from_the_start_is_not_made_smaller() -> None:
    model = Limited(most=0)
    with pytest.raises(OutOfMemoryError, match="a tile of 9 pixels"):
        Tiled(model, tile=20).array(drawn(9, 9))
    assert len(model.shapes) == 1


def test_the_tile_follows_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = {}
    for free in (None, 10**9, 30_000_000, 0):
        monkeypatch.setattr(memory, "free", lambda free=free: free)
        model = Limited(most=10**9)
        np.testing.assert_array_equal(Tiled(model).array(drawn(300, 300)), whole(drawn(300, 300)))
        windows[free] = model.shapes[0][1] - 4
    # 24 floats a pixel, twice the output: 19.5 MB for a window of 260, 5.0 of 132; the output takes 1.1 MB.
    assert windows == {None: 256, 10**9: 256, 30_000_000: 128, 0: 32}


@dataclass
class Overflowing:
    """Nearest that turns the white pixels of its windows into NaN; `precise` does not, or is None, or is as bad."""

    precise: Any
    name: str = "overflowing"
    scale: int = 2
    receptive_radius: int = 0
    asked: int = 0

    def in_float32(self) -> Any:
        self.asked += 1
        return self.precise

    def run(self, batch: Floats) -> Floats:
        return np.where(batch == 1.0, np.float32(np.nan), batch).repeat(2, axis=1).repeat(2, axis=2)


def white_at(*places: tuple[int, int]) -> npt.NDArray[np.uint8]:
    picture = np.full((8, 12, 3), 9, np.uint8)
    for place in places:
        picture[place] = 255
    return picture


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_tile_that_is_not_finite_is_run_again_in_float32(caplog: pytest.LogCaptureFixture, batch_size: int) -> None:
    model, picture = Overflowing(Interpolation("nearest", 2)), white_at((1, 1), (6, 9))
    result = Tiled(model, tile=4, batch_size=batch_size).array(picture)
    np.testing.assert_array_equal(result, picture.repeat(2, axis=0).repeat(2, axis=1))
    assert model.asked == len(said(caplog)) == 2
    level, message = said(caplog)[0]
    assert level == "WARNING" and "overflowing" in message and "rows 0 to 4, columns 0 to 4" in message


@pytest.mark.parametrize(
    ("precise", "advice"), [(None, "or run the model in float32"), (Overflowing(None), "check the weights$")]
)
def test_then_it_is_an_error(precise: Any, advice: str) -> None:
    where = "rows 4 to 8, columns 8 to 12 of the 12x8 picture"
    with pytest.raises(ISRError, match=f"overflowing gave values that are not finite .* {where}: nothing .*{advice}"):
        Tiled(Overflowing(precise), tile=4).array(white_at((6, 9)))
