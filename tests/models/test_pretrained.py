"""The weights that ISR ships: they are what their records say, they load on first asking, and they beat bicubic."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from verbs import assert_tiles_equal_whole

from ISR import config
from ISR.datasets import folders
from ISR.errors import UnknownModelError, WeightsError
from ISR.images.files import to_float
from ISR.metrics import psnr_y
from ISR.models import manifest, pretrained
from ISR.models.image_model import ImageModel
from ISR.models.interpolation import Interpolation
from ISR.models.pretrained import WEIGHTS, load_model
from ISR.predict.predictor import Predictor

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "pictures" / "sample.png"
SETS = os.environ.get("ISR_EVAL_DIR")


@pytest.fixture(scope="module", params=list(WEIGHTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loaded(name: str) -> ImageModel:
    model = load_model(name)
    assert isinstance(model, ImageModel)
    return model


def test_the_record_says_what_the_files_say(name: str) -> None:
    record, written = WEIGHTS[name], manifest.read(pretrained.find(name))
    assert record.name == name
    for key in ("sha256", "architecture", "scale", "parameters"):
        assert getattr(record, key) == written[key], key


def test_the_network_is_what_the_record_says(name: str) -> None:
    model = loaded(name)
    assert (model.scale, model.model.count_params()) == (WEIGHTS[name].scale, WEIGHTS[name].parameters)


def test_the_recipe_beside_the_weights_builds_them(name: str) -> None:
    folder = pretrained.find(name).parent
    recipe = config.load(folder / "config.yml")
    written = manifest.read(pretrained.find(name))
    assert (recipe.model.architecture, recipe.model.scale) == (written["architecture"], written["scale"])
    assert recipe.model.params == written["params"]
    assert yaml.safe_load((folder / "config.yml").read_text())["data"]["hr_dir"] is None, "a path of one machine"


def test_the_model_card_names_figures_data_and_licence(name: str) -> None:
    card = (pretrained.find(name).parent / "README.md").read_text(encoding="utf-8")
    for expected in (*(f"{psnr:.2f}" for psnr in WEIGHTS[name].psnr_y), WEIGHTS[name].licence, "## Data", "isr train"):
        assert expected in card, expected


def test_beats_bicubic_by_a_decibel_on_the_sample_photo(name: str) -> None:
    scale = WEIGHTS[name].scale
    lr, hr = folders.read_pair(SAMPLE, scale)
    psnr = [
        psnr_y(hr, Predictor(model).upscale(lr), border=scale)
        for model in (loaded(name), Interpolation("bicubic", scale))
    ]
    assert psnr[0] > psnr[1] + 1.0


def test_tiles_of_trained_weights_cannot_show(name: str) -> None:
    assert_tiles_equal_whole(loaded(name), 61, 83, tile=16)


def test_bfloat16_where_it_is_offered_costs_less_than_a_hundredth_decibel(name: str) -> None:
    if not WEIGHTS[name].bfloat16:
        pytest.skip("computed in float32 only")
    lr, hr = folders.read_pair(SAMPLE, WEIGHTS[name].scale)
    exact, rough = (
        psnr_y(hr, Predictor(load_model(name, precision=precision)).upscale(lr), border=2)
        for precision in ("float32", "bfloat16")
    )
    assert abs(exact - rough) < 0.01


@pytest.mark.slow
@pytest.mark.skipif(SETS is None, reason="needs ISR_EVAL_DIR, a folder with Set5/HR, Set14/HR and BSD100/HR")
def test_scores_what_its_record_says(name: str) -> None:
    from ISR.evaluate import evaluate

    psnr = [evaluate(loaded(name), Path(SETS or "") / each / "HR").psnr_y for each in ("Set5", "Set14", "BSD100")]
    np.testing.assert_allclose(psnr, WEIGHTS[name].psnr_y, rtol=0, atol=0.006)


def test_an_architecture_s_name_means_its_weights_at_that_scale() -> None:
    assert loaded("compact").scale == 2
    with pytest.raises(UnknownModelError, match=r"no weights for x3.*x2"):
        load_model("compact", 3)


@pytest.mark.parametrize("wrong", ["compact-x9", "bicubik", ""])
def test_an_unknown_model_is_told_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(UnknownModelError, match=r"bicubic.*compact-x2"):
        load_model(wrong)


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_interpolation_comes_through_the_same_door(kind: str) -> None:
    lr = to_float(np.full((4, 5, 3), 128, np.uint8))
    assert load_model(kind, 3).run(lr[None]).shape == (1, 12, 15, 3)


def test_a_wrong_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="float32"):
        load_model("compact-x2", precision="int8")


def test_shipped_files_that_were_exchanged_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and manifest that fit each other, but not the release."""
    from ISR.models import Compact

    written = manifest.read(pretrained.find("compact-x2"))
    folder = tmp_path / "compact-x2"
    Compact(2, **written["params"]).save(folder / "compact-x2.weights.h5")
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="not the file that this version"):
        load_model("compact-x2")


def test_a_missing_shipped_file_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"compact-x2\.weights\.h5.*install ISR again"):
        load_model("compact-x2")


def test_weights_are_found_by_path(tmp_path: Path) -> None:
    for file in pretrained.find("compact-x2").parent.iterdir():
        shutil.copy(file, tmp_path)
    assert load_model(str(tmp_path / "compact-x2.weights.h5")).scale == 2
    with pytest.raises(UnknownModelError, match="x2, not x4"):
        load_model(str(tmp_path / "compact-x2.weights.h5"), 4)
