"""ISR: small pictures made large with deep networks. `ISR.assistant` is loaded on first use."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "3.0.0.dev0"


def __getattr__(name: str) -> Any:
    if name != "assistant":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("ISR.assistant")
