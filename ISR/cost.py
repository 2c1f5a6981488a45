"""What a model costs: seconds and memory for a megapixel of output, in a process with so many threads."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from ISR import backend, memory
from ISR.errors import ISRError
from ISR.models.pretrained import load_model
from ISR.predict.predictor import Predictor

TURNS = 5
TIMED, HELD = 1.0, 4.0  # output megapixels of the pictures whose time and whose memory are measured


@dataclass(frozen=True)
class Cost:
    """seconds: for an output megapixel, the best of TURNS. peak_mb: what enlarging to HELD megapixels takes beyond the
    loaded network, input and output; None where the system does not say (not Linux)."""

    seconds: float
    peak_mb: float | None


def measured(name: str, scale: int, *, threads: int, precision: str = "auto") -> Cost:
    """The cost of what `load_model` finds under that name, in a process of its own. ISRError where it fails."""
    command = [sys.executable, "-m", "ISR.cost", name, str(scale), precision]
    environment = os.environ | backend.threads(threads)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise ISRError(f"{name} x{scale} could not be measured: exit code {done.returncode}, {last}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def here(name: str, scale: int, precision: str) -> Cost:
    """The cost in this process."""
    predictor = Predictor(load_model(name, scale, precision=precision))
    timed, held = (_picture(megapixels, scale) for megapixels in (TIMED, HELD))
    predictor.upscale(timed[:8, :8])  # traced, but no tile has been held yet
    peak = memory.peak(lambda: predictor.upscale(held))
    beyond = None if peak is None else (peak - held.nbytes * scale**2) / 1e6
    seconds = []
    for _ in range(TURNS):
        started = time.perf_counter()
        predictor.upscale(timed)
        seconds.append(time.perf_counter() - started)
    output = timed.shape[0] * timed.shape[1] * scale**2 / 1e6
    return Cost(min(seconds) / output, beyond)


def _picture(megapixels: float, scale: int) -> np.ndarray:
    side = round(math.sqrt(megapixels * 1e6) / scale)
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(here(sys.argv[1], int(sys.argv[2]), sys.argv[3]))) + "\n")
