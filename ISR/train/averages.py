"""The moving average of a generator's weights, which its optimizer keeps where `train.ema` > 0."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


def of(generator: keras.Model, optimizer: Any) -> list[tuple[Any, Any]]:
    """Pairs of a trainable variable of the generator and its average; none where the optimizer keeps no average."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of LossScaleOptimizer
    optimizer = getattr(optimizer, "optimizers", (optimizer,))[0]  # of PerNetwork: the generator's
    averages = [variable for variable in optimizer.variables if variable.name.endswith("_average")]
    return list(zip(generator.trainable_variables, averages, strict=True)) if averages else []


@contextlib.contextmanager
def in_place(generator: keras.Model, optimizer: Any) -> Iterator[None]:
    """The generator with the averages in place, if there are any; its weights come back after the block."""
    pairs = of(generator, optimizer)
    kept = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    settle(generator, optimizer)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)


def settle(generator: keras.Model, optimizer: Any) -> None:
    """Put the averages, if there are any, in place for good."""
    for variable, average in of(generator, optimizer):
        variable.assign(average)


@contextlib.contextmanager
def left_to_us(optimizer: Any) -> Iterator[None]:
    """Keras would put the averages in place after every `fit`, also after one of an epoch's rest: not inside here."""
    optimizer.finalize_variable_values = lambda variables: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values
