"""Network interpolation (Wang et al. 2018, section 3.4): arrays, files, command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from verbs import randomised

from ISR.cli import main
from ISR.errors import WeightsError
from ISR.models import build, manifest
from ISR.models.blend import blend, blend_files
from ISR.models.pretrained import load_model

SMALL: dict[str, Any] = {"blocks": 1, "width": 4}


def saved(path: Path, *, seed: int, name: str = "srgan", scale: int = 2, params: dict[str, Any] | None = None) -> Path:
    randomised(build(name, scale, SMALL if params is None else params), seed=seed).save(path)
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return saved(tmp_path / "a.weights.h5", seed=0), saved(tmp_path / "b.weights.h5", seed=1)


def arrays(path: Path) -> list[Any]:
    model: Any = load_model(str(path))
    return list(model.model.get_weights())


def test_blend_is_the_weighted_mean() -> None:
    a, b = (
        [np.array([0.0, 1.0], np.float32), np.float32([[2.0]])],
        [np.array([1.0, 3.0], np.float32), np.float32([[4.0]])],
    )
    mixed = blend(a, b, 0.25)
    assert [array.tolist() for array in mixed] == [[0.25, 1.5], [[2.5]]]
    assert {array.dtype for array in mixed} == {np.dtype(np.float32)}


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_ends_are_the_weights_themselves(alpha: float) -> None:
    rng = np.random.default_rng(0)
    sets = [[rng.normal(size=(3, 4)).astype(np.float32)] for _ in range(2)]
    np.testing.assert_array_equal(blend(*sets, alpha)[0], sets[int(alpha)][0])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan"), float("inf")])
def test_alpha_outside_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\]"):
        blend([], [], alpha)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="two networks"):
        blend([np.zeros((2, 3), np.float32)], [np.zeros((3, 2), np.float32)], 0.5)


def test_files_are_blended_with_their_manifest(two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "c.weights.h5"
    blend_files(*two, out, alpha=0.8)
    for came, a, b in zip(arrays(out), *map(arrays, two), strict=True):
        np.testing.assert_allclose(came, 0.2 * a + 0.8 * b, rtol=0, atol=1e-6)
    content = manifest.read(out)
    assert (content["architecture"], content["scale"], content["params"]) == ("srgan", 2, {**SMALL, "c_dim": 3})


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"name": "espcn", "params": {}}, "architecture is srgan and espcn"),
        ({"scale": 3}, "scale is 2 and 3"),
        ({"params": {"blocks": 1, "width": 5}}, "params is"),
    ],
)
def test_two_networks_are_refused(two: tuple[Path, Path], tmp_path: Path, other: dict[str, Any], what: str) -> None:
    stranger = saved(tmp_path / "d.weights.h5", seed=0, **other)
    with pytest.raises(WeightsError, match=what):
        blend_files(two[0], stranger, tmp_path / "c.weights.h5", alpha=0.5)
    assert not (tmp_path / "c.weights.h5").exists()


def test_an_interpolation_has_no_weights(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="'bicubic' has no weights"):
        blend_files("bicubic", two[0], tmp_path / "c.weights.h5", alpha=0.5)


def test_neither_input_is_overwritten(two: tuple[Path, Path]) -> None:
    before = [path.read_bytes() for path in two]
    for path in two:
        with pytest.raises(WeightsError, match="one of the weights to blend"):
            blend_files(*two, path.parent / "." / path.name, alpha=0.5)
    assert [path.read_bytes() for path in two] == before


def test_the_command_line_blends(two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c.weights.h5"
    assert main(["weights", "blend", *map(str, two), "--alpha", "0.25", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    for came, a, b in zip(arrays(out), *map(arrays, two), strict=True):
        np.testing.assert_allclose(came, 0.75 * a + 0.25 * b, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--alpha", "2", "-o", "c.weights.h5"], "expected a number from 0 to 1, got '2'"),
        (["--alpha", "nan", "-o", "c.weights.h5"], "expected a number from 0 to 1, got 'nan'"),
        (["--alpha", "much", "-o", "c.weights.h5"], "expected a number from 0 to 1, got 'much'"),
        ([], "--output"),
        (["-o", "c.h5"], "ends in .weights.h5"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    two: tuple[Path, Path], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "blend", *map(str, two), *more]) in (1, 2)
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and printed.out == ""
