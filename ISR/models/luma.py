"""Networks that enlarge luma alone, as the papers of SRCNN, FSRCNN and ESPCN do, and take and give RGB all the same."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ISR import losses


@keras.saving.register_keras_serializable(package="ISR")
class Luma(layers.Layer):  # type: ignore[misc]
    """BT.601's luma without offset, in float32: RGB (n, h, w, 3) -> (n, h, w, 1), both in [0, 1]."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs: Any) -> Any:
        return losses.luma(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)


def with_luma(rgb: Any, luma: Any) -> Any:
    """The picture (n, h, w, 3) with another luma (n, h, w, 1), its Cb and Cr as they were: float32, named RGB.

    In the inverse of BT.601's matrix every colour holds its luma once, so that all three change by the same.
    """
    more = layers.Subtract(dtype="float32", name="luma_added")([luma, Luma(name="luma_before")(rgb)])
    return layers.Add(dtype="float32", name="RGB")([rgb, more])


def luma_params(architecture: str, luma: bool, c_dim: int = 3) -> dict[str, bool]:
    """What a network that may enlarge luma alone adds to its `params`: nothing where it does not, as before there was
    the choice, so that weights of then still fit. ValueError where it has no RGB to take luma from.
    """
    if luma and c_dim != 3:
        raise ValueError(f"{architecture} takes luma from RGB, a c_dim of 3, got {c_dim}: leave out luma or c_dim")
    return {"luma": True} if luma else {}
