"""Run by test_objectives.py: adversarial training on one processor and on two logical ones; prints how far apart."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import tensorflow as tf
from tiny_gan import arrays, batch, features

from ISR.train.objectives import AdversarialTraining
from ISR.train.optimizers import PerNetwork

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def trained(strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    """The weights after three steps; without batch norm, whose statistics are each device's own."""
    with strategy.scope():
        keras.utils.set_random_seed(1)
        generator = keras.Sequential(
            [keras.Input((4, 4, 3)), keras.layers.UpSampling2D(2), keras.layers.Conv2D(3, 3, padding="same")]
        )
        critic = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3)])
        model = AdversarialTraining(generator, discriminator=critic, feature_extractor=features(2))
        rates = [(generator, keras.optimizers.SGD(0.1)), (critic, keras.optimizers.SGD(0.3))]
        model.compile(PerNetwork(rates))
    lr, hr = batch(12)
    model.fit(lr, hr, batch_size=4, shuffle=False, verbose=0)
    return arrays(model.trainable_variables)


one = trained(tf.distribute.get_strategy())
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
print(max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)))
