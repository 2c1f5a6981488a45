"""The only module that names TensorFlow, JAX or torch: what Keras does not say the same way on all three."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR import memory
from ISR.errors import ConfigError

Batch = npt.NDArray[np.float32]

# What is said of missing memory by XLA, CUDA, torch's and oneDNN's allocators, in lower case.
_OUT_OF_MEMORY: tuple[str, ...] = ("resource_exhausted", "out of memory", "not enough memory", "bad_alloc")
_OUT_OF_MEMORY += ("can't allocate memory", "cannot allocate memory", "failed to allocate", "could not allocate")

# TensorFlow otherwise greets every user with a page about CUDA and instruction sets.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def name() -> str:
    """tensorflow, jax or torch: the backend that Keras runs on."""
    import keras

    return str(keras.config.backend())


def seed(number: int) -> None:
    """Makes what Keras' layers and initializers, the backend, NumPy and Python draw from now on a function of the
    number."""
    if name() == "tensorflow":
        import keras

        keras.utils.set_random_seed(number)
        return
    # Keras' own function loads TensorFlow wherever it is installed. Layers and initializers take their seeds from
    # Python's generator; only keras.random's functions without a seed, which no network of ours calls, do not.
    random.seed(number)
    np.random.seed(number)
    if name() == "torch":
        import torch

        torch.manual_seed(number)


def computes_bfloat16_fast() -> bool:
    """Whether this machine's processor multiplies bfloat16 in hardware (AVX512_BF16 or AMX): elsewhere it is slower."""
    if platform.system() != "Linux":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def thread_limits(processes: int) -> dict[str, str]:
    """Environment variables with which each of so many processes takes its share of the cores, and of a GPU no more
    memory than it needs. They count before a backend is loaded.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    return threads(max(1, cores // processes)) | shared


def threads(number: int) -> dict[str, str]:
    """Environment variables with which a process computes with so many threads. They count as above."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")  # the last is XLA's
    return dict.fromkeys(names, str(number))


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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that there was not enough memory, of the machine or of its GPU, whoever raised it.

    TensorFlow raises ResourceExhaustedError, JAX and XLA errors that begin with RESOURCE_EXHAUSTED, torch
    OutOfMemoryError on a GPU and a RuntimeError of its allocator on a CPU.
    """
    if isinstance(error, MemoryError):
        return True
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ResourceExhaustedError", "OutOfMemoryError"}:
        return True
    return "RuntimeError" in kinds and any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)


def computes_on_gpu() -> bool:
    """Whether Keras computes on a GPU or another accelerator by default, rather than on the processor."""
    if name() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if name() == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    import torch

    return bool(torch.cuda.is_available())


def compile_forward(model: Any) -> Callable[[Batch], Batch]:
    """The model's forward pass: a function of a float32 array (n, height, width, channels) to one, for any n and size.

    Traced once for all sizes on TensorFlow, once per size on JAX; without gradients everywhere.
    """
    memory.return_freed()
    return {"tensorflow": _tensorflow_forward, "jax": _jax_forward, "torch": _torch_forward}[name()](model)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors as one program for the device; on torch as it is."""
    if name() == "jax":
        import jax

        return jax.jit(function)  # type: ignore[no-any-return]
    if name() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, reduce_retracing=True)  # type: ignore[no-any-return]
    return function


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
        # Waited for, because what fails on the way, for want of memory, would end the process where it is copied.
        return np.asarray(forward(weights, fixed, batch).block_until_ready())

    return run


def _torch_forward(model: Any) -> Callable[[Batch], Batch]:
    import keras
    import torch

    def run(batch: Batch) -> Batch:
        with torch.no_grad():
            return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)))

    return run
