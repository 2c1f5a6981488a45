"""The share of a training step spent waiting for data: `python benchmarks/feeding.py HR_DIR [--config FILE]`.

Epochs on fresh batches and epochs on one batch repeated take turns in one run: what the fresh ones take longer is
waiting.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import keras

from ISR import backend, config, losses, models
from ISR.datasets import folders, source
from ISR.datasets.batches import Batch, PatchBatches
from ISR.datasets.pairs import PairPaths
from ISR.train import callbacks, optimizers

STEPS = 60
TURNS = 5
PICTURES = 40


class Repeated(keras.utils.PyDataset):  # type: ignore[misc]
    """The first batch of another data set, over and over."""

    def __init__(self, batches: PatchBatches) -> None:
        super().__init__(workers=1)
        self.batch, self.steps = batches[0], len(batches)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        return self.batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--config")
    options = parser.parse_args()
    recipe = config.load(options.config)
    paths = [PairPaths(path) for path in folders.pictures_in(options.folder)[:PICTURES]]
    pairs = list(folders.read_pairs(paths, recipe.model.scale, limit_mb=recipe.data.cache_limit_mb))
    data = recipe.data
    fresh = PatchBatches(
        pairs,
        patch_size=data.patch_size,
        batch_size=data.batch_size,
        steps=STEPS,
        seed=0,
        flatness=source.flatness(data),
    )
    model = models.build(recipe.model.architecture, recipe.model.scale, recipe.model.params).model
    loss = losses.pixel(recipe.train.loss, luma_weight=recipe.train.luma_weight)
    model.compile(optimizers.build(recipe.train, model), loss, jit_compile=backend.compiles_training())

    def epoch(batches: keras.utils.PyDataset) -> float:
        started = time.perf_counter()
        model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[callbacks.KeepMemory()])
        return (time.perf_counter() - started) / STEPS

    repeated = Repeated(fresh)
    epoch(repeated), epoch(fresh)
    turns = [(epoch(repeated), epoch(fresh)) for _ in range(TURNS)]
    still, fed = (median(turn[i] for turn in turns) * 1e3 for i in (0, 1))
    started = time.perf_counter()
    for step in range(STEPS):
        fresh[step]
    making = (time.perf_counter() - started) / STEPS * 1e3
    print(
        "| step on one batch, ms | on fresh batches, ms | share spent waiting | making a batch, ms |\n|---|---|---|---|"
    )
    print(f"| {still:.1f} | {fed:.1f} | {max(0.0, 1 - still / fed):.1%} | {making:.2f} |")


if __name__ == "__main__":
    main()
