"""One picture in, one larger picture out: `ImageModel.predict` and networks that were built for one size of patch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import drawn
from verbs import randomised, said

from ISR import models
from ISR.errors import PictureError, WeightsError
from ISR.images import resize
from ISR.models.image_model import ImageModel, floats_held, of_any_size

Array = npt.NDArray[Any]
RDN = {"C": 1, "D": 1, "G": 4, "G0": 4, "x": 2}  # sees 9 pixels far
RRDN = {**RDN, "T": 1}


def rdn(patch_size: int | None = None, **options: Any) -> models.RDN:
    # A small spread keeps most of the output inside [0, 1], where clipping hides no difference.
    network = randomised(models.RDN(RDN, patch_size, **options), spread=0.12)
    assert isinstance(network, models.RDN)
    return network


@pytest.fixture(scope="module")
def network() -> ImageModel:
    """With a bias that puts its output into the middle of [0, 1]."""
    built = rdn()
    built.model.get_layer("SR").bias.assign(np.full(3, 0.5, np.float32))
    return built


def whole(network: ImageModel, picture: Array) -> Array:
    return np.clip(network.run(picture[None].astype(np.float32))[0], 0, 1)


def floats(*shape: int) -> Array:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_come_back_as_their_kind(network: ImageModel, dtype: type[np.floating]) -> None:
    values = floats(6, 7, 3).astype(dtype)
    result = network.predict(values)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, whole(network, values), rtol=0, atol=1e-3 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 65535)])
def test_samples_come_back_as_their_kind(network: ImageModel, dtype: type[np.integer], most: int) -> None:
    values = np.rint(floats(6, 7, 3) * most).astype(dtype)
    result = network.predict(values)
    assert result.dtype == dtype
    expected = np.rint(whole(network, values / most) * most)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1 if most == 255 else 2)


def test_other_integers_are_taken_as_bytes(network: ImageModel) -> None:
    values = drawn(6, 7)
    for dtype in (np.int16, np.int64, np.uint32):
        np.testing.assert_array_equal(network.predict(values.astype(dtype)), network.predict(values), strict=True)
    np.testing.assert_array_equal(network.predict(np.array(values.tolist())), network.predict(values), strict=True)


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 1), (6, 7, 2), (6, 7, 3), (6, 7, 4)])
def test_grey_and_alpha_keep_their_shape(network: ImageModel, shape: tuple[int, ...]) -> None:
    values = floats(*shape)
    result = network.predict(values)
    assert result.shape == (12, 14, *shape[2:])
    if shape[2:] in ((2,), (4,)):
        alpha = resize.enlarge(values[..., -1:], 2, method="bicubic").clip(0, 1)
        np.testing.assert_allclose(result[..., -1:], alpha, rtol=0, atol=1e-6)
    if len(shape) == 2:
        expected = network.run(np.repeat(values[None, ..., None], 3, axis=3))[0].mean(axis=-1).clip(0, 1)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_a_network_of_one_channel_takes_grey() -> None:
    network = rdn(c_dim=1)
    values = floats(6, 7)
    np.testing.assert_allclose(network.predict(values), whole(network, values[..., None])[..., 0], rtol=0, atol=1e-6)
    with pytest.raises(PictureError, match=r"rdn takes pictures of 1 channel\(s\), got 3"):
        network.predict(floats(6, 7, 3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((4, 4, 3), 255.0), "got values from 255.0 to 255.0: .* convert those of 0 to 255 to uint8"),
        (np.full((4, 4, 3), -0.1, np.float32), "got values from -0.1"),
        (np.full((4, 4), np.nan), "got values from nan"),
        (np.full((4, 4), -1), "expected integers from 0 to 255, got int64 from -1 to -1"),
        (np.zeros((1, 4, 4, 3), np.uint8), "pass one picture at a time"),
        (np.zeros((4, 4, 5), np.uint8), r"got \(4, 4, 5\)"),
        (np.zeros((0, 4, 3), np.int64), r"got \(0, 4, 3\)"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.array([["a"]]), "expected uint8"),
    ],
)
def test_another_array_is_refused(network: ImageModel, values: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network.predict(values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by_patch_of_size": -4}, "tile and batch_size must be at least 1, got -4"),
        ({"by_patch_of_size": 4, "batch_size": 0}, "tile and batch_size must be at least 1, got 4 and 0"),
        ({"by_patch_of_size": 4, "padding_size": -1}, "padding_size must be at least 0, .* got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(network: ImageModel, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network.predict(floats(4, 4, 3), **options)


def test_seams_are_told_once(network: ImageModel, caplog: pytest.LogCaptureFixture) -> None:
    network.predict(floats(5, 5, 3), 4)
    network.predict(floats(5, 5, 3), 4, padding_size=network.receptive_radius)
    network.predict(floats(5, 5, 3), padding_size=2)  # nothing is cut, so nothing shows
    assert said(caplog) == []
    network.predict(floats(5, 5, 3), 4, padding_size=2)
    network.predict(floats(5, 5, 3), 4, padding_size=1)
    assert said(caplog) == [
        ("WARNING", "padding_size=2: rdn sees 9 pixels far, so tiles will show: leave padding_size out")
    ]


@pytest.mark.parametrize("network", [models.RDN(RDN, 8), models.RRDN(RRDN, 8)], ids=["rdn", "rrdn"])
def test_a_network_for_one_patch_size_runs_on_every_size_with_its_own_weights(network: ImageModel) -> None:
    free = models.build(network.architecture, network.scale, network.params)
    lr = floats(1, 5, 13, 3)
    for seed in (1, 2):  # the second time after the first run
        randomised(network, seed=seed)
        free.model.set_weights(network.model.get_weights())
        np.testing.assert_array_equal(network.run(lr), free.run(lr))
        assert np.abs(network.run(lr)).max() > 1e-3
    assert network.model.input_shape == (None, 8, 8, 3)


def test_a_model_of_any_size_is_left_as_it_is() -> None:
    model = rdn().model
    assert of_any_size(model) is model


def test_in_float32_it_is_the_same_network_with_its_present_weights() -> None:
    half = rdn(precision="float16")
    for seed in (1, 2):
        randomised(half, seed=seed, spread=0.1)
        precise = half.in_float32()
        assert precise is not None and (precise.precision, precise.in_float32()) == ("float32", None)
        lr = floats(1, 5, 7, 3)
        np.testing.assert_allclose(precise.run(lr), half.run(lr), rtol=0, atol=2e-2)  # float16 has 11 bits
        assert np.abs(precise.run(lr) - half.run(lr)).max() > 0


def test_a_tile_that_overflows_in_float16_is_the_one_of_float32() -> None:
    half = randomised(models.RDN(RDN, precision="float16"))
    half.model.get_layer("F_m1").bias.assign(np.full(4, 1e5, np.float32))  # infinite in float16, whose largest is 65504
    half.model.get_layer("SR").kernel.assign(half.model.get_layer("SR").kernel * 1e-6)  # back into [0, 1]
    precise = half.in_float32()
    assert precise is not None
    if np.isfinite(half.run(floats(1, 6, 7, 3))).all():
        pytest.skip("this processor's float16, through oneDNN, ends at 65504 where others overflow")
    lr = floats(6, 7, 3)
    np.testing.assert_array_equal(half.predict(lr), precise.predict(lr))


def test_the_floats_that_are_held_at_once_are_those_of_the_graph() -> None:
    # LR 3, and of the hidden convolutions the input and the output at once.
    assert floats_held(models.build("compact", 2, {"width": 32, "depth": 3}).model) == 3 + 32 + 32
    # F_m1 4 is read again at the end; in the block 4 channels in, 4 grown, 8 side by side, and 4 of F_0.
    assert floats_held(rdn().model) == floats_held(rdn(8).model) >= 4 + 4 + 8
    wide = models.build("compact", 4, {"width": 4, "depth": 1}).model
    assert floats_held(wide) >= 48 + 48  # the output and the nearest-neighbour enlargement that is added to it


@pytest.mark.parametrize(
    ("name", "scale", "params", "expected"),
    [
        # By hand, for each LR pixel: 9*3*32 + 7*9*32*32 + 9*32*12, over 4 HR pixels.
        ("compact", 2, {"width": 32, "depth": 8}, (864 + 64_512 + 3_456) / 4),
        ("compact", 2, {"width": 32, "depth": 8, "branches": True}, (864 + 64_512 + 3_456) / 4),
        # 9-1-5 at the size of the output: 81*3*64 + 64*32 + 25*32*3.
        ("srcnn", 3, {}, 15_552 + 2_048 + 2_400),
        # FSRCNN(56, 12, 4) in RGB: 25*3*56 + 56*12 + 4*9*144 + 12*56, and the 9x9 deconvolution for each LR pixel.
        ("fsrcnn", 2, {}, (4_200 + 672 + 5_184 + 672 + 81 * 56 * 3) / 4),
    ],
)
def test_multiply_adds_for_an_output_pixel(name: str, scale: int, params: dict[str, Any], expected: float) -> None:
    assert models.build(name, scale, params).multiply_adds == pytest.approx(expected)


def test_training_begins_from_another_scale_with_the_layers_that_both_have(tmp_path: Path) -> None:
    tripled, doubled = (models.build("espcn", scale, {}) for scale in (3, 2))
    tripled.save(tmp_path / "tripled.weights.h5")
    end = [weight.copy() for weight in doubled.model.get_layer("sub_pixels").get_weights()]
    doubled.begin_from(tmp_path / "tripled.weights.h5")
    np.testing.assert_array_equal(doubled.model.get_layer("sub_pixels").get_weights()[0], end[0])
    for name in ("conv_1", "conv_2"):
        ours, theirs = (model.model.get_layer(name).get_weights() for model in (doubled, tripled))
        np.testing.assert_array_equal(ours[0], theirs[0])
    again = models.build("espcn", 3, {})
    again.begin_from(tmp_path / "tripled.weights.h5")
    lr = np.random.default_rng(0).uniform(0, 1, (1, 9, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(again.run(lr), tripled.run(lr))


@pytest.mark.parametrize(("name", "scale", "params"), [("srcnn", 2, {"layout": "9-5-5"}), ("fsrcnn", 3, {})])
def test_training_begins_from_no_other_network(tmp_path: Path, name: str, scale: int, params: dict[str, Any]) -> None:
    models.build("srcnn", 3, {}).save(tmp_path / "first.weights.h5")
    with pytest.raises(WeightsError, match=r"another network: (params is .*9-1-5|architecture is srcnn)"):
        models.build(name, scale, params).begin_from(tmp_path / "first.weights.h5")
