"""Optimizers: Adam, and Muon for convolutions, under a cosine schedule with a linear warm-up."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ISR.config import TrainConfig

# Muon's step is this times the root of the matrix' longer side: the size of an Adam step (Liu et al. 2025, equation 4).
STEP_SIZE = 0.2
# Biases and the first and last layer, which Adam moves, take smaller steps: at Muon's own rate the output can die.
ADAM_SHARE = 0.5


class ConvolutionMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon (Jordan et al. 2024) on the kernels of hidden convolutions, Adam on all else.

    A kernel (rows, columns, in, out) is orthogonalised as the matrix (rows * columns * in, out). Keras' own Muon leaves
    kernels of four axes to Adam. `adam_only` names the layers that stay with Adam: the first and the last.
    """

    def __init__(self, learning_rate: Any, *, adam_only: tuple[str, ...], **options: Any) -> None:
        super().__init__(learning_rate, weight_decay=None, adam_weight_decay=None, adam_lr_ratio=ADAM_SHARE, **options)
        self.adam_only = adam_only

    def _should_use_adamw(self, variable: Any) -> bool:
        layer = variable.path.split("/")[-2]
        return len(variable.shape) != 4 or layer in self.adam_only

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        rows, columns, inputs, outputs = x.shape
        return x * (STEP_SIZE * max(rows * columns * inputs, outputs) ** 0.5)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "adam_only": self.adam_only}


def build(settings: TrainConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """The optimizer of the recipe for this model, with the moving average of the weights where `ema` > 0."""
    average = {"use_ema": settings.ema > 0.0, "ema_momentum": settings.ema or 0.99}
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(cosine(settings), **average)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return ConvolutionMuon(cosine(settings), adam_only=(convolutions[0], convolutions[-1]), **average)


def cosine(settings: TrainConfig) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear from 0 over `warmup_steps`, then half a cosine to `final_learning_rate` (Loshchilov and Hutter 2017)."""
    total = settings.epochs * settings.steps_per_epoch
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if settings.warmup_steps else settings.learning_rate,
        decay_steps=max(1, total - settings.warmup_steps),
        alpha=settings.final_learning_rate / settings.learning_rate,
        warmup_target=settings.learning_rate if settings.warmup_steps else None,
        warmup_steps=settings.warmup_steps,
    )
