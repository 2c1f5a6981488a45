"""Network interpolation (Wang et al. 2018, "ESRGAN", section 3.4): between two trainings of one network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ISR.errors import WeightsError
from ISR.models import manifest
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model

Weights = Sequence[npt.NDArray[np.float32]]


def blend(first: Weights, second: Weights, alpha: float) -> list[npt.NDArray[np.float32]]:
    """(1 - alpha) of the first weights and alpha of the second: arrays in the order of `keras.Model.get_weights`.

    0 gives the first (ESRGAN: trained for PSNR), 1 the second (trained against a critic). ValueError where alpha lies
    outside [0, 1] or the arrays' shapes differ.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    if [array.shape for array in first] != [array.shape for array in second]:
        raise ValueError(f"weights of two networks: {len(first)} and {len(second)} arrays, or of other shapes")
    mixed = ((1.0 - alpha) * np.float64(a) + alpha * np.float64(b) for a, b in zip(first, second, strict=True))
    return [np.asarray(array, np.float32) for array in mixed]


def blend_files(first: str | Path, second: str | Path, output: str | Path, *, alpha: float) -> None:
    """Write `output` (`.weights.h5`) and its manifest, blended from two such files or two names of shipped weights.

    WeightsError where they are not two weights of one architecture, scale and parameters, or `output` is one of them or
    has another ending; ValueError where alpha lies outside [0, 1].
    """
    manifest.path_of(Path(output))
    if Path(output).resolve() in (Path(first).resolve(), Path(second).resolve()):
        raise WeightsError(f"{str(output)!r} is one of the weights to blend: name another file for the result")
    mixed, other = _load(first), _load(second)
    for what in ("architecture", "scale", "params"):
        pair = getattr(mixed, what), getattr(other, what)
        if pair[0] != pair[1]:
            raise WeightsError(
                f"{str(first)!r} and {str(second)!r} are of two networks: their {what} is {pair[0]} and {pair[1]}"
            )
    mixed.model.set_weights(blend(mixed.model.get_weights(), other.model.get_weights(), alpha))
    mixed.save(output)


def _load(name: str | Path) -> ImageModel:
    model = load_model(str(name), precision="float32")
    if not isinstance(model, ImageModel):
        raise WeightsError(f"{str(name)!r} has no weights: expected a .weights.h5 or the name of shipped weights")
    return model
