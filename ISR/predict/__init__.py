"""From a picture to a larger one. Names are imported on first use, so that importing the package stays cheap."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ISR.predict.cancel import Cancel
    from ISR.predict.ensemble import Blended, SelfEnsemble
    from ISR.predict.predictor import Predictor
    from ISR.predict.size import Size
    from ISR.predict.sized import Networks

__all__ = ["Blended", "Cancel", "Networks", "Predictor", "SelfEnsemble", "Size"]

_MODULES = {
    "Blended": "ensemble",
    "Cancel": "cancel",
    "Networks": "sized",
    "Predictor": "predictor",
    "SelfEnsemble": "ensemble",
    "Size": "size",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
