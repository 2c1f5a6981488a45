"""AdversarialTraining: which loss moves which network, the step against one written out, the logs, every subset."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from tiny_gan import arrays, batch, compiled, critic, generator, gradients, objective, one_step, same_bits

from ISR import backend, losses
from ISR.models.cut_vgg19 import Cut_VGG19
from ISR.models.image_model import dtype_policy
from ISR.train.objectives import AdversarialTraining

CRITIC_LOGS = {"discriminator_loss", "d_real_loss", "d_fake_loss", "d_real_accuracy", "d_fake_accuracy"}
ADVERSARIAL = sorted(losses.ADVERSARIAL)


def moved(model: AdversarialTraining) -> dict[str, bool]:
    """Which networks' weights one step changes, by a single bit or more."""
    networks = {"generator": model.generator, "critic": model.discriminator, "features": model.feature_extractor}
    weights = {name: net.weights if name == "features" else net.trainable_weights for name, net in networks.items()}
    before = {name: arrays(variables) for name, variables in weights.items()}
    one_step(model)
    return {name: not same_bits(before[name], arrays(variables)) for name, variables in weights.items()}


@pytest.mark.parametrize("with_critic", [False, True])
@pytest.mark.parametrize("feature_layers", [0, 1, 2])
def test_every_subset_trains_and_logs_under_isr_2_s_names(with_critic: bool, feature_layers: int) -> None:
    model = compiled(
        objective(with_critic=with_critic, feature_layers=feature_layers, metrics={"PSNR_Y": losses.mse}), 0.1, 0.1
    )
    before = arrays(model.generator.trainable_weights)
    logs = one_step(model)
    expected = {"loss", "PSNR_Y"}
    if with_critic or feature_layers:
        expected = {"loss", "generator_loss", "generator_PSNR_Y"} | (CRITIC_LOGS if with_critic else set())
        expected |= set(["feature_extractor_loss", "feature_extractor_1_loss"][:feature_layers])
    assert set(logs) == expected
    assert np.isfinite(list(logs.values())).all()
    assert not same_bits(before, arrays(model.generator.trainable_weights))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_critic_s_loss_alone_moves_the_generator_by_exactly_nothing(name: str) -> None:
    nothing = dict.fromkeys(losses.PARTS, 0.0)
    model = compiled(objective(adversarial=losses.adversarial(name), loss_weights=nothing))
    assert moved(model) == {"generator": False, "critic": True, "features": False}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_generator_s_loss_alone_moves_the_critic_by_exactly_nothing(name: str) -> None:
    def no_loss(real: Any, fake: Any) -> tuple[Any, Any]:
        return 0.0 * ops.mean(real), 0.0 * ops.mean(fake)

    model = compiled(objective(adversarial=replace(losses.adversarial(name), critic_parts=no_loss)))
    assert moved(model) == {"generator": True, "critic": False, "features": False}


WEIGHTS = {"generator": 0.5, "discriminator": 0.25, "feature_extractor": 2.0}


def minus_log_sigmoid(logits: Any) -> Any:
    return -ops.mean(ops.log(ops.sigmoid(logits)))


def written_out(model: AdversarialTraining, lr: Any, hr: Any) -> tuple[Any, Any]:
    """The gradients of an SRGAN step by two tapes: the generator's and the critic's, at the same weights."""
    G, D, F = model.generator, model.discriminator, model.feature_extractor

    def generator_loss() -> Any:
        sr = G(lr, training=True)
        by_layer = [ops.mean((ours - theirs) ** 2) for ours, theirs in zip(F(sr), F(hr), strict=True)]
        adversarial = minus_log_sigmoid(D(sr, training=True))
        return 0.5 * ops.mean(ops.abs(sr - hr)) + 0.25 * adversarial + 2.0 * (by_layer[0] + by_layer[1]) / 2.0

    sr = ops.convert_to_numpy(G(lr, training=True))

    def critic_loss() -> Any:
        return minus_log_sigmoid(D(hr, training=True)) + minus_log_sigmoid(-D(sr, training=True))

    return gradients(generator_loss, G.trainable_variables), gradients(critic_loss, D.trainable_variables)


def test_a_step_is_the_one_written_out_with_two_tapes() -> None:
    lr, hr = batch()
    other = objective()
    by_hand = written_out(other, lr, hr)
    model = compiled(objective(loss_weights=WEIGHTS), 0.1, 0.3)
    networks = (model.generator, model.discriminator)
    before = [arrays(network.trainable_variables) for network in networks]
    one_step(model)
    for network, start, by_tape, rate in zip(networks, before, by_hand, (0.1, 0.3), strict=True):
        for came, old, gradient in zip(arrays(network.trainable_variables), start, by_tape, strict=True):
            # Weights and steps are below 1: float32 rounds them at 6e-8, and sums of some hundred terms in
            # another order differ by a few of those.
            np.testing.assert_allclose(came, old - rate * gradient, rtol=0, atol=1e-6)


def test_the_critic_s_running_statistics_are_of_hr_and_then_of_sr() -> None:
    """And not of what the generator's path shows it."""
    lr, hr = batch()
    other = objective()
    sr = other.generator(lr, training=True)
    for pictures in (hr, sr):
        other.discriminator(pictures, training=True)
    model = compiled(objective())
    one_step(model)
    for network, expected in ((model.generator, other.generator), (model.discriminator, other.discriminator)):
        pairs = zip(arrays(network.non_trainable_variables), arrays(expected.non_trainable_variables), strict=True)
        for came, wanted in pairs:
            np.testing.assert_allclose(came, wanted, rtol=1e-5, atol=1e-6)  # float32, as above


def test_the_loss_is_the_weighted_sum_of_its_parts() -> None:
    lr, hr = batch()
    model = objective(loss_weights=WEIGHTS)
    sr = ops.convert_to_numpy(model.generator(lr, training=True))
    model = compiled(objective(loss_weights=WEIGHTS))
    logs = one_step(model)
    assert logs["generator_loss"] == pytest.approx(np.abs(hr - sr).mean(), rel=1e-5)
    by_layer = logs["feature_extractor_loss"], logs["feature_extractor_1_loss"]
    parts = 0.5 * logs["generator_loss"] + 0.25 * logs["discriminator_loss"] + 2.0 * sum(by_layer) / 2.0
    assert logs["loss"] == pytest.approx(parts, rel=1e-6)


class SilenceTheGenerator(keras.callbacks.Callback):
    """From the second epoch on no loss moves the generator; keeps its weights at the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Any] = []
        self.traces: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.model.set_loss_weights(generator=0.0, discriminator=0.0, feature_extractor=0.0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.weights.append(arrays(self.model.generator.trainable_variables))
        self.traces.append(self.model.pixel.calls)


class CountedMAE:
    """Counts how often Python runs it: once for every trace, where the backend traces."""

    calls = 0

    def __call__(self, hr: Any, sr: Any) -> Any:
        self.calls += 1
        return losses.mae(hr, sr)


def test_weights_that_change_between_epochs_take_effect_without_another_trace() -> None:
    lr, hr = batch(8)
    model = compiled(objective(pixel=CountedMAE()))
    start, watch = arrays(model.generator.trainable_variables), SilenceTheGenerator()
    critic_before = arrays(model.discriminator.trainable_variables)
    model.fit(lr, hr, batch_size=4, epochs=3, verbose=0, shuffle=False, callbacks=[watch])
    assert not same_bits(start, watch.weights[0])
    assert same_bits(watch.weights[0], watch.weights[1]) and same_bits(watch.weights[1], watch.weights[2])
    assert not same_bits(critic_before, arrays(model.discriminator.trainable_variables))
    if backend.name() != "torch":  # which runs Python at every step
        assert watch.traces[0] == watch.traces[1] == watch.traces[2]


def test_weights_may_change_in_the_middle_of_an_epoch() -> None:
    lr, hr = batch(8)
    model = compiled(objective())
    seen = []

    class AfterTheFirstStep(keras.callbacks.Callback):
        def on_train_batch_end(self, step: int, logs: Any = None) -> None:
            self.model.set_loss_weights(generator=0.0, discriminator=0.0, feature_extractor=0.0)
            seen.append(arrays(self.model.generator.trainable_variables))

    model.fit(lr, hr, batch_size=4, epochs=1, verbose=0, callbacks=[AfterTheFirstStep()])
    assert same_bits(seen[0], seen[1])


def test_a_weight_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="critic"):
        objective(loss_weights={"critic": 1.0})


def test_validation_changes_no_variable_and_logs_the_same_names() -> None:
    lr, hr = batch()
    model = compiled(objective())
    trained = one_step(model)
    before = arrays(model.variables)
    judged = model.evaluate(lr, hr, verbose=0, return_dict=True)
    assert same_bits(before, arrays(model.variables))
    assert set(judged) == set(trained)


@pytest.mark.parametrize("name", sorted(losses.RECIPES))
def test_a_recipe_trains(name: str) -> None:
    recipe = losses.recipe(name)
    parts = {
        "pixel": losses.pixel(recipe.pixel),
        "perceptual": losses.perceptual(recipe.perceptual, scale=recipe.feature_scale),
        "adversarial": losses.adversarial(recipe.adversarial),
    }
    logs = one_step(compiled(objective(feature_layers=1, loss_weights=recipe.loss_weights, **parts)))
    content, adversarial, features = recipe.weights
    total = content * logs["generator_loss"] + adversarial * logs["discriminator_loss"]
    assert logs["loss"] == pytest.approx(total + features * logs["feature_extractor_loss"], rel=1e-5)


def test_the_objective_called_gives_sr() -> None:
    lr, _ = batch()
    model = objective()
    np.testing.assert_array_equal(*(ops.convert_to_numpy(m(lr, training=False)) for m in (model, model.generator)))


def test_the_state_to_keep_is_all_but_the_frozen_features() -> None:
    model = objective()
    kept = len(model.generator.variables) + len(model.discriminator.variables) + len(losses.PARTS)
    assert len(model.state) == kept
    assert len(model.variables) == kept + len(model.feature_extractor.variables)


def test_what_compile_was_given_to_measure_is_logged_too() -> None:
    model = objective()
    model.compile(keras.optimizers.SGD(0.1), metrics=[keras.metrics.MeanSquaredError(name="squares")])
    logs = one_step(model)
    assert logs["squares"] > 0.0 and logs["loss"] > logs["generator_loss"]


def test_trains_in_bfloat16_with_a_loss_in_float32() -> None:
    def precise(precision: str) -> AdversarialTraining:
        keras.utils.set_random_seed(1)
        with dtype_policy(precision):
            model = AdversarialTraining(generator(), discriminator=critic())
        return compiled(model)

    exact, rough = (one_step(precise(name)) for name in ("float32", "bfloat16"))
    for name in ("loss", "generator_loss", "discriminator_loss", "d_real_loss", "d_fake_loss"):
        # bfloat16 has eight bits: some operations deep, 2^-8 becomes a per cent or two.
        assert rough[name] == pytest.approx(exact[name], rel=0.03)
        assert rough[name] != exact[name]


@pytest.mark.slow
@pytest.mark.parametrize("layers", [[2], [2, "block2_conv2"]])
def test_trains_with_the_features_of_vgg19(layers: list[int | str]) -> None:
    extractor = Cut_VGG19(32, layers, weights=None).model
    model = compiled(AdversarialTraining(generator(), feature_extractor=extractor))
    rng = np.random.default_rng(0)
    lr, hr = (rng.uniform(0, 1, (2, side, side, 3)).astype(np.float32) for side in (16, 32))
    logs = model.train_on_batch(lr, hr, return_dict=True)
    assert [name for name in logs if name.startswith("feature")] == [
        f"feature_extractor{number}_loss" for number in ["", "_1"][: len(layers)]
    ]
    assert np.isfinite(float(logs["loss"]))


@pytest.mark.slow
def test_two_devices_take_the_step_of_one() -> None:
    """The same global batch on two logical processors under tf.distribute.MirroredStrategy."""
    pytest.importorskip("tensorflow")
    command = [sys.executable, str(Path(__file__).with_name("run_on_two_devices.py"))]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    # Seen: 6e-8, float32's rounding. Gradients that are added and not averaged would be off by 1e-2.
    assert float(done.stdout) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("other", ["jax", "torch"])
def test_all_of_this_holds_on_other_backends(other: str) -> None:
    """These tests, those of the losses and of PerNetwork, once more in a process on another backend."""
    pytest.importorskip(other)
    tests = Path(__file__).parents[1]
    files = [tests / "test_losses.py", tests / "train/test_objectives.py", tests / "train/test_per_network.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *map(str, files)]
    environment = {**os.environ, "KERAS_BACKEND": other}
    done = subprocess.run(command, env=environment, cwd=tests.parent, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout
