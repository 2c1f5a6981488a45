"""What users of ISR 2.2 call to enlarge pictures works as there; of a folder, without its faults P8 and P9."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from command import names, photo
from conftest import drawn
from isr2 import NAME, TINY, Counted, rdn
from PIL import Image

from ISR.errors import ISRError, WeightsError
from ISR.images import files
from ISR.models import RDN
from ISR.models.pretrained import load_model
from ISR.predict import Predictor

# As PyYAML 3 and 5.1 dumped it for ISR 2.2: with a Python tag, and an older session's colon in its name.
SESSION = """
2019-07-30_16:03:
  discriminator: null
  feature_extractor: null
  generator:
    name: rdn
    parameters: {C: 1, D: 1, G: 4, G0: 4, x: 2}
    weights_generator: null
  training_parameters:
    adam_optimizer: {beta1: 0.9, beta2: 0.999, epsilon: null}
    batch_size: 8
    dataname: image-dataset
    learning_rate: {decay_factor: 0.5, decay_frequency: 50, initial_value: 0.0004}
    log_dirs: &id001 {logs: ./logs, weights: ./weights}
    lr_patch_size: 32
    metrics:
      generator: !!python/name:ISR.utils.metrics.PSNR_Y ''
    n_validation: 40
    starting_epoch: 0
    steps_per_epoch: 1000
2019-08-02_0911:
  generator: {name: rdn, weights_generator: weights/rdn/rdn_epoch010.hdf5}
  training_parameters: {log_dirs: *id001, starting_epoch: 10}
"""


@pytest.fixture(scope="module")
def network() -> RDN:
    return rdn()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Three pictures, as ISR 2 takes them, in a folder `photos`."""
    for name in ("a.png", "b.jpg", "c.jpeg"):
        photo(tmp_path / "photos" / name)
    return tmp_path / "photos"


# 1.3 ImageModel.predict


def test_predict_takes_isr_2_s_arguments_in_its_order() -> None:
    parameters = inspect.signature(RDN.predict).parameters
    assert list(parameters) == ["self", "image", "by_patch_of_size", "batch_size", "padding_size"]
    assert [p.default for p in parameters.values()][2:] == [None, 10, None]


@pytest.mark.parametrize("arguments", [(), (None,), (0,), (5,), (5, 3), (5, 1, 2), (40, 10, 2)])
def test_predict_gives_uint8_of_scale_times_the_size(network: RDN, arguments: tuple[int, ...]) -> None:
    result = network.predict(drawn(11, 14), *arguments)
    assert result.shape == (22, 28, 3) and result.dtype == np.uint8


def test_predict_takes_whole_numbers_of_any_kind_as_0_to_255(network: RDN) -> None:
    picture = drawn(8, 9)
    np.testing.assert_array_equal(network.predict(np.array(picture.tolist())), network.predict(picture), strict=True)


def test_predict_asks_what_floats_above_1_mean(network: RDN) -> None:
    with pytest.raises(ValueError, match=r"floats in \[0, 1\], got values from .* to uint8"):
        network.predict(drawn(8, 9).astype(np.float64))


def test_batch_size_is_the_number_of_tiles_in_a_run() -> None:
    network = Counted()
    network.predict(drawn(20, 20), by_patch_of_size=5, batch_size=4, padding_size=2)
    assert network.shapes == [(4, 9, 9, 3)] * 4


# 1.8 Predictor


def test_the_predictor_has_isr_2_s_attributes(inputs: Path, tmp_path: Path) -> None:
    predictor = Predictor(str(inputs), output_dir=str(tmp_path / "out"), verbose=False)
    assert (predictor.input_dir, predictor.data_name, predictor.output_dir) == (
        inputs,
        "photos",
        tmp_path / "out" / "photos",
    )
    assert {".jpeg", ".jpg", ".png"} <= set(predictor.extensions)
    assert [path.name for path in predictor.img_ls] == ["a.png", "b.jpg", "c.jpeg"]
    assert predictor.output_dir.is_dir() and predictor.logger.level == 40
    assert Predictor(input_dir=inputs, output_dir=tmp_path / "out").logger.isEnabledFor(logging.WARNING)
    assert isinstance(predictor, Predictor)


def test_results_go_to_data_output_by_default(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Predictor(inputs).output_dir.samefile(tmp_path / "data" / "output" / "photos")


def test_a_folder_without_images_is_a_value_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="image"):
        Predictor(tmp_path, tmp_path / "out")
    assert names(tmp_path) == ["notes.txt"]


def test_get_predictions_writes_isr_2_s_folders_and_names(inputs: Path, tmp_path: Path) -> None:
    trained, weights = rdn(), tmp_path / "weights" / f"{NAME}_best-val_loss_epoch001.weights.h5"
    trained.save(weights)
    (weights.parent / "session_config.yml").write_text(SESSION)
    model = RDN(TINY)
    written = Predictor(inputs, tmp_path / "out").get_predictions(model, weights)
    results = written[0].parent
    assert results.parent == tmp_path / "out" / "photos" / NAME
    assert written == [results / name for name in ("a.png", "b.jpg", "c.jpeg")]
    assert names(results) == ["a.png", "b.jpg", "c.jpeg", "weights_config.yml"]
    expected = trained.predict(files.read(inputs / "a.png").pixels)
    np.testing.assert_array_equal(files.read(written[0]).pixels, expected)
    assert set(yaml.safe_load((results / "weights_config.yml").read_text())) == {
        "2019-07-30_16:03",
        "2019-08-02_0911",
        "pre-trained-weights",
    }


def test_weights_that_do_not_fit_leave_no_folder(inputs: Path, tmp_path: Path) -> None:
    predictor = Predictor(inputs, tmp_path / "out")
    with pytest.raises(WeightsError, match=r"missing\.weights\.h5"):
        predictor.get_predictions(rdn(), tmp_path / "missing.weights.h5")
    assert names(predictor.output_dir) == []


def test_two_calls_in_one_second_do_not_meet(inputs: Path, tmp_path: Path) -> None:
    predictor = Predictor(inputs, tmp_path / "out")
    bicubic = load_model("bicubic")
    first, second = (predictor.get_predictions(bicubic) for _ in range(2))
    assert len({*first, *second}) == 6 and all(path.is_file() for path in (*first, *second))
    assert first[0].parents[1] == second[0].parents[1] == tmp_path / "out" / "photos" / "bicubic-x2"


# 6.1 The faults of folders


def test_p8_a_folder_needs_no_weights_path_and_is_cut_into_tiles(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png", height=20, width=600)
    network = Counted()
    (written,) = Predictor(tmp_path / "photos", tmp_path / "out").get_predictions(network)
    assert len(network.shapes) > 1 and written.parents[1].name == NAME
    assert yaml.safe_load((written.parent / "weights_config.yml").read_text()) == {"pre-trained-weights": None}


def test_p8_a_pretrained_network_is_taken_by_its_name(inputs: Path, tmp_path: Path) -> None:
    written = Predictor(inputs, tmp_path / "out").get_predictions(load_model("compact-x2"))
    assert [files.read(path).pixels.shape for path in written] == [(24, 20, 3)] * 3


def test_p8_grey_and_alpha_are_done_and_a_bad_file_is_passed_over(
    inputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(drawn(6, 5)[..., 0]).save(inputs / "grey.png")
    photo(inputs / "alpha.PNG", alpha=True)
    photo(inputs / "lying.jpg", kind="PNG", alpha=True)
    (inputs / "bad.jpg").write_bytes(b"no picture")
    written = Predictor(inputs, tmp_path / "out").get_predictions(load_model("nearest"))
    results = written[0].parent
    kept = ["a.png", "alpha.PNG", "b.jpg", "c.jpeg", "grey.png", "lying.png"]
    assert sorted(path.name for path in written) == kept
    assert names(results) == sorted([*kept, "weights_config.yml"])
    assert files.read(results / "grey.png").is_grey and files.read(results / "lying.png").alpha is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR] and "bad.jpg" in caplog.text


def test_p8_a_folder_of_nothing_but_bad_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ISRError, match=r"none of 1 pictures was enlarged.*bad\.jpg"):
        Predictor(tmp_path / "photos", tmp_path / "out").get_predictions(load_model("nearest"))


def test_p8_jpeg_stays_jpeg_at_quality_95(inputs: Path, tmp_path: Path) -> None:
    written = Predictor(inputs, tmp_path / "out").get_predictions(load_model("nearest"))
    Image.fromarray(drawn(24, 20)).save(tmp_path / "95.jpg", quality=95)
    with Image.open(tmp_path / "95.jpg") as wanted, Image.open(written[1]) as got:
        assert (got.format, got.quantization) == ("JPEG", wanted.quantization)


def test_p9_its_own_session_config_is_read(inputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.safe_load(SESSION)
    weights = tmp_path / f"{NAME}_epoch010.weights.h5"
    rdn().save(weights)
    (tmp_path / "session_config.yml").write_text(SESSION)
    written = Predictor(inputs, tmp_path / "out").get_predictions(RDN(TINY), str(weights))
    config = yaml.safe_load((written[0].parent / "weights_config.yml").read_text())
    assert config.pop("pre-trained-weights") == weights.name
    first, second = config["2019-07-30_16:03"], config["2019-08-02_0911"]
    assert first["generator"]["parameters"] == TINY
    assert first["training_parameters"]["metrics"] == {"generator": "ISR.utils.metrics.PSNR_Y"}
    assert second["training_parameters"]["log_dirs"] == {"logs": "./logs", "weights": "./weights"}
    assert caplog.records == []
