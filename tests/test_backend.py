"""What errors and allocators of the backends come to; forward passes are tested with the networks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ISR import backend


class OutOfMemoryError(RuntimeError):
    """torch.OutOfMemoryError, by its name."""


class ResourceExhaustedError(Exception):
    """tf.errors.ResourceExhaustedError, by its name."""


class XlaRuntimeError(RuntimeError):
    """JAX's."""


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (ResourceExhaustedError("OOM when allocating tensor"), True),
        (XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 108000000 bytes."), True),
        (XlaRuntimeError("INVALID_ARGUMENT: shapes"), False),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("the size of tensor a must match"), False),
        (ValueError("out of memory"), False),
        (OSError("Cannot allocate memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_what_is_an_error_of_missing_memory(error: BaseException, is_so: bool) -> None:
    assert backend.is_out_of_memory(error) is is_so


CODE = """
import ctypes, sys
from pathlib import Path
from ISR import memory

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if "keep" in sys.argv:
    memory.keep_freed()
memory.return_freed()

def round():
    blocks = [libc.malloc(10 * 2**20) for _ in range(10)]
    for block in blocks:
        ctypes.memset(block, 1, 10 * 2**20)
    for block in blocks:
        libc.free(block)

before = held()
round(), round()
print(held() - before > 50)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
@pytest.mark.parametrize(("arguments", "kept"), [([], "False\n"), (["keep"], "True\n")])
def test_freed_memory_is_handed_back_unless_training_keeps_it(arguments: list[str], kept: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout == kept
