"""Weights written anew: those of idealo's ISR 2 as today's, and a chain trained with branches as the plain one."""

from __future__ import annotations

from pathlib import Path

from ISR.errors import WeightsError
from ISR.models import legacy, manifest
from ISR.models.compact import Compact
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import is_path, load_model


def convert_file(old: str | Path, new: str | Path) -> None:
    """Write `new` (`.weights.h5`) and its manifest: what the network of `old` computes, as this version would train it.

    old: an `.hdf5` of an RDN or RRDN, with its values as they are (RRDN's beta is 0.2, see `legacy.describe`), or the
    `.weights.h5` of a compact with branches, which comes out without (`Compact.collapsed`). WeightsError, and nothing
    written, where `old` is neither or `new`, or `new` has another ending.
    """
    manifest.path_of(Path(new))
    if Path(new).absolute() == Path(old).absolute():  # a link is replaced, and what it led to stays
        raise WeightsError(f"{str(new)!r} is the file to convert: name another one for the result")
    refusal = f"{str(old)!r} needs no conversion: expected a file that ends in .hdf5, or a compact with branches"
    if not is_path(old):
        raise WeightsError(refusal)
    model = load_model(str(old), precision="float32")
    assert isinstance(model, ImageModel)
    if isinstance(model, Compact) and model.branches:
        model = model.collapsed()
    elif not legacy.is_legacy(Path(old)):
        raise WeightsError(refusal)
    model.save(new)
