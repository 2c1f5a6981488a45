"""`Predictor.upscale_folder`: results as they come, progress, and what another model makes of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import names, photo

from ISR.errors import ConfigError, DestinationError, PictureNotFoundError
from ISR.images import files
from ISR.models.interpolation import Interpolation
from ISR.predict import Predictor


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a.png", "b.jpg", "sub/c.webp"):
        photo(tmp_path / "in" / name)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    return tmp_path / "in"


def test_one_result_a_picture_as_it_is_done(photos: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", []
    results = Predictor(Interpolation("bicubic", 2)).upscale_folder(
        str(photos), str(out), recursive=True, progress=lambda *numbers: seen.append(numbers)
    )
    first = next(results)
    assert (first.source, first.destination, first.status) == (photos / "a.png", out / "a_x2.png", "done")
    assert first.seconds > 0 and first.error is None and names(out) == [".isr", "a_x2.png"] and seen == [(1, 4)]
    rest = list(results)
    assert [result.status for result in rest] == ["done", "failed", "done"] and seen[-1] == (4, 4)
    assert "no picture" in str(rest[1].error) and rest[1].destination is None
    expected = Predictor(Interpolation("bicubic", 2)).upscale(photos / "a.png").pixels
    np.testing.assert_array_equal(files.read(out / "a_x2.png").pixels, expected)


def statuses(photos: Path, model: Interpolation, **options: object) -> list[str]:
    predictor = Predictor(model)
    return [result.status for result in predictor.upscale_folder(photos, photos.parent / "out", **options)]  # type: ignore[arg-type]


def test_a_second_call_does_what_is_left(photos: Path) -> None:
    assert statuses(photos, Interpolation("bicubic", 2)) == ["done", "done", "failed"]
    assert statuses(photos, Interpolation("bicubic", 2)) == ["passed over", "passed over", "failed"]
    assert statuses(photos, Interpolation("nearest", 2)) == ["done", "done", "failed"]
    assert statuses(photos, Interpolation("nearest", 2), quality=50) == ["done", "done", "failed"]
    assert statuses(photos, Interpolation("bicubic", 2), skip_existing=True) == ["passed over"] * 2 + ["failed"]


def test_other_weights_of_one_name_are_another_model(photos: Path) -> None:
    class Network:
        def __init__(self, value: float) -> None:
            self.value = np.full((2, 2), value, np.float32)

        def get_weights(self) -> list[np.ndarray]:
            return [self.value]

    class Weighted(Interpolation):
        def __init__(self, value: float) -> None:
            super().__init__("bicubic", 2)
            self.model = Network(value)

    assert statuses(photos, Weighted(1)) == ["done", "done", "failed"]
    assert statuses(photos, Weighted(1)) == ["passed over", "passed over", "failed"]
    assert statuses(photos, Weighted(2)) == ["done", "done", "failed"]


def test_what_cannot_be_meant_is_told_at_the_call(photos: Path, tmp_path: Path) -> None:
    predictor = Predictor(Interpolation("bicubic", 2))
    with pytest.raises(PictureNotFoundError, match="missing"):
        predictor.upscale_folder(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(PictureNotFoundError, match=r"a\.png"):
        predictor.upscale_folder(photos / "a.png", tmp_path / "out")
    with pytest.raises(ConfigError, match="did you mean stem"):
        predictor.upscale_folder(photos, tmp_path / "out", name="{stam}{ext}")
    with pytest.raises(DestinationError, match="is a file"):
        predictor.upscale_folder(photos, photos / "b.jpg")
    assert not (tmp_path / "out").exists()


def test_a_folder_may_be_called_like_a_picture(tmp_path: Path) -> None:
    photo(tmp_path / "in.png" / "a.png")
    assert statuses(tmp_path / "in.png", Interpolation("nearest", 2)) == ["done"]
