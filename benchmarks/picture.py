"""Makes docs/pictures/comparison.png: the sample reduced by two, enlarged by bicubic and by ISR, and as it was.

python benchmarks/picture.py [-o OUT.png] [MODEL ...]: other networks, each by its name or the path of its weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ISR.datasets import folders
from ISR.metrics import psnr_y
from ISR.models.pretrained import load_model
from ISR.predict.predictor import Predictor

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CROP = (slice(84, 164), slice(128, 248))  # the eye and whiskers: rows, columns of the original
ZOOM = 3
CAPTION = 26


def panel(picture: np.ndarray, caption: str) -> Image.Image:
    crop = Image.fromarray(picture[CROP])
    enlarged = crop.resize((crop.width * ZOOM, crop.height * ZOOM), Image.Resampling.NEAREST)
    framed = Image.new("RGB", (enlarged.width, enlarged.height + CAPTION), "white")
    framed.paste(enlarged, (0, CAPTION))
    ImageDraw.Draw(framed).text((4, 4), caption, fill="black", font=ImageFont.load_default(16))
    return framed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["bicubic", "best"], metavar="MODEL")
    parser.add_argument("-o", "--output", type=Path, default=PICTURES / "comparison.png", metavar="OUT")
    options = parser.parse_args()
    lr, hr = folders.read_pair(PICTURES / "sample.png", 2)
    panels = []
    for name in options.models:
        model = load_model(name, 2)
        sr = Predictor(model).upscale(lr)
        panels.append(panel(sr, f"{model.name}, {psnr_y(hr, sr, border=2):.2f} dB"))
    panels.append(panel(hr, "original"))
    beside(panels, options.output)


def beside(panels: list[Image.Image], output: Path) -> None:
    width = sum(p.width for p in panels) + 8 * (len(panels) - 1)
    whole = Image.new("RGB", (width, panels[0].height), "white")
    for i, each in enumerate(panels):
        whole.paste(each, (i * (panels[0].width + 8), 0))
    whole.save(output, optimize=True)


if __name__ == "__main__":
    main()
