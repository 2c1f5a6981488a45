"""How good and how fast: a model on a folder of high-resolution pictures, by the protocol of the papers.

Each picture is cropped to a multiple of the scale, reduced by MATLAB's antialiased bicubic, rounded to 8 bits,
enlarged, rounded to 8 bits, and compared on 8-bit BT.601 luma with a border of `scale` pixels shaved off. A grey
picture (`bridge` in Set14) is compared on its samples: their 255 steps against luma's 219 are 1.32 dB less. What a
network that pads nothing makes is compared with the middle of the picture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ISR.datasets import folders
from ISR.datasets.patches import Samples, middle
from ISR.errors import PictureError
from ISR.images import files
from ISR.metrics import psnr_y, ssim_y
from ISR.models.tiled import Upscaler
from ISR.predict.predictor import Predictor


@dataclass(frozen=True)
class Score:
    """One picture: luma PSNR in dB, luma SSIM, seconds to enlarge it, output size in megapixels."""

    picture: str
    psnr_y: float
    ssim_y: float
    seconds: float
    megapixels: float


@dataclass(frozen=True)
class Report:
    """One model on one set: means over its pictures, and all seconds spent enlarging them."""

    model: str
    scale: int
    set: str
    pictures: int
    psnr_y: float
    ssim_y: float
    seconds: float
    seconds_per_megapixel: float
    scores: tuple[Score, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain dicts and lists for `json.dump`; an infinite PSNR, of a picture met exactly, is None."""
        plain = asdict(self)
        for values in (plain, *plain["scores"]):
            values["psnr_y"] = None if math.isinf(values["psnr_y"]) else values["psnr_y"]
        return plain


def evaluate(model: Upscaler, folder: str | Path, *, name: str | None = None, tile: int | None = None) -> Report:
    """The model's report on the pictures of the folder, under `name` or the model's own. Errors of ISR.errors."""
    scores = list(score_pictures(model, folder, tile=tile))
    seconds = sum(score.seconds for score in scores)
    return Report(
        model=name or model.name,
        scale=model.scale,
        set=set_name(Path(folder)),
        pictures=len(scores),
        psnr_y=fmean(score.psnr_y for score in scores),
        ssim_y=fmean(score.ssim_y for score in scores),
        seconds=seconds,
        seconds_per_megapixel=seconds / sum(score.megapixels for score in scores),
        scores=tuple(scores),
    )


def score_pictures(model: Upscaler, folder: str | Path, *, tile: int | None = None) -> Iterator[Score]:
    """The scores of the folder's pictures in the order of their names."""
    predictor = Predictor(model, tile=tile)
    for number, path in enumerate(folders.pictures_in(folder)):
        lr, hr = folders.read_pair(path, model.scale, keep_grey=True)
        if number == 0:
            _enlarged(predictor, lr)  # traces the network outside the measured time
        started = time.perf_counter()
        sr = _enlarged(predictor, lr)
        seconds = time.perf_counter() - started
        try:
            hr = middle(hr, *sr.shape[:2])
            psnr, ssim = psnr_y(hr, sr, border=model.scale), ssim_y(hr, sr, border=model.scale)
        except ValueError as error:
            raise PictureError(f"{str(path)!r} cannot be measured: {error}") from error
        yield Score(path.name, psnr, ssim, seconds, sr.shape[0] * sr.shape[1] / 1e6)


def _enlarged(predictor: Predictor, lr: Samples) -> Samples:
    """By the predictor; a network that pads nothing, whose tiles would not meet, gets the whole picture at once."""
    model: Any = predictor.model
    if not getattr(model, "border", 0):
        return predictor.upscale(lr)
    sr = model.run(np.broadcast_to(files.to_float(lr), (1, *lr.shape[:2], model.channels)))[0]
    return files.to_samples(sr.mean(axis=2, keepdims=True) if lr.shape[2] == 1 else sr).astype(np.uint8, copy=False)


def set_name(folder: Path) -> str:
    """What a set of pictures is called: its folder, or the one above a folder named HR."""
    folder = folder.resolve()
    return folder.parent.name if folder.name.upper() == "HR" else folder.name


def as_table(reports: list[Report]) -> str:
    """The reports as a Markdown table."""
    rows = [
        "| model | scale | set | pictures | PSNR-Y (dB) | SSIM-Y | s per output megapixel |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in reports:
        figures = f"{r.psnr_y:.2f} | {r.ssim_y:.4f} | {r.seconds_per_megapixel:.3f}"
        rows.append(f"| {r.model} | x{r.scale} | {r.set} | {r.pictures} | {figures} |")
    return "\n".join(rows)
