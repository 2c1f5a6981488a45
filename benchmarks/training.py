"""Steps per second of training, and the share spent waiting for data: `python benchmarks/training.py HR_DIR`.

Pixel loss alone and SRGAN (critic and VGG19, random weights: the speed is the same), each in float32 and bfloat16.
Every case is built as `isr train` builds it. Epochs on fresh batches and epochs on one batch repeated take turns; what
the fresh ones take longer is waiting for data. The turns of the two precisions alternate too, so that a machine that
slows down slows both.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field, replace
from statistics import median

import keras

from ISR import backend, config, models
from ISR.datasets import folders
from ISR.datasets.batches import Batch, PatchBatches
from ISR.datasets.pairs import PairPaths
from ISR.datasets.source import Source
from ISR.train import averages, callbacks, phases

PICTURES = 40
PRECISIONS = ("float32", "bfloat16")


class Repeated(keras.utils.PyDataset):  # type: ignore[misc]
    """The first batch of another data set, over and over."""

    def __init__(self, batches: PatchBatches) -> None:
        super().__init__(workers=1)
        self.batch, self.steps = batches[0], len(batches)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Batch, Batch]:
        return self.batch


@dataclass
class Case:
    """One way of training, and the seconds that its turns took, on one batch and on fresh ones."""

    name: str
    model: keras.Model
    batches: PatchBatches
    still: list[float] = field(default_factory=list)
    fed: list[float] = field(default_factory=list)

    def turn(self) -> None:
        self.still.append(self._epoch(Repeated(self.batches)))
        self.fed.append(self._epoch(self.batches))

    def _epoch(self, batches: keras.utils.PyDataset) -> float:
        started = time.perf_counter()
        with averages.left_to_us(self.model.optimizer):
            self.model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[callbacks.KeepMemory()])
        return (time.perf_counter() - started) / len(batches)

    def row(self, first: Case) -> str:
        still, fed = median(self.still), median(self.fed)
        cells = [
            self.name,
            f"{1 / fed:.2f}",
            f"{median(first.fed) / fed:.2f}",
            f"{fed * 1e3:.1f}",
            f"{still * 1e3:.1f}",
        ]
        return f"| {' | '.join(cells)} | {max(0.0, 1 - still / fed):.1%} |"


def built(recipe: config.Config, pictures: Source, precision: str, *, adversarial: bool) -> Case:
    recipe = replace(recipe, train=replace(recipe.train, precision=precision))
    generator = models.build(recipe.model.architecture, recipe.model.scale, recipe.model.params, precision=precision)
    if adversarial:
        against = phases.networks(recipe, hr_side=pictures.hr_side())
        fitted = phases.adversarial(generator.model, recipe, against)
    else:
        fitted = phases.pixel(generator.model, recipe)
    batches = pictures.batches()
    assert isinstance(batches, PatchBatches)
    return Case(f"{'SRGAN' if adversarial else 'pixel loss'}, {precision}", fitted.model, batches)


def measured(recipe: config.Config, pictures: Source, *, adversarial: bool, turns: int) -> list[Case]:
    cases = [built(recipe, pictures, precision, adversarial=adversarial) for precision in PRECISIONS]
    for turn in range(turns + 1):
        for case in cases:
            case.turn()
            if turn == 0:  # traced and compiled
                case.still.clear()
                case.fed.clear()
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--config", help="the recipe, else the defaults with SRGAN's total for the second phase")
    parser.add_argument("--steps", type=int, default=200, help="of a pixel-only epoch; of SRGAN a fortieth of them")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    recipe = config.load(options.config)
    recipe = replace(recipe, adversarial=replace(recipe.adversarial, recipe="srgan", vgg_weights="random"))
    paths = [PairPaths(path) for path in folders.pictures_in(options.folder)[:PICTURES]]
    rows = []
    for adversarial, steps in ((False, options.steps), (True, max(1, options.steps // 40))):
        timed = replace(recipe, train=replace(recipe.train, steps_per_epoch=steps))
        cases = measured(timed, Source(timed, paths, [], None), adversarial=adversarial, turns=options.turns)
        rows += [case.row(cases[0]) for case in cases]
    started = time.perf_counter()
    for step in range(steps):
        cases[0].batches[step]
    print("| training | steps/s | against float32 | step, ms | on one batch, ms | share spent waiting |")
    print("|---|---|---|---|---|---|", *rows, sep="\n")
    print(f"\nmaking a batch takes {(time.perf_counter() - started) / steps * 1e3:.1f} ms; {backend.name()}", end="")
    data, model = recipe.data, recipe.model
    print(f", {model.architecture} {model.params} x{model.scale}, {data.batch_size} patches of {data.patch_size}")


if __name__ == "__main__":
    main()
