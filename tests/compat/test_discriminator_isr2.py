"""Sections 1.5 and 2.3 of the measured description of ISR 2.2: the critic that its users know, less the sigmoid.

Names, attributes, strides and parameter counts are in tests/models/test_discriminator.py.
"""

from __future__ import annotations

import keras
import numpy as np

from ISR.models import RDN, Discriminator

KINDS = ["Conv2D", "LeakyReLU"] + ["Conv2D", "LeakyReLU", "BatchNormalization"] * 7 + ["Dense", "LeakyReLU", "Dense"]


def test_layers_come_in_isr_2_s_order() -> None:
    layers = Discriminator(patch_size=16, kernel_size=3).model.layers
    assert [type(layer).__name__ for layer in layers] == ["InputLayer", *KINDS]
    assert len(layers) == 28 - 1  # section 2.5 counts 28; the sigmoid is in the loss


def test_slopes_and_momentum_are_isr_2_s() -> None:
    layers = Discriminator(16).model.layers
    slopes = [layer.negative_slope for layer in layers if isinstance(layer, keras.layers.LeakyReLU)]
    momenta = [layer.momentum for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert slopes == [0.2] * 9 and momenta == [0.8] * 7


def test_first_weights_are_keras_default() -> None:
    model = Discriminator(16).model
    for name in ("Conv_1", "Dense_1024"):
        assert isinstance(model.get_layer(name).kernel_initializer, keras.initializers.GlorotUniform)


def test_a_wider_kernel_reaches_every_convolution() -> None:
    layers = Discriminator(16, 5).model.layers
    assert {layer.kernel_size for layer in layers if isinstance(layer, keras.layers.Conv2D)} == {(5, 5)}


def test_judges_what_a_generator_makes_of_its_patch() -> None:
    """ISR 2's README: the critic's patch is the generator's, times the scale."""
    generator = RDN({"C": 1, "D": 1, "G": 2, "G0": 2, "x": 2}, patch_size=8)
    critic = Discriminator(patch_size=generator.patch_size * generator.scale, kernel_size=3)
    sr = generator.model(np.zeros((1, 8, 8, 3), np.float32))
    assert tuple(critic.model(sr).shape) == (1, 4, 4, 1)
