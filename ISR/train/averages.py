"""The moving average of a generator's weights, which its optimizer keeps where `train.ema` > 0."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from ISR.train import optimizers


@contextlib.contextmanager
def in_place(generator: keras.Model, optimizer: Any) -> Iterator[None]:
    """The generator with the averages in place, if there are any; its weights come back after the block."""
    pairs = optimizers.averages(optimizer, generator)
    kept = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    settle(generator, optimizer)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept, strict=True):
            variable.assign(value)


def settle(generator: keras.Model, optimizer: Any) -> None:
    """Put the averages, if there are any, in place for good."""
    for variable, average in optimizers.averages(optimizer, generator):
        # A copy: on JAX the next step deletes the buffers that it was given, and the two would share one.
        variable.assign(keras.ops.convert_to_numpy(average))


@contextlib.contextmanager
def left_to_us(optimizer: Any) -> Iterator[None]:
    """Keras would put the averages in place after every `fit`, also after one of an epoch's rest: not inside here."""
    optimizer.finalize_variable_values = lambda variables: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values
