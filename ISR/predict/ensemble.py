"""Networks made of a network: the mean over the eight flips and turns, and a mix with bicubic."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ISR.errors import ConfigError
from ISR.images import resize
from ISR.models.tiled import BICUBIC_RADIUS, Floats, Upscaler


class _Around:
    """What a model that is run in another way shares with the model: all that `Upscaler` speaks of."""

    def __init__(self, model: Upscaler) -> None:
        self.inner = model
        self.name = model.name
        self.scale = model.scale
        self.receptive_radius = model.receptive_radius

    def __getattr__(self, name: str) -> Any:
        if name in ("channels", "floats_per_pixel", "on_accelerator"):
            return getattr(self.inner, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def in_float32(self) -> Self | None:
        """The same around the model that computes in float32; None where it does, or there is none."""
        precise = self.inner.in_float32() if hasattr(self.inner, "in_float32") else None
        return None if precise is None else self._of(precise)

    def _of(self, model: Upscaler) -> Self:
        return type(self)(model)


class SelfEnsemble(_Around):
    """Enlarges a picture's eight flips and turns, each brought back, and gives their mean (Timofte et al. 2016,
    "Seven ways to improve example-based single image super resolution", section 3.4). It takes eight times as long.
    """

    def run(self, batch: Floats) -> Floats:
        """(n, height, width, 3) float32 in [0, 1] -> (n, height * scale, width * scale, 3) float32, not clipped."""
        total = np.array(self.inner.run(batch))
        for turns, mirrored in [(0, True), *((turns, mirrored) for turns in (1, 2, 3) for mirrored in (False, True))]:
            total += _back(np.asarray(self.inner.run(_turned(batch, turns, mirrored))), turns, mirrored)
        total /= 8
        return total


class Blended(_Around):
    """Gives `strength` of what the model gives and the rest of bicubic (Keys, a = -1/2): 0 is bicubic, 1 the model.

    ConfigError where strength is not in [0, 1].
    """

    def __init__(self, model: Upscaler, strength: float) -> None:
        super().__init__(model)
        if not 0.0 <= strength <= 1.0:
            raise ConfigError(f"strength must be a number from 0 to 1, got {strength}")
        self.strength = strength
        radii = [model.receptive_radius] * (strength > 0) + [BICUBIC_RADIUS] * (strength < 1)
        self.receptive_radius = max(radii)

    def run(self, batch: Floats) -> Floats:
        """(n, height, width, 3) float32 in [0, 1] -> (n, height * scale, width * scale, 3) float32, not clipped."""
        if self.strength == 1:
            return self.inner.run(batch)
        bicubic = np.stack([resize.enlarge(picture, self.scale, method="bicubic") for picture in batch])
        if self.strength > 0:
            bicubic += np.float32(self.strength) * (np.asarray(self.inner.run(batch)) - bicubic)
        return bicubic

    def _of(self, model: Upscaler) -> Self:
        return type(self)(model, self.strength)


def improved(model: Upscaler, *, self_ensemble: bool = False, strength: float = 1.0) -> Upscaler:
    """The model as a `SelfEnsemble`, `Blended`, both or neither."""
    model = SelfEnsemble(model) if self_ensemble else model
    return model if strength == 1 else Blended(model, strength)


def _turned(batch: Floats, turns: int, mirrored: bool) -> Floats:
    turned = np.rot90(batch, turns, axes=(1, 2))
    return np.ascontiguousarray(turned[:, :, ::-1] if mirrored else turned)


def _back(result: Floats, turns: int, mirrored: bool) -> Floats:
    return np.rot90(result[:, :, ::-1] if mirrored else result, -turns, axes=(1, 2))
