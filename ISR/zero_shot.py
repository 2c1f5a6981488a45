"""Zero-shot super-resolution: a network trained on nothing but the picture that it enlarges (Shocher et al. 2018)."""

from __future__ import annotations

import logging
import math
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from ISR import backend, config
from ISR.config import ZeroShotConfig
from ISR.datasets.internal import InternalPairs, Reduction
from ISR.errors import ISRError
from ISR.images import files, kernels, resize
from ISR.images.files import Limits, Picture
from ISR.images.kernels import Kernel
from ISR.predict import destinations, medians, planes
from ISR.predict.routes import routes

if TYPE_CHECKING:
    from ISR.models.zssr import ZSSR
    from ISR.train.internal import Fitted, Watch

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
StrPath = str | os.PathLike[str]

# A picture of fewer pixels a side, or than twice the factor, holds nothing to learn from: it is interpolated.
LEAST_SIDE = 8
# At most so much of the budget is kept back for the enlargement after the training.
LARGEST_RESERVE = 0.5
# Training a pixel costs three times its enlargement: forwards, and backwards to the input and to the weights.
TRAINING_COST = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """How one picture was enlarged. planned: as max_steps, with a budget of 0, it gives the same picture again.

    steps, losses, rates: of each factor of each route; the losses are L1 in [0, 1], the rates the rule's last ones.
    exact: whether steps alone decided, so that it can be repeated to the bit on this machine. seconds: of everything,
    and of training.
    """

    steps: tuple[int, ...] = ()
    planned: int = 0
    losses: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    exact: bool = True
    seconds: float = 0.0
    training_seconds: float = 0.0


class ZeroShot:
    """Enlarges a picture with a network that it trains on that picture alone; `report` says how the last one went.

    scale: times larger, 1.01 to 16, not only whole. settings: `zero_shot` of config.yml, or the defaults; further
    keywords change them by name: `ZeroShot(4, budget=60, seed=1)`. kernel: the blur that the picture was reduced with,
    as a matrix or the path of its file (ISR.images.kernels), in pixels of the enlarged picture. It belongs to the last
    of the factors: those before it enlarge the blurred picture as bicubic would have reduced it. precision: float32,
    bfloat16, or auto: bfloat16 where the processor is fast at it. watch: called after each step with how many are done,
    how many there may be, and the loss; what it raises ends the work. ConfigError for a setting out of its range,
    PictureError for a kernel that is none.
    """

    name = "zssr"

    def __init__(
        self,
        scale: float | None = None,
        *,
        settings: ZeroShotConfig | None = None,
        kernel: npt.ArrayLike | StrPath | None = None,
        precision: str = "auto",
        watch: Watch | None = None,
        **changes: Any,
    ) -> None:
        if scale is not None:
            changes["scale"] = scale
        self.settings = config.zero_shot(changes, settings)
        self.scale = self.settings.scale
        self.kernel = _kernel(self.settings.kernel if kernel is None else kernel)
        self.routes = routes(self.settings, kernel=self.kernel is not None)
        self.precision = precision
        self.watch = watch
        self.report = Report()

    @overload
    def upscale(self, source: Array) -> Array: ...

    @overload
    def upscale(self, source: Picture | StrPath) -> Picture: ...

    def upscale(self, source: Picture | Array | StrPath) -> Picture | Array:
        """The picture at `scale` times its height and width, of the kind that came: a Picture (also for a path) or an
        array: (height, width) or (height, width, 1, 2, 3 or 4), an even number of channels ending in alpha; uint8,
        uint16 or floats in [0, 1].

        Grey is learned and enlarged as one channel, alpha is enlarged bicubically. A picture below 8 pixels a side, or
        twice the factor, is interpolated, with a warning. ValueError for another array, PictureError for a file that
        is no picture, TrainingError where the loss is no finite number.
        """
        if isinstance(source, np.ndarray):
            return planes.enlarged_array(source, self.enlarge)
        return planes.enlarged_picture(source if isinstance(source, Picture) else files.read(source), self.enlarge)

    @property
    def model(self) -> ZeroShot:
        """What a Predictor's `model` says of name and scale."""
        return self

    def load(self) -> None:
        """Load Keras and its backend before the work: it takes seconds, and they may say so on the terminal."""
        from ISR.models.zssr import ZSSR

        ZSSR(1, width=1, depth=1)

    def size(self, shape: tuple[int, ...], factors: tuple[float, ...] | None = None) -> tuple[int, int]:
        """(height, width) that a picture of that shape is enlarged to, by these factors or by the whole scale."""
        by = self.scale if factors is None else math.prod(factors)
        return max(1, round(shape[0] * by)), max(1, round(shape[1] * by))

    def upscale_file(
        self,
        source: StrPath,
        destination: StrPath,
        *,
        quality: int = 95,
        progress: Watch | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        strip_metadata: bool = False,
    ) -> None:
        """Read `source`, enlarge it and write it whole to `destination`; no animation. Errors and options are those of
        Predictor.upscale_file; progress is called as `watch` is."""
        destinations.check(source, destination)
        picture = files.read(source, limits=limits)
        height, width = self.size((picture.height, picture.width))
        files.check_fits(picture, destination, quality=quality, size=(width, height))
        before, self.watch = self.watch, progress or self.watch
        try:
            files.write(self.upscale(picture), destination, quality=quality, strip_metadata=strip_metadata)
        finally:
            self.watch = before

    def enlarge(self, lr: Floats) -> Floats:
        """(height, width, 1 or 3) float32 in [0, 1] -> the same, `scale` times larger, clipped to [0, 1]."""
        if min(lr.shape[:2]) < max(LEAST_SIDE, 2 * math.ceil(max(map(max, self.routes)))):
            size = f"{lr.shape[1]}x{lr.shape[0]}"
            _log.warning("a picture of %s pixels is too small to learn from: it is interpolated (bicubic)", size)
            self.report = Report()
            return np.clip(resize.resize(lr, self.size(lr.shape)), 0.0, 1.0)
        return _Enlargement(self, lr).run()


class _Enlargement:
    """One picture on its way: its planes, and what has been spent on the networks that are trained on them."""

    def __init__(self, task: ZeroShot, lr: Floats) -> None:
        self.task, self.settings, self.started = task, task.settings, time.perf_counter()
        self.shape = lr.shape
        self.planes = planes.split(lr, self.settings.channels or lr.shape[2])
        # After each stage of each route; the last by the scale, for the product of roots may round to another size.
        firsts = [[task.size(lr.shape, route[:i]) for i in range(1, len(route))] for route in task.routes]
        self.sizes = [size for sizes in firsts for size in (*sizes, task.size(lr.shape))]
        self.fits: list[Fitted] = []
        self.training_seconds = 0.0

    def run(self) -> Floats:
        """The mean of what the routes come to."""
        enlarged = [self._by(route) for route in self.task.routes]
        report = self.task.report = self._report()
        if report.exact:
            again = f"budget 0, max_steps {report.planned} and seed {self.settings.seed}"
            _log.info("zero-shot: %.0f s; %s give the same picture again", report.seconds, again)
        means = [np.asarray(np.mean(plane, axis=0), np.float32) for plane in zip(*enlarged, strict=True)]
        return planes.join(means, self.shape[2])

    def _by(self, factors: tuple[float, ...]) -> list[Floats]:
        """The planes by one route: train its network for each factor in turn; each enlargement is one more source."""
        network = self._network()
        current, sources = self.planes, list(self.planes)
        for stage, factor in enumerate(factors):
            kernel = self.task.kernel if stage + 1 == len(factors) else None
            size = self.sizes[len(self.fits)]
            self._fit(network, self._pairs(sources, Reduction(factor, kernel, self.settings.noise), stage))
            enlarged = partial(self._enlarged, network, size=size, kernel=kernel)
            current = [enlarged(plane, lr) for plane, lr in zip(current, self.planes, strict=True)]
            sources += current
        return current

    def _network(self) -> ZSSR:
        from ISR.models.zssr import ZSSR
        from ISR.train import internal

        params = {name: getattr(self.settings, name) for name in ("width", "depth", "kernel_size")}
        channels = self.planes[0].shape[2]
        network = ZSSR(1, c_dim=channels, precision=_precision(self.task.precision), **params)
        network.initialise(self.settings.seed)
        internal.compile_for(network, self.settings)
        return network

    def _fit(self, network: ZSSR, pairs: InternalPairs) -> None:
        from ISR.train import internal

        began = time.perf_counter()
        fitted = internal.fit(
            network,
            pairs,
            self.settings,
            time_left=self._time_left,
            pace=self.fits[0].pace if self.fits else None,
            watch=self._watch(),
        )
        self.fits.append(fitted)
        self.training_seconds += time.perf_counter() - began
        said = f"{fitted.steps} of {fitted.pace.steps} steps, loss {fitted.loss:.4f}, learning rate {fitted.lr:.0e}"
        _log.info("zero-shot x%g: %s", pairs.reduction.factor, said)

    def _pairs(self, sources: list[Floats], reduction: Reduction, stage: int) -> InternalPairs:
        """Crops of at most crop_size, all of a whole factor's multiple, in number what crop_size's would have cost."""
        whole = math.ceil(reduction.factor)
        crop = max(whole, min(self.settings.crop_size, *self.shape[:2]) // whole * whole)
        return InternalPairs(
            tuple(sources),
            reduction,
            crop,
            batch_size=self.settings.batch_size * max(1, round((self.settings.crop_size / crop) ** 2)),
            scales=self.settings.father_scales,
            smallest=self.settings.smallest_father,
            seed=(self.settings.seed, stage),
        )

    def _watch(self) -> Watch | None:
        watch = self.task.watch
        if watch is None:
            return None
        before, left = sum(fitted.steps for fitted in self.fits), len(self.sizes) - len(self.fits)
        return lambda done, limit, loss: watch(before + done, before + limit * left, loss)

    def _time_left(self, step_seconds: float) -> float:
        """Seconds for the training of the next stage: a share of what all enlargements to come will leave."""
        if not self.settings.budget:
            return math.inf
        left = self.sizes[len(self.fits) :]
        each = step_seconds / (TRAINING_COST * self.settings.batch_size * self.settings.crop_size**2)
        reserve = each * sum(map(math.prod, left)) * self.settings.ensemble * len(self.planes)
        most = LARGEST_RESERVE * self.settings.budget
        if reserve > most and not self.fits:
            needs = f"enlarging after the training will take about {reserve:.0f} s"
            _log.warning("%s of a budget of %g s: zero_shot.ensemble=1 takes less", needs, self.settings.budget)
        return max(0.0, self.settings.budget - (time.perf_counter() - self.started) - min(reserve, most)) / len(left)

    def _enlarged(
        self, network: ZSSR, values: Floats, lr: Floats, *, size: tuple[int, int], kernel: Kernel | None
    ) -> Floats:
        sr = medians.median_of_turns(
            resize.resize(values, size),
            network.run,
            ways=self.settings.ensemble,
            tile=self.settings.patch_size,
            overlap=network.receptive_radius,
        )
        reduction = Reduction(sr.shape[0] / lr.shape[0], kernel)
        times = 0 if self.settings.noise else self.settings.back_projections
        sr = medians.back_projected(sr, lr, reduction.reduced, times=times)
        if not np.isfinite(sr).all():
            raise ISRError("zero-shot enlargement gave values that are not finite: lower zero_shot.lr, or use float32")
        return np.clip(sr, 0.0, 1.0)

    def _report(self) -> Report:
        return Report(
            steps=tuple(fitted.steps for fitted in self.fits),
            planned=self.fits[0].pace.steps,
            losses=tuple(fitted.loss for fitted in self.fits),
            rates=tuple(fitted.lr for fitted in self.fits),
            exact=not any(fitted.by_time for fitted in self.fits),
            seconds=time.perf_counter() - self.started,
            training_seconds=self.training_seconds,
        )


def _precision(wanted: str) -> str:
    if wanted == "auto":
        return "bfloat16" if backend.computes_bfloat16_fast() else "float32"
    return wanted


def _kernel(given: npt.ArrayLike | StrPath | None) -> Kernel | None:
    if given is None:
        return None
    return kernels.read(given) if isinstance(given, str | os.PathLike) else kernels.checked(given)
