"""ISR 2's Trainer: its arguments, checked and put into a recipe, which the one engine trains by."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ISR.datasets import source
from ISR.errors import ConfigError
from ISR.models import session_config
from ISR.train import arguments, keeper, patch_psnr, phases, session, session_block, state, trainer
from ISR.train.phases import Networks


class Trainer:
    """Trains a generator, with a critic and VGG19's features where they are given, as ISR 2's Trainer did.

    generator: an ImageModel built for patches, or any size and then `lr_patch_size` of the LR patches. discriminator: a
    Discriminator or None; feature_extractor: a Cut_VGG19 or None; both of the HR patches' size. lr_train_dir and
    lr_valid_dir may be None: LR pictures are then made from HR by bicubic reduction. n_validation: how many of the
    validation pictures, evenly over their names; None for all. weights_generator and weights_discriminator are loaded
    by `train`; an epoch in the generator's file name is where its epochs begin, and metrics of the history beside it
    have their best values from there. loss_weights multiply the losses of `losses`; the features' total is their mean
    over the layers, and with ImageNet's preprocessing it is divided by 255 (mae) or 255^2 (mse), so that it is about
    as large as ISR 2's, which fed VGG19 with values in [0, 1]. metrics: {"generator": "PSNR_Y" or "PSNR"} or a function
    of (HR, SR) batches. No argument is changed. Every one is checked here, before anything is built or written:
    ConfigError says what is wrong.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        feature_extractor: Any,
        lr_train_dir: str | Path | None,
        hr_train_dir: str | Path,
        lr_valid_dir: str | Path | None,
        hr_valid_dir: str | Path,
        loss_weights: Mapping[str, float] | None = None,
        log_dirs: Mapping[str, str | Path] | None = None,
        fallback_save_every_n_epochs: int = 2,
        dataname: str | None = None,
        weights_generator: str | Path | None = None,
        weights_discriminator: str | Path | None = None,
        n_validation: int | None = None,
        flatness: Mapping[str, Any] | None = None,
        learning_rate: Mapping[str, Any] | None = None,
        adam_optimizer: Mapping[str, Any] | None = None,
        losses: Mapping[str, str] | None = None,
        metrics: Mapping[str, Any] | None = None,
        *,
        lr_patch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        self.generator, self.discriminator, self.feature_extractor = generator, discriminator, feature_extractor
        self.lr_patch_size = arguments.patch_size(generator, discriminator, feature_extractor, lr_patch_size)
        self.scale, self.seed = generator.scale, seed
        self.settings: dict[str, Any] = {
            "lr_train_dir": arguments.text(lr_train_dir),
            "hr_train_dir": arguments.text(hr_train_dir),
            "lr_valid_dir": arguments.text(lr_valid_dir),
            "hr_valid_dir": arguments.text(hr_valid_dir),
            "loss_weights": arguments.filled("loss_weights", loss_weights),
            "log_dirs": arguments.filled("log_dirs", log_dirs),
            "fallback_save_every_n_epochs": fallback_save_every_n_epochs,
            "dataname": dataname,
            "n_validation": n_validation,
            "flatness": arguments.filled("flatness", flatness),
            "learning_rate": arguments.filled("learning_rate", learning_rate),
            "adam_optimizer": arguments.filled("adam_optimizer", adam_optimizer),
            "losses": arguments.filled("losses", losses),
            "metrics": arguments.filled("metrics", metrics),
        }
        self.weights_generator = arguments.weights("weights_generator", weights_generator, generator)
        self.weights_discriminator = arguments.weights("weights_discriminator", weights_discriminator, discriminator)
        self._metrics = patch_psnr.named(self.settings["metrics"], border=self.scale)
        if n_validation is not None and (not isinstance(n_validation, int) or n_validation < 0):
            raise ConfigError(f"n_validation must be at least 0, or None for all pictures, got {n_validation!r}")
        name, sizes = session_config.basename(generator), {"patch_size": self.lr_patch_size, "seed": seed}
        self._recipe = arguments.recipe(generator, name, feature_extractor, self.settings, **sizes)
        source.find(self._recipe)

    def train(self, epochs: int, steps_per_epoch: int, batch_size: int, monitored_metrics: Mapping[str, str]) -> Path:
        """Train up to `epochs` epochs, counted from the first of the weights given, and return the run's folder.

        Its weights are kept as in ISR 2 where a monitored metric, name -> min or max, is better than ever: each is
        looked at in every epoch. ConfigError, before the first step, lists the metrics that there are where one is
        unknown. Called again it trains on, in a new folder.
        """
        sizes = {"epochs": epochs, "steps_per_epoch": steps_per_epoch, "batch_size": batch_size}
        recipe = arguments.with_lengths(self._recipe, **sizes, monitored_metrics=dict(monitored_metrics))
        networks = Networks(self.discriminator, self.feature_extractor, self._metrics)
        start = self._start(monitored_metrics)
        if start.epoch >= epochs:
            raise ConfigError(f"epochs counts from the first: the weights given have {start.epoch}, got {epochs}")
        if self.settings["n_validation"] == 0 and any(metric.startswith("val_") for metric in monitored_metrics):
            raise ConfigError("n_validation is 0: no metric that begins with val_ can be monitored")
        self._load_weights()

        def new_run() -> session.RunFolder:
            run = self._new_run()
            session_block.write(run.path, self.described(start.epoch, sizes), carried_from=self.weights_generator)
            return run

        engine = {"networks": networks, "start": start, "n_validation": self.settings["n_validation"]}
        weights = trainer.train(self.generator, recipe, run=new_run, progress=sys.stderr.isatty(), **engine)
        return weights.parent

    def described(self, starting_epoch: int, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The block of session_config.yml, with ISR 2's keys."""
        critic, features = self.discriminator, self.feature_extractor
        own = {"lr_patch_size": self.lr_patch_size, **sizes, "starting_epoch": starting_epoch}
        return {
            "generator": {
                "name": self.generator.name,
                "parameters": {**self.generator.params, "x": self.scale},
                "weights_generator": arguments.text(self.weights_generator),
            },
            "discriminator": critic
            and {"name": critic.name, "weights_discriminator": arguments.text(self.weights_discriminator)},
            "feature_extractor": features and {"name": features.name, "layers": list(features.layers_to_extract)},
            "training_parameters": {**arguments.names_of(self.settings), **own},
        }

    def _start(self, monitored: Mapping[str, str]) -> trainer.Start:
        """Where the weights given stopped, and the best values that the history beside them has up to there."""
        if self.weights_generator is None:
            return trainer.Start()
        epoch, best = keeper.epoch_of(self.weights_generator), {}
        beside = self.weights_generator.with_name("state.npz")
        history = state.peek(beside).history if beside.is_file() else []
        for metric, way in monitored.items():
            rows = [float(row.get(metric) or "nan") for row in history if int(row["epoch"]) <= epoch]
            known = [value for value in rows if value == value]
            if known:
                best[metric] = min(known) if way == "min" else max(known)
        return trainer.Start(epoch, best)

    def _load_weights(self) -> None:
        if self.weights_generator is not None:
            self.generator.load(self.weights_generator)
        if self.weights_discriminator is not None:
            phases.load_critic(self.discriminator, self.weights_discriminator)

    def _new_run(self) -> session.RunFolder:
        moment = datetime.datetime.now().strftime("%Y-%m-%d_%H%M")
        name, folders = session_config.basename(self.generator), self.settings["log_dirs"]
        path = session.new_folder(Path(folders["weights"]) / name, moment)
        return session.RunFolder(path, name, logs=Path(folders["logs"]) / name / path.name)
