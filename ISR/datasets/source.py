"""Where a recipe's patches and validation pictures come from: pictures in folders, or a store of patches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ISR.config import Config, DataConfig
from ISR.datasets import folders
from ISR.datasets.pairs import PairPaths
from ISR.datasets.patches import Flatness, Pair
from ISR.datasets.store import PatchStore, sha256
from ISR.errors import ConfigError

if TYPE_CHECKING:
    from ISR.datasets.batches import PatchBatches, StoreBatches

log = logging.getLogger(__name__)


def check(recipe: Config) -> None:
    """All that can be known of the recipe's data before a network is built: folders, names, sizes, the store's tables.

    Only headers are read, and Keras is not loaded. ConfigError, or an error of ISR.errors that lists all faults.
    """
    _, validation = _find(recipe)
    if recipe.data.store is not None:
        with _open_store(recipe) as store:
            _refuse_shared(store, validation)


def batches(recipe: Config) -> PatchBatches | StoreBatches:
    """The batches to train on: from `data.store` where one is named, else from the pictures of `data.hr_dir`."""
    data = recipe.data
    if data.store is None:
        return _patch_batches(recipe)
    from ISR.datasets.batches import StoreBatches  # not above: checking needs no Keras

    return StoreBatches(
        _open_store(recipe),
        batch_size=data.batch_size,
        steps=recipe.train.steps_per_epoch,
        seed=recipe.train.seed,
        flatness=flatness(data),
    )


def validation_pairs(recipe: Config) -> list[Pair]:
    """The whole pictures to validate with: of `data.validation_dir`, or else set apart; none where there are neither.

    Their LR pictures, where they are made, are the same in every run.
    """
    _, found = _find(recipe)
    log.info("reading %d pictures to validate", len(found))
    data = recipe.data
    limit, degradation = data.cache_limit_mb, data.degradation
    return list(folders.read_pairs(found, recipe.model.scale, limit_mb=limit, degradation=degradation))


def flatness(data: DataConfig) -> Flatness:
    """The schedule that the recipe gives."""
    return Flatness(data.flatness, data.flatness_increase, data.flatness_increase_every, data.flatness_max)


def _find(recipe: Config) -> tuple[list[PairPaths], list[PairPaths]]:
    return folders.find_pairs(recipe.data, recipe.model.scale)


def _patch_batches(recipe: Config) -> PatchBatches:
    from ISR.datasets.batches import PatchBatches

    data, (found, _) = recipe.data, _find(recipe)
    log.info("reading %d pictures to train on", len(found))
    pairs = list(folders.read_pairs(found, recipe.model.scale, limit_mb=data.cache_limit_mb))
    try:
        return PatchBatches(
            pairs,
            patch_size=data.patch_size,
            batch_size=data.batch_size,
            steps=recipe.train.steps_per_epoch,
            seed=recipe.train.seed,
            flatness=flatness(data),
            degradation=data.degradation,
            paths=[paths.hr for paths in found],
        )
    except ValueError as error:
        raise ConfigError(f"data.patch_size: {error}") from error


def _open_store(recipe: Config) -> PatchStore:
    assert recipe.data.store is not None
    store = PatchStore(recipe.data.store)
    if store.scale != recipe.model.scale:
        scale = recipe.model.scale
        raise ConfigError(f"{recipe.data.store!r} holds patches for x{store.scale}, model.scale is {scale}")
    return store


def _refuse_shared(store: PatchStore, validation: list[PairPaths]) -> None:
    """ConfigError where the store was cut from a picture to validate with, whatever it is called."""
    names = {record["sha256"]: record["name"] for record in store.sources}
    shared = [paths.hr for paths in validation if sha256(paths.hr) in names]
    if shared:
        among = f"{len(shared)} of data.validation_dir, {str(shared[0])!r} first"
        raise ConfigError(f"data.store was cut from pictures that validate, {among}: build it without them")
