"""The networks, one paper per file, and the table of their names. Nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ISR.models.image_model import ImageModel

# name -> module and class. The name is what config.yml, the manifest and the command line write.
ARCHITECTURES = {
    "compact": ("ISR.models.compact", "Compact"),
    "espcn": ("ISR.models.espcn", "ESPCN"),
    "fsrcnn": ("ISR.models.fsrcnn", "FSRCNN"),
    "rdn": ("ISR.models.rdn", "RDN"),
    "rrdn": ("ISR.models.rrdn", "RRDN"),
    "srcnn": ("ISR.models.srcnn", "SRCNN"),
    "srgan": ("ISR.models.srgan", "SRGAN"),
    "srresnet": ("ISR.models.srgan", "SRResNet"),
    "vdsr": ("ISR.models.vdsr", "VDSR"),
    "zssr": ("ISR.models.zssr", "ZSSR"),
}
_CLASSES = {name: module for module, name in ARCHITECTURES.values()}
# What training needs besides a generator.
_CLASSES |= {"Discriminator": "ISR.models.discriminator", "Cut_VGG19": "ISR.models.cut_vgg19"}

__all__ = [
    "ARCHITECTURES",
    "ESPCN",
    "FSRCNN",
    "RDN",
    "RRDN",
    "SRCNN",
    "SRGAN",
    "VDSR",
    "ZSSR",
    "Compact",
    "Cut_VGG19",
    "Discriminator",
    "SRResNet",
    "build",
]


def build(architecture: str, scale: int, params: dict[str, Any], *, precision: str = "float32") -> ImageModel:
    """The network of that name with untrained weights. ValueError where the name or a parameter is not known."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {architecture!r}: expected one of {', '.join(ARCHITECTURES)}")
    module, name = ARCHITECTURES[architecture]
    built: ImageModel = getattr(importlib.import_module(module), name).from_params(scale, params, precision=precision)
    return built


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_CLASSES[name]), name)
