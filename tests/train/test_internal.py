"""Fitting to one picture: the learning rate by hand arithmetic, the plan, the time, and one graph for all steps."""

from __future__ import annotations

import math
from itertools import pairwise

import keras
import numpy as np
import pytest
from conftest import drawn

from ISR import backend, config
from ISR.datasets.internal import InternalPairs, Reduction
from ISR.errors import TrainingError
from ISR.images import files
from ISR.models.zssr import ZSSR
from ISR.train import internal
from ISR.train.internal import LearningRate, has_levelled

SMALL = {"width": 4, "depth": 1, "crop_size": 16, "step": 2, "range": 8, "max_steps": 12}


def test_levelled_by_hand_arithmetic() -> None:
    """Errors 10, 8, 7, 4 after steps 0, 1, 2, 3: slope -1.9, residuals 0.1, 0, 0.9, -... by the normal equations.

    Mean error 7.25, mean step 1.5; slope = sum(dx dy) / sum(dx^2) = -9.5 / 5 = -1.9. Residuals -0.1, -0.2, 0.7, -0.4:
    their squares sum to 0.7. NumPy divides by the degrees of freedom, 4 - 2: variance of the slope 0.35 / 5 = 0.07, its
    deviation 0.26458, which is 0.13925 of the fall.
    """
    steps, errors = [0, 1, 2, 3], [10.0, 8.0, 7.0, 4.0]
    assert math.sqrt(0.07) / 1.9 == pytest.approx(0.13925, abs=1e-5)
    assert has_levelled(steps, errors, ratio=0.1392)
    assert not has_levelled(steps, errors, ratio=0.1393)


def test_errors_that_rise_or_are_none_have_levelled_and_few_have_not() -> None:
    assert has_levelled([0, 1, 2, 3], [1.0, 2.0, 3.1, 4.0], ratio=1.5)
    assert has_levelled([0, 1, 2], [0.0, 0.0, 0.0], ratio=1.5)
    assert not has_levelled([0, 1], [1.0, 1.0], ratio=1.5)
    assert not has_levelled([0, 10, 20, 30], [4.0, 3.0, 2.0, 1.0], ratio=1.5)


def test_the_fit_is_of_error_against_step() -> None:
    """Were step fitted against error, the unit of the errors would decide: here it does not."""
    steps, errors = [0, 32, 64, 96, 128], [3.0, 2.4, 2.6, 1.9, 2.0]
    for unit in (1e-6, 1.0, 1e6):
        assert not has_levelled(steps, [unit * error for error in errors], ratio=1.5)
        assert has_levelled(steps, [unit * error for error in errors], ratio=0.1)


def test_the_rate_is_divided_after_a_whole_range_and_no_sooner() -> None:
    rule = LearningRate(config.zero_shot({"range": 8, "step": 2, "lr": 1e-3}))
    rates = []
    for step in range(2, 40, 2):
        rule.take(step, 0.5 + 0.01 * (step % 4))  # level from the first
        rates.append(rule.value)
    changes = [2 * (i + 2) for i, (before, after) in enumerate(pairwise(rates)) if before != after]
    assert changes == [10, 18, 26, 34]  # first measured after 2; then from the change on
    assert rates[-1] == pytest.approx(1e-7) and rule.at_its_end


def test_the_rate_stays_while_the_error_falls() -> None:
    rule = LearningRate(config.zero_shot({"range": 8, "step": 2}))
    for step in range(2, 60, 2):
        rule.take(step, 1.0 / step)
    assert rule.value == 1e-3 and not rule.at_its_end


def test_lr_stop_itself_is_still_trained_at() -> None:
    """Section 3.2: training stops when 10^-6 is reached; three divisions of 10^-3 are that, a fourth is below."""
    rule = LearningRate(config.zero_shot({}))
    ended = []
    for _ in range(4):
        rule.value *= rule.settings.lr_decay
        ended.append(rule.at_its_end)
    assert ended == [False, False, False, True]


def test_rates_rise_first_and_fall_in_the_planned_end() -> None:
    rule = LearningRate(config.zero_shot({"cooldown": 0.5}))
    assert rule.at(0, 0.0) == pytest.approx(1e-3 / internal.WARMUP)
    assert rule.at(500, 0.5) == 1e-3
    assert rule.at(750, 0.75) == pytest.approx(5e-4)
    assert rule.at(999, 1.0) == 1e-6
    without = LearningRate(config.zero_shot({"cooldown": 0.0}))
    assert without.at(999, 0.999) == 1e-3


def prepared(**changes: object) -> tuple[ZSSR, InternalPairs, config.ZeroShotConfig]:
    settings = config.zero_shot({**SMALL, **changes})
    network = ZSSR(1, width=settings.width, depth=settings.depth)
    network.initialise(0)
    internal.compile_for(network, settings)
    return network, InternalPairs((files.to_float(drawn(32, 40)),), Reduction(2.0), crop=16), settings


def test_without_a_budget_it_takes_all_steps_and_tells_each() -> None:
    network, pairs, settings = prepared()
    seen: list[tuple[int, int, float]] = []
    fitted = internal.fit(
        network, pairs, settings, time_left=lambda seconds: math.inf, watch=lambda *said: seen.append(said)
    )
    assert (fitted.steps, fitted.pace.steps, fitted.by_time) == (12, 12, False)
    assert [done for done, _, _ in seen] == list(range(1, 13)) and {limit for _, limit, _ in seen} == {12}
    assert all(0.0 < loss < 1.0 for _, _, loss in seen) and fitted.loss == seen[-1][2]


def test_what_a_step_takes_decides_how_many_there_are() -> None:
    """Ten steps, two untimed and eight timed, then as many as 0.92 of thirty steps' time: 27."""
    network, pairs, settings = prepared(max_steps=1000)
    asked: list[float] = []

    def time_left(step_seconds: float) -> float:
        asked.append(step_seconds)
        return 30.0 * step_seconds if step_seconds else math.inf

    fitted = internal.fit(network, pairs, settings, time_left=time_left)
    assert asked[0] == 0.0 and asked[1] > 0.0
    assert fitted.pace.steps == 10 + int(internal.PLANNED * 30) == 37
    assert 10 < fitted.steps <= 37


def test_time_that_is_over_ends_it() -> None:
    network, pairs, settings = prepared(max_steps=1000)
    fitted = internal.fit(network, pairs, settings, time_left=lambda seconds: 0.0)
    assert fitted.steps == 0 and fitted.by_time


def test_a_loss_that_is_no_number_is_told() -> None:
    network, pairs, settings = prepared()
    network.model.get_layer("residual").bias.assign(np.full(3, np.nan))
    with pytest.raises(TrainingError, match=r"nan at step 1: lower zero_shot.lr, which is 0.001"):
        internal.fit(network, pairs, settings, time_left=lambda seconds: math.inf)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_all_steps_are_one_graph(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's Python runs while a step is traced, and never again whatever the learning rate."""
    if backend.name() == "torch":
        pytest.skip("torch runs step by step, without a graph")
    traced: list[int] = []
    before = keras.layers.ReLU.call

    def counted(self: keras.layers.ReLU, inputs: object) -> object:
        traced.append(len(seen))
        return before(self, inputs)

    network, pairs, settings = prepared(optimizer=optimizer, range=1000, step=500)
    seen: list[int] = []
    monkeypatch.setattr(keras.layers.ReLU, "call", counted)
    internal.fit(network, pairs, settings, time_left=lambda s: math.inf, watch=lambda done, *_: seen.append(done))
    assert len(seen) == 12 and traced and max(traced) == 0
