"""PerNetwork: each optimizer moves its own network by its own rules, and the state of all goes on after loading."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import optimizers as stock
from tiny_gan import arrays, batch, compiled, features, objective, one_step, same_bits

from ISR.train.averages import in_place
from ISR.train.objectives import AdversarialTraining
from ISR.train.optimizers import PerNetwork, averages


def networks() -> tuple[keras.Model, keras.Model]:
    keras.utils.set_random_seed(0)
    return features(1), features(2)


def steps(optimizer: PerNetwork, *, times: int = 1) -> list[float]:
    """How far each network's variables move at gradients of 1, a number for each network."""
    variables = [variable for network in optimizer.networks for variable in network.trainable_variables]
    before = [arrays(network.trainable_variables) for network in optimizer.networks]
    for _ in range(times):
        optimizer.apply([keras.ops.ones(variable.shape) for variable in variables], variables)
    moved = []
    for network, start in zip(optimizer.networks, before, strict=True):
        changes = [old - new for old, new in zip(start, arrays(network.trainable_variables), strict=True)]
        moved.append(float(np.mean([np.mean(change) for change in changes])))
    return moved


def test_each_network_moves_by_its_own_rate_and_clipping() -> None:
    first, second = networks()
    optimizer = PerNetwork([(first, stock.SGD(0.5)), (second, stock.SGD(0.25, clipvalue=0.5))])
    assert steps(optimizer) == pytest.approx([0.5, 0.125], rel=1e-5)


def test_each_network_has_its_own_schedule() -> None:
    first, second = networks()
    falling = stock.schedules.PiecewiseConstantDecay([0], [0.5, 0.25])  # 0.5 at step 0, then 0.25
    optimizer = PerNetwork([(first, stock.SGD(falling)), (second, stock.SGD(0.125))])
    assert steps(optimizer, times=3) == pytest.approx([1.0, 0.375], rel=1e-5)
    assert int(optimizer.iterations) == 3


def test_its_learning_rate_is_the_first_network_s() -> None:
    first, second = networks()
    optimizer = PerNetwork([(first, stock.SGD(0.5)), (second, stock.SGD(0.25))])
    optimizer.learning_rate = 0.125
    assert float(optimizer.learning_rate) == 0.125
    assert steps(optimizer) == pytest.approx([0.125, 0.25], rel=1e-5)


def prepared() -> AdversarialTraining:
    """An objective under two Adams, a schedule and an average for the generator, clipping for the critic."""
    model = objective(feature_layers=0)
    falling = stock.schedules.CosineDecay(1e-2, 20)
    pairs = [
        (model.generator, stock.Adam(falling, use_ema=True, ema_momentum=0.5)),
        (model.discriminator, stock.Adam(1e-3, beta_1=0.5, global_clipnorm=1.0)),
    ]
    model.compile(PerNetwork(pairs))
    return model


def everything(model: AdversarialTraining) -> list[Any]:
    return [*model.state, *model.optimizer.variables]


def test_training_goes_on_from_its_variables_to_the_bit() -> None:
    model = prepared()
    one_step(model)
    middle = arrays(everything(model))
    one_step(model)
    resumed = prepared()
    resumed.optimizer.build(resumed.trainable_variables)
    assert not same_bits(middle, arrays(everything(resumed)))
    for variable, value in zip(everything(resumed), middle, strict=True):
        variable.assign(value)
    one_step(resumed)
    assert same_bits(arrays(everything(resumed)), arrays(everything(model)))


def test_keras_own_saving_keeps_every_variable() -> None:
    (first, second), store = networks(), {}
    optimizer, fresh = (PerNetwork([(first, stock.Adam(0.5)), (second, stock.Adam(0.25))]) for _ in range(2))
    steps(optimizer, times=2)
    fresh.build([*first.trainable_variables, *second.trainable_variables])
    optimizer.save_own_variables(store)
    fresh.load_own_variables(store)
    assert same_bits(arrays(fresh.variables), arrays(optimizer.variables))
    # The two moments of each variable, and of each of the three optimizers the step and the learning rate.
    assert len(fresh.variables) == 2 * (2 + 4) + 3 * 2


def test_the_generator_alone_ends_with_its_average() -> None:
    model = prepared()
    lr, hr = batch(8)
    model.fit(lr, hr, batch_size=4, epochs=2, verbose=0)
    pairs = averages(model.optimizer, model)
    assert [id(variable) for variable, _ in pairs] == [id(variable) for variable in model.generator.trainable_variables]
    for variable, average in pairs:
        np.testing.assert_array_equal(*arrays([variable, average]))


def test_the_average_can_stand_in_for_a_while() -> None:
    model = prepared()
    for _ in range(2):
        one_step(model)
    before = arrays(model.trainable_variables)
    pairs = averages(model.optimizer, model)
    with in_place(model.generator, model.optimizer):
        assert same_bits(*(arrays(column) for column in zip(*pairs, strict=True)))
        assert not same_bits(before, arrays(model.trainable_variables))
    assert same_bits(before, arrays(model.trainable_variables))


def test_float16_has_one_scale_for_all_and_leaves_out_a_step_that_is_not_finite(request: Any) -> None:
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy("mixed_float16")
    model = compiled(objective(feature_layers=0))
    assert isinstance(model.optimizer, stock.LossScaleOptimizer)
    before = arrays(model.trainable_variables)
    one_step(model)
    middle = arrays(model.trainable_variables)
    assert np.isfinite(np.concatenate([values.ravel() for values in middle])).all()
    assert not any(np.array_equal(*pair) for pair in zip(before, middle, strict=True))
    scale = float(model.optimizer.dynamic_scale)
    model.set_loss_weights(generator=np.inf)
    one_step(model)
    assert same_bits(middle, arrays(model.trainable_variables))
    assert float(model.optimizer.dynamic_scale) == scale / 2


@pytest.mark.parametrize("inner", [stock.SGD(0.1, loss_scale_factor=8.0), stock.LossScaleOptimizer(stock.SGD(0.1))])
def test_refuses_a_scale_inside(inner: stock.Optimizer) -> None:
    first, second = networks()
    with pytest.raises(ValueError, match="wrap PerNetwork in LossScaleOptimizer"):
        PerNetwork([(first, stock.SGD(0.1)), (second, inner)])


@pytest.mark.parametrize("owners", [[0], [0, 0], [0, 1, 1], [0, 1, 2]])
def test_refuses_networks_that_are_not_the_model_s(owners: list[int]) -> None:
    nets = (*networks(), features(1))
    optimizer = PerNetwork([(nets[owner], stock.SGD(0.1)) for owner in owners])
    with pytest.raises(ValueError, match="give each network of the model once"):
        optimizer.build([*nets[0].trainable_variables, *nets[1].trainable_variables])
