"""What holds for every size, mode, tile and scale: hypothesis looks for the one where it does not.

The fast suite takes a few dozen examples of each; `pytest -m slow` takes many more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verbs import randomised

from ISR.images.files import Picture
from ISR.models.interpolation import RECEPTIVE_RADIUS, Interpolation
from ISR.models.tiled import Upscaler
from ISR.predict import Predictor

Array = npt.NDArray[Any]
QUIET = [HealthCheck.too_slow, HealthCheck.differing_executors]


@dataclass(frozen=True)
class Case:
    """A picture's shape and kind, and how it is enlarged. channels: 0 for (height, width)."""

    height: int
    width: int
    channels: int
    dtype: str
    model: tuple[str, int]
    tile: int
    batch_size: int
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, self.channels)[: 3 if self.channels else 2]

    @property
    def top(self) -> float:
        """The largest value: white, opaque."""
        return 1.0 if self.dtype == "float32" else float(np.iinfo(self.dtype).max)

    @property
    def step(self) -> float:
        """What rounding may change: one step of integers, 1e-5 of floats."""
        return 1e-5 if self.dtype == "float32" else 1.0

    @property
    def has_alpha(self) -> bool:
        return self.channels in (2, 4)

    def noise(self) -> Array:
        return (np.random.default_rng(self.seed).random(self.shape) * self.top).astype(self.dtype)

    def filled(self) -> Array:
        """One colour everywhere; alpha is noise."""
        values = self.noise()
        opaque = slice(None, -1) if self.has_alpha else slice(None)
        flat = values.reshape(self.height, self.width, -1)
        flat[..., opaque] = flat[0, 0, opaque]
        return values

    def enlarged(self, values: Array, *, tile: int | None = None) -> Array:
        model = network(*self.model)
        return Predictor(model, tile=tile or self.tile, batch_size=self.batch_size).upscale(values)


@cache
def network(name: str, scale: int) -> Upscaler:
    """An interpolation, or a network whose weights are drawn once."""
    if name in RECEPTIVE_RADIUS:
        return Interpolation(name, scale)
    from ISR.models import Compact

    return randomised(Compact(scale, width=4, depth=2), spread=0.3)


INTERPOLATIONS = st.tuples(st.sampled_from(sorted(RECEPTIVE_RADIUS)), st.integers(1, 5))
# Of few sizes: JAX compiles a network anew for each.
NETWORKS = st.tuples(st.just("compact"), st.sampled_from([2, 3]))
KINDS: dict[str, Any] = {
    "channels": st.sampled_from([0, 1, 2, 3, 4]),
    "dtype": st.sampled_from(["uint8", "uint16", "float32"]),
    "batch_size": st.integers(1, 3),
    "seed": st.integers(0, 99),
}
SIDES, TILES = st.integers(1, 40), st.integers(3, 20)
INTERPOLATED = st.builds(Case, height=SIDES, width=SIDES, tile=TILES, model=INTERPOLATIONS, **KINDS)
FEW = st.sampled_from([1, 2, 7, 23])
THROUGH_A_NETWORK = st.builds(Case, height=FEW, width=FEW, tile=st.sampled_from([3, 8]), model=NETWORKS, **KINDS)
BOTH = pytest.mark.parametrize(
    ("cases", "examples"),
    [
        pytest.param(INTERPOLATED, 50, id="interpolation"),
        pytest.param(THROUGH_A_NETWORK, 15, id="network"),
        pytest.param(INTERPOLATED, 2000, id="interpolation, many", marks=pytest.mark.slow),
        pytest.param(THROUGH_A_NETWORK, 300, id="network, many", marks=pytest.mark.slow),
    ],
)


def holds(check: Callable[[Case], None], cases: st.SearchStrategy[Case], examples: int) -> None:
    """Runs the check on that many cases."""
    settings(max_examples=examples, deadline=None, suppress_health_check=QUIET)(given(cases)(check))()


@BOTH
def test_shape_and_dtype_follow_the_picture(cases: st.SearchStrategy[Case], examples: int) -> None:
    def check(case: Case) -> None:
        larger, scale = case.enlarged(case.noise()), case.model[1]
        assert larger.shape == (case.height * scale, case.width * scale, *case.shape[2:])
        assert larger.dtype == case.dtype and larger.min() >= 0 and larger.max() <= case.top

    holds(check, cases, examples)


@BOTH
def test_tiled_equals_whole(cases: st.SearchStrategy[Case], examples: int) -> None:
    """Floats to 1e-5; integers to the rounding of those."""

    def check(case: Case) -> None:
        values = case.noise()
        whole, tiles = case.enlarged(values, tile=64), case.enlarged(values)
        np.testing.assert_allclose(tiles.astype(float), whole.astype(float), rtol=0, atol=case.step)

    holds(check, cases, examples)


@pytest.mark.parametrize("examples", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_constant_stays_constant(examples: int) -> None:
    """Whatever its alpha does."""

    def check(case: Case) -> None:
        values = case.filled()
        larger = case.enlarged(values).reshape(case.height * case.model[1], case.width * case.model[1], -1)
        colours = slice(None, -1) if case.has_alpha else slice(None)
        wanted = values.reshape(case.height, case.width, -1)[0, 0, colours]
        spread = 1e-6 if case.dtype == "float32" else 0
        np.testing.assert_allclose(larger[..., colours], np.broadcast_to(wanted, larger[..., colours].shape), 0, spread)

    holds(check, INTERPOLATED, examples)


@BOTH
def test_grey_stays_grey(cases: st.SearchStrategy[Case], examples: int) -> None:
    """One channel is the mean of what three equal ones become; of an interpolation these are equal too."""

    def check(case: Case) -> None:
        grey, colour = replace(case, channels=1), replace(case, channels=3)
        values = grey.noise()
        larger, three = grey.enlarged(values), colour.enlarged(values.repeat(3, axis=2))
        if case.model[0] in RECEPTIVE_RADIUS:
            np.testing.assert_array_equal(three, three[..., :1].repeat(3, axis=2))
            np.testing.assert_allclose(larger.astype(float), three[..., :1].astype(float), rtol=0, atol=case.step)
        np.testing.assert_array_equal(replace(case, channels=0).enlarged(values[..., 0]), larger[..., 0])

    holds(check, cases, examples)


@BOTH
def test_opaque_stays_opaque_and_transparent_transparent(cases: st.SearchStrategy[Case], examples: int) -> None:
    def check(case: Case) -> None:
        case = replace(case, channels=4 if case.channels > 2 else 2)
        for alpha in (0.0, case.top):
            values = case.noise()
            values[..., -1] = alpha
            np.testing.assert_allclose(case.enlarged(values)[..., -1].astype(float), alpha, rtol=0, atol=1e-6)

    holds(check, cases, examples)


@BOTH
def test_a_picture_keeps_its_kind(cases: st.SearchStrategy[Case], examples: int) -> None:
    def check(case: Case) -> None:
        case = replace(case, channels=max(case.channels, 1), dtype="uint8" if case.dtype == "float32" else case.dtype)
        values = case.noise()
        pixels, alpha = (values[..., :-1], values[..., -1]) if case.has_alpha else (values, None)
        source = Picture(pixels, alpha, dpi=(72.0, 72.0), format="PNG")
        larger = Predictor(network(*case.model), tile=case.tile, batch_size=case.batch_size).upscale(source)
        assert (larger.bits, larger.is_grey, larger.alpha is None) == (source.bits, source.is_grey, alpha is None)
        assert (larger.width, larger.height) == (source.width * case.model[1], source.height * case.model[1])
        assert (larger.dpi, larger.format) == (source.dpi, source.format)

    holds(check, cases, examples)
