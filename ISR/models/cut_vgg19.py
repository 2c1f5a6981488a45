"""Cut_VGG19: the features of VGG19 (Simonyan and Zisserman 2015) that perceptual losses compare.

SRGAN (Ledig et al. 2017, equation 5) takes them after the activation, ESRGAN (Wang et al. 2018, section 3.3) before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from ISR.errors import WeightsError
from ISR.models.image_model import dtype_policy

# convolutions and their channels in each of the five blocks: configuration E of the paper's table 1
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
# Keras' names in Keras' order: an integer of ISR 2 is a place in this list.
LAYERS = ["input"]
for _block, (_convolutions, _) in enumerate(BLOCKS, 1):
    LAYERS += [f"block{_block}_conv{i}" for i in range(1, _convolutions + 1)] + [f"block{_block}_pool"]
LEAST_PATCH = 32
KERAS_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
_BY_HAND = f"or put Keras' own file {KERAS_FILE} somewhere and give its path: weights=PATH"


@keras.saving.register_keras_serializable(package="ISR")
class ImageNetPreprocessing(keras.layers.Layer):  # type: ignore[misc]
    """RGB in [0, 1] to what VGG19's weights were trained on: BGR in [0, 255] less ImageNet's mean of each channel."""

    MEAN = (103.939, 116.779, 123.68)

    def call(self, inputs: Any) -> Any:
        return ops.flip(inputs, axis=-1) * 255.0 - ops.convert_to_tensor(self.MEAN, dtype=inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


class Cut_VGG19:  # noqa: N801 - the name that users of ISR 2 know
    """VGG19 up to the deepest layer asked for: (n, patch_size, patch_size, 3) RGB in [0, 1] -> features of each layer.

    layers_to_extract: names (`block5_conv4`) or ISR 2's integers, 1 to 21. `.model` is the keras.Model, whose answer is
    an array where one layer is asked for; `features` answers with a list always.
    weights: `imagenet` (fetched once by Keras, with its hash), the path of Keras' VGG19 file without top, or None for
    random ones. before_activation: features of convolutions before their ReLU. preprocessing: ImageNet's inside the
    graph; False feeds [0, 1] as ISR 2 did. Nothing in it is trainable. ValueError for a wrong argument, WeightsError
    where the weights are not to be had.
    """

    def __init__(
        self,
        patch_size: int,
        layers_to_extract: Sequence[int | str],
        *,
        weights: str | Path | None = "imagenet",
        before_activation: bool = False,
        preprocessing: bool = True,
        precision: str = "float32",
    ) -> None:
        if patch_size < LEAST_PATCH:
            raise ValueError(f"VGG19 takes patches of at least {LEAST_PATCH} pixels a side, got {patch_size}")
        self.name = "vgg19"
        self.patch_size, self.input_shape = patch_size, (patch_size, patch_size, 3)
        self.layers_to_extract = list(layers_to_extract)
        self.before_activation, self.preprocessing = before_activation, preprocessing
        names = _names(self.layers_to_extract, before_activation=before_activation)
        with dtype_policy(precision):
            self.model = self._build(names)
        if weights is not None:
            _fill(self.model, _keras_arrays() if weights == "imagenet" else _file_arrays(Path(weights)), str(weights))
        self.model.trainable = False

    def features(self, pictures: Any) -> list[Any]:
        """One tensor (n, height, width, channels) for each of layers_to_extract, in their order."""
        features = self.model(pictures, training=False)
        return list(features) if isinstance(features, list | tuple) else [features]

    def _build(self, names: list[str]) -> keras.Model:
        x = picture = keras.Input(self.input_shape, name="input")
        if self.preprocessing:
            x = ImageNetPreprocessing(dtype="float32", name="preprocessing")(x)
        features: dict[str, Any] = {}
        # Below the deepest layer asked for nothing is computed.
        for name in LAYERS[1 : max(map(LAYERS.index, names)) + 1]:
            if name.endswith("pool"):
                x = features[name] = layers.MaxPooling2D(name=name)(x)
                continue
            before = layers.Conv2D(_channels(name), 3, padding="same", name=name)(x)
            x = layers.ReLU(name=f"{name}_relu")(before)
            features[name] = before if self.before_activation else x
        return keras.Model(picture, [features[name] for name in names], name="feature_extractor")


def _names(wanted: list[int | str], *, before_activation: bool) -> list[str]:
    known = f"a name from {LAYERS[1]} to {LAYERS[-1]} or an integer from 1 to {len(LAYERS) - 1}"
    if not wanted:
        raise ValueError(f"layers_to_extract is empty: it needs {known}")
    names = []
    for layer in wanted:
        if isinstance(layer, int) and 1 <= layer < len(LAYERS):
            layer = LAYERS[layer]
        if layer not in LAYERS[1:]:
            raise ValueError(f"VGG19 has no layer {layer!r}: layers_to_extract needs {known}")
        if before_activation and str(layer).endswith("pool"):
            raise ValueError(f"{layer} has no features before an activation: name a convolution")
        names.append(str(layer))
    return names


def _channels(name: str) -> int:
    return BLOCKS[int(name[len("block")]) - 1][1]


Arrays = dict[str, list[npt.NDArray[np.float32]]]


def _fill(model: keras.Model, arrays: Arrays, source: str) -> None:
    """Every convolution gets its kernel and bias from `arrays`, or WeightsError and the caller gets no network."""
    for layer in model.layers:
        wanted = [tuple(variable.shape) for variable in layer.weights]
        if not wanted:
            continue
        came = [array.shape for array in arrays.get(layer.name, [])]
        if came != wanted:
            raise WeightsError(
                f"VGG19's weights {source!r}: {layer.name} has {came}, expected {wanted}; get {KERAS_FILE}"
            )
        if not all(np.isfinite(array).all() for array in arrays[layer.name]):
            raise WeightsError(f"VGG19's weights {source!r}: {layer.name} holds values that are not finite")
        layer.set_weights(arrays[layer.name])


def _keras_arrays() -> Arrays:
    """Through Keras' own loader: from its cache (~/.keras/models), or fetched and compared with its hash."""
    try:
        whole = keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # what Keras and urllib raise has no closer class in common
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"VGG19's weights could not be fetched ({reason}): try with a network, {_BY_HAND}"
        ) from error
    return {layer.name: layer.get_weights() for layer in whole.layers}


def _file_arrays(path: Path) -> Arrays:
    """Keras' legacy HDF5 layout: a group a layer, whose attribute `weight_names` leads to kernel and bias in order."""
    if not path.is_file():
        raise WeightsError(f"no file {str(path)!r}: weights=PATH needs Keras' own {KERAS_FILE}")
    try:
        with h5py.File(path) as file:
            return {name: _group_arrays(file[name]) for name in LAYERS if name in file}
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"VGG19's weights {str(path)!r} cannot be read ({reason}): get {KERAS_FILE}") from error


def _group_arrays(group: h5py.Group) -> list[npt.NDArray[np.float32]]:
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs["weight_names"]]
    return [np.asarray(group[name], np.float32) for name in names]
