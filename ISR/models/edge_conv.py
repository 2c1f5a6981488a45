"""A 3x3 convolution that is several while it is trained: the edge-oriented block of ECBSR."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

Array = npt.NDArray[np.float32]
# Sobel's two derivatives and the Laplacian (Zhang, Zeng and Zhang 2021, section 3.2).
EDGES = np.array(
    [
        [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
        [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    ],
    np.float32,
)
EXPANSION = 2


@keras.saving.register_keras_serializable(package="ISR")
class EdgeConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """The edge-oriented convolution block of Zhang, Zeng and Zhang 2021 ("ECBSR"), summed before it is applied.

    (n, h, w, c) -> (n, h, w, filters), `same` padding. Its kernel is the sum of a 3x3 one; a 1x1 one to
    EXPANSION * filters channels followed by a 3x3 one; 1x1 ones, scaled for each channel, followed by Sobel's and
    Laplace's filters; and, where channels stay as many, the identity. Nothing nonlinear lies between, so that the sum
    is one 3x3 kernel, `collapsed()`; training moves the parts, which it does better. The paper applies every branch to
    the features; the sum is applied here, which costs little and differs only in the paper's biases of 1x1
    convolutions, seen at the picture's border.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, **{"kernel_size": 3, "padding": "same"} | kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Weights: `kernel`, `expand` and `squeeze`, `edges` and `edge_scales`, `bias`."""
        channels, filters = input_shape[-1], self.filters
        assert channels is not None
        initial = keras.initializers
        weight = partial(self.add_weight, autocast=False)  # summed in float32
        self._kernel = weight(name="kernel", shape=(3, 3, channels, filters), initializer=self.kernel_initializer)
        self.expand = weight(name="expand", shape=(channels, EXPANSION * filters), initializer=initial.GlorotNormal())
        self.squeeze = weight(
            name="squeeze", shape=(3, 3, EXPANSION * filters, filters), initializer=initial.VarianceScaling(0.3)
        )
        self.edges = weight(name="edges", shape=(3, channels, filters), initializer=initial.VarianceScaling(0.1))
        self.edge_scales = weight(name="edge_scales", shape=(3, 1, filters), initializer=initial.Constant(0.1))
        self.bias = weight(name="bias", shape=(filters,), initializer=self.bias_initializer)

    def call(self, inputs: Any) -> Any:
        kernel = ops.cast(ops.convert_to_tensor(self._kernel) + self._branches(), inputs.dtype)
        outputs = ops.conv(inputs, kernel, strides=1, padding="same", data_format="channels_last")
        return ops.add(outputs, ops.cast(self.bias, inputs.dtype))  # TensorFlow's BiasAdd, whose gradient is fast

    # Conv2D's own keep the kernel and the bias alone.
    def save_own_variables(self, store: Any) -> None:
        """All weights, by their number."""
        for i, weight in enumerate(self.weights):
            store[str(i)] = weight

    def load_own_variables(self, store: Any) -> None:
        """What `save_own_variables` wrote. ValueError where the number of weights differs."""
        if len(store.keys()) != len(self.weights):
            raise ValueError(f"{self.name} has {len(self.weights)} weights, the file {len(store.keys())}")
        for i, weight in enumerate(self.weights):
            weight.assign(store[str(i)])

    def _branches(self) -> Any:
        """What is added to the kernel."""
        expanded = ops.einsum("im,hwmo->hwio", self.expand, self.squeeze)
        edges = ops.einsum("khw,kio->hwio", ops.convert_to_tensor(EDGES), self.edges * self.edge_scales)
        rows, columns, channels, filters = self._kernel.shape
        identity = np.zeros((rows, columns, channels, filters), np.float32)
        identity[1, 1] = np.eye(channels) if channels == filters else 0.0
        return expanded + edges + ops.convert_to_tensor(identity)

    def collapsed(self) -> list[Array]:
        """Kernel and bias of the one convolution that it is."""
        return [np.asarray(ops.convert_to_numpy(ops.add(self._kernel, self._branches()))), self.bias.numpy()]

    def become(self, kernel: Array, bias: Array) -> None:
        """Be that convolution, with the branches as they are."""
        self._kernel.assign(kernel - ops.convert_to_numpy(self._branches()))
        self.bias.assign(bias)
