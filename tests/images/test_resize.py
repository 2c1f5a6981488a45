"""Interpolation against hand arithmetic and Pillow; against MATLAB where the evaluation sets are at hand."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import drawn
from PIL import Image

from ISR.images import files, resize

METHODS = sorted(resize.KERNELS)
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# The cubic of MATLAB's imresize, 1.5|x|^3 - 2.5|x|^2 + 1 up to 1 and -0.5|x|^3 + 2.5|x|^2 - 4|x| + 2 up to 2, at
# 1.75, 1.25, 0.75 and 0.25. A reduction by 2 stretches it twice: its eight taps lie there, and each counts a half.
CUBIC = np.array([-3, -9, 29, 111]) / 128
EIGHT_TAPS = np.concatenate([CUBIC, CUBIC[::-1]]) / 2


def test_reduction_by_two_has_the_eight_antialiased_taps() -> None:
    impulses = np.eye(24)[None]  # every column is a channel with one sample of 1
    rows = resize.resize(impulses, (1, 12))[0]
    np.testing.assert_allclose(rows[5, 7:15], EIGHT_TAPS, rtol=0, atol=1e-7)
    np.testing.assert_allclose(np.delete(rows[5], np.s_[7:15]), 0.0)


def test_a_sample_outside_is_the_nearest_inside() -> None:
    """The first output's first three taps lie outside, and count for the first sample."""
    row = resize.resize(np.eye(24)[None], (1, 12))[0, 0]
    expected = np.array([EIGHT_TAPS[:4].sum(), *EIGHT_TAPS[4:]])
    np.testing.assert_allclose(row[:5], expected, rtol=0, atol=1e-7)


def test_enlargement_by_two_has_the_four_taps_of_the_cubic() -> None:
    left_of_centre = resize.enlarge(np.eye(9)[None], 2)[0, 8]
    expected = [CUBIC[0], CUBIC[2], CUBIC[3], CUBIC[1]]  # distances 1.75, 0.75, 0.25, 1.25
    np.testing.assert_allclose(left_of_centre[2:6], expected, rtol=0, atol=1e-7)


def test_reduction_rounds_halves_up_after_each_pass() -> None:
    """On 2x2 samples the eight taps make means of two: 0.5 becomes 1 down the columns, and again along the row."""
    samples = np.array([[0, 0], [1, 0]], np.uint8)[..., None]
    assert resize.reduce(samples, 2).item() == 1


def test_reduction_goes_down_the_columns_first() -> None:
    """There it meets 0.5 and 1.5, which become 1 and 2; along the rows first it would meet 1 and 1."""
    samples = np.array([[1, 1], [0, 2]], np.uint8)[..., None]
    assert resize.reduce(samples, 2).item() == 2
    assert resize.reduce(samples.swapaxes(0, 1), 2).item() == 1


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_constant_stays_constant(scale: int, level: int) -> None:
    samples = np.full((4 * scale, 5 * scale, 3), level, np.uint8)
    np.testing.assert_array_equal(resize.reduce(samples, scale), np.full((4, 5, 3), level, np.uint8))
    for method in METHODS:
        enlarged = resize.enlarge(files.to_float(samples), scale, method=method)
        np.testing.assert_allclose(enlarged, level / 255, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
def test_a_slope_stays_a_slope(method: str) -> None:
    slope = np.broadcast_to(np.arange(20.0)[None, :, None], (4, 20, 1))
    expected = (np.arange(60) + 0.5) / 3 - 0.5
    np.testing.assert_allclose(resize.enlarge(slope, 3, method=method)[6, 9:-9, 0], expected[9:-9], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_is_pillows_away_from_the_border(scale: int) -> None:
    """To one level: Pillow goes along the rows first. At the border it cuts its kernel off, repeating no samples."""
    samples = drawn(60, 84)
    ours = resize.reduce(samples, scale)
    theirs = np.asarray(Image.fromarray(samples).resize((84 // scale, 60 // scale), PILLOW["bicubic"]))
    difference = np.abs(ours.astype(int) - theirs.astype(int))[3:-3, 3:-3]
    assert difference.max() <= 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_enlargement_is_pillows_away_from_the_border(method: str, scale: int) -> None:
    plane = np.random.default_rng(0).uniform(0, 1, (17, 23)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(plane).resize((23 * scale, 17 * scale), PILLOW[method]))
    inner = np.s_[3 * scale : -3 * scale, 3 * scale : -3 * scale]
    ours = resize.enlarge(plane[..., None], scale, method=method)[..., 0]
    np.testing.assert_allclose(ours[inner], theirs[inner], rtol=0, atol=2e-6)


@pytest.mark.parametrize(("size", "method"), [((9, 31), "bicubic"), ((40, 11), "lanczos"), ((8, 12), "bilinear")])
def test_any_size_is_pillows_away_from_the_border(size: tuple[int, int], method: str) -> None:
    plane = np.random.default_rng(0).uniform(0, 1, (24, 36)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(plane).resize(size[::-1], PILLOW[method]))
    ours = resize.resize(plane[..., None], size, method=method)[..., 0]
    rows, columns = (math.ceil(3 * max(1, new / old)) for old, new in zip((24, 36), size, strict=True))
    np.testing.assert_allclose(ours[rows:-rows, columns:-columns], theirs[rows:-rows, columns:-columns], atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 1), (5, 1, 3), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_pictures_work(method: str, shape: tuple[int, int, int], dtype: Any) -> None:
    values = np.full(shape, 0.25, dtype)
    enlarged = resize.enlarge(values, 4, method=method)
    assert (enlarged.shape, enlarged.dtype) == ((shape[0] * 4, shape[1] * 4, shape[2]), np.float32)
    np.testing.assert_allclose(enlarged, 0.25, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strip", [1, 100, 2**22])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(9, 31), (40, 11), (23, 36), (1, 1), (100, 3)])
def test_strips_are_pieces_of_the_whole(
    strip: int, method: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resize, "_STRIP", strip)
    values = files.to_float(drawn(23, 36))
    pieces = list(resize.strips(lambda rows: values[rows], (23, 36, 3), size, method=method))
    assert [piece for rows, _ in pieces for piece in range(size[0])[rows]] == list(range(size[0]))
    whole = resize.resize(values, size, method=method)
    np.testing.assert_array_equal(np.concatenate([values for _, values in pieces]), whole, strict=True)
    assert len(pieces) == (size[0] if strip == 1 else 1 if strip == 2**22 else len(pieces))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(40, 31), (28, 22), (1, 1)])
def test_shrinking_is_resizing_in_fixed_point(size: tuple[int, int], channels: int) -> None:
    samples = drawn(57, 44)[..., :channels]
    shrunk = resize.shrink(samples, size)
    exact = np.clip(resize.resize(samples, size), 0.0, 255.0)
    assert shrunk.shape == (*size, channels) and shrunk.dtype == np.uint8
    if min(size) > 4:  # Pillow's kernel ends at the picture's edge
        assert np.abs(shrunk - exact)[2:-2, 2:-2].max() <= 2.0
    with pytest.raises(ValueError, match="at least 1x1"):
        resize.shrink(samples, (0, 4))


def test_integers_become_float32_too() -> None:
    assert resize.resize(drawn(8, 6), (4, 9)).dtype == np.float32


def test_enlargement_is_not_clipped() -> None:
    edge = np.zeros((1, 8, 1), np.float32)
    edge[:, 4:] = 1.0
    enlarged = resize.enlarge(edge, 4)
    assert enlarged.min() < 0 < 1 < enlarged.max()


def test_turning_the_picture_turns_the_result() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (11, 11, 3)).astype(np.float32)
    for method in METHODS:
        turned = resize.enlarge(np.rot90(values), 3, method=method)
        np.testing.assert_allclose(turned, np.rot90(resize.enlarge(values, 3, method=method)), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width", "scale"), [(7, 8, 2), (8, 7, 3), (4, 4, 4), (5, 5, 1)])
def test_crop_to_multiple_keeps_the_top_left(height: int, width: int, scale: int) -> None:
    samples = drawn(height, width)
    cropped = resize.crop_to_multiple(samples, scale)
    assert (cropped.shape[0] % scale, cropped.shape[1] % scale) == (0, 0)
    assert height - cropped.shape[0] < scale > width - cropped.shape[1]
    np.testing.assert_array_equal(cropped, samples[: cropped.shape[0], : cropped.shape[1]])


@pytest.mark.parametrize(("shape", "scale"), [((5, 4, 3), 2), ((4, 5, 3), 2), ((4, 4, 3), 0), ((4, 4, 3), -2)])
def test_reduce_refuses_what_does_not_divide(shape: tuple[int, int, int], scale: int) -> None:
    with pytest.raises(ValueError, match="cannot be reduced"):
        resize.reduce(np.zeros(shape, np.uint8), scale)


@pytest.mark.parametrize("shape", [(4, 4), (0, 4, 3), (4, 0, 3), (1, 4, 4, 3)])
def test_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no empty axis"):
        resize.reduce(np.zeros(shape, np.uint8), 2)
    with pytest.raises(ValueError, match="no empty axis"):
        resize.enlarge(np.zeros(shape), 2)


def test_refuses_other_methods_scales_and_sizes() -> None:
    values = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="expected one of nearest, bilinear, bicubic, lanczos"):
        resize.enlarge(values, 2, method="cubic")
    with pytest.raises(ValueError, match="at least 1"):
        resize.enlarge(values, 0)
    with pytest.raises(ValueError, match="at least 1x1"):
        resize.resize(values, (0, 4))
    with pytest.raises(ValueError, match="at least 1x1"):
        list(resize.strips(values.__getitem__, (4, 4, 3), (4, 0)))


SETS = os.environ.get("ISR_EVAL_DIR") or None
needs_sets = pytest.mark.skipif(
    SETS is None, reason="ISR_EVAL_DIR does not name a folder with <set>/HR and Set5/LR_matlab/X2, X3, X4"
)


@needs_sets
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_is_matlabs_to_the_last_sample(scale: int) -> None:
    folder = Path(SETS or "") / "Set5"
    compared = 0
    for path in sorted((folder / "HR").iterdir()):
        hr = resize.crop_to_multiple(files.read(path).pixels, scale).astype(np.uint8)
        (matlab,) = (folder / "LR_matlab" / f"X{scale}").glob(f"{path.stem}*")
        np.testing.assert_array_equal(resize.reduce(hr, scale), files.read(matlab).pixels)
        compared += 1
    assert compared == 5


# Measured elsewhere with 8 bits at every stage; published: 33.66 30.39 28.42, 30.24 27.55 26.00, 29.56 27.21 25.96.
BICUBIC: list[tuple[str, tuple[float, float, float]]] = [
    ("Set5", (33.637, 30.384, 28.414)),
    ("Set14", (30.220, 27.537, 25.996)),
    ("BSD100", (29.547, 27.203, 25.957)),
]


@needs_sets
@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), BICUBIC)
def test_bicubic_scores_what_the_literature_says(name: str, expected: tuple[float, float, float]) -> None:
    from ISR.evaluate import evaluate
    from ISR.models.interpolation import Interpolation

    came = [evaluate(Interpolation("bicubic", scale), Path(SETS or "") / name / "HR").psnr_y for scale in (2, 3, 4)]
    np.testing.assert_allclose(came, expected, rtol=0, atol=0.01)
