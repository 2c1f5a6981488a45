"""What `fit` is fed: of an epoch the steps that are left, of a batch the rows that are this process' share."""

from __future__ import annotations

import keras

from ISR import backend
from ISR.datasets.batches import Batch, Batches


class Feed(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of an epoch from step `first` on; where several processes train, this one's rows of each."""

    def __init__(self, batches: Batches, *, first: int = 0) -> None:
        super().__init__(workers=batches.workers)
        self.batches, self.first = batches, first
        self.rows = backend.rows_here(batches.batch_size)

    @property
    def num_batches(self) -> int:
        return int(self.batches.num_batches) - self.first

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        lr, hr = self.batches[self.first + step]
        return lr[self.rows], hr[self.rows]
