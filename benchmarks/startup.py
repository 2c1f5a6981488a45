"""What `isr upscale` spends its time on for a 512 x 512 photo: `python benchmarks/startup.py [--model NAME]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

TURNS = 5
PARTS = """
import time, sys
t = [time.perf_counter()]
def mark(): t.append(time.perf_counter())
import keras; mark()
from ISR.models.pretrained import load_model
from ISR.predict.predictor import Predictor
predictor = Predictor(load_model(sys.argv[1])); mark()
import numpy as np
predictor.upscale(np.zeros((8, 8, 3), np.uint8)); mark()
predictor.upscale_file(sys.argv[2], sys.argv[3]); mark()
print(*(b - a for a, b in zip(t, t[1:])))
"""


def main() -> None:
    from ISR.images import files

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo, large = Path(folder) / "photo.png", Path(folder) / "large.png"
        y, x = np.mgrid[:512, :512]
        samples = np.stack([y // 2, x // 2, (x * y // 64) % 256], axis=-1).astype(np.uint8)
        files.write(files.Picture(samples), photo)
        whole, parts = [], []
        for _ in range(TURNS):
            started = time.perf_counter()
            command = [sys.executable, "-m", "ISR", "upscale", str(photo), "-o", str(large), "--model", options.model]
            subprocess.run(command, check=True, capture_output=True)
            whole.append(time.perf_counter() - started)
            command = [sys.executable, "-c", PARTS, options.model, str(photo), str(large)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            parts.append([float(value) for value in done.stdout.split()])
    keras, load, trace, run = (median(column) for column in zip(*parts, strict=True))
    print("| whole process, s | import Keras | load | first trace | read, enlarge, write |\n|---|---|---|---|---|")
    print(f"| {median(whole):.2f} | {keras:.2f} | {load:.2f} | {trace:.2f} | {run:.2f} |")


if __name__ == "__main__":
    main()
