"""What every network of this package has: a keras.Model, a scale, a receptive radius, and weights that are checked."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
import numpy.typing as npt

from ISR import backend
from ISR.errors import WeightsError
from ISR.models import hdf5, legacy, manifest, tiled

Array = npt.NDArray[Any]
Batch = npt.NDArray[np.float32]
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}

_log = logging.getLogger(__name__)


class ImageModel:
    """A network that enlarges pictures `scale` times. It has a keras.Model (`.model`), it is not one.

    architecture: its key in ISR.models.ARCHITECTURES. params: what builds it again. receptive_radius: how many LR
    pixels away an input can lie and still change an output. precision: float32, bfloat16 or float16 (computation only;
    weights and output are float32).
    """

    architecture: ClassVar[str]
    border = 0  # HR pixels that are missing on every side of the output, of a network that pads nothing

    def __init__(
        self, *, scale: int, params: dict[str, Any], receptive_radius: int, precision: str = "float32"
    ) -> None:
        self.name = self.architecture
        self.scale = scale
        self.params = params
        self.receptive_radius = receptive_radius
        self.precision = precision
        self._seams_told = False
        with dtype_policy(precision):
            self.model = self._build()

    @classmethod
    def from_params(cls, scale: int, params: dict[str, Any], *, precision: str = "float32") -> Self:
        """The network that `scale` and `params` describe. ValueError where a parameter is not known or out of range."""
        try:
            return cls(scale, **params, precision=precision)  # type: ignore[misc, call-arg]
        except TypeError as error:
            raise ValueError(f"{cls.architecture} cannot be built from {params}: {error}") from error

    def _build(self) -> keras.Model:
        """The network: LR (n, h, w, channels) in [0, 1] -> SR (n, h * scale, w * scale, channels) float32."""
        raise NotImplementedError

    @property
    def channels(self) -> int:
        """How many the network takes and gives: 3, unless `c_dim` says otherwise."""
        return int(self.model.input_shape[-1])

    @cached_property
    def _forward(self) -> Callable[[Batch], Batch]:
        return backend.compile_forward(of_any_size(self.model))

    @cached_property
    def floats_per_pixel(self) -> int:
        """The floats that it holds at once for each LR pixel: by these a tile is chosen that fits into memory."""
        return floats_held(self.model)

    @cached_property
    def multiply_adds(self) -> float:
        """Multiplications with a weight for each output pixel, far from the picture's border."""
        return multiply_adds(self.model)

    @property
    def on_accelerator(self) -> bool:
        """Whether it computes where the machine's free memory does not matter."""
        return backend.computes_on_gpu()

    def in_float32(self) -> ImageModel | None:
        """The same network and weights computing in float32; None where this one does."""
        if self.precision == "float32":
            return None
        self._precise.model.set_weights(self.model.get_weights())
        return self._precise

    @cached_property
    def _precise(self) -> ImageModel:
        return self.from_params(self.scale, self.params, precision="float32")

    def run(self, batch: Batch) -> Batch:
        """A batch enlarged: (n, h, w, 3) float32 in [0, 1] -> (n, h * scale, w * scale, 3) float32, not clipped.

        Any h and w, also where the network was built for patches of one size. `channels` instead of 3 where c_dim is.
        """
        return self._forward(batch)

    def predict(
        self,
        image: Array,
        by_patch_of_size: int | None = None,
        batch_size: int = 10,
        padding_size: int | None = None,
    ) -> Array:
        """One picture enlarged: (H, W), (H, W, 1 or 3), or (H, W, 2 or 4) with alpha -> the same, `scale` times larger.

        uint8 and uint16 give their own kind, rounded; floats in [0, 1] theirs, clipped; other integers from 0 to 255
        give uint8. Left alone, memory beyond input and output does not grow with the picture, which is cut into tiles
        whose result is the whole picture's to float rounding. by_patch_of_size: side of a tile in LR pixels, without
        its context. batch_size: at most so many of these in one run, fewer where their context would make a run larger
        than one of the default. padding_size: LR pixels of context around each; None is the receptive radius, which is
        exact; with less, tiles show, and a warning is logged once. ValueError for another array or another number.
        """
        picture = np.asarray(image)
        larger = self._tiled(by_patch_of_size, batch_size, padding_size).array(tiled.accepted(picture))
        return larger.astype(picture.dtype, copy=False) if np.issubdtype(picture.dtype, np.floating) else larger

    def _tiled(self, tile: int | None, batch_size: int, padding: int | None) -> tiled.Tiled:
        if not tile:
            return tiled.Tiled(self)
        default = tiled.default_tile(self)
        overlap = self.receptive_radius if padding is None else padding
        self._check_padding(overlap)
        # ISR 2's tiles of 50 with a context of 2 are small; with one of 128, ten at once would take gigabytes.
        most = ((default + 2 * self.receptive_radius) // (abs(tile) + 2 * overlap)) ** 2
        return tiled.Tiled(self, tile=tile, batch_size=min(batch_size, max(1, most)), overlap=overlap)

    def _check_padding(self, padding: int) -> None:
        if padding < 0:
            raise ValueError(f"padding_size must be at least 0, or None for a result without seams, got {padding}")
        if padding < self.receptive_radius and not self._seams_told:
            sees = f"{self.name} sees {self.receptive_radius} pixels far"
            _log.warning("padding_size=%d: %s, so tiles will show: leave padding_size out", padding, sees)
            self._seams_told = True

    def save(self, path: str | Path, *, half: bool = False, bits: int = hdf5.FLOAT16_BITS) -> None:
        """Write the weights (`.weights.h5`) and beside them their manifest, each whole or not at all.

        half: in float16, a file half as large. bits: the significant ones of each value of a kernel, from 1 to 11; with
        8, as many as bfloat16 has, an archive packs the file a sixth smaller. WeightsError where they cannot be
        written, or are no finite numbers; ValueError for other bits.
        """
        if not 1 <= bits <= hdf5.FLOAT16_BITS:
            raise ValueError(f"bits must be from 1 to {hdf5.FLOAT16_BITS}, got {bits}")
        described: dict[str, Any] = {"architecture": self.architecture, "scale": self.scale, "params": self.params}
        manifest.save(self.model, Path(path), **described, half=bits if half else 0)

    def load(self, path: str | Path) -> None:
        """Read weights that `save` wrote, or RDN's and RRDN's those of ISR 2 (`.hdf5`).

        WeightsError where the file or its manifest does not fit this network.
        """
        if not legacy.is_legacy(Path(path)):
            manifest.load(self.model, Path(path), architecture=self.architecture, scale=self.scale, params=self.params)
        elif self.architecture in legacy.ARCHITECTURES:
            legacy.load(self.model, path)
        else:
            raise WeightsError(
                f"{str(path)!r}: files of ISR 2 hold {', '.join(legacy.ARCHITECTURES)}; a weights file of "
                f"{self.architecture} ends in {manifest.SUFFIX}"
            )

    def begin_from(self, path: str | Path) -> None:
        """Read the weights that a training begins from: of this network, or of the same at another scale.

        Then layers whose shapes differ are left as they are. Errors are those of `load`.
        """
        path = Path(path)
        described = {} if legacy.is_legacy(path) else manifest.read(path)
        if described.get("architecture") != self.architecture or described["scale"] == self.scale:
            self.load(path)
            return
        other = self.from_params(described["scale"], self.params)
        other.load(path)
        for layer in self.model.layers:
            values = other.model.get_layer(layer.name).get_weights()
            if [each.shape for each in values] == [each.shape for each in layer.get_weights()]:
                layer.set_weights(values)


def check_scale(architecture: str, scale: int, allowed: tuple[int, ...]) -> None:
    """ValueError where the scale is none of those that the architecture is defined for."""
    if scale not in allowed:
        raise ValueError(f"{architecture} enlarges by {', '.join(map(str, allowed))}, got scale {scale!r}")


def of_any_size(model: keras.Model) -> keras.Model:
    """The model, or where its input has a fixed size one of the same layers, and so the same weights, for any size."""
    _, *sides, channels = model.input_shape
    if sides == [None, None]:
        return model
    lr = keras.Input((None, None, channels), name="LR")
    return keras.Model(lr, model.call(lr), name=model.name)  # calling the model itself would check the size


def floats_held(model: keras.Model) -> int:
    """The most values that are alive at once in a forward pass, for each pixel of the input: of layers in the order of
    the graph, each kept until the last that reads it.
    """
    outputs = [layer.output for layer in model.layers]
    side, shapes = _shapes(model, outputs)
    sizes = [math.prod(shape) for shape in shapes]
    last = dict(enumerate(range(len(outputs))))
    number = {id(output): index for index, output in enumerate(outputs)}
    for reader, layer in enumerate(model.layers):
        last |= {number[id(tensor)]: reader for tensor in keras.tree.flatten(layer.input) if id(tensor) in number}
    held = [sum(size for made, size in enumerate(sizes[: now + 1]) if last[made] >= now) for now in range(len(sizes))]
    return int(max(held)) // side**2


def multiply_adds(model: keras.Model) -> float:
    """For each pixel of the output: a convolution has one for each weight and each pixel that it gives, a transposed
    one for each that it takes. What padding adds at the picture's border, or its want takes away, does not count.
    """
    weighted = [layer for layer in model.layers if hasattr(layer, "kernel")]
    counted = [each.input if isinstance(each, keras.layers.Conv2DTranspose) else each.output for each in weighted]
    side, shapes = _shapes(model, [model.outputs[0], *counted])
    whole, *pixels = (round(shape[1] / side) ** 2 for shape in shapes)
    total = sum(math.prod(layer.kernel.shape) * n for layer, n in zip(weighted, pixels, strict=True))
    return float(total / whole)


def _shapes(model: keras.Model, tensors: list[Any]) -> tuple[int, list[tuple[int, ...]]]:
    """The shapes of tensors of the graph for one square picture, and its side. Nothing is computed."""
    side = model.input_shape[1] or 64
    probe = keras.KerasTensor((1, side, side, model.input_shape[-1]))
    return side, [spec.shape for spec in keras.Model(model.inputs, tensors).compute_output_spec(probe)]


@contextlib.contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """What is built inside computes in float32, bfloat16 or float16; its weights are float32. ValueError for others."""
    if precision not in POLICIES:
        raise ValueError(f"precision must be one of {', '.join(POLICIES)}, got {precision!r}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
