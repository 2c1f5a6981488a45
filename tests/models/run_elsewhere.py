"""Run by test_networks.py under another KERAS_BACKEND: the same networks, weights and pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from test_networks import NETWORKS

from ISR import backend, models

folder = Path(sys.argv[1])
results = {}
with np.load(folder / "in.npz") as given:
    for i, (name, scale, params) in enumerate(NETWORKS):
        network = models.build(name, scale, params)
        count = len(network.model.get_weights())
        network.model.set_weights([given[f"w_{i}_{j}"] for j in range(count)])
        results[f"sr_{i}"] = network.run(given[f"lr_{i}"])
np.savez(folder / "out.npz", **results)
assert backend.name() == os.environ["KERAS_BACKEND"]
assert "tensorflow" not in sys.modules, "another backend must not load TensorFlow"
