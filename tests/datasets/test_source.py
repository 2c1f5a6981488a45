"""A recipe's data: from folders or from a store, checked before Keras is loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from verbs import said

from ISR import config
from ISR.datasets import fingerprint, folders, source, store
from ISR.datasets.batches import PatchBatches, StoreBatches
from ISR.datasets.patches import Pair
from ISR.datasets.windows import PRESETS, Windows
from ISR.errors import ConfigError, PairsError, PictureError, StoreError
from ISR.models.srcnn import SRCNN


def recipe(*, scale: int = 2, **data: Any) -> config.Config:
    given = {"patch_size": 16, "batch_size": 3, "validation_pictures": 2, **data}
    return config.from_mapping({"model": {"scale": scale}, "data": given, "train": {"steps_per_epoch": 4, "seed": 5}})


def batches_of(wanted: config.Config, **options: Any) -> Any:
    return source.find(wanted).batches(**options)


def validation_of(wanted: config.Config) -> list[Pair]:
    return source.find(wanted).validation_pairs()


@pytest.fixture
def patch_store(photo_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "s.h5"
    store.build(folders.pictures_in(photo_folder)[:3], path, windows=Windows(2, 8, 16))
    return path


def test_pictures_of_a_folder_give_patch_batches(photo_folder: Path) -> None:
    wanted = recipe(hr_dir=str(photo_folder), flatness=0.1, flatness_increase=0.1, flatness_increase_every=2)
    source.find(wanted)
    batches = batches_of(wanted)
    assert isinstance(batches, PatchBatches) and len(batches) == 4 and len(batches.pairs) == 4
    lr, hr = batches[0]
    assert (lr.shape, hr.shape) == ((3, 16, 16, 3), (3, 32, 32, 3))
    assert set(batches.files(0, 0)) <= {photo_folder / f"photo_{i}.png" for i in (0, 2, 3, 5)}
    assert batches.flatness.at(2) == pytest.approx(0.2)
    assert [pair.hr.shape for pair in validation_of(wanted)] == [(96, 60, 3), (66, 66, 3)]


def test_a_store_gives_store_batches_and_validation_comes_from_its_folder(
    patch_store: Path, photo_folder: Path
) -> None:
    wanted = recipe(store=str(patch_store))
    source.find(wanted)
    batches = batches_of(wanted)
    assert isinstance(batches, StoreBatches)
    assert batches[3][0].shape == (3, 8, 8, 3) and len(batches) == 4
    assert validation_of(wanted) == []
    (patch_store.parent / "v").mkdir()
    (patch_store.parent / "v" / "other.png").write_bytes((photo_folder / "photo_5.png").read_bytes())
    validated = recipe(store=str(patch_store), validation_dir=str(patch_store.parent / "v"))
    source.find(validated)
    assert len(validation_of(validated)) == 1


def test_srcnn_s_store_fits_the_network_that_pads_nothing(photo_folder: Path, tmp_path: Path) -> None:
    """Section 4.1 of Dong et al. 2016: 33 interpolated pixels, here within the network, become 21."""
    store.build(folders.pictures_in(photo_folder)[:1], tmp_path / "s.h5", windows=PRESETS["srcnn"])
    lr, hr = batches_of(recipe(store=str(tmp_path / "s.h5"), scale=3))[0]
    assert SRCNN(3, padding="valid").model.compute_output_shape(lr.shape) == hr.shape == (3, 21, 21, 3)


def test_a_store_cut_from_what_validates_is_refused(patch_store: Path, photo_folder: Path) -> None:
    """Whatever the picture is called there."""
    (patch_store.parent / "v").mkdir()
    (patch_store.parent / "v" / "other.png").write_bytes((photo_folder / "photo_2.png").read_bytes())
    with pytest.raises(ConfigError, match=r"1 of data\.validation_dir, '.*other\.png' first"):
        source.find(recipe(store=str(patch_store), validation_dir=str(patch_store.parent / "v")))


def test_a_realistic_recipe_degrades_training_and_validation(photo_folder: Path) -> None:
    plain, real = (recipe(hr_dir=str(photo_folder), degradation=name) for name in ("bicubic", "realistic"))
    assert not np.array_equal(batches_of(plain)[0][0], batches_of(real)[0][0])
    for one, other in zip(validation_of(plain), validation_of(real), strict=True):
        np.testing.assert_array_equal(one.hr, other.hr)
        assert not np.array_equal(one.lr, other.lr)


def test_refuses_a_store_of_another_scale_or_none(patch_store: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds patches for x2, model\.scale is 3"):
        source.find(recipe(store=str(patch_store), scale=3))
    with pytest.raises(StoreError, match="isr prepare"):
        source.find(recipe(store=str(tmp_path / "none.h5")))


def test_one_error_lists_what_is_wrong_with_the_pictures(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(4):
        Image.new("I;16", (40, 40)).save(tmp_path / "in" / f"{i}.png")
    with pytest.raises(PairsError, match="4 faults"):
        source.find(recipe(hr_dir=str(tmp_path / "in"), validation_pictures=0))


def test_a_picture_that_breaks_off_is_named_and_not_the_patch_size(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes((photo_folder / "photo_3.png").read_bytes()[:2000])
    wanted = recipe(hr_dir=str(tmp_path), validation_pictures=0)
    source.find(wanted)
    with pytest.raises(PictureError, match=r"cut\.png' is damaged"):
        batches_of(wanted)


def test_patches_for_a_network_that_pads_nothing_lack_its_border(photo_folder: Path) -> None:
    wanted = recipe(hr_dir=str(photo_folder))
    (lr, whole), (same, inner) = (batches_of(wanted, border=border)[2] for border in (0, 6))
    np.testing.assert_array_equal(same, lr)
    np.testing.assert_array_equal(inner, whole[:, 6:-6, 6:-6])
    assert source.find(wanted).hr_side(border=6) == inner.shape[1] == 20


@pytest.mark.parametrize("changed", [{}, {"degradation": "realistic"}, {"flatness": 0.1}])
def test_batches_are_the_same_with_and_without_a_cache(
    photo_folder: Path, changed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    held, mapped = (
        batches_of(recipe(hr_dir=str(photo_folder), cache_limit_mb=limit, **changed)) for limit in (8000, 0)
    )
    assert ["4 of 4 pictures" in told for _, told in said(caplog)] == [True]
    for step in range(4):
        for one, other in zip(held[step], mapped[step], strict=True):
            assert one.tobytes() == other.tobytes()


def test_marks_tell_what_changed_and_not_where_it_lies(patch_store: Path, photo_folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(photo_folder, tmp_path / "moved", copy_function=shutil.copyfile))
    marks = source.find(recipe(hr_dir=str(photo_folder))).marks
    assert list(marks)[3:5] == ["training picture 'photo_5.png'", "validation picture 'photo_1.png'"]
    assert source.find(recipe(hr_dir=str(moved))).marks == marks
    Image.fromarray(255 - np.asarray(Image.open(moved / "photo_5.png"))).save(moved / "photo_5.png")
    now = source.find(recipe(hr_dir=str(moved))).marks
    assert fingerprint.changes(marks, now) == "1 changed: training picture 'photo_5.png'"
    (store_marks,) = source.find(recipe(store=str(patch_store))).marks.items()
    assert store_marks[0] == "the store" and len(store_marks[1]) == 64


def test_checking_loads_no_keras(photo_folder: Path) -> None:
    code = f"""
import sys
from ISR import config
from ISR.datasets import source
source.find(config.load(overrides=["data.hr_dir={photo_folder}", "data.patch_size=8", "data.validation_pictures=1"]))
print([name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
