"""The critic against section 2.3 of the measured description of ISR 2.2, and figure 4 of Ledig et al. 2017."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ISR.models.discriminator import Discriminator

# The eight convolutions: the first without batch norm, the others with its four values a channel.
CHANNELS = [64, 64, 128, 128, 256, 256, 512, 512]
BODY = sum(9 * a * b + b for a, b in zip([3, *CHANNELS[:-1]], CHANNELS, strict=True)) + 4 * sum(CHANNELS[1:])


@pytest.mark.parametrize("patch_size", [16, 50])
def test_parameter_count_is_isr_2_s_and_free_of_the_patch(patch_size: int) -> None:
    model = Discriminator(patch_size).model
    assert model.count_params() == 5_219_137 == BODY + 512 * 1024 + 1024 + 1024 + 1
    assert sum(np.prod(v.shape) for v in model.trainable_variables) == 5_215_425


def test_parameter_count_of_the_paper_s() -> None:
    """Four strides leave 2 x 2 of 32 x 32 pixels, and the first dense layer sees all 512 channels of them."""
    assert Discriminator(32, layout="paper").model.count_params() == BODY + 2 * 2 * 512 * 1024 + 1024 + 1024 + 1


@pytest.mark.parametrize(("patch_size", "side"), [(16, 4), (17, 5), (1, 1)])
def test_a_patch_critic_judges_every_place(patch_size: int, side: int) -> None:
    logits = Discriminator(patch_size).model(np.zeros((2, patch_size, patch_size, 3), np.float32))
    assert tuple(logits.shape) == (2, side, side, 1)


def test_the_paper_s_critic_judges_once() -> None:
    assert tuple(Discriminator(32, layout="paper").model(np.zeros((2, 32, 32, 3), np.float32)).shape) == (2, 1)


def test_gives_logits() -> None:
    model = Discriminator(16).model
    model.get_layer("Dense_last").bias.assign([-7.0])
    assert float(keras.ops.max(model(np.zeros((1, 16, 16, 3), np.float32)))) < -1.0


def test_names_and_attributes_are_those_of_isr_2() -> None:
    critic = Discriminator(16, 3)
    named = [layer.name for layer in critic.model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    assert named == [*(f"Conv_{i}" for i in range(1, 9)), "Dense_1024", "Dense_last"]
    assert (critic.name, critic.model.name, critic.patch_size, critic.block_num) == (
        "srgan-large",
        "discriminator",
        16,
        7,
    )
    assert critic.block_param == {"filters": (64, 128, 128, 256, 256, 512, 512), "strides": (2, 1, 2, 1, 1, 1, 1)}


@pytest.mark.parametrize(("layout", "order"), [("patch", ["Leaky_2", "Norm_2"]), ("paper", ["Norm_2", "Leaky_2"])])
def test_norm_and_activation_come_in_the_layout_s_order(layout: str, order: list[str]) -> None:
    named = [layer.name for layer in Discriminator(16, layout=layout).model.layers]
    assert named[named.index("Conv_2") + 1 :][:2] == order


def test_bfloat16_keeps_weights_and_logits_in_float32() -> None:
    model = Discriminator(16, precision="bfloat16").model
    assert model.get_layer("Conv_2").compute_dtype == "bfloat16"
    assert {model.outputs[0].dtype, *(variable.dtype for variable in model.variables)} == {"float32"}


@pytest.mark.parametrize(
    ("patch_size", "kernel_size", "layout"), [(0, 3, "patch"), (16, 0, "patch"), (16, 3, "sigmoid")]
)
def test_refuses(patch_size: int, kernel_size: int, layout: str) -> None:
    with pytest.raises(ValueError, match=r"at least 1|layout must be one of patch, paper"):
        Discriminator(patch_size, kernel_size, layout=layout)
