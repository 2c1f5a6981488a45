"""The name that `ISR.models.image_model` had in ISR 2, for code that imports `ImageModel` from there."""

from ISR.models.image_model import ImageModel

__all__ = ["ImageModel"]
