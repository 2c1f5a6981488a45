"""Weights written anew: ISR 2's as today's, a chain trained with branches as the plain one, any in 16 bits."""

from __future__ import annotations

from pathlib import Path

from ISR.errors import WeightsError
from ISR.models import legacy, manifest
from ISR.models.compact import Compact
from ISR.models.hdf5 import FLOAT16_BITS
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import is_path, load_model


def convert_file(old: str | Path, new: str | Path, *, half: bool = False, bits: int = FLOAT16_BITS) -> None:
    """Write `new` (`.weights.h5`) and its manifest: what the network of `old` computes, as this version would train it.

    old: an `.hdf5` of an RDN or RRDN, with its values as they are (RRDN's beta is 0.2, see `legacy.describe`), or the
    `.weights.h5` of a compact with branches, which comes out without (`Compact.collapsed`). half: in float16, a file
    half as large, of these or any other `.weights.h5`; bits: of a kernel's values (`ImageModel.save`).
    WeightsError, and nothing written, where `old` is none of them or `new`, or `new` has another ending.
    """
    manifest.path_of(Path(new))
    if Path(new).absolute() == Path(old).absolute():  # a link is replaced, and what it led to stays
        raise WeightsError(f"{str(new)!r} is the file to convert: name another one for the result")
    refusal = f"{str(old)!r} needs no conversion: expected a file that ends in .hdf5, a compact with branches, or half"
    if not is_path(old):
        raise WeightsError(refusal)
    model = load_model(str(old), precision="float32")
    assert isinstance(model, ImageModel)
    if isinstance(model, Compact) and model.branches:
        model = model.collapsed()
    elif not (half or legacy.is_legacy(Path(old))):
        raise WeightsError(refusal)
    model.save(new, half=half, bits=bits)
