"""A generator, a critic and feature extractors of a few hundred weights, and gradients on any backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from ISR import backend
from ISR.train.objectives import AdversarialTraining
from ISR.train.optimizers import PerNetwork

Arrays = list[npt.NDArray[np.float32]]


def generator() -> keras.Model:
    """LR (n, h, w, 3) to SR of twice the size, with batch normalisation as SRGAN's has it."""
    lr = keras.Input((None, None, 3))
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(lr)))
    sr = layers.Conv2D(3, 3, padding="same", dtype="float32")(layers.UpSampling2D(2)(x))
    return keras.Model(lr, sr)


def critic() -> keras.Model:
    """Pictures of 8 x 8 to a map of 4 x 4 logits."""
    hr = keras.Input((8, 8, 3))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(4, 3, strides=2, padding="same")(hr))
    x = layers.BatchNormalization(momentum=0.8)(x)
    return keras.Model(hr, layers.Conv2D(1, 3, padding="same", dtype="float32")(x))


def features(count: int) -> keras.Model:
    """Pictures of 8 x 8 to the features of one convolution (a tensor) or two (a list)."""
    hr = keras.Input((8, 8, 3))
    first = layers.Conv2D(4, 3, activation="relu")(hr)
    return keras.Model(hr, [first, layers.Conv2D(2, 3)(first)][:count])


def batch(size: int = 4, *, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """LR (size, 4, 4, 3) and HR (size, 8, 8, 3) in [0, 1]."""
    rng = np.random.default_rng(seed)
    lr, hr = (rng.uniform(0, 1, (size, side, side, 3)).astype(np.float32) for side in (4, 8))
    return lr, hr


def objective(*, with_critic: bool = True, feature_layers: int = 2, **options: Any) -> AdversarialTraining:
    """An objective of these networks, the same weights at every call."""
    keras.utils.set_random_seed(1)
    return AdversarialTraining(
        generator(),
        discriminator=critic() if with_critic else None,
        feature_extractor=features(feature_layers) if feature_layers else None,
        **options,
    )


def compiled(model: AdversarialTraining, *rates: float) -> AdversarialTraining:
    """The objective under plain gradient descent, the generator's rate and the critic's."""
    networks = [network for network in (model.generator, model.discriminator) if network is not None]
    optimizers = [keras.optimizers.SGD(rate) for rate in rates or (0.1, 0.1)]
    model.compile(PerNetwork(list(zip(networks, optimizers, strict=False))))
    return model


def one_step(model: AdversarialTraining) -> dict[str, float]:
    """The logs of one step on one batch."""
    lr, hr = batch()
    return {name: float(value) for name, value in model.train_on_batch(lr, hr, return_dict=True).items()}


def arrays(variables: Sequence[Any]) -> Arrays:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def same_bits(first: Arrays, second: Arrays) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def gradients(loss: Callable[[], Any], variables: Sequence[keras.Variable]) -> Arrays:
    """The loss' derivatives by the backend's own means. What the loss does to other variables may stay or not."""
    values = [variable.value for variable in variables]
    if backend.name() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        return arrays(tape.gradient(value, values))
    if backend.name() == "torch":
        import torch

        return arrays(torch.autograd.grad(loss(), values))
    import jax

    def of(given: Sequence[Any]) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, given, strict=True))):
            return loss()

    return arrays(jax.grad(of)(values))
