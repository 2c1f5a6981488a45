"""The papers' protocol on pictures made here; the sets of the literature are in images/test_resize.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from PIL import Image
from verbs import randomised

from ISR.datasets import folders
from ISR.errors import PictureError
from ISR.evaluate import as_table, evaluate, set_name
from ISR.images import files, resize
from ISR.metrics import psnr_y, ssim_y
from ISR.models.interpolation import Interpolation
from ISR.predict.predictor import Predictor


def test_means_over_the_pictures_of_the_folder(photo_folder: Path) -> None:
    report = evaluate(Interpolation("bicubic", 2), photo_folder)
    by_hand = []
    for path in folders.pictures_in(photo_folder):
        hr = np.asarray(Image.open(path))
        hr = hr[: hr.shape[0] // 2 * 2, : hr.shape[1] // 2 * 2]
        sr = files.to_samples(resize.enlarge(files.to_float(resize.reduce(hr, 2)), 2))
        by_hand.append((psnr_y(hr, sr, border=2), ssim_y(hr, sr, border=2)))
    psnr, ssim = np.mean(by_hand, axis=0)
    assert (report.psnr_y, report.ssim_y) == (pytest.approx(psnr, abs=1e-9), pytest.approx(ssim, abs=1e-9))
    assert (report.pictures, report.set, report.scale) == (6, photo_folder.name, 2)
    assert report.seconds == pytest.approx(sum(score.seconds for score in report.scores))


def test_a_network_that_pads_nothing_is_compared_with_the_middle(photo_folder: Path) -> None:
    """Where SRCNN pads, only the `border` pixels on each side differ."""
    from ISR.models.srcnn import SRCNN

    padded, inner = (randomised(SRCNN(2, padding=padding), spread=0.01) for padding in ("same", "valid"))
    grey = np.asarray(Image.open(photo_folder / "photo_0.png"))[..., 0]
    (photo_folder.parent / "grey").mkdir(exist_ok=True)
    Image.fromarray(grey).save(photo_folder.parent / "grey" / "g.png")
    for folder in (photo_folder, photo_folder.parent / "grey"):
        by_hand = []
        for path in folders.pictures_in(folder):
            lr, hr = folders.read_pair(path, 2, keep_grey=True)
            sr = Predictor(padded).upscale(lr)
            by_hand.append(psnr_y(hr[6:-6, 6:-6], sr[6:-6, 6:-6], border=2))
        assert inner.border == 6 and evaluate(inner, folder).psnr_y == pytest.approx(np.mean(by_hand), abs=1e-3)


def test_tiles_do_not_change_the_figures(photo_folder: Path) -> None:
    whole, tiled = (evaluate(Interpolation("lanczos", 3), photo_folder, tile=tile) for tile in (None, 7))
    assert whole.psnr_y == pytest.approx(tiled.psnr_y, abs=1e-6)


def test_a_grey_picture_is_compared_on_its_samples(tmp_path: Path) -> None:
    grey = drawn(40, 44)[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    report = evaluate(Interpolation("bicubic", 2), tmp_path)
    sr = files.to_samples(resize.enlarge(files.to_float(resize.reduce(grey[..., None], 2)), 2))
    error = (grey.astype(float) - sr[..., 0])[2:-2, 2:-2]
    assert report.psnr_y == pytest.approx(10 * np.log10(255**2 / np.mean(error**2)), abs=1e-4)


def test_a_picture_too_small_to_compare_is_named(tmp_path: Path) -> None:
    Image.fromarray(drawn(12, 12)).save(tmp_path / "tiny.png")
    with pytest.raises(PictureError, match=r"tiny\.png.*at least 11"):
        evaluate(Interpolation("bicubic", 2), tmp_path)


def test_a_picture_met_exactly_is_null_in_json(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (80, 90, 100)).save(tmp_path / "flat.png")
    plain = evaluate(Interpolation("bicubic", 2), tmp_path).as_json()
    assert plain["psnr_y"] is None
    json.dumps(plain, allow_nan=False)


@pytest.mark.parametrize(("folder", "name"), [("Set5/HR", "Set5"), ("Set5/hr", "Set5"), ("holiday", "holiday")])
def test_a_set_is_called_after_its_folder(folder: str, name: str) -> None:
    assert set_name(Path(folder)) == name


def test_the_table_has_a_row_for_each_report(photo_folder: Path) -> None:
    report = evaluate(Interpolation("nearest", 2), photo_folder, name="NAME")
    assert as_table([report, report]).splitlines()[2].startswith(f"| NAME | x2 | {photo_folder.name} | 6 | ")
    assert len(as_table([report, report]).splitlines()) == 4
