"""Each way of making a picture worse against a closed form, and the recipes made of them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import drawn

from ISR.images import degrade, resize
from ISR.images.files import to_float


def impulse(side: int) -> degrade.Values:
    values = np.zeros((side, side, 3), np.float32)
    values[side // 2, side // 2] = 1.0
    return values


def moments(kernel: degrade.Kernel) -> degrade.Kernel:
    """The covariance of a kernel taken as a density over (x, y)."""
    y, x = np.mgrid[: float(len(kernel)), : float(len(kernel))] - (len(kernel) - 1) / 2
    crossed = (kernel * x * y).sum()
    return np.array([[(kernel * x * x).sum(), crossed], [crossed, (kernel * y * y).sum()]])


@pytest.mark.parametrize("covariance", [[[2.0, 0.0], [0.0, 2.0]], [[6.0, 0.0], [0.0, 1.0]], [[3.0, 1.5], [1.5, 2.0]]])
def test_a_kernel_has_the_covariance_asked_for(covariance: list[list[float]]) -> None:
    kernel = degrade.gaussian_kernel(31, covariance)
    assert kernel.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(moments(kernel), covariance, atol=1e-4)


@pytest.mark.parametrize(
    ("side", "covariance"), [(4, np.eye(2)), (0, np.eye(2)), (5, [[1, 2], [2, 1]]), (5, np.zeros((2, 2))), (5, [1, 1])]
)
def test_refuses_a_kernel_that_cannot_be(side: int, covariance: np.ndarray) -> None:
    with pytest.raises(ValueError, match="odd side and a positive definite"):
        degrade.gaussian_kernel(side, covariance)


def test_blur_of_a_point_is_the_kernel_and_of_one_colour_that_colour() -> None:
    kernel = degrade.gaussian_kernel(7, [[3.0, 1.5], [1.5, 2.0]])
    blurred = degrade.blur(impulse(15), kernel)
    np.testing.assert_allclose(blurred[4:11, 4:11, 1], kernel, atol=1e-6)
    assert np.abs(blurred[:4]).max() < 1e-6 and blurred.dtype == np.float32
    plain = np.full((9, 5, 1), 0.3, np.float32)
    np.testing.assert_allclose(degrade.blur(plain, degrade.gaussian_kernel(21, np.eye(2) * 9)), plain, atol=1e-6)


def test_blur_repeats_the_edge_and_does_not_mirror_the_kernel() -> None:
    """A kernel whose weight lies on one side moves the picture by a pixel: convolved, not correlated."""
    kernel = np.zeros((3, 3))
    kernel[1, 2] = 1.0
    ramp = np.tile(np.linspace(0, 1, 6, dtype=np.float32)[None, :, None], (4, 1, 1))
    moved = degrade.blur(ramp, kernel)
    np.testing.assert_allclose(moved, ramp[:, [0, 0, 1, 2, 3, 4]], atol=1e-6)


def test_gaussian_noise_has_its_deviation_in_every_channel_or_one_for_all() -> None:
    """200 x 200 samples: the standard deviation is within 2 % (its own is 0.35 %)."""
    middle = np.full((200, 200, 3), 0.5, np.float32)
    colour = degrade.gaussian_noise(middle, 0.1, rng=np.random.default_rng(0)) - middle
    grey = degrade.gaussian_noise(middle, 0.1, rng=np.random.default_rng(0), grey=True) - middle
    for noise in (colour, grey):
        np.testing.assert_allclose(noise.std(axis=(0, 1)), 0.1, rtol=0.02)
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    assert abs(np.corrcoef(colour[..., 0].ravel(), colour[..., 2].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("value", [0.1, 0.8])
def test_poisson_noise_has_variance_value_over_photons(value: float) -> None:
    noisy = degrade.poisson_noise(np.full((300, 300, 1), value, np.float32), 500.0, rng=np.random.default_rng(1))
    assert noisy.mean() == pytest.approx(value, rel=0.01)
    assert noisy.var() == pytest.approx(value / 500.0, rel=0.03)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_keeps_shape_and_is_nearer_at_higher_quality(channels: int) -> None:
    values = to_float(drawn(33, 50))[..., :channels]
    errors = [float(np.abs(degrade.jpeg(values, quality) - values).mean()) for quality in (10, 50, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert degrade.jpeg(values, 50).shape == values.shape


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_is_matlab_s_reduction(scale: int) -> None:
    hr = drawn(24, 36)
    np.testing.assert_array_equal(degrade.degrade(hr, scale), resize.reduce(hr, scale))


@pytest.mark.parametrize("recipe", degrade.RECIPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_size_type_and_values(recipe: str, channels: int, dtype: type[np.unsignedinteger]) -> None:
    """The mean stays: 257 * 255 = 65 535, so a 16-bit picture is the 8-bit one made finer."""
    hr = drawn(48, 36)[..., :channels].astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    for seed in range(5):
        lr = degrade.degrade(hr, 3, recipe=recipe, rng=np.random.default_rng(seed))
        assert lr.shape == (16, 12, channels) and lr.dtype == dtype
        assert abs(to_float(lr).mean() - to_float(hr).mean()) < 0.04


def test_realistic_is_a_pure_function_of_the_generator() -> None:
    hr = drawn(32, 32)
    made = [
        degrade.degrade(hr, 2, recipe="realistic", rng=np.random.default_rng(seed)) for seed in (0, 0, *range(1, 30))
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert len({lr.tobytes() for lr in made}) == 30


def test_realistic_takes_its_parts_in_every_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """JPEG before and after the reduction: it is given pictures of both sizes."""
    sizes = set()
    jpeg = degrade.jpeg

    def seen(values: degrade.Values, quality: int) -> degrade.Values:
        sizes.add(values.shape[0])
        assert 30 <= quality <= 95
        return jpeg(values, quality)

    monkeypatch.setattr(degrade, "jpeg", seen)
    for seed in range(12):
        degrade.degrade(drawn(32, 32), 2, recipe="realistic", rng=np.random.default_rng(seed))
    assert sizes == {16, 32}


def test_realistic_stays_in_place() -> None:
    """The mean of many LR pictures lies nearest to the reduced picture itself, not to one moved by a pixel."""
    hr = drawn(48, 48)
    made = [degrade.degrade(hr, 2, recipe="realistic", rng=np.random.default_rng(seed)) for seed in range(40)]
    mean, clean = np.mean(made, axis=0), resize.reduce(hr, 2).astype(float)
    still = np.abs(mean - clean)[2:-2, 2:-2].mean()
    for axis in (0, 1):
        for step in (-1, 1):
            assert still < 0.8 * np.abs(mean - np.roll(clean, step, axis))[2:-2, 2:-2].mean()


def test_refuses_what_it_cannot_make() -> None:
    with pytest.raises(ValueError, match="unknown degradation 'foul'"):
        degrade.degrade(drawn(8, 8), 2, recipe="foul")
    with pytest.raises(ValueError, match="9x8 picture cannot be reduced by 2"):
        degrade.degrade(drawn(8, 9), 2)
    with pytest.raises(ValueError, match="give it a Generator"):
        degrade.degrade(drawn(8, 8), 2, recipe="realistic")
