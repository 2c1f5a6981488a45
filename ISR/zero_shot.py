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
from ISR.errors import ConfigError, ISRError
from ISR.images import files, kernels, resize
from ISR.images.files import Limits, Picture
from ISR.images.kernels import Kernel
from ISR.predict import destinations, medians, planes

if TYPE_CHECKING:
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

    steps, losses, rates: of each factor; the losses are L1 in [0, 1], the rates the rule's last ones. exact: whether
    steps alone decided, so that it can be repeated to the bit on this machine. seconds: of everything, and of training.
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
        self.factors = factors(self.settings, kernel=self.kernel is not None)
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

    def size(self, shape: tuple[int, ...], factors: int | None = None) -> tuple[int, int]:
        """(height, width) that a picture of that shape is enlarged to, by so many of the factors, all by default."""
        by = math.prod(self.factors[:factors])
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
        if min(lr.shape[:2]) < max(LEAST_SIDE, 2 * math.ceil(max(self.factors))):
            size = f"{lr.shape[1]}x{lr.shape[0]}"
            _log.warning("a picture of %s pixels is too small to learn from: it is interpolated (bicubic)", size)
            self.report = Report()
            return np.clip(resize.resize(lr, self.size(lr.shape)), 0.0, 1.0)
        return _Enlargement(self, lr).run()


def factors(settings: ZeroShotConfig, *, kernel: bool) -> tuple[float, ...]:
    """The equal factors whose product is the scale: `scale_steps` of them, or as many as keep each at about 2.

    kernel: whether one is given, which a whole factor must apply. ConfigError where the factor is not.
    """
    scale, count = settings.scale, settings.scale_steps
    counts = [count] if count else range(max(1, round(math.log2(settings.scale))), 0, -1)
    for each in counts:
        factor = scale ** (1.0 / each)
        if math.isclose(factor, round(factor), rel_tol=1e-9):
            return (float(round(factor)),) * each
        if not kernel:
            return (factor,) * each
    wanted = "a kernel needs whole factors: a whole zero_shot.scale, and zero_shot.scale_steps that divide it evenly"
    raise ConfigError(f"{wanted}, got {scale} in {count or 1} step(s)")


class _Enlargement:
    """One picture on its way: its planes, the network that is trained on them, and what has been spent."""

    def __init__(self, task: ZeroShot, lr: Floats) -> None:
        from ISR.models.zssr import ZSSR
        from ISR.train import internal

        self.task, self.settings, self.started = task, task.settings, time.perf_counter()
        self.shape = lr.shape
        channels = self.settings.channels or lr.shape[2]
        self.planes = planes.split(lr, channels)
        params = {name: getattr(self.settings, name) for name in ("width", "depth", "kernel_size")}
        self.network = ZSSR(1, c_dim=channels, precision=_precision(task.precision), **params)
        self.network.initialise(self.settings.seed)
        internal.compile_for(self.network, self.settings)
        self.fits: list[Fitted] = []
        self.training_seconds = 0.0

    def run(self) -> Floats:
        """Train for each factor and enlarge by it; each enlargement is a further source of fathers for the next."""
        current, sources = self.planes, list(self.planes)
        for stage, factor in enumerate(self.task.factors):
            last = stage + 1 == len(self.task.factors)
            kernel = self.task.kernel if last else None
            self._fit(sources, Reduction(factor, kernel, self.settings.noise), stage)
            enlarged = partial(self._enlarged, size=self.task.size(self.shape, stage + 1), kernel=kernel)
            current = [enlarged(plane, lr) for plane, lr in zip(current, self.planes, strict=True)]
            sources += current
        report = self.task.report = self._report()
        if report.exact:
            again = f"budget 0, max_steps {report.planned} and seed {self.settings.seed}"
            _log.info("zero-shot: %.0f s; %s give the same picture again", report.seconds, again)
        return planes.join(current, self.shape[2])

    def _fit(self, sources: list[Floats], reduction: Reduction, stage: int) -> None:
        from ISR.train import internal

        pairs = self._pairs(sources, reduction, stage)
        began, stages_left = time.perf_counter(), len(self.task.factors) - stage
        fitted = internal.fit(
            self.network,
            pairs,
            self.settings,
            time_left=partial(self._time_left, stages=stages_left),
            pace=self.fits[0].pace if self.fits else None,
            watch=self._watch(stage),
        )
        self.fits.append(fitted)
        self.training_seconds += time.perf_counter() - began
        said = f"{fitted.steps} of {fitted.pace.steps} steps, loss {fitted.loss:.4f}, learning rate {fitted.lr:.0e}"
        _log.info("zero-shot x%g: %s", reduction.factor, said)

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

    def _watch(self, stage: int) -> Watch | None:
        watch = self.task.watch
        if watch is None:
            return None
        before = sum(fitted.steps for fitted in self.fits)
        return lambda done, limit, loss: watch(before + done, before + limit * (len(self.task.factors) - stage), loss)

    def _time_left(self, step_seconds: float, *, stages: int) -> float:
        """Seconds for the training of one of so many stages: a share of what the enlargement will leave."""
        if not self.settings.budget:
            return math.inf
        left = range(len(self.task.factors) - stages, len(self.task.factors))
        pixels = sum(math.prod(self.task.size(self.shape, stage + 1)) for stage in left)
        each = step_seconds / (TRAINING_COST * self.settings.batch_size * self.settings.crop_size**2)
        reserve = each * pixels * self.settings.ensemble * len(self.planes)
        most = LARGEST_RESERVE * self.settings.budget
        if reserve > most and not self.fits:
            needs = f"enlarging after the training will take about {reserve:.0f} s"
            _log.warning("%s of a budget of %g s: zero_shot.ensemble=1 takes less", needs, self.settings.budget)
        return max(0.0, self.settings.budget - (time.perf_counter() - self.started) - min(reserve, most)) / stages

    def _enlarged(self, values: Floats, lr: Floats, *, size: tuple[int, int], kernel: Kernel | None) -> Floats:
        sr = medians.median_of_turns(
            resize.resize(values, size),
            self.network.run,
            ways=self.settings.ensemble,
            tile=self.settings.patch_size,
            overlap=self.network.receptive_radius,
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
