"""Pixel, perceptual and adversarial losses against NumPy and closed forms, the recipes against the papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import ops
from tiny_gan import gradients

from ISR import losses

Floats = npt.NDArray[np.float32]
HR: Floats = np.random.default_rng(0).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
SR: Floats = np.random.default_rng(1).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
EXPECTED: dict[str, Callable[[Floats], float]] = {
    "mae": lambda difference: float(np.mean(np.abs(difference))),
    "mse": lambda difference: float(np.mean(difference**2)),
    "charbonnier": lambda difference: float(np.mean(np.sqrt(difference**2 + 1e-6))),
    "psnr": lambda difference: float(
        np.mean([60.0 + 10.0 * math.log10(float(np.mean(patch**2)) + 1e-6) for patch in difference])
    ),
}
# The grey of BT.601: 0.299 red, 0.587 green, 0.114 blue.
GREY = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("name", sorted(losses.PIXEL))
@pytest.mark.parametrize("luma_weight", [0.0, 0.5])
def test_is_what_numpy_says(name: str, luma_weight: float) -> None:
    expected = EXPECTED[name](HR - SR) + luma_weight * EXPECTED[name]((HR - SR) @ GREY)
    assert float(losses.pixel(name, luma_weight=luma_weight)(HR, SR)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(losses.PIXEL))
@pytest.mark.parametrize("luma_weight", [0.0, 0.5])
def test_computes_in_float32_whatever_comes(name: str, luma_weight: float) -> None:
    """Half a batch of 1 and half of 1 - 2^-8, a bfloat16 value: their mean is one only in float32."""
    ones = np.ones((1, 2, 256, 3), np.float32)
    nearly = np.where(np.arange(2)[:, None, None] == 0, ones, ones - 2.0**-8).astype(np.float32)
    loss = losses.pixel(name, luma_weight=luma_weight)
    came = loss(ops.cast(ones, "bfloat16"), ops.cast(nearly, "bfloat16"))
    assert ops.dtype(came) == "float32"
    assert float(came) == pytest.approx(float(loss(ones, nearly)), rel=1e-6)


@pytest.mark.parametrize(("name", "least"), [("mae", 0.0), ("mse", 0.0), ("charbonnier", 1e-3), ("psnr", 0.0)])
def test_is_least_where_they_are_equal(name: str, least: float) -> None:
    # charbonnier's is sqrt(1e-6), rounded to float32 twice
    assert float(losses.pixel(name)(HR, HR)) == pytest.approx(least, rel=1e-5, abs=1e-5)


def test_inside_leaves_a_border_out() -> None:
    hr, sr = np.ones((2, 8, 6, 3), np.float32), np.zeros((2, 8, 6, 3), np.float32)
    sr[:, 2:-2, 2:-2] = 0.75
    assert float(losses.inside(losses.mae, 2)(hr, sr)) == pytest.approx(0.25)
    assert float(losses.inside(losses.mae, 0)(hr, sr)) == pytest.approx(1.0 - 0.75 * 8 / 48)


def test_psnr_counts_patches_alike() -> None:
    """A decibel is a decibel: half the error is 6.02 dB, of a patch with small errors as of one with large."""
    errors = np.array([0.1, 0.01], np.float32)[:, None, None, None] * np.ones((2, 4, 4, 3), np.float32)
    whole, halved = (float(losses.PIXEL["psnr"](share * errors, 0.0 * errors)) for share in (1.0, 0.5))
    assert whole == pytest.approx((40.0 + 20.0 + 10.0 * math.log10(1.01)) / 2, abs=1e-3)
    assert whole - halved == pytest.approx(20.0 * math.log10(2.0), abs=0.1)


def test_refuses_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="unknown pixel loss 'l3': expected one of mae, mse, charbonnier"):
        losses.pixel("l3")


def test_perceptual_is_the_mean_of_the_layers_losses() -> None:
    hr, sr = [HR, HR[:, ::2]], [SR, SR[:, ::2]]
    by_layer = [float(np.mean((a - b) ** 2)) for a, b in zip(hr, sr, strict=True)]
    assert [float(loss) for loss in losses.perceptual("mse").by_layer(hr, sr)] == pytest.approx(by_layer, rel=1e-5)
    assert float(losses.perceptual("mse")(hr, sr)) == pytest.approx(sum(by_layer) / 2, rel=1e-5)
    assert float(losses.perceptual("mse", [3.0, 3.0])(hr, sr)) == pytest.approx(sum(by_layer) / 2, rel=1e-5)


def test_perceptual_weighs_the_layers_and_scales_the_whole() -> None:
    loss = losses.perceptual("mae", [1.0, 3.0], scale=0.5)
    first, second = np.abs(HR - SR).mean(), 1.0
    came = float(loss([HR, np.zeros(4)], [SR, np.ones(4)]))
    assert came == pytest.approx(0.5 * (0.25 * first + 0.75 * second), rel=1e-5)


def test_perceptual_of_one_layer() -> None:
    assert float(losses.perceptual("mae")([HR], [SR])) == pytest.approx(np.abs(HR - SR).mean(), rel=1e-5)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0]])
def test_perceptual_refuses_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="layer_weights must be at least 0"):
        losses.perceptual("mse", weights)


def test_perceptual_refuses_lists_of_other_lengths() -> None:
    with pytest.raises(ValueError, match="features of 2 layers, got 1 of HR and 1 of SR"):
        losses.perceptual("mse", [1.0, 1.0])([HR], [SR])


LOGITS = np.random.default_rng(2)
REAL, FAKE = (LOGITS.normal(centre, 2.0, (2, 3, 4, 1)).astype(np.float32) for centre in (0.5, -0.5))


def sigmoid(logits: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))


def cross_entropy(probabilities: Any, label: float = 1.0) -> float:
    return float(-np.mean(label * np.log(probabilities) + (1.0 - label) * np.log(1.0 - probabilities)))


def as_published(name: str, label: float) -> tuple[float, float]:
    """The generator's and the critic's loss of REAL and FAKE, term by term as the papers print them, in float64."""
    real, fake = REAL.astype(np.float64), FAKE.astype(np.float64)
    if name == "binary_crossentropy":
        critic = cross_entropy(sigmoid(real), label) + cross_entropy(1.0 - sigmoid(fake))
        return cross_entropy(sigmoid(fake)), critic
    if name == "relativistic":
        real_over_fake, fake_over_real = sigmoid(real - fake.mean()), sigmoid(fake - real.mean())
        critic = cross_entropy(real_over_fake, label) + cross_entropy(1.0 - fake_over_real)
        return cross_entropy(1.0 - real_over_fake) + cross_entropy(fake_over_real), critic
    if name == "hinge":
        return -fake.mean(), np.maximum(0.0, 1.0 - real).mean() + np.maximum(0.0, 1.0 + fake).mean()
    return ((fake - 1.0) ** 2).mean() / 2.0, ((real - label) ** 2).mean() / 2.0 + (fake**2).mean() / 2.0


SMOOTHED = [(name, smoothing) for name in sorted(losses.ADVERSARIAL) for smoothing in (0.0, 0.1)]
SMOOTHED.remove(("hinge", 0.1))


@pytest.mark.parametrize(("name", "smoothing"), SMOOTHED)
def test_adversarial_is_what_the_paper_says(name: str, smoothing: float) -> None:
    pair = losses.adversarial(name, label_smoothing=smoothing)
    came = float(pair.generator(REAL, FAKE)), float(pair.critic(REAL, FAKE))
    assert came == pytest.approx(as_published(name, 1.0 - smoothing), rel=1e-5)
    assert float(sum(pair.critic_parts(REAL, FAKE))) == came[1]


@pytest.mark.parametrize(
    ("name", "generator", "critic"),
    [
        # Of a critic that cannot tell, all logits 0: -log 1/2 for each term of cross-entropy.
        ("binary_crossentropy", math.log(2), 2 * math.log(2)),
        ("relativistic", 2 * math.log(2), 2 * math.log(2)),
        ("hinge", 0.0, 2.0),
        ("least_squares", 0.5, 0.5),
    ],
)
def test_adversarial_of_a_critic_that_cannot_tell(name: str, generator: float, critic: float) -> None:
    pair, nothing = losses.adversarial(name), np.zeros((2, 3))
    came = float(pair.generator(nothing, nothing)), float(pair.critic(nothing, nothing))
    assert came == pytest.approx((generator, critic), rel=1e-6)


@pytest.mark.parametrize("name", sorted(losses.ADVERSARIAL))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_adversarial_stays_finite_at_enormous_logits(name: str, sign: float) -> None:
    pair = losses.adversarial(name)
    values = [np.full((2, 2), value, np.float32) for value in (sign * 1e4, -sign * 1e4)]
    logits = [keras.Variable(value) for value in values]
    for loss in (pair.generator, pair.critic):
        assert np.isfinite(float(loss(*values)))
        # Not every loss reads both: torch gives no gradient then.
        for gradient in gradients(
            lambda loss=loss: loss(*logits) + 0.0 * (ops.sum(logits[0]) + ops.sum(logits[1])), logits
        ):
            assert np.isfinite(gradient).all()


def test_cross_entropy_of_a_critic_that_is_sure_and_wrong_is_its_logit() -> None:
    pair, sure = losses.adversarial("binary_crossentropy"), np.full((2, 2), 1e4, np.float32)
    assert float(pair.generator(sure, -sure)) == pytest.approx(1e4)
    assert float(pair.generator(sure, sure)) == 0.0


@pytest.mark.parametrize("name", sorted(losses.ADVERSARIAL))
def test_adversarial_computes_in_float32_whatever_comes(name: str) -> None:
    """Logits that float16 holds exactly, whose squares and sums it does not."""
    pair = losses.adversarial(name)
    real, fake = (np.round(logits * 64.0) / 4.0 for logits in (REAL, FAKE))
    for loss in (pair.generator, pair.critic):
        came = loss(ops.cast(real, "float16"), ops.cast(fake, "float16"))
        assert ops.dtype(came) == "float32"
        assert float(came) == pytest.approx(float(loss(real, fake)), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "real", "fake", "expected"),
    [
        ("binary_crossentropy", [1.0, -1.0], [-1.0, -1.0], (0.5, 1.0)),
        ("hinge", [1.0, -1.0], [-1.0, 1.0], (0.5, 0.5)),
        ("relativistic", [5.0, 6.0], [3.0, 4.0], (1.0, 1.0)),
        ("relativistic", [5.0, 6.0], [8.0, 4.0], (0.0, 0.5)),
        ("least_squares", [0.6, 0.4], [0.4, 0.1], (0.5, 1.0)),
    ],
)
def test_accuracies_count_logits_on_the_right_side(
    name: str, real: list[float], fake: list[float], expected: tuple[float, float]
) -> None:
    came = losses.adversarial(name).accuracies(np.array(real), np.array(fake))
    assert tuple(map(float, came)) == expected


@pytest.mark.parametrize(
    ("name", "smoothing", "message"),
    [
        ("wasserstein", 0.0, "unknown adversarial loss 'wasserstein': expected one of binary_crossentropy, relat"),
        ("hinge", 0.1, "hinge has no labels"),
        ("least_squares", 0.5, "below 0.5, got 0.5"),
        ("relativistic", -0.1, "at least 0"),
    ],
)
def test_adversarial_refuses(name: str, smoothing: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        losses.adversarial(name, label_smoothing=smoothing)


def test_the_recipes_are_the_papers_numbers() -> None:
    srgan, esrgan = losses.recipe("srgan"), losses.recipe("esrgan")
    # Ledig et al. 2017, equation 3 and section 3.2; Wang et al. 2018, section 4.1.
    assert srgan.loss_weights == {"generator": 0.0, "discriminator": 1e-3, "feature_extractor": 1.0}
    assert round(srgan.feature_scale, 3) == 0.006
    assert esrgan.loss_weights == {"generator": 1e-2, "discriminator": 5e-3, "feature_extractor": 1.0}
    assert (srgan.before_activation, esrgan.before_activation) == (False, True)


@pytest.mark.parametrize("name", sorted(losses.RECIPES))
def test_every_name_in_a_recipe_is_known(name: str) -> None:
    recipe = losses.recipe(name)
    losses.pixel(recipe.pixel), losses.perceptual(recipe.perceptual), losses.adversarial(recipe.adversarial)
    with pytest.raises(ValueError, match="unknown recipe 'gan': expected one of srgan, esrgan"):
        losses.recipe("gan")
