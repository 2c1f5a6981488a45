"""SRCNN against its paper (Dong, Loy, He and Tang 2016)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from verbs import randomised

from ISR.models.srcnn import SRCNN


# The numbers of weights that section 4.3.2 of the paper gives, one channel; biases come on top (64 + 32 + 1).
@pytest.mark.parametrize(("layout", "weights"), [("9-1-5", 8_032), ("9-3-5", 24_416), ("9-5-5", 57_184)])
def test_parameter_count_is_the_paper_s(layout: str, weights: int) -> None:
    assert SRCNN(3, layout=layout, c_dim=1).model.count_params() == weights + 64 + 32 + 1


def test_rgb_parameter_count() -> None:
    assert SRCNN(2).model.count_params() == 81 * 3 * 64 + 64 + 64 * 32 + 32 + 25 * 32 * 3 + 3


@pytest.mark.parametrize(("layout", "border"), [("9-1-5", 6), ("9-5-5", 8)])
def test_valid_training_is_the_whole_picture_without_its_border(layout: str, border: int, tmp_path: Path) -> None:
    """Section 4.1: 33x33 interpolated pixels, here 11x11 LR pixels at x3, give 21x21."""
    training = randomised(SRCNN(3, layout=layout, padding="valid"))
    assert isinstance(training, SRCNN) and training.border == border
    training.save(tmp_path / "net.weights.h5")
    whole = SRCNN(3, layout=layout)
    whole.load(tmp_path / "net.weights.h5")
    lr = np.random.default_rng(0).uniform(0, 1, (2, 11, 11, 3)).astype(np.float32)
    sr = training.run(lr)
    assert sr.shape == (2, 33 - 2 * border, 33 - 2 * border, 3)
    np.testing.assert_allclose(sr, whole.run(lr)[:, border:-border, border:-border], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("scale", "options"), [(5, {}), (8, {}), (2, {"layout": "9-7-5"}), (2, {"padding": "full"}), (2, {"c_dim": 0})]
)
def test_refuses(scale: int, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="srcnn"):
        SRCNN(scale, **options)  # type: ignore[arg-type]
