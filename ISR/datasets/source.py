"""Where a recipe's patches and validation pictures come from: pictures in folders, or a store of patches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ISR import backend
from ISR.checksum import sha256
from ISR.config import Config, DataConfig
from ISR.datasets import cache, fingerprint, folders
from ISR.datasets.pairs import PairPaths
from ISR.datasets.patches import Flatness, Pair
from ISR.datasets.store import PatchStore
from ISR.errors import ConfigError

if TYPE_CHECKING:
    from ISR.datasets.batches import PatchBatches, StoreBatches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What a recipe trains on, pictures or an open store, and the pictures that it validates with.

    All that headers and tables tell has been checked; nothing is decoded yet.
    """

    recipe: Config
    training: Sequence[PairPaths]
    validation: Sequence[PairPaths]
    store: PatchStore | None

    def hr_side(self, *, border: int = 0) -> int:
        """The side of the HR patches, for a network whose output lacks `border` pixels on every side."""
        if self.store is not None:
            return int(self.store.attributes["label_size"])
        return self.recipe.data.patch_size * self.recipe.model.scale - 2 * border

    @cached_property
    def marks(self) -> dict[str, str]:
        """By the name of each picture, or of the store, what tells whether it is still the same.

        PictureError where one cannot be read.
        """
        marks = {} if self.store is None else {"the store": self.store.digest}
        for kind, pairs in (("training", self.training), ("validation", self.validation)):
            for hr, lr in {(pair.hr, pair.lr): None for pair in pairs}:  # each once, at however many sizes
                marks[f"{kind} picture {hr.name!r}"] = " ".join(fingerprint.mark(path) for path in (hr, lr) if path)
        return marks

    def batches(self, *, border: int = 0) -> PatchBatches | StoreBatches:
        """The batches to train on; of pictures, HR patches without `border` pixels on every side.

        PictureError where a picture is damaged.
        """
        from ISR.datasets.batches import PatchBatches, StoreBatches  # not above: finding needs no Keras
        from ISR.datasets.on_device import DeviceBatches

        data, train = self.recipe.data, self.recipe.train
        steps, seed = train.steps_per_epoch, train.seed
        if self.store is not None:
            return StoreBatches(self.store, batch_size=data.batch_size, steps=steps, seed=seed, flatness=flatness(data))
        if data.on_device and (backend.name() != "jax" or train.devices > 1):
            raise ConfigError("data.on_device needs the JAX backend (KERAS_BACKEND=jax) and one device: leave it out")
        log.info("reading %d pictures to train on", len(self.training))
        pairs = folders.read_pairs(self.training, self.recipe.model.scale)
        return (DeviceBatches if data.on_device else PatchBatches)(
            cache.hold(pairs, limit_mb=data.cache_limit_mb),
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            steps=steps,
            seed=seed,
            flatness=flatness(data),
            degradation=data.degradation,
            border=border,
            paths=[paths.hr for paths in self.training],
        )

    def validation_pairs(self) -> list[Pair]:
        """The whole pictures to validate with: of `data.validation_dir`, or else set apart; none if there are neither.

        Their LR pictures, where they are made, are the same in every run. PictureError where a picture is damaged.
        """
        log.info("reading %d pictures to validate", len(self.validation))
        data = self.recipe.data
        pairs = folders.read_pairs(self.validation, self.recipe.model.scale, degradation=data.degradation)
        return cache.hold(pairs, limit_mb=data.cache_limit_mb)


def find(recipe: Config) -> Source:
    """The recipe's data, with all checked that can be known of it before a network is built: folders, names, sizes,
    the store's tables.

    Only headers are read, and Keras is not loaded. ConfigError, or an error of ISR.errors that lists all faults.
    """
    training, validation = folders.find_pairs(recipe.data, recipe.model.scale)
    store = None if recipe.data.store is None else _open_store(recipe, validation)
    return Source(recipe, training, validation, store)


def flatness(data: DataConfig) -> Flatness:
    """The schedule that the recipe gives."""
    return Flatness(data.flatness, data.flatness_increase, data.flatness_increase_every, data.flatness_max)


def _open_store(recipe: Config, validation: Sequence[PairPaths]) -> PatchStore:
    assert recipe.data.store is not None
    store = PatchStore(recipe.data.store)
    if store.scale != recipe.model.scale:
        scale = recipe.model.scale
        raise ConfigError(f"{recipe.data.store!r} holds patches for x{store.scale}, model.scale is {scale}")
    _refuse_shared(store, validation)
    return store


def _refuse_shared(store: PatchStore, validation: Sequence[PairPaths]) -> None:
    """ConfigError where the store was cut from a picture to validate with, whatever it is called."""
    names = {record["sha256"]: record["name"] for record in store.sources}
    shared = [paths.hr for paths in validation if sha256(paths.hr) in names]
    if shared:
        among = f"{len(shared)} of data.validation_dir, {str(shared[0])!r} first"
        raise ConfigError(f"data.store was cut from pictures that validate, {among}: build it without them")
