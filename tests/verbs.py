"""What is asked of every network, whatever its paper."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.images import tiling
from ISR.models.image_model import ImageModel


def randomised(model: ImageModel, *, seed: int = 0, spread: float = 0.1) -> ImageModel:
    """The model with every weight drawn anew: no tap is zero, no activation saturates, every variance is positive."""
    rng = np.random.default_rng(seed)
    for variable in model.model.variables:
        centre = 1.0 if variable.path.endswith(("/gamma", "/moving_variance")) else 0.0
        values = rng.normal(centre, spread, variable.shape)
        variable.assign((np.maximum(values, 0.5) if centre else values).astype(np.float32))
    return model


def measured_receptive_radius(model: ImageModel, *, side: int) -> int:
    """How far, in LR pixels, an impulse in the middle of a picture reaches: the greatest distance of a changed output.

    `side` must be over twice the radius that is stated, so that a longer reach would show.
    """
    rng = np.random.default_rng(1)
    lr = rng.uniform(0.3, 0.7, (1, side, side, 3)).astype(np.float32)
    hit = lr.copy()
    middle = side // 2
    hit[0, middle, middle] += 0.25
    changed = np.abs(model.run(hit) - model.run(lr))[0].max(axis=-1) > 0
    rows, columns = (index // model.scale - middle for index in np.nonzero(changed))
    return int(max(np.abs(rows).max(), np.abs(columns).max()))


def assert_tiles_equal_whole(model: ImageModel, height: int, width: int, *, tile: int, batch_size: int = 2) -> None:
    """Tiled output is the whole picture's to 1e-5."""
    lr = np.random.default_rng(2).uniform(0, 1, (height, width, 3)).astype(np.float32)
    plan = tiling.plan(height, width, tile=tile, overlap=model.receptive_radius, scale=model.scale)
    tiled = np.full((height * model.scale, width * model.scale, 3), np.nan, np.float32)
    for batch in tiling.batches(plan, batch_size):
        results = model.run(np.stack([tiling.cut(lr, plan, index) for index in batch]))
        for index, result in zip(batch, results, strict=True):
            tiling.paste(tiled, plan, index, result)
    np.testing.assert_allclose(tiled, model.run(lr[None])[0], rtol=0, atol=1e-5)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """(level, message) of what ISR itself logged: TensorFlow warns where one process builds many networks."""
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name.startswith("ISR")]
