"""The only module that names TensorFlow, JAX or torch: what Keras does not say the same way on all three."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Batch = npt.NDArray[np.float32]

# TensorFlow otherwise greets every user with a page about CUDA and instruction sets.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def name() -> str:
    """tensorflow, jax or torch: the backend that Keras runs on."""
    import keras

    return str(keras.config.backend())


def seed(number: int) -> None:
    """Makes what Keras, the backend, NumPy and Python draw from now on a function of the number."""
    import keras

    keras.utils.set_random_seed(number)


def computes_bfloat16_fast() -> bool:
    """Whether this machine's processor multiplies bfloat16 in hardware (AVX512_BF16 or AMX): elsewhere it is slower."""
    if platform.system() != "Linux":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def compiles_training() -> bool | str:
    """What `compile(jit_compile=...)` should be: JAX always compiles; XLA on TensorFlow pays on a GPU alone."""
    if name() != "tensorflow":
        return "auto"
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def replicas() -> int:
    """Among how many replicas tf.distribute shares out the batch; 1 everywhere else."""
    if name() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def keep_freed_memory() -> None:
    """Tell glibc to keep what training frees between steps; without effect on other systems.

    TensorFlow's generator data set, under every PyDataset, makes malloc hand each block above 128 kB straight back:
    half of the time of a step then goes into page faults.
    """
    if platform.system() != "Linux":
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_threshold, 2**25)  # the most that glibc takes


def compile_forward(model: Any) -> Callable[[Batch], Batch]:
    """The model's forward pass: a function of a float32 array (n, height, width, channels) to one, for any n and size.

    Traced once for all sizes on TensorFlow, once per size on JAX; without gradients everywhere.
    """
    return {"tensorflow": _tensorflow_forward, "jax": _jax_forward, "torch": _torch_forward}[name()](model)


def _tensorflow_forward(model: Any) -> Callable[[Batch], Batch]:
    import tensorflow as tf

    signature = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32)
    forward = tf.function(lambda batch: model(batch, training=False), input_signature=[signature])
    return lambda batch: np.asarray(forward(tf.constant(batch)).numpy())


def _jax_forward(model: Any) -> Callable[[Batch], Batch]:
    import jax

    forward = jax.jit(lambda weights, fixed, batch: model.stateless_call(weights, fixed, batch, training=False)[0])

    def run(batch: Batch) -> Batch:
        weights = [variable.value for variable in model.trainable_variables]
        fixed = [variable.value for variable in model.non_trainable_variables]
        return np.asarray(forward(weights, fixed, batch))

    return run


def _torch_forward(model: Any) -> Callable[[Batch], Batch]:
    import keras
    import torch

    def run(batch: Batch) -> Batch:
        with torch.no_grad():
            return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)))

    return run
