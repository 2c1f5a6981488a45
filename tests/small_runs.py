"""Trainings that take seconds: a recipe, a generator, a critic and features of a few hundred parameters.

Run as a program it trains in a process of its own, which a test can kill:  small_runs.py RUN RECIPE.yml
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

from ISR import config, models
from ISR.train import patch_psnr, session, trainer
from ISR.train.phases import Networks

SCALE, PATCH = 2, 12
MODEL = {"architecture": "compact", "scale": SCALE, "params": {"width": 6, "depth": 2}}
DATA = {"patch_size": PATCH, "batch_size": 2, "validation_pictures": 2}
TRAIN = {"epochs": 2, "steps_per_epoch": 4, "warmup_steps": 2, "ema": 0.9, "seed": 3}
ADVERSARIAL = {"recipe": "srgan", "epochs": 2, "learning_rate": 1e-3, "critic_learning_rate": 1e-3}
OUTPUT = {"samples_every": 0}


def recipe(photos: Path, runs: Path, *, phases: int = 1, **sections: dict[str, Any]) -> config.Config:
    """A recipe of one or two phases; sections: what differs from the constants above."""
    content: dict[str, Any] = {
        "model": MODEL,
        "data": {**DATA, "hr_dir": str(photos)},
        "train": TRAIN,
        "adversarial": ADVERSARIAL if phases == 2 else {},
        "output": {**OUTPUT, "runs": str(runs)},
    }
    for section, settings in sections.items():
        content[section] = {**content[section], **settings}
    return config.from_mapping(content)


class SmallCritic:
    """A critic with what the trainer reads of a Discriminator, batch normalisation included."""

    name, kernel_size, layout, c_dim = "srgan-large", 3, "patch", 3

    def __init__(self, patch_size: int = PATCH * SCALE) -> None:
        self.patch_size = patch_size
        hr = keras.Input((patch_size, patch_size, 3), name="HR")
        x = layers.LeakyReLU(0.2)(layers.Conv2D(4, 3, strides=2, padding="same", name="Conv_1")(hr))
        x = layers.BatchNormalization(momentum=0.8, name="Norm_1")(x)
        self.model = keras.Model(hr, layers.Conv2D(1, 3, padding="same", name="Dense_last")(x), name="discriminator")


class SmallFeatures:
    """Two layers of features with what the trainer reads of a Cut_VGG19."""

    name, preprocessing, layers_to_extract = "vgg19", False, (5, 9)

    def __init__(self, patch_size: int = PATCH * SCALE) -> None:
        self.patch_size = patch_size
        hr = keras.Input((patch_size, patch_size, 3))
        first = layers.Conv2D(4, 3, name="block1_conv1")(hr)
        outputs = [first, layers.Conv2D(4, 3, strides=2, name="block2_conv1")(first)]
        self.model = keras.Model(hr, outputs, name="feature_extractor")
        self.model.trainable = False


def networks() -> Networks:
    keras.utils.set_random_seed(1)
    metrics = patch_psnr.named({"generator": "PSNR_Y"}, border=SCALE)
    return Networks(SmallCritic(), SmallFeatures(), metrics)


def fit(wanted: config.Config, run: session.RunFolder) -> list[np.ndarray]:
    """Train from a fixed start, or go on; the weights that the run kept."""
    keras.utils.set_random_seed(0)
    generator = models.build(wanted.model.architecture, wanted.model.scale, wanted.model.params)
    against = networks() if wanted.adversarial.recipe is not None else None
    trainer.train(generator, wanted, run=run, progress=False, networks=against)
    return list(generator.model.get_weights())


def arrays(weights: Path) -> list[np.ndarray]:
    """What a weights file holds, in the order of the names. The file's bytes hold more, such as times."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(weights) as file:
        file.visititems(lambda name, node: found.update({name: node[()]} if isinstance(node, h5py.Dataset) else {}))
    return [found[name] for name in sorted(found)]


def assert_same_bits(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    fit(config.load(sys.argv[2]), session.RunFolder(Path(sys.argv[1]), "n"))
