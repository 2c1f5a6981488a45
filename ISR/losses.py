"""Pixel, perceptual and adversarial losses on keras.ops, computed in float32 whatever the networks compute in.

`recipe` has the totals of SRGAN and ESRGAN as data: which losses, on which features, with which weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from keras import ops

from ISR.images.colour import LUMA_WEIGHTS

Loss = Callable[[Any, Any], Any]
T = TypeVar("T")
Two = Callable[[Any, Any], tuple[Any, Any]]


def mae(hr: Any, sr: Any) -> Any:
    """Mean absolute difference of two tensors of one shape: a scalar."""
    return ops.mean(ops.abs(_float32(hr) - _float32(sr)))


def mse(hr: Any, sr: Any) -> Any:
    """Mean squared difference of two tensors of one shape: a scalar."""
    return ops.mean(ops.square(_float32(hr) - _float32(sr)))


def charbonnier(hr: Any, sr: Any) -> Any:
    """Mean of sqrt(difference^2 + 1e-6), a differentiable L1 (Lai et al. 2017, equation 3, with their eps of 1e-3)."""
    return ops.mean(ops.sqrt(ops.square(_float32(hr) - _float32(sr)) + 1e-6))


def psnr(hr: Any, sr: Any) -> Any:
    """What the PSNR of n patches (n, h, w, c) in [0, 1] lacks of 60 dB, their mean: a scalar, 0 where they are equal.

    The PSNR loss of Chen et al. 2022 ("Simple Baselines for Image Restoration", NAFNet), with 1e-6 added to the mean
    square of a patch, so that one which is nearly met does not outweigh the others.
    """
    squares = ops.square(_float32(hr) - _float32(sr))
    error = ops.mean(squares, axis=tuple(range(1, len(squares.shape))))
    return 60.0 + 10.0 / math.log(10.0) * ops.mean(ops.log(error + 1e-6))


PIXEL = {"mae": mae, "mse": mse, "charbonnier": charbonnier, "psnr": psnr}


def pixel(name: str, *, luma_weight: float = 0.0) -> Loss:
    """The named pixel loss of RGB batches (n, h, w, 3) in [0, 1], plus `luma_weight` times the same loss of their luma.

    Luma here is BT.601's without offset, scaled to [0, 1]. ValueError where the name is not known.
    """
    compare: Loss = _known("pixel", name, PIXEL)

    def loss(hr: Any, sr: Any) -> Any:
        total = compare(hr, sr)
        # Every one depends on the difference alone, and a product with it is faster than slices of both.
        return total + luma_weight * compare(luma(_float32(hr) - _float32(sr)), 0.0) if luma_weight else total

    return loss


def inside(loss: Loss, border: int) -> Loss:
    """That loss of batches (n, h, w, c) without `border` pixels on every side, of which they have more than twice."""

    def cropped(hr: Any, sr: Any) -> Any:
        return loss(*(batch[:, border:-border, border:-border] for batch in (hr, sr)))

    return cropped if border else loss


def luma(rgb: Any) -> Any:
    """BT.601's luma without offset, in float32: (n, h, w, 3) -> (n, h, w, 1), both in [0, 1] or differences of such."""
    weights = [[w / sum(LUMA_WEIGHTS)] for w in LUMA_WEIGHTS]
    return ops.matmul(_float32(rgb), ops.convert_to_tensor(weights, "float32"))


PERCEPTUAL = {"mse": mse, "mae": mae}


@dataclass(frozen=True)
class Perceptual:
    """How far the features of two batches of pictures are apart: a list of one tensor a layer against another list.

    compare: of the two tensors of one layer. layer_weights: the layers' shares, None for equal ones. Only their ratios
    count: the total is a mean, so that the strength of the whole is one number elsewhere. scale: times the total.
    """

    compare: Loss
    layer_weights: tuple[float, ...] | None = None
    scale: float = 1.0

    def by_layer(self, hr: Sequence[Any], sr: Sequence[Any]) -> list[Any]:
        """The loss of each layer by itself, times `scale`: scalars. ValueError where lengths differ."""
        expected = len(self.layer_weights or hr)
        if not expected == len(hr) == len(sr):
            raise ValueError(f"expected features of {expected} layers, got {len(hr)} of HR and {len(sr)} of SR")
        return [self.scale * self.compare(*pair) for pair in zip(hr, sr, strict=True)]

    def total(self, by_layer: Sequence[Any]) -> Any:
        """The weighted mean of what `by_layer` gave: a scalar."""
        weights = self.layer_weights or (1.0,) * len(by_layer)
        return sum(w / sum(weights) * loss for w, loss in zip(weights, by_layer, strict=True))

    def __call__(self, hr: Sequence[Any], sr: Sequence[Any]) -> Any:
        return self.total(self.by_layer(hr, sr))


def perceptual(name: str, layer_weights: Sequence[float] | None = None, *, scale: float = 1.0) -> Perceptual:
    """The named loss (mse, mae) between lists of features, a weighted mean over the layers.

    ValueError for a name that is not known, for a negative weight, or where none is above 0.
    """
    compare = _known("perceptual", name, PERCEPTUAL)
    if layer_weights is None:
        return Perceptual(compare, scale=scale)
    if min(layer_weights, default=0.0) < 0.0 or not sum(layer_weights) > 0.0:
        raise ValueError(f"layer_weights must be at least 0 and one of them above, got {list(layer_weights)}")
    return Perceptual(compare, tuple(layer_weights), scale)


@dataclass(frozen=True)
class Adversarial:
    """Two losses on the critic's logits, both functions of (logits of HR, logits of SR), of any shape.

    generator: what the generator minimises, a scalar. critic_parts: what the critic minimises, the part for real
    pictures and the part for made ones; `critic` is their sum. realness: the logits such that above 0 means "taken for
    real", which is what the critic's accuracy counts.
    """

    generator: Loss
    critic_parts: Two
    realness: Two

    def critic(self, real: Any, fake: Any) -> Any:
        """What the critic minimises: a scalar."""
        return sum(self.critic_parts(real, fake))

    def accuracies(self, real: Any, fake: Any) -> tuple[Any, Any]:
        """The shares of HR's logits that the critic takes for real and of SR's that it does not: two scalars."""
        real, fake = self.realness(_float32(real), _float32(fake))
        return ops.mean(_float32(real > 0.0)), ops.mean(_float32(fake <= 0.0))


def adversarial(name: str, *, label_smoothing: float = 0.0) -> Adversarial:
    """The named adversarial losses: binary_crossentropy, relativistic, hinge or least_squares.

    label_smoothing: how far below 1 the critic's label of real pictures lies (one-sided, Salimans et al. 2016, section
    3.4); the generator's stays 1. In [0, 0.5). Hinge has no labels. ValueError for anything else.
    """
    build = _known("adversarial", name, ADVERSARIAL)
    if not 0.0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing must be at least 0 and below 0.5, got {label_smoothing}")
    return build(label_smoothing)


def _binary_crossentropy(smoothing: float) -> Adversarial:
    """Non-saturating (Goodfellow et al. 2014, equation 1 and section 3): the generator minimises -log D(SR)."""
    return Adversarial(
        generator=lambda _, fake: _crossentropy(fake, 1.0),
        critic_parts=lambda real, fake: (_crossentropy(real, 1.0 - smoothing), _crossentropy(fake, 0.0)),
        realness=_as_they_are,
    )


def _relativistic(smoothing: float) -> Adversarial:
    """Relativistic average (Jolicoeur-Martineau 2019), as ESRGAN has it (Wang et al. 2018, equations 1 and 2)."""

    def generator(real: Any, fake: Any) -> Any:
        real, fake = _against_the_other_s_mean(real, fake)
        return _crossentropy(real, 0.0) + _crossentropy(fake, 1.0)

    def critic_parts(real: Any, fake: Any) -> tuple[Any, Any]:
        real, fake = _against_the_other_s_mean(real, fake)
        return _crossentropy(real, 1.0 - smoothing), _crossentropy(fake, 0.0)

    return Adversarial(generator, critic_parts, _against_the_other_s_mean)


def _hinge(smoothing: float) -> Adversarial:
    """Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17)."""
    if smoothing:
        raise ValueError(f"hinge has no labels to smooth: label_smoothing must be 0, got {smoothing}")

    def critic_parts(real: Any, fake: Any) -> tuple[Any, Any]:
        return ops.mean(ops.relu(1.0 - _float32(real))), ops.mean(ops.relu(1.0 + _float32(fake)))

    return Adversarial(lambda _, fake: -ops.mean(_float32(fake)), critic_parts, _as_they_are)


def _least_squares(smoothing: float) -> Adversarial:
    """Least squares (Mao et al. 2017, equation 9): labels 0 and 1, halves before the squares."""
    return Adversarial(
        generator=lambda _, fake: mse(1.0, fake) / 2.0,
        critic_parts=lambda real, fake: (mse(1.0 - smoothing, real) / 2.0, mse(0.0, fake) / 2.0),
        realness=lambda real, fake: (real - 0.5, fake - 0.5),
    )


ADVERSARIAL = {
    "binary_crossentropy": _binary_crossentropy,
    "relativistic": _relativistic,
    "hinge": _hinge,
    "least_squares": _least_squares,
}


def _crossentropy(logits: Any, label: float) -> Any:
    """Mean cross-entropy of sigmoid(logits) with the label, without ever forming the sigmoid: finite for any logit."""
    logits = _float32(logits)
    return ops.mean(label * ops.softplus(-logits) + (1.0 - label) * ops.softplus(logits))


def _as_they_are(real: Any, fake: Any) -> tuple[Any, Any]:
    return real, fake


def _against_the_other_s_mean(real: Any, fake: Any) -> tuple[Any, Any]:
    real, fake = _float32(real), _float32(fake)
    return real - ops.mean(fake), fake - ops.mean(real)


@dataclass(frozen=True)
class Recipe:
    """A paper's total loss: names for `pixel`, `perceptual` and `adversarial`, and their weights in the sum.

    vgg_layers, before_activation: what Cut_VGG19 extracts, with ImageNet's preprocessing. feature_scale: times the
    perceptual loss, inside it. loss_weights: of the pixel ("generator"), the adversarial ("discriminator") and the
    perceptual loss ("feature_extractor"), in this order.
    """

    pixel: str
    perceptual: str
    adversarial: str
    vgg_layers: tuple[str, ...]
    before_activation: bool
    feature_scale: float
    weights: tuple[float, float, float]

    @property
    def loss_weights(self) -> dict[str, float]:
        return dict(zip(PARTS, self.weights, strict=True))


PARTS = ("generator", "discriminator", "feature_extractor")
RECIPES = {
    # Ledig et al. 2017, equation 3. Their section 3.2 divides the features by 12.75, "equivalent to multiplying with a
    # rescaling factor of 0.006": 1 / 12.75^2 = 0.00615 of the mean over all places and channels. That makes the loss
    # comparable with an MSE of pixels, and without it 1e-3 of an adversarial loss would be lost beside it.
    "srgan": Recipe("mse", "mse", "binary_crossentropy", ("block5_conv4",), False, 1 / 12.75**2, (0.0, 1e-3, 1.0)),
    # Wang et al. 2018, equation 3, lambda = 5e-3, eta = 1e-2; features before the activation, not rescaled. That they
    # are compared by L1 is in the authors' code, not in the paper.
    "esrgan": Recipe("mae", "mae", "relativistic", ("block5_conv4",), True, 1.0, (1e-2, 5e-3, 1.0)),
}


def recipe(name: str) -> Recipe:
    """The total loss that goes by this name: srgan or esrgan. ValueError for another."""
    return _known("recipe", name, RECIPES)


def _known(kind: str, name: str, table: dict[str, T]) -> T:
    if name not in table:
        noun = kind if kind == "recipe" else f"{kind} loss"
        raise ValueError(f"unknown {noun} {name!r}: expected one of {', '.join(table)}")
    return table[name]


def _float32(values: Any) -> Any:
    return ops.cast(values, "float32")
