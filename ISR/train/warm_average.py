"""A moving average of the weights that forgets the first ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops


class WarmAverage:
    """For an optimizer: its moving average begins short, as it does in TensorFlow's `ExponentialMovingAverage`.

    Its momentum after t steps is t / (t + 9), at most `ema_momentum`. Keras' own is `ema_momentum` from the start:
    after 2,500 steps with 0.999 eight hundredths of the average are still the untrained weights, and an RRDN of those
    is noise.
    """

    _iterations: Any
    _model_variables_moving_average: Sequence[Any]
    ema_momentum: float
    use_ema: bool

    def _update_model_variables_moving_average(self, trainable_variables: Sequence[Any]) -> None:
        if not self.use_ema:
            return
        steps = ops.cast(self._iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, steps / (steps + 9.0))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                share = ops.cast(momentum, average.dtype)
                average.assign(share * average + (1 - share) * variable)
