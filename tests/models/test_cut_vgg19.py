"""VGG19's features against keras.applications.VGG19 with the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from ISR import config
from ISR.errors import WeightsError
from ISR.models.cut_vgg19 import LAYERS, Cut_VGG19
from ISR.train import phases


@pytest.fixture(scope="module")
def original() -> keras.Model:
    """Keras' network with weights that keep the features at the size of the picture."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.bias.assign(rng.normal(0.0, 0.1, layer.bias.shape).astype(np.float32))
    return model


def written(path: Path, model: keras.Model, names: str = "{0}/kernel:0 {0}/bias:0") -> Path:
    """The file that Keras' `save_weights` of old wrote: a group a layer, the names of its arrays an attribute."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            of_layer = names.format(layer.name).split() if layer.weights else []
            group.attrs["weight_names"] = [name.encode() for name in of_layer]
            for name, array in zip(of_layer, layer.get_weights(), strict=True):
                group[name] = array
    return path


@pytest.fixture(scope="module")
def file(original: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The names inside the file that Keras publishes.
    return written(tmp_path_factory.mktemp("vgg") / "notop.h5", original, "{0}_W_1:0 {0}_b_1:0")


def features(cut: Cut_VGG19) -> list[Any]:
    return [keras.ops.convert_to_numpy(keras.ops.cast(feature, "float32")) for feature in cut.features(pictures())]


def original_features(original: keras.Model, wanted: list[int], fed: Any) -> list[Any]:
    cut = keras.Model(original.inputs[0], [original.layers[index].output for index in wanted])
    return [keras.ops.convert_to_numpy(feature) for feature in keras.tree.flatten(cut(fed))]


def pictures() -> Any:
    return np.random.default_rng(1).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)


def test_the_integers_of_isr_2_are_places_in_keras_network(original: keras.Model) -> None:
    assert LAYERS[1:] == [layer.name for layer in original.layers][1:]


def test_features_are_those_of_keras_network(original: keras.Model, file: Path) -> None:
    cut = Cut_VGG19(32, [1, "block2_pool", 20], weights=file)
    fed = keras.applications.vgg19.preprocess_input(pictures() * 255.0)
    for came, expected in zip(features(cut), original_features(original, [1, 6, 20], fed), strict=True):
        np.testing.assert_allclose(came, expected, rtol=1e-4, atol=1e-4)


def test_the_file_is_one_that_keras_own_network_reads(original: keras.Model, file: Path) -> None:
    """So what is read here is the layout of the file that Keras publishes, whose loader this is."""
    theirs = keras.applications.VGG19(include_top=False, weights=str(file), input_shape=(32, 32, 3))
    fed = keras.applications.vgg19.preprocess_input(pictures() * 255.0)
    (deepest,) = original_features(theirs, [20], fed)
    np.testing.assert_array_equal(deepest, original_features(original, [20], fed)[0])
    features_alone = {"recipe": "srgan", "vgg_weights": str(file), "loss_weights": {"discriminator": 0.0}}
    recipe = config.from_mapping({"adversarial": features_alone})
    built = phases.networks(recipe, hr_side=32).feature_extractor
    np.testing.assert_allclose(features(built)[-1], deepest, rtol=1e-4, atol=1e-4)


def test_the_raw_feed_of_isr_2(original: keras.Model, file: Path) -> None:
    cut = Cut_VGG19(32, [5, 9], weights=file, preprocessing=False)
    for came, expected in zip(features(cut), original_features(original, [5, 9], pictures()), strict=True):
        np.testing.assert_allclose(came, expected, rtol=1e-5, atol=1e-5)


def test_before_the_activation_is_what_relu_makes_the_features_after(file: Path) -> None:
    before, after = (Cut_VGG19(32, ["block3_conv4"], weights=file, before_activation=flag) for flag in (True, False))
    (raw,), (rectified,) = features(before), features(after)
    assert raw.min() < 0.0 <= rectified.min()
    np.testing.assert_allclose(np.maximum(raw, 0.0), rectified, rtol=1e-5, atol=1e-5)


def test_size_name_and_attributes_are_those_of_isr_2() -> None:
    cut = Cut_VGG19(48, [5, 9], weights=None)
    assert cut.model.count_params() == 1_735_488  # section 2.5 of the measured description
    assert [tuple(output.shape) for output in cut.model.outputs] == [(None, 24, 24, 128), (None, 12, 12, 256)]
    assert (cut.name, cut.model.name, cut.patch_size, cut.input_shape) == (
        "vgg19",
        "feature_extractor",
        48,
        (48, 48, 3),
    )
    assert cut.layers_to_extract == [5, 9] and not cut.model.trainable_variables


def test_a_single_layer_is_still_a_list() -> None:
    assert [feature.shape for feature in features(Cut_VGG19(32, [5], weights=None))] == [(2, 16, 16, 128)]


def test_computes_in_bfloat16(file: Path) -> None:
    exact, rough = (Cut_VGG19(32, [5], weights=file, precision=p) for p in ("float32", "bfloat16"))
    assert rough.model.get_layer("block2_conv2").compute_dtype == "bfloat16"
    (wanted,), (came,) = features(exact), features(rough)
    difference = np.abs(came - wanted).max()
    assert 0.0 < difference < 0.05 * wanted.max()


@pytest.mark.parametrize(
    ("patch_size", "wanted", "before", "message"),
    [
        (31, [5], False, "at least 32"),
        (32, [], False, "empty"),
        (32, [0], False, "no layer 0"),
        (32, [22], False, "no layer 22"),
        (32, [-1], False, "no layer -1"),
        (32, ["block6_conv1"], False, "no layer 'block6_conv1'"),
        (32, ["input"], False, "no layer 'input'"),
        (32, [3], True, "block1_pool has no features before an activation"),
    ],
)
def test_refuses(patch_size: int, wanted: list[int | str], before: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cut_VGG19(patch_size, wanted, weights=None, before_activation=before)


def test_weights_of_keras_own_loader(original: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def loader(**options: Any) -> keras.Model:
        asked.append(options)
        return original

    monkeypatch.setattr(keras.applications, "VGG19", loader)
    cut = Cut_VGG19(32, [2])
    assert asked == [{"include_top": False, "weights": "imagenet"}]
    kernels = [model.get_layer("block1_conv2").kernel for model in (cut.model, original)]
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, kernels))


def test_without_a_network_the_file_and_the_option_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def loader(**_: Any) -> keras.Model:
        raise Exception("URL fetch failure on https://example.org: None -- Name or\nservice not known")

    monkeypatch.setattr(keras.applications, "VGG19", loader)
    with pytest.raises(WeightsError, match=r"URL fetch failure.*vgg19_.*_notop\.h5.*weights=PATH") as caught:
        Cut_VGG19(32, [2])
    assert "\n" not in str(caught.value)


def emptied(file: h5py.File) -> None:
    del file["block2_conv1"]


def without_names(file: h5py.File) -> None:
    del file["block2_conv1"].attrs["weight_names"]


def misshapen(file: h5py.File) -> None:
    del file["block2_conv1"]["block2_conv1/kernel:0"]
    file["block2_conv1"]["block2_conv1/kernel:0"] = np.zeros((3, 3, 64, 64), np.float32)


def spoilt(file: h5py.File) -> None:
    file["block2_conv1"]["block2_conv1/bias:0"][3] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (emptied, r"block2_conv1 has \[\], expected"),
        (without_names, "cannot be read"),
        (misshapen, r"block2_conv1 has \[\(3, 3, 64, 64\), \(128,\)\]"),
        (spoilt, "not finite"),
    ],
)
def test_a_wrong_file_is_refused(damage: Callable[[h5py.File], None], message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "vgg.h5", Cut_VGG19(32, ["block2_conv2"], weights=None).model)
    Cut_VGG19(32, ["block2_conv2"], weights=path)
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(WeightsError, match=message) as caught:
        Cut_VGG19(32, ["block2_conv2"], weights=path)
    assert "vgg.h5" in str(caught.value) and "\n" not in str(caught.value)


def test_no_file_and_no_hdf5_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no file .*nowhere\.h5"):
        Cut_VGG19(32, [1], weights=tmp_path / "nowhere.h5")
    (tmp_path / "text.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(WeightsError, match=r"text\.h5.* cannot be read"):
        Cut_VGG19(32, [1], weights=tmp_path / "text.h5")
