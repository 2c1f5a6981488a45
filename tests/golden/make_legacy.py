"""How the golden files beside this script were made: weights as ISR 2 saved them, by tf.keras 2.15, and its pictures.

    python3.11 -m venv /tmp/tf215
    /tmp/tf215/bin/pip install "tensorflow-cpu==2.15.1" "numpy<2" h5py
    /tmp/tf215/bin/python tests/golden/make_legacy.py

The networks are built here from the tables of ISR 2's layers, apart from ISR's own code. Weights are multiples of
1/256, so that the files, which are compressed, stay small. For each network there are NAME.hdf5.gz, as Keras wrote it,
and NAME.npz with a picture `lr` and the network's output `sr`.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
SIZES = {"C": 2, "D": 2, "G": 4, "G0": 4}
layers = tf.keras.layers


class MultiplyBeta(layers.Layer):
    def __init__(self, beta: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        return inputs * self.beta

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}


class PixelShuffle(layers.Layer):
    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        return tf.nn.depth_to_space(inputs, self.scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def conv(filters: int, side: int, name: str, padding: str = "same") -> Any:
    return layers.Conv2D(filters, side, padding=padding, name=name)


def dense_block(x: Any, name: str, C: int, G: int) -> Any:
    for c in range(1, C + 1):
        grown = layers.Activation("relu", name=f"F_{name}_{c}_Relu")(conv(G, 3, f"F_{name}_{c}")(x))
        x = layers.concatenate([x, grown], axis=3, name=f"RDB_Concat_{name}_{c}")
    return x


def rdn(upscaling: str, x: int, C: int, D: int, G: int, G0: int) -> Any:
    lr = layers.Input((None, None, 3), name="LR")
    f_m1 = conv(G0, 3, "F_m1")(lr)
    block = conv(G0, 3, "F_0")(f_m1)
    outputs = []
    for d in range(1, D + 1):
        fused = conv(G0, 1, f"LFF_{d}", "valid")(dense_block(block, str(d), C, G))
        block = layers.add([fused, block], name=f"LRL_{d}")
        outputs.append(block)
    deep = conv(G0, 1, "GFF_1")(layers.concatenate(outputs, axis=3, name="LRLs_Concat"))
    deep = layers.add([conv(G0, 3, "GFF_2")(deep), f_m1], name="FDF")
    deep = layers.Activation("relu", name="UPN1_Relu")(conv(64, 5, "UPN1")(deep))
    deep = layers.Activation("relu", name="UPN2_Relu")(conv(32, 3, "UPN2")(deep))
    deep = conv(3 * x**2, 3, "UPN3")(deep)
    if upscaling == "ups":
        deep = layers.UpSampling2D(x, name="UPsample")(deep)
    else:
        deep = layers.Lambda(lambda values: tf.nn.depth_to_space(values, x), name="PixelShuffle")(deep)
    return tf.keras.Model(lr, conv(3, 3, "SR")(deep))


def rrdn(x: int, T: int, C: int, D: int, G: int, G0: int) -> Any:
    lr = layers.Input((None, None, 3), name="LR_input")
    first = outer = conv(G0, 3, "Pre_blocks_conv")(lr)
    for t in range(1, T + 1):
        inner = outer
        for d in range(1, D + 1):
            fused = conv(G0, 3, f"LFF_{t}_{d}")(dense_block(inner, f"{t}_{d}", C, G))
            inner = layers.add([inner, MultiplyBeta(0.2)(fused)], name=f"LRL_{t}_{d}")
        outer = layers.add([outer, MultiplyBeta(0.2)(inner)], name=f"RRDB_{t}_out")
    deep = layers.add([conv(G0, 3, "post_blocks_conv")(outer), first], name="GRL")
    deep = PixelShuffle(x)(conv(3 * x**2, 3, "PreShuffle")(deep))
    return tf.keras.Model(lr, conv(3, 3, "SR")(deep))


def draw(model: Any, seed: int) -> None:
    """Every kernel and bias uniform, about as large as keeps the picture's range through the layers."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        most = 1.5 / np.sqrt(np.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 0.1
        variable.assign(np.round(256 * rng.uniform(-most, most, variable.shape)) / 256)


def optimised(model: Any) -> None:
    """One step of Adam that leaves the weights: the file of the whole model then holds an optimizer's arrays too."""
    model.compile(tf.keras.optimizers.Adam(0.0), "mae")
    sr = model.predict(np.zeros((1, 4, 4, 3), np.float32), verbose=0)
    model.train_on_batch(np.zeros((1, 4, 4, 3), np.float32), sr)


def make(name: str, model: Any, *, seed: int, save: Callable[[Any, str], None]) -> None:
    draw(model, seed)
    lr = np.random.default_rng(seed).integers(0, 256, (1, 7, 9, 3)).astype(np.float32) / 256
    np.savez_compressed(HERE / f"{name}.npz", lr=lr, sr=model.predict(lr, verbose=0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.hdf5")
        save(model, str(path))
        (HERE / f"{name}.hdf5.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def save_weights(model: Any, path: str) -> None:
    model.save_weights(path)


def save_whole(model: Any, path: str) -> None:
    optimised(model)
    model.save(path)


make("rdn-ups-x2", rdn("ups", 2, **SIZES), seed=1, save=save_weights)
make("rdn-shuffle-x2", rdn("shuffle", 2, **SIZES), seed=2, save=save_weights)
make("rrdn-x3", rrdn(3, T=2, **SIZES), seed=3, save=save_weights)
make("rrdn-whole-x2", rrdn(2, T=2, **SIZES), seed=4, save=save_whole)
