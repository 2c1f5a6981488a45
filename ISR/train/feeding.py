"""The rest of an epoch that a run stopped in."""

from __future__ import annotations

from typing import Any

import keras


class Rest(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch from step `first` on."""

    def __init__(self, batches: Any, first: int) -> None:
        super().__init__(workers=batches.workers)
        self.batches, self.first = batches, first

    @property
    def num_batches(self) -> int:
        return int(self.batches.num_batches) - self.first

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, step: int) -> Any:
        return self.batches[self.first + step]
