"""The only module that names TensorFlow, JAX or torch: what Keras does not say the same way on all three."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR.errors import ConfigError

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


@contextlib.contextmanager
def shared_out(devices: int) -> Iterator[None]:
    """What is built and fitted inside shares every batch out among so many devices of this machine, GPUs if it has any.

    ConfigError where the backend cannot, or has fewer.
    """
    if devices == 1:
        yield
        return
    if name() == "torch":
        raise ConfigError("train.devices above 1 needs the tensorflow or the jax backend, got torch: set KERAS_BACKEND")
    there = _tensorflow_devices() if name() == "tensorflow" else _jax_devices()
    if devices > len(there):
        raise ConfigError(f"train.devices is {devices}, but {name()} has {len(there)} here: {', '.join(there)}")
    with _mirrored(devices) if name() == "tensorflow" else _data_parallel(there[:devices]):
        yield


@contextlib.contextmanager
def shared_by_all() -> Iterator[None]:
    """What is built and fitted inside shares every batch out among all devices of all processes that have joined."""
    with _data_parallel(_jax_devices()):
        yield


def check_joins() -> None:
    """ConfigError where the backend cannot train on several machines."""
    if name() != "jax":
        raise ConfigError(f"training on several machines needs the jax backend, got {name()}: set KERAS_BACKEND=jax")


def join(coordinator: str, *, bind: str | None, processes: int, process: int) -> int:
    """Join the processes that meet at `coordinator`, HOST:PORT, before anything is computed.

    bind: where the first process listens; None for the others. Returns how many devices all have together. What JAX
    does by itself about a process that is lost comes too late to matter: whoever calls this watches them.
    """
    import jax
    from jax.experimental import multihost_utils

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM for itself
    options: dict[str, Any] = {"coordinator_bind_address": bind, "cluster_detection_method": "deactivate"}
    jax.distributed.initialize(coordinator, processes, process, shutdown_timeout_seconds=30, **options)
    with _standard_output_closed():
        multihost_utils.sync_global_devices("ISR")
    return int(jax.device_count())


@contextlib.contextmanager
def _standard_output_closed() -> Iterator[None]:
    """Gloo says there, from below Python, whom it connected to: where our paths are printed."""
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, kept := os.dup(1))
        stack.callback(os.close, nowhere := os.open(os.devnull, os.O_WRONLY))
        stack.callback(os.dup2, kept, 1)
        os.dup2(nowhere, 1)
        yield


def part() -> None:
    """The end of `join`, for all processes together."""
    import jax

    jax.distributed.shutdown()


def rows_here(batch_size: int) -> slice:
    """Which rows of every batch this process feeds: all, unless it has joined others."""
    if name() != "jax":
        return slice(batch_size)
    import jax

    rows = batch_size // int(jax.process_count())
    return slice(rows * int(jax.process_index()), rows * (int(jax.process_index()) + 1))


def devices_here() -> int:
    """How many devices of this process share out what it feeds."""
    if name() != "jax":
        return replicas()
    import jax
    import keras

    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size) // int(jax.process_count())


def _tensorflow_devices() -> list[str]:
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]


def _mirrored(devices: int) -> Any:
    return _strategy(devices).scope()


@functools.cache
def _strategy(devices: int) -> Any:
    """One for every training of the process: those of two strategies would mix up each other's gradients."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(_tensorflow_devices()[:devices])


def _jax_devices() -> list[str]:
    import keras

    return list(keras.distribution.list_devices())


def _data_parallel(devices: list[str]) -> Any:
    import keras

    return keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False).scope()


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
        # Of weights that lie on several devices or machines, the copy on the first one here: it computes alone.
        weights = [variable.value.addressable_data(0) for variable in model.trainable_variables]
        fixed = [variable.value.addressable_data(0) for variable in model.non_trainable_variables]
        return np.asarray(forward(weights, fixed, batch))

    return run


def _torch_forward(model: Any) -> Callable[[Batch], Batch]:
    import keras
    import torch

    def run(batch: Batch) -> Batch:
        with torch.no_grad():
            return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)))

    return run
