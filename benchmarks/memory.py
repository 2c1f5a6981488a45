"""Peak memory of enlarging one picture, beyond its input and output: `python benchmarks/memory.py [--model NAME]`.

Each size runs in a process of its own (Linux): the network is loaded and traced, the high-water mark is reset, the
picture is enlarged, and what the process held before, the input and the output are taken off the new mark. Without
--file the picture is an array; with it a file, read, enlarged and written as `isr upscale` does, and --stream as that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ISR import memory
from ISR.images import files, rows
from ISR.models.pretrained import load_model
from ISR.predict.predictor import Predictor

SIZES = (1, 4, 16, 36, 64)
MIB = 2**20


def picture(side: int, height: int) -> np.ndarray:
    """Waves and noise, made a row at a time: a picture that compresses about as well as a photo."""
    rng, across = np.random.default_rng(0), np.arange(side)
    made = np.empty((height, side, 3), np.uint8)
    for y in range(height):
        wave = 120 + 60 * np.sin(across / 97) * np.sin(y / 61) + 30 * np.sin(across * y / 9e4)
        made[y] = np.clip(wave[:, None] + rng.integers(-4, 5, (side, 3)), 0, 255)
    return made


def written(folder: Path, side: int, height: int) -> Path:
    """The picture's file, written by another process so that this one never held it."""
    path = folder / "lr.tif"
    code = (
        "import sys, runpy; from pathlib import Path; from ISR.images import rows\n"
        "made = runpy.run_path(sys.argv[1])['picture'](int(sys.argv[2]), int(sys.argv[3]))\n"
        "rows.save(rows.of_array(made), Path(sys.argv[4]), rows.About(), quality=95)"
    )
    subprocess.run([sys.executable, "-c", code, __file__, str(side), str(height), str(path)], check=True)
    return path


def peak_mb(work: Callable[[], object]) -> float:
    """By how much the process's memory was greater while it worked than before."""
    peak = memory.peak(work)
    assert peak is not None, "the system does not say"
    return peak / MIB


def measure(options: argparse.Namespace) -> dict[str, float]:
    predictor = Predictor(load_model(options.model), tile=options.tile)
    side, scale = round((options.one * 1e6) ** 0.5), predictor.model.scale
    predictor.upscale(np.zeros((8, 8, 3), np.uint8))  # traced, but no tile has been held yet
    height = options.rows or side
    given, given_scaled = side * height * 3 / MIB, side * height * scale**2 * 3 / MIB
    started = time.perf_counter()
    if options.file is None:
        lr: list[np.ndarray] = []
        peak = peak_mb(lambda: predictor.upscale(lr[0] if lr else lr.append(picture(side, height)) or lr[0]))
    else:
        rows.of_array(np.zeros((8, 8, 3), np.uint8))  # libvips is loaded
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            source, destination = written(Path(folder), side, height), Path(folder, f"sr{options.file}")
            started = time.perf_counter()
            limits = {"limits": files.Limits(pixels=side * height), "stream": options.stream}
            peak = peak_mb(lambda: predictor.upscale_file(source, destination, **limits))
            header = files.read_header(destination, limits=files.Limits(pixels=10**10, bytes=10**11))
            assert (header.width, header.height) == (side * scale, height * scale)
    seconds = time.perf_counter() - started
    return {"input_mb": given, "output_mb": given_scaled, "peak_mb": peak, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--sizes", type=float, nargs="+", default=SIZES, help="megapixels of the input")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--file", choices=(".png", ".jpg", ".tif", ".webp"), help="from file to file of this ending")
    parser.add_argument("--folder", type=Path, help="where these files lie")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--rows", type=int, help="only so many rows of the picture of that size")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options)))
        return
    print(
        "| input megapixels | input MB | output MB | peak, MB | peak beyond both, MB | s |\n|---|---|---|---|---|---|"
    )
    for size in options.sizes:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        beyond = row["peak_mb"] - row["input_mb"] - row["output_mb"]
        figures = [size, row["input_mb"], row["output_mb"], row["peak_mb"], beyond, row["seconds"]]
        print("| " + " | ".join(f"{figure:.0f}" for figure in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
