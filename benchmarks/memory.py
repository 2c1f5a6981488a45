"""Peak memory of enlarging one picture, beyond its input and output: `python benchmarks/memory.py [--model NAME]`.

Each size runs in a process of its own (Linux): the network is loaded and traced, the high-water mark is reset, the
picture is enlarged, and what the process held before, the input and the output are taken off the new mark.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

SIZES = (1, 4, 16, 36)


def status_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(megapixels: float, model: str) -> dict[str, float]:
    from ISR.models.pretrained import load_model
    from ISR.predict.predictor import Predictor

    predictor = Predictor(load_model(model))
    side = round((megapixels * 1e6) ** 0.5)
    predictor.upscale(np.zeros((8, 8, 3), np.uint8))  # traced, but no tile has been held yet
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    held = status_kb("VmRSS")
    lr = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    sr = predictor.upscale(lr)
    beyond = (status_kb("VmHWM") - held) / 1024 - (lr.nbytes + sr.nbytes) / 2**20
    return {
        "megapixels": megapixels,
        "input_mb": lr.nbytes / 2**20,
        "output_mb": sr.nbytes / 2**20,
        "beyond_mb": beyond,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one, options.model)))
        return
    print("| input megapixels | input MB | output MB | peak beyond both, MB |\n|---|---|---|---|")
    for size in SIZES:
        command = [sys.executable, __file__, "--model", options.model, "--one", str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        print(f"| {size} | {row['input_mb']:.0f} | {row['output_mb']:.0f} | {row['beyond_mb']:.0f} |")


if __name__ == "__main__":
    main()
