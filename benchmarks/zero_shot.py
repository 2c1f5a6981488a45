"""Zero-shot super-resolution on a set of pictures, or the cost of one training step.

python benchmarks/zero_shot.py HR_DIR [--scale N] [--budget SECONDS] [--gaussian SIGMA | --kernel FILE]
    [--against MODEL] [--set NAME=VALUE ...]: luma PSNR as `isr evaluate` measures it, steps and seconds per picture.
    LR is made by MATLAB's bicubic, or with the kernel, which the method is then given (and MODEL cannot be).
python benchmarks/zero_shot.py --picture OUT.png --gaussian 2: the guide's picture, of docs/pictures/sample.png.
python benchmarks/zero_shot.py --step: a training step beside the same convolutions alone, in one run (TensorFlow).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import numpy as np
import picture

from ISR import config
from ISR.datasets import folders
from ISR.datasets.internal import InternalPairs, Reduction
from ISR.images import degrade, files, kernels
from ISR.metrics import psnr_y
from ISR.models.pretrained import load_model
from ISR.predict.predictor import Predictor
from ISR.zero_shot import ZeroShot

STEPS, TURNS = 40, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", metavar="HR_DIR")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--budget", type=float)
    parser.add_argument("--gaussian", type=float, metavar="SIGMA")
    parser.add_argument("--kernel", type=Path)
    parser.add_argument("--against", metavar="MODEL")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="NAME=VALUE")
    parser.add_argument("--only", help="the pictures whose name begins so")
    parser.add_argument("--step", action="store_true")
    parser.add_argument("--picture", type=Path, metavar="OUT")
    options = parser.parse_args()
    settings = config.load(overrides=[f"zero_shot.{text}" for text in options.overrides]).zero_shot
    if options.step:
        print_step(settings)
        return
    changes = {} if options.budget is None else {"budget": options.budget}
    kernel = chosen_kernel(options)
    task = ZeroShot(options.scale, settings=settings, kernel=kernel, **changes)
    task.load()
    if options.picture is not None:
        options.folder, options.only = picture.PICTURES, "sample"
        paint(task, next(pairs(options, kernel)), options.picture)
        return
    models = ["bicubic", *([options.against] if options.against else [])]
    print_scores(
        task, list(pairs(options, kernel)), {name: Predictor(load_model(name, options.scale)) for name in models}
    )


def chosen_kernel(options: argparse.Namespace) -> np.ndarray | None:
    """The Gaussian out to three deviations, its side of the scale's parity so that nothing moves it."""
    if options.gaussian is None:
        return kernels.read(options.kernel) if options.kernel else None
    side = 2 * math.ceil(3 * options.gaussian) + 1 + (options.scale + 1) % 2
    places = np.arange(side) - (side - 1) / 2
    line = np.exp(-0.5 * (places / options.gaussian) ** 2)
    return kernels.checked(np.outer(line, line))


def pairs(options: argparse.Namespace, kernel: np.ndarray | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for path in folders.pictures_in(options.folder):
        if not path.name.startswith(options.only or ""):
            continue
        hr = folders.read_hr(path, options.scale, keep_grey=True)
        if kernel is None:
            lr = degrade.degrade(hr, options.scale)
        else:
            lr = files.to_samples(kernels.reduce(files.to_float(hr), kernel, options.scale))
        yield path.stem, lr, hr


def paint(task: ZeroShot, pair: tuple[str, np.ndarray, np.ndarray], output: Path) -> None:
    """What `benchmarks/picture.py` paints, of bicubic, the shipped network and zero-shot."""
    _, lr, hr = pair
    models = [Predictor(load_model(name, round(task.scale))) for name in ("bicubic", "compact")]
    enlarged = {**{model.model.name: model.upscale(lr) for model in models}, "zssr": task.upscale(lr)}
    captions = {name: f"{name}, {psnr_y(hr, sr, border=round(task.scale)):.2f} dB" for name, sr in enlarged.items()}
    picture.beside(
        [picture.panel(sr, captions[name]) for name, sr in enlarged.items()] + [picture.panel(hr, "original")], output
    )


def print_scores(task: ZeroShot, pictures: list, models: dict[str, Predictor]) -> None:
    columns = [*models, "zssr"]
    print(f"| picture | {' | '.join(columns)} | steps | training, s | all, s |\n|{'---|' * (len(columns) + 4)}")
    rows = []
    for name, lr, hr in pictures:
        border = round(task.scale)
        scores = [psnr_y(hr, predictor.upscale(lr), border=border) for predictor in models.values()]
        scores.append(psnr_y(hr, task.upscale(lr), border=border))
        report = task.report
        rows.append((*scores, sum(report.steps), report.training_seconds, report.seconds))
        print_row(name, rows[-1], f"{'+'.join(map(str, report.steps))}{'' if report.exact else ' (by time)'}")
    print_row("mean", [fmean(column) for column in zip(*rows, strict=True)])


def print_row(name: str, row: tuple | list, steps: str | None = None) -> None:
    *scores, count, training, seconds = row
    figures = " | ".join(f"{score:.2f}" for score in scores)
    print(f"| {name} | {figures} | {steps or round(count)} | {training:.0f} | {seconds:.0f} |", flush=True)


def print_step(settings: config.ZeroShotConfig) -> None:
    from ISR.models.zssr import ZSSR
    from ISR.train import internal

    settings = config.zero_shot({"max_steps": STEPS, "budget": 0.0}, settings)
    network = ZSSR(1, width=settings.width, depth=settings.depth, kernel_size=settings.kernel_size)
    network.initialise(0)
    internal.compile_for(network, settings)
    picture = np.random.default_rng(0).uniform(0, 1, (256, 256, 3)).astype(np.float32)
    batches = InternalPairs((picture,), Reduction(2.0), settings.crop_size, settings.batch_size)

    def steps() -> float:
        ends: list[float] = []
        internal.fit(
            network,
            batches,
            settings,
            time_left=lambda seconds: math.inf,
            watch=lambda *said: ends.append(time.perf_counter()),
        )
        return (ends[-1] - ends[0]) / (len(ends) - 1)

    alone = convolutions_alone(settings)
    steps(), alone()
    turns = [(steps(), alone()) for _ in range(TURNS)]
    step, convolutions = (median(turn[i] for turn in turns) for i in (0, 1))
    rate = flops(settings) / convolutions / 1e9
    print("| step, ms | its convolutions alone, ms | their GFLOP/s | ratio (median of turns) |\n|---|---|---|---|")
    ratio = median(turn[0] / turn[1] for turn in turns)
    print(f"| {1e3 * step:.1f} | {1e3 * convolutions:.1f} | {rate:.0f} | {ratio:.2f} |")


def flops(settings: config.ZeroShotConfig) -> float:
    """Of a step's convolutions: forwards, to the weights, and to the input but for the first one's."""
    taps = settings.kernel_size**2 * settings.width * settings.batch_size * settings.crop_size**2
    ends, middle = 3, settings.width * (settings.depth - 1)
    return 2.0 * taps * (3 * middle + 3 * ends + 2 * ends)


def convolutions_alone(settings: config.ZeroShotConfig) -> Callable[[], float]:
    """Seconds of one forward and backward pass of convolutions of the network's shapes, and of nothing else."""
    import tensorflow as tf

    widths = [3, *[settings.width] * settings.depth, 3]
    side = settings.kernel_size
    weights = [tf.Variable(tf.random.normal((side, side, *pair), stddev=0.05)) for pair in pairwise(widths)]
    batch = tf.random.normal((settings.batch_size, settings.crop_size, settings.crop_size, 3))
    last = tf.random.normal((settings.batch_size, settings.crop_size, settings.crop_size, 3))

    @tf.function
    def passes() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            x = batch
            for weight in weights:
                x = tf.nn.conv2d(x, weight, 1, "SAME")
        return tape.gradient(x, weights, output_gradients=last)

    def seconds() -> float:
        started = time.perf_counter()
        for _ in range(STEPS):
            passes()[0].numpy()
        return (time.perf_counter() - started) / STEPS

    return seconds


if __name__ == "__main__":
    main()
