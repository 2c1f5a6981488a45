"""The cosine schedule by hand, and Muon's step on a convolution."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from ISR import models
from ISR.config import TrainConfig
from ISR.train import optimizers

SETTINGS = TrainConfig(epochs=10, steps_per_epoch=11, warmup_steps=10, learning_rate=1e-3, final_learning_rate=1e-5)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),
        (5, 0.5e-3),
        (10, 1e-3),
        (60, 1e-5 + (1e-3 - 1e-5) / 2),
        (35, 1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi / 4)) / 2),
        (110, 1e-5),
    ],
)
def test_cosine_after_a_linear_warm_up(step: int, expected: float) -> None:
    assert float(optimizers.cosine(SETTINGS)(step)) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_without_warm_up_it_starts_at_the_learning_rate() -> None:
    settings = TrainConfig(epochs=1, steps_per_epoch=100, warmup_steps=0, learning_rate=2e-3)
    assert float(optimizers.cosine(settings)(0)) == pytest.approx(2e-3)


def muon_steps() -> dict[str, np.ndarray]:
    """What one step at a learning rate of 1 takes from each variable of a Compact, for a random gradient."""
    model = models.build("compact", 2, {"width": 8, "depth": 3}).model
    settings = TrainConfig(optimizer="muon", warmup_steps=0, learning_rate=1.0, ema=0.0)
    optimizer = optimizers.build(settings, model)
    rng = np.random.default_rng(0)
    gradients = [keras.ops.convert_to_tensor(rng.normal(size=v.shape).astype("float32")) for v in model.variables]
    before = model.get_weights()
    optimizer.apply(gradients, model.trainable_variables)
    changes = zip(model.variables, before, model.get_weights(), strict=True)
    return {variable.path: old - new for variable, old, new in changes}


def test_muon_steps_are_nearly_orthogonal() -> None:
    kernel = muon_steps()["conv_2/kernel"]
    singular = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)
    # Five Newton-Schulz iterations bring all singular values near 1 (Jordan et al. 2024: 0.7 to 1.2);
    # the step is 0.2 * sqrt(72) times that.
    assert np.all((singular / (0.2 * 72**0.5) > 0.6) & (singular / (0.2 * 72**0.5) < 1.3))


@pytest.mark.parametrize("path", ["conv_1/kernel", "sub_pixels/kernel", "conv_2/bias"])
def test_adam_moves_the_rest(path: str) -> None:
    # Adam's first step is the learning rate in every element, here ADAM_SHARE times 1 (less for a tiny gradient).
    np.testing.assert_allclose(np.abs(muon_steps()[path]), optimizers.ADAM_SHARE, rtol=2e-2)


@pytest.mark.parametrize("optimizer", ["adam", "muon", "soap"])
def test_the_moving_average_forgets_the_first_weights(optimizer: str) -> None:
    """By hand: momentum t / (t + 9) after t steps, until that is the 0.5 of the settings."""
    model = models.build("compact", 2, {"width": 4, "depth": 2}).model
    made = optimizers.build(TrainConfig(optimizer=optimizer, warmup_steps=0, learning_rate=0.1, ema=0.5), model)
    rng = np.random.default_rng(0)
    expected: list[np.ndarray] = []
    for step in range(14):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=v.shape).astype("float32")) for v in model.variables]
        made.apply(gradients, model.trainable_variables)
        momentum = min(0.5, step / (step + 9))
        now = model.get_weights()
        expected = [momentum * old + (1 - momentum) * new for old, new in zip(expected or now, now, strict=True)]
    averages = [average.numpy() for _, average in optimizers.averages(made, model)]
    assert len(averages) == len(expected)
    for average, wanted in zip(averages, expected, strict=True):
        np.testing.assert_allclose(average, wanted, rtol=0, atol=1e-5)
    assert any(np.abs(wanted - now).max() > 0.01 for wanted, now in zip(expected, model.get_weights(), strict=True))
