"""Weights of idealo's ISR 2, written anew as today's."""

from __future__ import annotations

from pathlib import Path

from ISR.errors import WeightsError
from ISR.models import legacy, manifest
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model


def convert_file(old: str | Path, new: str | Path) -> None:
    """Write `new` (`.weights.h5`) and its manifest: the network and the values of `old`, an `.hdf5` of an RDN or RRDN.

    WeightsError, and nothing written, where either has another ending (so `new` is never `old`) or `old` cannot be
    taken. RRDN's beta is 0.2, see `legacy.describe`.
    """
    manifest.path_of(Path(new))
    if not legacy.is_legacy(Path(old)):
        raise WeightsError(f"{str(old)!r} is no file of ISR 2: expected one that ends in .hdf5")
    model = load_model(str(old), precision="float32")
    assert isinstance(model, ImageModel)
    model.save(new)
