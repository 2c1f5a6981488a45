"""The rest of an epoch that a run stopped in."""

from __future__ import annotations

import keras

from ISR.datasets.batches import Batch, Batches


class Rest(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch from step `first` on."""

    def __init__(self, batches: Batches, first: int) -> None:
        super().__init__(workers=batches.workers)
        self.batches, self.first = batches, first

    @property
    def num_batches(self) -> int:
        return int(self.batches.num_batches) - self.first

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        return self.batches[self.first + step]
