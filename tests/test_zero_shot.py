"""A network trained on the one picture that it enlarges: better than bicubic, repeatable, and sensible at the edges."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import drawn
from PIL import Image
from verbs import said

from ISR import config
from ISR.errors import ConfigError, PictureError
from ISR.images import degrade, files, kernels, resize
from ISR.images.files import Picture
from ISR.metrics import psnr_y
from ISR.predict.routes import routes
from ISR.zero_shot import ZeroShot

# A network and a training that end within seconds.
TINY: dict[str, Any] = {"width": 16, "depth": 3, "crop_size": 32, "max_steps": 150, "budget": 0, "ensemble": 1}
TINY["scale_steps"] = 1
FEW = {**TINY, "max_steps": 3}
Routes = tuple[tuple[float, ...], ...]


def edges(side: int, *, grey: bool = False) -> np.ndarray:
    """Straight and round edges of every direction and many sizes: what a picture has in common with its reduction."""
    y, x = (np.mgrid[: 4 * side, : 4 * side] + 0.5) / (4 * side)
    rng = np.random.default_rng(3)
    planes = np.full((4 * side, 4 * side, 3), 0.2)
    for _ in range(40):
        centre, radius, angle = rng.uniform(0, 1, 2), rng.uniform(0.03, 0.15), rng.uniform(0, math.pi)
        along = (x - centre[0]) * math.cos(angle) + (y - centre[1]) * math.sin(angle)
        across = (y - centre[1]) * math.cos(angle) - (x - centre[0]) * math.sin(angle)
        inside = np.maximum(np.abs(along), np.abs(across)) < radius
        planes[inside] = rng.uniform(0, 1, 3)
    small = planes.reshape(side, 4, side, 4, 3).mean(axis=(1, 3))
    samples = files.to_samples(small)
    return samples[..., :1] if grey else samples


def reduced(hr: np.ndarray, scale: int, kernel: np.ndarray | None = None) -> np.ndarray:
    if kernel is None:
        return resize.reduce(hr, scale)
    return files.to_samples(kernels.reduce(files.to_float(hr), kernel, scale))


def gain(sr: np.ndarray, hr: np.ndarray, lr: np.ndarray, scale: int) -> float:
    """By how many dB the enlargement is nearer to the original than bicubic's."""
    bicubic = files.to_samples(resize.enlarge(files.to_float(lr), scale))
    return psnr_y(hr, sr, border=scale) - psnr_y(hr, bicubic, border=scale)


def test_beats_bicubic() -> None:
    hr = edges(96)
    lr = reduced(hr, 2)
    task = ZeroShot(2, **TINY)
    assert gain(task.upscale(lr), hr, lr, 2) > 1.0
    assert task.report.steps == (150,) and task.report.exact and 0.0 < task.report.losses[0] < 0.1


def test_gradual_scales_beat_bicubic() -> None:
    hr = edges(128, grey=True)
    lr = reduced(hr, 4)
    task = ZeroShot(4, **{**TINY, "max_steps": 100, "scale_steps": 2})
    sr = task.upscale(lr)
    assert task.routes == ((2.0, 2.0),) and task.report.steps == (100, 100)
    assert sr.shape == (128, 128, 1) and gain(sr, hr, lr, 4) > 0.3


def test_left_to_itself_it_averages_two_routes() -> None:
    lr = files.to_float(drawn(20, 31))
    both, whole, root = (ZeroShot(2, **{**FEW, "scale_steps": steps}) for steps in (0, 1, 2))
    np.testing.assert_allclose(both.upscale(lr), (whole.upscale(lr) + root.upscale(lr)) / 2, rtol=0, atol=1e-6)
    assert both.report.steps == (*whole.report.steps, *root.report.steps) == (3, 3, 3)


def test_both_routes_end_at_one_size() -> None:
    """25 * 1.7 is 42.5, and 25 times the two roots' product a little more."""
    task = ZeroShot(1.7, **{**FEW, "scale_steps": 0})
    assert len(task.routes) == 2 and task.upscale(drawn(25, 25)).shape == (42, 42, 3)


def test_a_given_kernel_is_undone() -> None:
    """A wide blur: the network that knows it is ahead of the one that assumes bicubic, and of bicubic."""
    kernel = degrade.gaussian_kernel(13, np.eye(2) * 2.0**2)
    hr = edges(96)
    lr = reduced(hr, 2, kernel)
    sharp = ZeroShot(2, kernel=kernel, **TINY).upscale(lr)
    assumed = ZeroShot(2, **TINY).upscale(lr)
    assert gain(sharp, hr, lr, 2) > 1.0
    assert psnr_y(hr, sharp, border=2) > psnr_y(hr, assumed, border=2) + 0.5


def test_the_same_seed_gives_the_same_picture() -> None:
    lr = edges(24)
    first, again, other = (ZeroShot(2, **{**FEW, "max_steps": 12}, seed=seed).upscale(lr) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_a_budget_gave_can_be_had_again() -> None:
    lr = edges(24)
    task = ZeroShot(2, **{**TINY, "budget": 30, "max_steps": 40})
    first = task.upscale(lr)
    if not task.report.exact:
        pytest.skip("this machine became slower meanwhile")
    again = ZeroShot(2, **{**TINY, "budget": 0, "max_steps": task.report.planned}).upscale(lr)
    np.testing.assert_array_equal(first, again)


def test_the_budget_is_kept() -> None:
    """But for what tracing and compiling take, which no budget makes shorter: measured with a single step."""
    lr, seconds = edges(48), []
    for changes in ({"max_steps": 1}, {"budget": 4, "max_steps": 10**6}):
        task = ZeroShot(4, **{**TINY, **changes})
        started = time.perf_counter()
        task.upscale(lr)
        seconds.append(time.perf_counter() - started)
    assert seconds[1] < 2 * seconds[0] + 6  # the machine may be busy
    assert task.report.seconds <= seconds[1] and sum(task.report.steps) < 10**6


def test_a_budget_for_nothing_is_bicubic_made_consistent() -> None:
    lr = edges(24)
    sr = ZeroShot(2, **{**TINY, "budget": 1e-6, "back_projections": 0}).upscale(lr)
    np.testing.assert_array_equal(sr, files.to_samples(resize.enlarge(files.to_float(lr), 2)))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 9), (7, 40)])
def test_too_small_to_learn_from_is_interpolated(height: int, width: int, caplog: pytest.LogCaptureFixture) -> None:
    lr = drawn(height, width)
    sr = ZeroShot(2, **TINY).upscale(lr)
    np.testing.assert_array_equal(sr, files.to_samples(resize.enlarge(files.to_float(lr), 2)))
    told = f"a picture of {width}x{height} pixels is too small to learn from: it is interpolated (bicubic)"
    assert said(caplog) == [("WARNING", told)]


@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 21, 3), (13, 8, 1)])
def test_under_one_crop_the_crop_shrinks(shape: tuple[int, ...]) -> None:
    lr = drawn(*shape[:2])[..., : shape[2]]
    sr = ZeroShot(2, **FEW).upscale(lr)
    assert sr.shape == (2 * shape[0], 2 * shape[1], shape[2])
    assert gain(sr, sr, lr, 2) > 20  # that is: near to bicubic after three steps


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_stays_flat(value: int) -> None:
    lr = np.full((16, 20, 3), value, np.uint8)
    sr = ZeroShot(2, **{**FEW, "max_steps": 20, "step": 2, "range": 8}).upscale(lr)
    assert np.abs(sr.astype(int) - value).max() <= 2


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_grey_alpha_and_16_bits_are_kept(channels: int | None) -> None:
    grey = drawn(16, 20)[..., :1].astype(np.uint16) * 257
    alpha = np.repeat(np.linspace(0, 65_535, 20).astype(np.uint16)[None], 16, axis=0)
    larger = ZeroShot(2, **FEW, channels=channels).upscale(Picture(grey, alpha, dpi=(72.0, 72.0)))
    assert larger.pixels.shape == (32, 40, 1) and larger.pixels.dtype == np.uint16 and larger.dpi == (72.0, 72.0)
    assert len(np.unique(larger.pixels)) > 256
    assert larger.alpha is not None
    expected = resize.enlarge(files.to_float(alpha[..., None]), 2)[..., 0]
    np.testing.assert_array_equal(larger.alpha, files.to_samples(expected, np.uint16))


def test_one_channel_for_colour_enlarges_each_alike() -> None:
    lr = drawn(16, 20)
    sr = ZeroShot(2, **FEW, channels=1).upscale(lr[..., [0, 1, 0]])
    np.testing.assert_array_equal(sr[..., 0], sr[..., 2])
    assert not np.array_equal(sr[..., 0], sr[..., 1])


@pytest.mark.parametrize(
    ("scale", "steps", "kernel", "expected"),
    [
        (2, 0, False, ((2.0,), (math.sqrt(2),) * 2)),
        (4, 0, False, ((2.0, 2.0), (math.sqrt(2),) * 4)),
        (8, 0, True, ((2.0, 2.0, 2.0),)),
        (4, 1, True, ((4.0,),)),
        (3, 0, True, ((3.0,),)),
        (3, 0, False, ((math.sqrt(3),) * 2, (3 ** (1 / 3),) * 3)),
        (9, 2, True, ((3.0, 3.0),)),
        (1.5, 0, False, ((1.5,),)),
        (1.01, 0, False, ((1.01,),)),
        (4, 3, False, ((4 ** (1 / 3),) * 3,)),
    ],
)
def test_the_factors_of_a_route_are_equal(scale: float, steps: int, kernel: bool, expected: Routes) -> None:
    got = routes(config.zero_shot({"scale": scale, "scale_steps": steps}), kernel=kernel)
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        assert ours == pytest.approx(theirs) and math.prod(ours) == pytest.approx(scale)


@pytest.mark.parametrize(("scale", "steps"), [(1.5, 0), (2, 2), (6, 2)])
def test_a_kernel_needs_whole_factors(scale: float, steps: int) -> None:
    with pytest.raises(ConfigError, match="a kernel needs whole factors"):
        ZeroShot(scale, scale_steps=steps, kernel=np.ones((3, 3)))


def test_any_scale() -> None:
    sr = ZeroShot(1.7, **FEW).upscale(drawn(20, 31))
    assert sr.shape == (34, 53, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 1.0}, "zero_shot.scale must be at least 1.01"),
        ({"widht": 3}, "zero_shot.widht: did you mean width"),
        ({"lr": 1e-4, "lr_stop": 1e-3}, r"lr_stop must be at most zero_shot.lr=0.0001"),
        ({"range": 40, "step": 32}, "at least 64, got 40"),
        ({"channels": 2}, "zero_shot.channels must be one of 1, 3"),
        ({"ensemble": 3}, "zero_shot.ensemble must be one of 1, 2, 4, 8"),
    ],
)
def test_refuses_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ZeroShot(**changes)


def test_kernels_from_files_and_no_kernels(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.ones((4, 4)))
    task = ZeroShot(2, kernel=tmp_path / "k.npy")
    np.testing.assert_allclose(task.kernel, np.full((4, 4), 1 / 16))
    with pytest.raises(PictureError, match="expected a kernel file"):
        ZeroShot(2, kernel=str(tmp_path / "none.npy"))
    with pytest.raises(PictureError, match="the kernel: expected a matrix"):
        ZeroShot(2, kernel=[1.0, 2.0])


def test_noise_leaves_the_picture_s_own_behind() -> None:
    """A flat picture with noise: trained with noisy sons, the result is smoother than the interpolation."""
    rng = np.random.default_rng(0)
    lr = np.clip(rng.normal(128, 12, (48, 48, 1)), 0, 255).astype(np.uint8)
    sr = ZeroShot(2, **{**TINY, "noise": 0.1}).upscale(lr)
    assert sr.std() < 0.8 * resize.enlarge(files.to_float(lr), 2).std() * 255


def test_a_path_gives_a_picture_and_files_are_written(tmp_path: Path) -> None:
    Image.fromarray(drawn(12, 10)).save(tmp_path / "a.png")
    picture = ZeroShot(2, **FEW).upscale(tmp_path / "a.png")
    assert (picture.height, picture.width, picture.format) == (24, 20, "PNG")
    seen: list[tuple[int, int, float]] = []
    task = ZeroShot(2, **FEW)
    task.upscale_file(tmp_path / "a.png", tmp_path / "new" / "b.png", progress=lambda *said: seen.append(said))
    np.testing.assert_array_equal(files.read(tmp_path / "new" / "b.png").pixels, picture.pixels)
    assert [done for done, _, _ in seen] == [1, 2, 3] and seen[-1][1] == 3


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend: str, tmp_path: Path) -> None:
    """Six steps give the same picture to 2 of 255 here and on the other backends (fresh processes)."""
    pytest.importorskip(backend)
    lr = edges(24)
    np.save(tmp_path / "lr.npy", lr)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    script = Path(__file__).with_name("zero_shot_elsewhere.py")
    subprocess.run([sys.executable, script, tmp_path], env=environment, check=True, timeout=900)
    here = ZeroShot(2, **{**FEW, "max_steps": 6}).upscale(lr)
    elsewhere = np.load(tmp_path / "sr.npy")
    assert np.abs(here.astype(int) - elsewhere).max() <= 2
    assert not np.array_equal(here, files.to_samples(resize.enlarge(files.to_float(lr), 2)))
