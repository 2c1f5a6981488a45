"""Blur kernels: what is read and refused, and where a reduced sample lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ISR.errors import PictureError
from ISR.images import degrade, kernels, resize

GAUSSIAN = degrade.gaussian_kernel(7, np.eye(2) * 1.5)


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (0.01 * x + 0.02 * y).astype(np.float32)[..., None]


@pytest.mark.parametrize("name", ["k.npy", "k.txt", "k.csv", "commented.txt"])
def test_reads_npy_and_text_and_sums_to_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "k.npy":
        np.save(path, 4 * GAUSSIAN)
    else:
        np.savetxt(path, 4 * GAUSSIAN, delimiter="," if name == "k.csv" else " ")
    if name == "commented.txt":
        path.write_text("# a kernel\n\n" + path.read_text())
    read = kernels.read(path)
    np.testing.assert_allclose(read, GAUSSIAN, atol=1e-9)
    assert read.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 2\n3\n", "all of one length"),
        (b"1 two\n3 4\n", "lines of numbers"),
        (b"", "expected a matrix"),
        (b"\xff\xfe\x00", "lines of numbers"),
        (b"\x93NUMPY\x01\x00", "a .npy file"),
        (b"1 -1\n", "sum above 0"),
        (b"nan 1\n", "finite"),
        (b"inf 1\n", "finite"),
        (b"0 0\n0 0\n", "sum above 0"),
        (b" ".join([b"1"] * 128), "at most 127"),
        (b" " * (kernels.MOST_BYTES + 1), "at most 1048576 bytes"),
    ],
)
def test_refuses_what_is_no_kernel(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=message) as caught:
        kernels.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_a_missing_file_a_folder_and_pickles(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        kernels.read(tmp_path / "none.npy")
    with pytest.raises(PictureError, match="directory"):
        kernels.read(tmp_path)
    np.save(tmp_path / "objects.npy", np.array([[{}]], object))
    with pytest.raises(PictureError, match=r"a \.npy file"):
        kernels.read(tmp_path / "objects.npy")


@pytest.mark.parametrize("matrix", [[1.0, 2.0], [[[1.0]]], [[]], [["a"]], [[1j]], [[True]]])
def test_refuses_what_is_no_matrix_of_numbers(matrix: list[object]) -> None:
    with pytest.raises(PictureError, match="matrix of numbers"):
        kernels.checked(np.array(matrix))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("sides", [(1, 1), (7, 7), (8, 8), (5, 8), (1, 6)])
def test_a_symmetric_kernel_moves_nothing(scale: int, sides: tuple[int, int]) -> None:
    """Away from the border a ramp reduces to the ramp at (i + 0.5) * scale - 0.5, as bicubic reduces it."""
    kernel = np.outer(np.hanning(sides[0] + 2)[1:-1], np.hanning(sides[1] + 2)[1:-1])
    picture = ramp(12 * scale, 16 * scale)
    reduced = kernels.reduce(picture, kernels.checked(kernel), scale)
    inner = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(reduced[inner], resize.resize(picture, (12, 16))[inner], atol=1e-5)
    places = (np.arange(12) + 0.5) * scale - 0.5
    np.testing.assert_allclose(reduced[5:-5, 5, 0] - reduced[5, 5, 0], 0.02 * (places[5:-5] - places[5]), atol=1e-5)


def test_reduces_by_hand_arithmetic() -> None:
    """Correlation, not convolution: the kernel's first weight goes to the upper left sample."""
    picture = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    kernel = kernels.checked([[1.0, 0.0], [0.0, 3.0]])
    # 0.25 * upper left + 0.75 * lower right of each block: (0, 5), (2, 7), (8, 13), (10, 15).
    np.testing.assert_allclose(kernels.reduce(picture, kernel, 2)[..., 0], [[3.75, 5.75], [11.75, 13.75]])


def test_an_odd_kernel_at_scale_one_is_a_blur() -> None:
    picture = np.random.default_rng(0).uniform(0, 1, (20, 17, 3)).astype(np.float32)
    expected = degrade.blur(picture, GAUSSIAN)  # symmetric, so that correlation is convolution
    np.testing.assert_allclose(kernels.reduce(picture, GAUSSIAN, 1), expected, atol=1e-6)


def test_refuses_sides_that_are_no_multiple() -> None:
    with pytest.raises(ValueError, match="cannot be reduced by 2 exactly"):
        kernels.reduce(ramp(5, 6), GAUSSIAN, 2)
