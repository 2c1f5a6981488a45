"""What every network of this package has: a keras.Model, a scale, a receptive radius, and weights that are checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
import numpy.typing as npt

from ISR import backend
from ISR.models import manifest

Batch = npt.NDArray[np.float32]
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class ImageModel:
    """A network that enlarges pictures `scale` times. It has a keras.Model (`.model`), it is not one.

    architecture: its key in ISR.models.ARCHITECTURES. params: what builds it again. receptive_radius: how many LR
    pixels away an input can lie and still change an output. precision: float32, bfloat16 or float16 (computation only;
    weights and output are float32).
    """

    architecture: ClassVar[str]

    def __init__(
        self, *, scale: int, params: dict[str, Any], receptive_radius: int, precision: str = "float32"
    ) -> None:
        self.name = self.architecture
        self.scale = scale
        self.params = params
        self.receptive_radius = receptive_radius
        self.precision = precision
        with dtype_policy(precision):
            self.model = self._build()

    @classmethod
    def from_params(cls, scale: int, params: dict[str, Any], *, precision: str = "float32") -> Self:
        """The network that `scale` and `params` describe. ValueError where a parameter is not known or out of range."""
        try:
            return cls(scale, **params, precision=precision)  # type: ignore[misc, call-arg]
        except TypeError as error:
            raise ValueError(f"{cls.architecture} cannot be built from {params}: {error}") from error

    def _build(self) -> keras.Model:
        """The network: LR (n, h, w, channels) in [0, 1] -> SR (n, h * scale, w * scale, channels) float32."""
        raise NotImplementedError

    @cached_property
    def _forward(self) -> Callable[[Batch], Batch]:
        return backend.compile_forward(self.model)

    def run(self, batch: Batch) -> Batch:
        """A batch enlarged: (n, h, w, 3) float32 in [0, 1] -> (n, h * scale, w * scale, 3) float32, not clipped."""
        return self._forward(batch)

    def save(self, path: str | Path) -> None:
        """Write the weights (`.weights.h5`) and beside them their manifest, each whole or not at all."""
        manifest.save(self.model, Path(path), architecture=self.architecture, scale=self.scale, params=self.params)

    def load(self, path: str | Path) -> None:
        """Read weights that `save` wrote. WeightsError where the file or its manifest does not fit this network."""
        manifest.load(self.model, Path(path), architecture=self.architecture, scale=self.scale, params=self.params)


def check_scale(architecture: str, scale: int, allowed: tuple[int, ...]) -> None:
    """ValueError where the scale is none of those that the architecture is defined for."""
    if scale not in allowed:
        raise ValueError(f"{architecture} enlarges by {', '.join(map(str, allowed))}, got scale {scale!r}")


@contextlib.contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """What is built inside computes in float32, bfloat16 or float16; its weights are float32. ValueError for others."""
    if precision not in POLICIES:
        raise ValueError(f"precision must be one of {', '.join(POLICIES)}, got {precision!r}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
