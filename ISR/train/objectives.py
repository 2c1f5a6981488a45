"""What training minimises, as Keras models that override `compute_loss` and nothing of the training step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras import ops

from ISR import backend, losses


class AdversarialTraining(keras.Model):  # type: ignore[misc]
    """A generator under a pixel loss and, where given, a critic and a feature extractor, for `compile` and `fit`.

    generator: keras.Model, LR (n, h, w, c) in [0, 1] to SR. discriminator: keras.Model, pictures to logits of any
    shape; it learns in the same step. feature_extractor: keras.Model, pictures to one tensor or a list of them; it is
    frozen here. Any subset will do. Data are (lr, hr); the objective called on lr gives sr.

    With w = loss_weights the generator minimises

        w["generator"] * pixel(HR, SR) + w["discriminator"] * adversarial.generator(D(HR), D(SR))
        + w["feature_extractor"] * perceptual(F(HR), F(SR))

    and the critic minimises adversarial.critic(D(HR), D(SR)). `compute_loss` returns the sum of the two. The
    generator's path meets the critic's weights behind stop_gradient, the critic's path meets SR behind stop_gradient:
    one gradient of the sum is both gradients, taken at the weights before the step.

    loss_weights: "generator", "discriminator", "feature_extractor", 1 where left out; `set_loss_weights` changes them
    while `fit` runs. metrics: name -> function of (hr, sr) in float32, averaged over an epoch's patches.

    Logs, under ISR 2's names: `loss`, what the generator minimises. With a critic or features also its parts before
    weighting: `generator_loss` (pixel), `discriminator_loss` (adversarial), `feature_extractor_loss`,
    `feature_extractor_1_loss` and so on by layer; of the critic `d_real_loss`, `d_fake_loss`, `d_real_accuracy`,
    `d_fake_accuracy`. `metrics` go by their names, with `generator_` before them where there are parts.

    Batch statistics: in training the critic judges HR and SR in two batches, each with its own statistics, and the
    generator's path uses those of SR too, so that it climbs the very function that the critic was trained as (ISR 2
    took the running ones there). Two batches, as in SRGAN's and ESRGAN's published code: in a shared one SR's logits
    would depend on HR, and the generator's gradient would run through the statistics that they share. Both batches
    enter the critic's running statistics, HR's first, so that these lean to SR's by the layer's momentum; only
    validation reads them. The generator's path leaves them alone.
    """

    def __init__(
        self,
        generator: keras.Model,
        *,
        discriminator: keras.Model | None = None,
        feature_extractor: keras.Model | None = None,
        pixel: losses.Loss = losses.mae,
        perceptual: losses.Perceptual | None = None,
        adversarial: losses.Adversarial | None = None,
        loss_weights: Mapping[str, float] | None = None,
        metrics: Mapping[str, losses.Loss] | None = None,
    ) -> None:
        # The generator casts what it is fed itself: cast here, its float32 layers would see rounded pictures.
        super().__init__(name="adversarial_training", dtype=generator.dtype_policy, autocast=False)
        self.generator: Any = generator
        self.discriminator: Any = discriminator
        self.feature_extractor: Any = feature_extractor
        self.pixel = pixel
        self.perceptual = perceptual or losses.perceptual("mse")
        self.adversarial = adversarial or losses.adversarial("binary_crossentropy")
        if feature_extractor is not None:
            feature_extractor.trainable = False
        self.loss_weights = {part: self._weight(part) for part in losses.PARTS}
        self.set_loss_weights(**(loss_weights or {}))
        prefix = "generator_" if discriminator is not None or feature_extractor is not None else ""
        self.measures = {f"{prefix}{name}": measure for name, measure in (metrics or {}).items()}
        self.trackers = [keras.metrics.Mean(name=name) for name in self._names()]
        self.built = True

    def set_loss_weights(
        self,
        *,
        generator: float | None = None,
        discriminator: float | None = None,
        feature_extractor: float | None = None,
    ) -> None:
        """Change the named weights from the next step on, without tracing or compiling again.

        A callback may do it at any moment, through its own `self.model` (on JAX that brings the variables up to date).
        """
        given = zip(losses.PARTS, (generator, discriminator, feature_extractor), strict=True)
        for part, weight in given:
            if weight is not None:
                self.loss_weights[part].assign(weight)

    @property
    def state(self) -> list[keras.Variable]:
        """What training changes and a run must keep, without the optimizer: all but the feature extractor's weights."""
        frozen = {id(variable) for variable in getattr(self.feature_extractor, "variables", [])}
        return [variable for variable in self.variables if id(variable) not in frozen]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        trackers = list(self.trackers)
        # What `compile` was given stays, Keras' own `loss` goes: it would count the critic's in.
        return trackers + [m for m in super().metrics if m.name != "loss" and m not in trackers]

    def call(self, lr: Any, training: bool | None = None) -> Any:
        return self.generator(lr, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        del x, sample_weight
        hr, sr = ops.cast(y, "float32"), ops.cast(y_pred, "float32")
        pixel = self.pixel(hr, sr)
        total = self.loss_weights["generator"] * pixel
        seen = {"generator_loss": pixel} | {name: ops.mean(measure(hr, sr)) for name, measure in self.measures.items()}
        critic: Any = 0.0
        if self.discriminator is not None:
            adversarial, critic, judged = self._judge(hr, sr, training=training)
            total = total + self.loss_weights["discriminator"] * adversarial
            seen |= judged
        if self.feature_extractor is not None:
            by_layer = self.perceptual.by_layer(self._features(hr), self._features(sr))
            total = total + self.loss_weights["feature_extractor"] * self.perceptual.total(by_layer)
            seen |= dict(zip(self._layer_names(), by_layer, strict=True))
        self._track({**seen, "loss": total}, patches=ops.shape(hr)[0])
        # Under tf.distribute the replicas' gradients are added up.
        return (total + critic) / backend.replicas()

    def _judge(self, hr: Any, sr: Any, *, training: bool) -> tuple[Any, Any, dict[str, Any]]:
        """The generator's adversarial loss, the critic's loss, and what is logged of both."""
        real = self.discriminator(hr, training=training)
        fake = self.discriminator(ops.stop_gradient(sr), training=training)
        d_real_loss, d_fake_loss = self.adversarial.critic_parts(real, fake)
        d_real_accuracy, d_fake_accuracy = self.adversarial.accuracies(real, fake)
        adversarial = self.adversarial.generator(ops.stop_gradient(real), self._frozen_critic(sr, training=training))
        judged = {
            "discriminator_loss": adversarial,
            "d_real_loss": d_real_loss,
            "d_fake_loss": d_fake_loss,
            "d_real_accuracy": d_real_accuracy,
            "d_fake_accuracy": d_fake_accuracy,
        }
        return adversarial, d_real_loss + d_fake_loss, judged

    def _frozen_critic(self, sr: Any, *, training: bool) -> Any:
        """The critic's logits with a gradient to SR alone; its running statistics stay as they are."""
        weights = [ops.stop_gradient(variable.value) for variable in self.discriminator.trainable_variables]
        fixed = [variable.value for variable in self.discriminator.non_trainable_variables]
        logits, _ = self.discriminator.stateless_call(weights, fixed, sr, training=training)
        return logits

    def _features(self, pictures: Any) -> list[Any]:
        features = self.feature_extractor(pictures, training=False)
        return list(features) if isinstance(features, list | tuple) else [features]

    def _weight(self, part: str) -> keras.Variable:
        return self.add_weight(name=f"{part}_weight", shape=(), initializer="ones", dtype="float32", trainable=False)

    def _names(self) -> list[str]:
        return metric_names(critic=self.discriminator is not None, layers=self._feature_count(), measures=self.measures)

    def _layer_names(self) -> list[str]:
        return layer_names(self._feature_count())

    def _feature_count(self) -> int:
        return len(self.feature_extractor.outputs) if self.feature_extractor is not None else 0

    def _track(self, seen: Mapping[str, Any], *, patches: Any) -> None:
        for tracker in self.trackers:
            tracker.update_state(seen[tracker.name], sample_weight=patches)


def metric_names(*, critic: bool, layers: int, measures: Iterable[str]) -> list[str]:
    """What an objective logs that has a critic or none, so many layers of features, and measures by these names."""
    if not (critic or layers):
        return ["loss", *measures]
    judged = ["discriminator_loss", "d_real_loss", "d_fake_loss", "d_real_accuracy", "d_fake_accuracy"]
    return ["loss", "generator_loss", *(judged if critic else []), *layer_names(layers), *measures]


def layer_names(layers: int) -> list[str]:
    """The names of the losses of so many layers of features."""
    return ["feature_extractor_loss", *(f"feature_extractor_{i}_loss" for i in range(1, layers))][:layers]
