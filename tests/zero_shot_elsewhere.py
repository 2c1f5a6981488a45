"""Run by test_zero_shot.py under another KERAS_BACKEND: the same picture, seed and steps."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from ISR import backend
from ISR.zero_shot import ZeroShot

folder = Path(sys.argv[1])
tiny = {"width": 16, "depth": 3, "crop_size": 32, "max_steps": 6, "budget": 0, "ensemble": 1, "scale_steps": 1}
np.save(folder / "sr.npy", ZeroShot(2, **tiny).upscale(np.load(folder / "lr.npy")))
assert backend.name() == os.environ["KERAS_BACKEND"]
assert "tensorflow" not in sys.modules, "another backend must not load TensorFlow"
