"""Optimizers: Adam, Muon for convolutions, and SOAP, under a schedule with a linear warm-up; one for each network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ISR.config import TrainConfig
from ISR.train.soap import Soap
from ISR.train.warm_average import WarmAverage

# Muon's step is this times the root of the matrix' longer side: the size of an Adam step (Liu et al. 2025, equation 4).
STEP_SIZE = 0.2
# Biases and the first and last layer, which Adam moves, take smaller steps: at Muon's own rate the output can die.
ADAM_SHARE = 0.5


class Adam(WarmAverage, keras.optimizers.Adam):  # type: ignore[misc]
    """Keras' Adam, but for how its moving average begins."""


class ConvolutionMuon(WarmAverage, keras.optimizers.Muon):  # type: ignore[misc]
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


def build(settings: TrainConfig, model: keras.Model, *, first_step: int = 0) -> keras.optimizers.Optimizer:
    """The optimizer of the recipe for this model, with the moving average of the weights where `ema` > 0.

    first_step: the step of the schedule that the optimizer's own first step takes.
    """
    rate = schedule(settings, first_step=first_step)
    options: dict[str, Any] = {"use_ema": settings.ema > 0.0, "ema_momentum": settings.ema or 0.99}
    options |= {"global_clipnorm": settings.clip_norm or None}
    if settings.optimizer == "adam":
        moments = {"beta_1": settings.beta_1, "beta_2": settings.beta_2, "epsilon": settings.epsilon}
        return Adam(rate, **moments, **options)
    if settings.optimizer == "soap":
        return Soap(rate, **options)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return ConvolutionMuon(rate, adam_only=(convolutions[0], convolutions[-1]), **options)


def schedule(settings: TrainConfig, *, first_step: int = 0) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the step: cosine, step or constant, each after its warm-up."""
    if settings.schedule == "cosine" and not first_step:
        return cosine(settings)
    return ByEpoch(settings, first_step)


class ByEpoch(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """`step`: the learning rate times decay_factor every decay_every epochs, never below FLOOR, as in ISR 2.

    `constant`: the learning rate. Either rises from 0 over warmup_steps. `cosine` goes on where first_step is.
    """

    FLOOR = 1e-7

    def __init__(self, settings: TrainConfig, first_step: int) -> None:
        self.settings, self.first_step = settings, first_step

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32") + self.first_step
        if self.settings.schedule == "cosine":
            return cosine(self.settings)(step)
        rate = ops.convert_to_tensor(self.settings.learning_rate, "float32")
        if self.settings.schedule == "step":
            times = ops.floor(step / (self.settings.steps_per_epoch * self.settings.decay_every))
            rate = ops.maximum(self.FLOOR, rate * self.settings.decay_factor**times)
        return rate * ops.minimum(1.0, (step + 1.0) / (self.settings.warmup_steps + 1.0))

    def get_config(self) -> dict[str, Any]:
        return {"settings": self.settings, "first_step": self.first_step}


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


class PerNetwork(keras.optimizers.Optimizer):  # type: ignore[misc]
    """One optimizer for each network of a model, under one `fit`: each has its own schedule, clipping and average.

    pairs: (network, its optimizer); together the networks have every variable that the model trains, each once. Asked
    for its learning rate it gives, and sets, that of the first: the generator. `.variables` are its own and those of
    all optimizers, in the order of the pairs, once it is built.

    For float16 wrap it, LossScaleOptimizer(PerNetwork(...)), as `compile` does by itself under mixed_float16: the loss
    is one sum, so there is one scale, and a step whose gradient is not finite is left out for all networks. ValueError
    for an optimizer that scales the loss inside, or at building for variables that are none's or two networks'.
    """

    def __init__(
        self, pairs: Sequence[tuple[keras.Model, keras.optimizers.Optimizer]], *, name: str = "per_network"
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self.networks = tuple(network for network, _ in pairs)
        self.optimizers = tuple(optimizer for _, optimizer in pairs)
        if any(isinstance(o, keras.optimizers.LossScaleOptimizer) or o.loss_scale_factor for o in self.optimizers):
            raise ValueError("the loss is one sum and has one scale: wrap PerNetwork in LossScaleOptimizer instead")

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(list(variables))
        wanted = sorted(id(variable) for variable in variables)
        owned = sorted(id(variable) for network in self.networks for variable in network.trainable_variables)
        if wanted != owned:
            raise ValueError(
                f"PerNetwork's networks train {len(owned)} variables, the model {len(wanted)} or others: "
                "give each network of the model once"
            )
        for network, optimizer in zip(self.networks, self.optimizers, strict=True):
            optimizer.build(network.trainable_variables)

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self._variables, *(variable for optimizer in self.optimizers for variable in optimizer.variables)]

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        variables = list(self._trainable_variables if trainable_variables is None else trainable_variables)
        self.build(variables)
        gradients = {id(variable): gradient for variable, gradient in zip(variables, grads, strict=True)}
        for network, optimizer in zip(self.networks, self.optimizers, strict=True):
            own = network.trainable_variables
            optimizer.apply([gradients[id(variable)] for variable in own], own)
        self._iterations.assign_add(1)

    @property
    def learning_rate(self) -> Any:
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.optimizers[0].learning_rate = learning_rate

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        for network, optimizer in zip(self.networks, self.optimizers, strict=True):
            optimizer.finalize_variable_values(network.trainable_variables)


def averages(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> list[tuple[Any, Any]]:
    """(variable, its moving average) for all variables of the model of which its optimizer keeps an average."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if isinstance(optimizer, PerNetwork):
        pairs = zip(optimizer.optimizers, optimizer.networks, strict=True)
        return [found for own, network in pairs for found in averages(own, network)]
    kept = [variable for variable in optimizer.variables if variable.name.endswith("_average")]
    return list(zip(model.trainable_variables, kept, strict=True)) if kept else []
