"""The weights that ISR ships: they are what their records say, they load on first asking, and they beat bicubic."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from files_server import CONTENT, Server, refuses, serving
from verbs import assert_tiles_equal_whole

from ISR import config, models
from ISR.datasets import folders
from ISR.errors import UnknownModelError, WeightsError
from ISR.images.files import to_float
from ISR.metrics import psnr_y
from ISR.models import download, manifest, pretrained
from ISR.models.image_model import ImageModel
from ISR.models.interpolation import Interpolation
from ISR.models.pretrained import WEIGHTS, load_model
from ISR.predict.predictor import Predictor

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "pictures" / "sample.png"
SETS = os.environ.get("ISR_EVAL_DIR") or None


@pytest.fixture(scope="module", params=[name for name, record in WEIGHTS.items() if record.shipped])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loaded(name: str, precision: str = "float32") -> ImageModel:
    model = load_model(name, precision=precision)
    assert isinstance(model, ImageModel)
    return model


def test_the_record_says_what_the_files_say(name: str) -> None:
    record, written = WEIGHTS[name], manifest.read(pretrained.find(name))
    assert record.name == name
    for key in ("sha256", "architecture", "scale", "params", "parameters"):
        assert getattr(record, key) == written[key], key


def test_the_network_is_what_the_record_says(name: str) -> None:
    model = loaded(name)
    assert (model.scale, model.model.count_params()) == (WEIGHTS[name].scale, WEIGHTS[name].parameters)


def test_the_recipe_beside_the_weights_builds_them(name: str) -> None:
    folder = pretrained.find(name).parent
    recipe = config.load(folder / "config.yml")
    written = manifest.read(pretrained.find(name))
    assert (recipe.model.architecture, recipe.model.scale) == (written["architecture"], written["scale"])
    built = models.build(recipe.model.architecture, recipe.model.scale, recipe.model.params)
    assert {**built.params, "branches": False} == {**written["params"], "branches": False}  # they are summed up
    assert yaml.safe_load((folder / "config.yml").read_text())["data"]["hr_dir"] is None, "a path of one machine"


def test_the_model_card_names_figures_data_and_licence(name: str) -> None:
    card = (pretrained.find(name).parent / "README.md").read_text(encoding="utf-8")
    for expected in (*(f"{psnr:.2f}" for psnr in WEIGHTS[name].psnr_y), WEIGHTS[name].licence, "## Data", "isr train"):
        assert expected in card, expected


def test_beats_bicubic_on_the_sample_photo(name: str) -> None:
    """By a decibel at x2, and by half of one at x3 and x4, where less of a photograph can be had again."""
    scale = WEIGHTS[name].scale
    lr, hr = folders.read_pair(SAMPLE, scale)
    psnr = [
        psnr_y(hr, Predictor(model).upscale(lr), border=scale)
        for model in (loaded(name), Interpolation("bicubic", scale))
    ]
    assert psnr[0] > psnr[1] + (1.0 if scale == 2 else 0.5)


def test_tiles_of_trained_weights_cannot_show(name: str) -> None:
    assert_tiles_equal_whole(loaded(name), 61, 83, tile=16)


def test_nor_where_bfloat16_rounds_windows_of_one_shape_unlike_those_of_another(name: str) -> None:
    """AMX adds up in another order in small windows. On noise that makes 2 of 255, on a photograph nothing."""
    if not WEIGHTS[name].bfloat16:
        pytest.skip("computed in float32 only")
    lr, model = folders.read_hr(SAMPLE, 1), loaded(name, "bfloat16")
    tiled, whole = (Predictor(model, tile=tile).upscale(lr).astype(int) for tile in (64, 512))
    assert np.abs(tiled - whole).max() <= 1


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
    with pytest.raises(UnknownModelError, match=r"no weights for x5.*x2"):
        load_model("compact", 5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_best_scores_highest_and_fast_is_smallest(scale: int) -> None:
    """Of the shipped weights of that scale, by their records."""
    shipped = [record for record in WEIGHTS.values() if record.shipped and record.scale == scale]
    named = (pretrained.identify(quality, scale).name for quality in ("best", "balanced", "fast"))
    best, balanced, fast = (WEIGHTS[f"{name}-x{scale}"] for name in named)
    assert max(record.psnr_y[0] for record in shipped) == best.psnr_y[0]
    assert best.parameters >= balanced.parameters > fast.parameters
    assert pretrained.identify(scale=scale).sha256 == best.sha256


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


# name, architecture, scale, bytes, and how the file of ISR 2 is called: section 4 of its measured description.
ORIGINALS = [
    ("psnr-small", "rdn", 2, 10_694_096, "rdn-C3-D10-G64-G064-x2_PSNR_epoch134.hdf5"),
    ("psnr-large", "rdn", 2, 66_071_288, "rdn-C6-D20-G64-G064-x2_PSNR_epoch086.hdf5"),
    ("noise-cancel", "rdn", 2, 66_071_288, "rdn-C6-D20-G64-G064-x2_ArtefactCancelling_epoch219.hdf5"),
    ("gans", "rrdn", 4, 17_462_488, "rrdn-C4-D3-G32-G032-T10-x4_epoch299.hdf5"),
]


@pytest.mark.parametrize(("name", "architecture", "scale", "size", "file"), ORIGINALS)
def test_the_originals_are_those_of_isr_2(name: str, architecture: str, scale: int, size: int, file: str) -> None:
    record = WEIGHTS[name]
    assert (record.name, record.architecture, record.scale, record.file) == (name, architecture, scale, file)
    assert record.url is not None and record.size == size
    download.RemoteFile(record.url, record.file, size, record.sha256)  # https, and a plain name
    assert record.url.startswith("https://public-asai-dl-models.s3.eu-central-1.amazonaws.com/ISR/")
    assert record.url.endswith(f"/{file}") and len(record.sha256) == 64
    sizes = "-".join(f"{key}{record.params[key]}" for key in ("C", "D", "G", "G0", "T") if key in record.params)
    assert file.startswith(f"{architecture}-{sizes}-x{scale}_")
    # A float32 a parameter, and what HDF5 adds for each of up to 154 layers.
    assert 4 * record.parameters < size < 4 * record.parameters + 154 * 6000


@pytest.mark.parametrize("name", ["psnr-small", "gans"])
def test_the_network_of_an_original_has_its_parameters(name: str) -> None:
    record = WEIGHTS[name]
    network = models.build(record.architecture, record.scale, dict(record.params))
    assert network.model.count_params() == record.parameters and network.params == record.params


def test_figures_that_nobody_measured_are_not_called_measured() -> None:
    quoted = {name: record.psnr_y for name, record in WEIGHTS.items() if not record.measured}
    assert quoted == {"psnr-small": (35.99, 32.15, None)}
    assert all(None not in record.psnr_y for record in WEIGHTS.values() if record.shipped)


def test_an_architecture_s_name_starts_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """It means what is shipped, although others of the architecture could be had."""
    monkeypatch.setattr(download, "fetch", None)
    for scale in (None, 2):
        assert load_model("rdn", scale).name == "rdn-tiny"
    for scale in (None, 4):
        assert load_model("rrdn", scale).name == "rrdn"
    with pytest.raises(UnknownModelError, match="'rrdn' has no weights for x2: it has x4"):
        load_model("rrdn", 2)
    with pytest.raises(UnknownModelError, match="'rdn' has no weights for x4: it has x2"):
        load_model("rdn", 4)
    monkeypatch.setitem(WEIGHTS, "rrdn-x4", WEIGHTS["rdn-tiny-x2"])  # not taken out: put back, it would be the last
    with pytest.raises(UnknownModelError, match=r"ask for one of these by name to download it: gans$"):
        load_model("rrdn")


def test_a_wrong_scale_is_told_before_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", None)
    with pytest.raises(UnknownModelError, match=r"'psnr-small' has no weights for x4: it has x2"):
        pretrained.obtain("psnr-small", 4)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """`psnr-small` as a file of this test's, on a server of this machine, and an empty cache."""
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        remote = server.remote()
        facts = {"url": remote.url, "file": remote.file, "size": remote.size, "sha256": remote.sha256}
        monkeypatch.setitem(WEIGHTS, "psnr-small", replace(WEIGHTS["psnr-small"], **facts))
        yield server


def test_a_name_is_found_in_the_cache_once_it_was_downloaded(elsewhere: Server, tmp_path: Path) -> None:
    for _ in range(2):
        assert pretrained.find("psnr-small") == tmp_path / "cache" / "net.hdf5"
    pretrained.obtain("psnr-small")
    for nothing_to_do in ("compact", "bicubic", str(tmp_path / "none.hdf5")):
        pretrained.obtain(nothing_to_do)
    assert len(elsewhere.asked) == 1


def test_a_copy_that_is_shipped_comes_first(elsewhere: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "psnr-small" / "net.hdf5"
    shipped.parent.mkdir()
    shipped.write_bytes(CONTENT)
    monkeypatch.setattr(pretrained, "shipped_folder", lambda: tmp_path)
    assert pretrained.find("psnr-small") == shipped and elsewhere.asked == []


def test_without_a_network_a_name_says_what_to_put_where(elsewhere: Server) -> None:
    elsewhere.answer = refuses(403)
    with pytest.raises(WeightsError, match=r"answers 403.*put net\.hdf5.*weights=PATH, --model PATH"):
        load_model("psnr-small")


def test_the_scales_of_a_name_are_those_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "tiny.weights.h5"
    models.Compact(3, width=4, depth=1).save(path)
    known = {"compact": (2, 3, 4), "compact-x2": (2,), "compact-x3": (3,), "gans": (4,), str(path): (3,)}
    known |= {"best": (2, 3, 4), "lanczos": None}
    assert {name: pretrained.scales(name) for name in known} == known
    with pytest.raises(UnknownModelError, match="unknown model 'cubic'"):
        pretrained.scales("cubic")
    with pytest.raises(WeightsError, match=r"missing\.weights\.h5"):
        pretrained.scales(str(tmp_path / "missing.weights.h5"))
