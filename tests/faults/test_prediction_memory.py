"""Prediction, of the list of faults: "Out of memory at some tile: smaller tiles, the same result. A NaN tile: tried
again in float32, then an error; never a black file and exit 0."
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.images import files

# A network of some memory on torch, whose allocator says when there is none left, in a process that has little: the
# same weights and picture as in the process that has enough.
ENLARGE = """
import logging, resource, sys
from pathlib import Path
import numpy as np
from ISR.models.compact import Compact
from ISR.predict import Predictor

logging.basicConfig(stream=sys.stderr, format="%(message)s")
model = Compact(2, width=32, depth=2)
rng = np.random.default_rng(0)
for variable in model.model.variables:
    variable.assign(rng.normal(0, 0.05, variable.shape))
model.run(np.zeros((1, 40, 40, 3), np.float32))
if sys.argv[3] != "0":
    lines = Path("/proc/self/status").read_text().splitlines()
    held = next(int(line.split()[1]) for line in lines if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[3]),) * 2)
Predictor(model, tile=512).upscale_file(sys.argv[1], sys.argv[2])
"""


def enlarged(source: Path, destination: Path, *, room: int) -> str:
    """Runs it with so many bytes of room, 0 for all; what was logged."""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", ENLARGE, str(source), str(destination), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set by RLIMIT_AS")
def test_out_of_memory_at_some_tile_smaller_tiles_the_same_result(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="its allocator is the one that says when there is no memory")
    Image.fromarray(drawn(500, 520)).save(tmp_path / "a.png")
    # A layer of 500 x 520 x 32 floats takes 33 MB, and several are held at once.
    said = enlarged(tmp_path / "a.png", tmp_path / "short.png", room=100 * 2**20)
    assert "out of memory with 1 tile(s) of 512: going on with one of 256" in said
    assert "out of memory" not in enlarged(tmp_path / "a.png", tmp_path / "plenty.png", room=0)
    short, plenty = (files.read(tmp_path / name).pixels.astype(int) for name in ("short.png", "plenty.png"))
    assert short.std() > 10 and np.abs(short - plenty).max() <= 1  # a sum in another order may round the other way


# A network whose weights are nearly as large as float16 goes: its sums overflow there. In float32 they are about 5e13
# before the last layer, which adds them, times its own weight, to the picture.
OVERFLOW = """
import sys
import numpy as np
from ISR.models import pretrained
from ISR.models.compact import Compact

KERNELS = {"conv_1": 60000.0, "conv_2": 60000.0, "sub_pixels": float(sys.argv[1])}

def load(name, scale, *, precision):
    model = Compact(2, width=4, depth=2, precision="float16")
    for variable in model.model.variables:
        layer, kind = variable.path.split("/")[-2:]
        variable.assign(np.full(variable.shape, KERNELS[layer] if kind == "kernel" else 0.0, np.float32))
    return model

pretrained.load_model, pretrained.obtain = load, lambda *arguments: None
from ISR.cli import main
sys.exit(main(sys.argv[2:]))
"""


def overflowing(last: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", OVERFLOW, last, "upscale", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_a_nan_tile_tried_again_in_float32_then_an_error_never_a_black_file_and_exit_0(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the backend that starts fastest")
    source, destination = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(drawn(40, 44)).save(source)
    done = overflowing("2e-15", str(source), "-o", str(destination))
    assert done.returncode == 0 and "run again in float32" in done.stderr, done.stderr
    assert files.read(destination).pixels.std() > 10
    destination.unlink()
    done = overflowing("3e38", str(source), "-o", str(destination))  # infinite in float32 too
    assert done.returncode == 1 and not destination.exists()
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and "not finite numbers for the tile" in lines[1] and "check the weights" in lines[1]
