"""The phases of a training: the pixel loss alone, then a critic and features too; compiled when their turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from ISR import backend, losses
from ISR.config import AdversarialConfig, Config, TrainConfig
from ISR.errors import ConfigError, WeightsError
from ISR.models import manifest
from ISR.train import objectives, optimizers
from ISR.train.objectives import AdversarialTraining

# What every epoch is measured by, whatever the phase: our name and ISR 2's.
ALWAYS = {"val_psnr_y", "val_PSNR_Y"}


@dataclass(frozen=True)
class Networks:
    """What the generator is trained against: a Discriminator and a Cut_VGG19, or None for either; and what is measured
    of (HR, SR) patches besides the losses, by name."""

    discriminator: Any = None
    feature_extractor: Any = None
    metrics: Mapping[str, losses.Loss] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """Epochs `first` to `last` (the first one after them) of the whole training."""

    first: int
    last: int
    adversarial: bool

    def covers(self, epoch: int, step: int) -> bool:
        """Whether a state of that many whole epochs and further steps was saved in this phase."""
        return self.first < epoch <= self.last if step == 0 else self.first <= epoch < self.last


@dataclass(frozen=True)
class Fitted:
    """A compiled model for `fit`, the variables that training changes, and which metrics its epochs have.

    validated: losses of (HR, SR) on whole pictures that are metrics of this phase, by name.
    """

    model: keras.Model
    generator: keras.Model
    discriminator: Any
    variables: list[Any]
    metrics: list[str]
    validated: dict[str, losses.Loss]

    @property
    def state(self) -> list[Any]:
        """All that a whole epoch's state holds; the optimizer is built before."""
        return [*self.variables, *self.model.optimizer.variables]


def plan(recipe: Config) -> list[Phase]:
    """The phases of the recipe, those without an epoch left out."""
    first = recipe.train.epochs
    phases = [Phase(0, first, adversarial=False)] if first else []
    if recipe.adversarial.recipe is not None:
        phases.append(Phase(first, first + recipe.adversarial.epochs, adversarial=True))
    return phases


def pixel(generator: keras.Model, recipe: Config) -> Fitted:
    """The generator compiled with the pixel loss alone."""
    loss = losses.pixel(recipe.train.loss, luma_weight=recipe.train.luma_weight)
    trained = _trained(loss, recipe)

    def shared(hr: Any, sr: Any) -> Any:
        # Under tf.distribute the replicas' gradients are added up; Keras divides by their number what is no scalar yet.
        return trained(hr, sr) / backend.replicas()

    # XLA is slower than TensorFlow's own kernels on a processor (38 against 59 GFLOP/s in one paired run).
    generator.compile(optimizers.build(recipe.train, generator), shared, jit_compile=backend.compiles_training())
    generator.optimizer.build(generator.trainable_variables)
    return Fitted(generator, generator, None, generator.variables, ["loss"], {"loss": loss})


def adversarial(generator: keras.Model, recipe: Config, networks: Networks, *, first_step: int = 0) -> Fitted:
    """The objective around generator, critic and features, compiled with an optimizer for each that learns.

    first_step: where the learning rate's schedule begins, for a run that goes on from weights alone.
    """
    wanted, total = recipe.adversarial, resolve(recipe.adversarial)
    critic, features = networks.discriminator, networks.feature_extractor
    loss = losses.pixel(total.pixel, luma_weight=recipe.train.luma_weight)
    model = AdversarialTraining(
        generator,
        discriminator=critic and critic.model,
        feature_extractor=features and features.model,
        pixel=_trained(loss, recipe),
        perceptual=losses.perceptual(total.perceptual, _shares(wanted), scale=total.feature_scale),
        adversarial=losses.adversarial(total.adversarial, label_smoothing=wanted.label_smoothing),
        loss_weights=total.loss_weights,
        metrics=networks.metrics,
    )
    optimizer = optimizers.build(_settings(recipe), generator, first_step=first_step)
    if critic is not None:
        own = keras.optimizers.Adam(wanted.critic_learning_rate, beta_1=wanted.critic_beta_1)
        optimizer = optimizers.PerNetwork([(generator, optimizer), (critic.model, own)])
    model.compile(optimizer, jit_compile=backend.compiles_training())
    model.optimizer.build(model.trainable_variables)
    names = [metric.name for metric in model.metrics]
    weighed = total.loss_weights["generator"]
    alone = {"loss": lambda hr, sr: weighed * loss(hr, sr)}  # without networks of fixed size all is measured whole
    whole = {"generator_loss": loss} if "generator_loss" in names else alone
    return Fitted(model, generator, critic, model.state, names, whole)


def metric_names(networks: Networks) -> list[str]:
    """The names of the metrics that an adversarial phase with these networks has, as AdversarialTraining logs them."""
    critic, features = networks.discriminator is not None, networks.feature_extractor
    layers = len(features.model.outputs) if features is not None else 0
    prefix = "generator_" if critic or layers else ""
    return objectives.metric_names(critic=critic, layers=layers, measures=[f"{prefix}{m}" for m in networks.metrics])


def resolve(wanted: AdversarialConfig) -> losses.Recipe:
    """The paper's total loss with the parts that the config names put in their places."""
    recipe = losses.recipe(wanted.recipe or "srgan")
    given: dict[str, Any] = {
        "pixel": wanted.pixel,
        "perceptual": wanted.perceptual,
        "adversarial": wanted.loss,
        "vgg_layers": tuple(wanted.layers) or None,
        "before_activation": wanted.before_activation,
        "feature_scale": wanted.feature_scale,
    }
    weights = {**recipe.loss_weights, **wanted.loss_weights}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changed["weights"] = tuple(weights[part] for part in losses.PARTS)
    return dataclasses.replace(recipe, **changed)


def networks(recipe: Config, *, hr_side: int) -> Networks:
    """The critic and the features that the recipe weighs above 0 at any epoch, for HR patches of that side.

    Their first weights are a function of train.seed. ConfigError for layers or patches that VGG19 has not,
    WeightsError for weights that are not to be had.
    """
    wanted, total = recipe.adversarial, resolve(recipe.adversarial)
    every = [total.loss_weights, *wanted.loss_weights_by_epoch.values()]
    weighed = {part for weights in every for part, weight in weights.items() if weight > 0.0}
    backend.seed((recipe.train.seed + 1) % 2**32)
    try:
        return Networks(
            discriminator=_critic(recipe, hr_side) if "discriminator" in weighed else None,
            feature_extractor=_features(recipe, hr_side) if "feature_extractor" in weighed else None,
        )
    except WeightsError:
        raise
    except ValueError as error:
        raise ConfigError(f"adversarial: {error}") from error


def critic_manifest(critic: Any) -> dict[str, Any]:
    """What the manifest of a critic's weights says of it."""
    params = {"kernel_size": critic.kernel_size, "layout": critic.layout, "c_dim": critic.c_dim}
    return {"architecture": critic.name, "scale": 1, "params": {**params, "patch_size": critic.patch_size}}


def load_critic(critic: Any, weights: str | Path) -> None:
    """Fill the critic from its weights, ours or ISR 2's `.hdf5`. WeightsError where they are not its."""
    if Path(weights).suffix == ".hdf5":
        from ISR.models import legacy

        legacy.load(critic.model, Path(weights))
    else:
        manifest.load(critic.model, Path(weights), **critic_manifest(critic))


def _critic(recipe: Config, hr_side: int) -> Any:
    from ISR.models import Discriminator

    critic = Discriminator(hr_side, layout=recipe.adversarial.critic, precision=recipe.train.precision)
    if recipe.adversarial.critic_weights is not None:
        load_critic(critic, recipe.adversarial.critic_weights)
    return critic


def _features(recipe: Config, hr_side: int) -> Any:
    from ISR.models import Cut_VGG19

    total, weights = resolve(recipe.adversarial), recipe.adversarial.vgg_weights
    return Cut_VGG19(
        hr_side,
        list(total.vgg_layers),
        weights=None if weights == "random" else weights,
        before_activation=total.before_activation,
        precision=recipe.train.precision,
    )


def _trained(loss: losses.Loss, recipe: Config) -> losses.Loss:
    """The loss as patches are trained by it: without their edges, where the recipe leaves them out."""
    return losses.inside(loss, recipe.train.loss_border * recipe.model.scale)


def _shares(wanted: AdversarialConfig) -> list[float] | None:
    return [float(share) for share in wanted.layers.values()] or None


def _settings(recipe: Config) -> TrainConfig:
    """What the generator's optimizer is built by in the second phase."""
    names = ("epochs", "learning_rate", "final_learning_rate", "warmup_steps")
    return dataclasses.replace(recipe.train, **{name: getattr(recipe.adversarial, name) for name in names})
