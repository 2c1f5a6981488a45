"""Run by test_machines.py: the command line, keeping as well the weights that this very process ends with.

run_with_others.py WEIGHTS.npz train ...
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from ISR.cli import main
from ISR.train import trainer

train = trainer.train


def train_and_keep(generator: Any, *arguments: Any, **options: Any) -> Path:
    weights = train(generator, *arguments, **options)
    np.savez(sys.argv[1], *generator.model.get_weights())
    return weights


trainer.train = train_and_keep
sys.exit(main(sys.argv[2:]))
