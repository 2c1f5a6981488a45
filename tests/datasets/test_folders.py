"""Folders: what counts as a picture, what is set apart, what is refused."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.config import DataConfig
from ISR.datasets import folders
from ISR.datasets.pairs import PairPaths
from ISR.errors import ConfigError, PairsError, PictureError, PictureNotFoundError
from ISR.images import resize


def test_junk_is_passed_over_and_the_rest_sorted(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.tiff", "d.webp", "e.jpeg"):
        (tmp_path / name).touch()
    for name in ("Thumbs.db", ".DS_Store", "._a.jpg", ".hidden.png", "notes.txt", "a.gif", "png", "list.csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert [path.name for path in folders.pictures_in(str(tmp_path))] == [
        "a.JPG",
        "b.png",
        "c.tiff",
        "d.webp",
        "e.jpeg",
    ]


def test_refuses_an_empty_or_missing_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(PictureNotFoundError, match=r"no picture in .*expected files ending in \.png"):
        folders.pictures_in(tmp_path)
    (tmp_path / "a.png").touch()
    for path in (tmp_path / "none", tmp_path / "a.png"):
        with pytest.raises(PictureNotFoundError, match="expected a folder of pictures"):
            folders.pictures_in(path)


def test_refuses_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(PictureError, match="may not be read: Permission denied"):
        folders.pictures_in(tmp_path)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A folder of ten empty files with a picture's names."""
    folder = tmp_path / "names"
    folder.mkdir()
    for i in range(10):
        (folder / f"{i}.png").touch()
    return folder


@pytest.mark.parametrize(
    ("count", "apart"),
    [(0, ""), (1, "5"), (2, "27"), (3, "158"), (5, "13579"), (9, "012356789")],
)
def test_validation_is_set_apart_evenly(names: Path, count: int, apart: str) -> None:
    training, validation = folders.split(DataConfig(hr_dir=str(names), validation_pictures=count))
    assert [path.stem for path in validation] == list(apart)
    assert sorted([*training, *validation]) == folders.pictures_in(names)


def test_the_validation_folder_goes_before_the_number(names: Path, photo_folder: Path) -> None:
    data = DataConfig(hr_dir=str(names), validation_dir=str(photo_folder), validation_pictures=3)
    assert folders.split(data) == (folders.pictures_in(names), folders.pictures_in(photo_folder))


def test_no_picture_is_in_both_whatever_the_folders_names(names: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "link.png").symlink_to(names / "3.png")
    training, validation = folders.split(DataConfig(hr_dir=str(names), validation_dir=str(other)))
    assert [path.stem for path in training] == list("012456789")
    assert [path.name for path in validation] == ["link.png"]
    with pytest.raises(ConfigError, match="validation_dir holds every picture"):
        folders.split(DataConfig(hr_dir=str(names), validation_dir=str(names / ".." / "names")))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"hr_dir": None}, ConfigError, "hr_dir must name a folder"),
        ({"validation_pictures": 10}, ConfigError, "validation_pictures=10 leaves none of the 10"),
        ({"hr_dir": "none"}, PictureNotFoundError, "expected a folder"),
        ({"validation_dir": "none"}, PictureNotFoundError, "expected a folder"),
    ],
)
def test_refuses_a_split_that_cannot_be(names: Path, changed: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        folders.split(DataConfig(**{"hr_dir": str(names), **changed}))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_pair_is_the_cropped_picture_and_its_reduction(tmp_path: Path, scale: int) -> None:
    samples = drawn(41, 50)
    Image.fromarray(samples).save(tmp_path / "a.png")
    pair = folders.read_pair(tmp_path / "a.png", scale)
    height, width = 41 // scale, 50 // scale
    assert pair.lr.shape == (height, width, 3)
    np.testing.assert_array_equal(pair.hr, samples[: height * scale, : width * scale])
    np.testing.assert_array_equal(pair.lr, resize.reduce(pair.hr, scale))
    assert pair.lr.dtype == pair.hr.dtype == np.uint8


def test_grey_becomes_three_equal_channels_and_alpha_is_left_out(tmp_path: Path) -> None:
    samples = drawn(8, 10)
    Image.fromarray(samples[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([samples, samples[..., :1]])).save(tmp_path / "alpha.png")
    grey = folders.read_hr(tmp_path / "grey.png", 2)
    np.testing.assert_array_equal(grey, samples[..., :1].repeat(3, axis=2))
    np.testing.assert_array_equal(folders.read_hr(tmp_path / "alpha.png", 2), samples)


def test_refuses_16_bits_and_what_is_smaller_than_the_scale(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(PictureError, match=r"deep\.png' has 16 bits a sample"):
        folders.read_hr(tmp_path / "deep.png", 2)
    Image.fromarray(drawn(3, 9)).save(tmp_path / "small.png")
    with pytest.raises(PictureError, match=r"small\.png' is 9x3: smaller than the scale 4"):
        folders.read_hr(tmp_path / "small.png", 4)


def test_pictures_are_read_one_by_one(photo_folder: Path, tmp_path: Path) -> None:
    paths = [PairPaths(path) for path in folders.pictures_in(photo_folder)]
    assert [pair.hr.shape[0] for pair in folders.read_pairs(paths, 2)] == [64, 96, 60, 72, 66, 80]
    reading = folders.read_pairs([paths[0], PairPaths(tmp_path / "gone.png")], 2)
    assert next(reading).hr.shape == (64, 64, 3)
    with pytest.raises(PictureNotFoundError, match=r"gone\.png"):
        next(reading)


def test_one_damaged_picture_is_named(photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(photo_folder, folder)
    damaged = folder / "photo_3.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(PictureError, match=r"photo_3\.png"):
        list(folders.read_pairs(map(PairPaths, folders.pictures_in(folder)), 2))


@pytest.fixture
def lr_folder(photo_folder: Path, tmp_path: Path) -> Path:
    """The LR pictures of photo_folder at x2, named photo_0x2.png and so on, darker than a made one."""
    folder = tmp_path / "LR"
    folder.mkdir()
    for path in folders.pictures_in(photo_folder):
        lr = folders.read_pair(path, 2).lr // 2
        Image.fromarray(lr).save(folder / f"{path.stem}x2.png")
    return folder


def test_pairs_of_folders_are_found_and_set_apart_together(photo_folder: Path, lr_folder: Path) -> None:
    data = DataConfig(hr_dir=str(photo_folder), lr_dir=str(lr_folder), validation_pictures=2, patch_size=16)
    training, validation = folders.find_pairs(data, 2)
    assert [len(training), len(validation)] == [4, 2]
    for hr, lr, _ in [*training, *validation]:
        assert lr == lr_folder / f"{hr.stem}x2.png"
    for (lr_picture, hr_picture), (path, _, _) in zip(folders.read_pairs(training, 2), training, strict=True):
        made = folders.read_pair(path, 2)
        np.testing.assert_array_equal(lr_picture, made.lr // 2)
        np.testing.assert_array_equal(hr_picture, made.hr)


def test_a_validation_folder_brings_its_own_lr_pictures(photo_folder: Path, lr_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(photo_folder / "photo_2.png", other / "p.png")
    shutil.copy(lr_folder / "photo_2x2.png", other / "p_x2.tmp")
    (tmp_path / "other_lr").mkdir()
    shutil.move(other / "p_x2.tmp", tmp_path / "other_lr" / "p_x2.png")
    data = DataConfig(
        hr_dir=str(photo_folder),
        lr_dir=str(lr_folder),
        validation_dir=str(other),
        validation_lr_dir=str(tmp_path / "other_lr"),
        patch_size=16,
    )
    training, validation = folders.find_pairs(data, 2)
    assert len(training) == 6 and validation == [PairPaths(other / "p.png", tmp_path / "other_lr" / "p_x2.png")]


def test_faults_of_names_and_of_headers_come_together(photo_folder: Path, lr_folder: Path) -> None:
    (lr_folder / "photo_0x2.png").rename(lr_folder / "photo_0x3.png")
    Image.new("L", (9, 9)).save(lr_folder / "photo_1x2.png")
    (lr_folder / "photo_2x2.png").write_bytes(b"")
    data = DataConfig(hr_dir=str(photo_folder), lr_dir=str(lr_folder), patch_size=16, validation_pictures=0)
    with pytest.raises(PairsError, match="5 faults") as caught:
        folders.find_pairs(data, 2)
    for piece in ("photo_0x3.png' says x3", "no LR picture for", "is 9x9: expected 30x48", "is grey", "an empty file"):
        assert piece in str(caught.value)


def test_a_patch_that_does_not_fit_is_told_from_the_headers(photo_folder: Path) -> None:
    data = DataConfig(hr_dir=str(photo_folder), patch_size=31, validation_pictures=0)
    with pytest.raises(ConfigError, match=r"data\.patch_size: a patch of 31 does not fit .* 30 pixels a side"):
        folders.find_pairs(data, 2)
    fits = DataConfig(hr_dir=str(photo_folder), patch_size=30, validation_pictures=0)
    assert len(folders.find_pairs(fits, 2)[0]) == 6


def test_pictures_are_trained_on_at_each_of_the_scales_at_which_a_patch_fits(photo_folder: Path) -> None:
    """Six pictures whose smaller LR sides at x2 are 30 and more: see the test above."""
    data = DataConfig(hr_dir=str(photo_folder), patch_size=24, validation_pictures=2, hr_scales=[1.0, 0.75])
    training, validation = folders.find_pairs(data, 2)
    assert [pair.hr_scale for pair in validation] == [1.0, 1.0]
    whole, reduced = ([pair.hr for pair in training if pair.hr_scale == factor] for factor in (1.0, 0.75))
    assert len(whole) == 4 and 0 < len(reduced) < 4 and set(reduced) < set(whole)
    for pair in folders.read_pairs(training, 2):
        assert min(pair.lr.shape[:2]) >= 24
    with pytest.raises(ConfigError, match=r"data\.hr_scales: at 0\.2 times its size no picture holds a patch of 24"):
        folders.find_pairs(replace(data, hr_scales=[0.1, 0.2]), 2)


def test_a_picture_is_reduced_as_pillow_does(photo_folder: Path) -> None:
    path = photo_folder / "photo_0.png"
    with Image.open(path) as picture:
        size = (round(picture.width * 0.7), round(picture.height * 0.7))
        expected = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.int16)
    lr, hr = folders.read_pair(path, 2, hr_scale=0.7)
    assert hr.shape[:2] == (size[1] // 2 * 2, size[0] // 2 * 2)
    assert np.abs(hr - expected[: hr.shape[0], : hr.shape[1]]).max() <= 1
    np.testing.assert_array_equal(lr, resize.reduce(hr, 2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"store": "s.h5"}, "leave out data.hr_dir"),
        ({"lr_dir": "l", "degradation": "realistic"}, "leave out data.degradation, which is realistic"),
        ({"lr_dir": "l", "validation_dir": "v"}, "data.validation_lr_dir must name"),
        ({"validation_lr_dir": "v"}, "without data.validation_dir"),
        ({"lr_dir": "l", "hr_scales": [0.5]}, "data.hr_scales is of pictures that"),
        ({"hr_dir": None, "store": "s.h5", "hr_scales": [1.0, 0.5]}, "data.hr_scales is of pictures that"),
        ({"flatness": 0.2, "flatness_max": 0.1}, "data.flatness=0.2 is above data.flatness_max=0.1"),
    ],
)
def test_refuses_settings_that_contradict_each_other(changed: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        folders.find_pairs(DataConfig(**{"hr_dir": "h", **changed}), 2)


def test_lr_and_hr_that_do_not_fit_are_refused_when_read(photo_folder: Path, lr_folder: Path) -> None:
    with pytest.raises(PictureError, match="do not fit each other at the scale 2"):
        folders.read_pair(photo_folder / "photo_0.png", 2, lr_path=lr_folder / "photo_1x2.png")


def test_validation_pictures_are_degraded_alike_each_time(photo_folder: Path) -> None:
    paths = [PairPaths(path) for path in folders.pictures_in(photo_folder)[:2]]
    first, again = (list(folders.read_pairs(paths, 2, degradation="realistic")) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.lr, other.lr)
        assert not np.array_equal(one.lr, resize.reduce(one.hr, 2))
