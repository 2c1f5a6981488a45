"""Training: from a Config, or ISR 2's arguments, to a run folder with weights."""

from __future__ import annotations

from typing import Any

__all__ = ["Trainer", "train"]


def __getattr__(name: str) -> Any:
    if name == "Trainer":
        from ISR.train.isr2 import Trainer

        return Trainer
    if name == "train":
        from ISR.train.trainer import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
