"""The network's rate against a plain matrix product's, in one run: `python benchmarks/speed.py [--model NAME]`.

Both are timed in turns, the best of several turns counts: what else the machine does then hits both alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np

from ISR.models import tiled
from ISR.models.image_model import ImageModel
from ISR.models.pretrained import load_model

TURNS = 7
MATRIX = 2048


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def operations_per_pixel(model: keras.Model) -> float:
    """Floating-point operations for each LR pixel: two for each weight of a convolution that works at the LR size."""
    return 2.0 * sum(float(np.prod(layer.kernel.shape)) for layer in model.layers if hasattr(layer, "kernel"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    network = load_model(options.model, precision=options.precision)
    assert isinstance(network, ImageModel)
    side = tiled.default_tile(network) + 2 * network.receptive_radius
    window = np.random.default_rng(0).uniform(0, 1, (1, side, side, 3)).astype(np.float32)
    square = keras.ops.cast(np.random.default_rng(0).normal(size=(MATRIX, MATRIX)), options.precision)
    product = lambda: float(keras.ops.matmul(square, square)[0, 0])  # noqa: E731
    forward = lambda: network.run(window)  # noqa: E731
    forward(), product()
    turns = [(seconds(forward), seconds(product)) for _ in range(TURNS)]
    forward_rate = operations_per_pixel(network.model) * side**2 / min(turn[0] for turn in turns) / 1e9
    product_rate = 2.0 * MATRIX**3 / min(turn[1] for turn in turns) / 1e9
    print("| precision | network GFLOP/s | matrix product GFLOP/s | ratio |\n|---|---|---|---|")
    print(f"| {options.precision} | {forward_rate:.0f} | {product_rate:.0f} | {forward_rate / product_rate:.2f} |")


if __name__ == "__main__":
    main()
