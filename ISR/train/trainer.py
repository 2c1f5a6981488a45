"""From a recipe to a trained network: assembles data, network, loss and optimizer, and calls `fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tqdm import tqdm

from ISR import backend, losses
from ISR.config import Config
from ISR.datasets import source
from ISR.train import callbacks, optimizers, session


def train(generator: Any, recipe: Config, *, run: session.RunFolder, progress: bool = True) -> Path:
    """Fit the generator (an ImageModel) by the recipe, going on from the run's state where it has one.

    Returns the path of the weights in the run folder: the moving average where `train.ema` > 0, else the last step's.
    Raises ConfigError for data that do not suit, TrainingError for a loss that is not finite.
    """
    validation = source.validation_pairs(recipe)
    batches = source.batches(recipe)
    model = generator.model
    loss = losses.pixel(recipe.train.loss, luma_weight=recipe.train.luma_weight)
    # XLA is slower than TensorFlow's own kernels on a processor (38 against 59 GFLOP/s in one paired run).
    model.compile(optimizers.build(recipe.train, model), loss, jit_compile=backend.compiles_training())
    done, history = session.load_state(run, model) if run.state.is_file() else (0, [])
    total = recipe.train.epochs * recipe.train.steps_per_epoch
    with tqdm(total=total, unit="step", disable=not progress, dynamic_ncols=True) as bar:
        around = [
            callbacks.TellEpoch(batches),
            callbacks.KeepMemory(),
            callbacks.StopAtNaN(),
            callbacks.WholePicturePSNR(validation, generator.run, every=recipe.train.validate_every),
            callbacks.KeepRun(run, history),
            callbacks.ProgressBar(bar, done * recipe.train.steps_per_epoch),
        ]
        model.fit(batches, epochs=recipe.train.epochs, initial_epoch=done, callbacks=around, verbose=0, shuffle=False)
    generator.save(run.weights)
    return run.weights
