"""The trained networks that ISR ships or downloads, and one door to everything that enlarges: `load_model`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ISR import backend
from ISR.checksum import sha256
from ISR.errors import UnknownModelError, WeightsError
from ISR.models import ARCHITECTURES, build, download
from ISR.models.interpolation import RECEPTIVE_RADIUS, Interpolation
from ISR.models.records import WEIGHTS, Weights

if TYPE_CHECKING:
    from ISR.models.image_model import ImageModel

__all__ = ["DEFAULT", "PRECISIONS", "QUALITIES", "WEIGHTS", "Identity", "Located"]
__all__ += ["find", "identify", "is_path", "load_model", "locate", "obtain", "scales"]

# What stands for weights of any scale: of these families, the first that has some for it.
QUALITIES = {
    "fast": ("compact-tiny", "compact", "compact-large"),
    "balanced": ("compact", "compact-tiny", "compact-large"),
    "best": ("compact-large", "compact", "compact-tiny"),
}
DEFAULT = "best"
PRECISIONS = ("auto", "float32", "bfloat16")
ENDINGS = ".weights.h5, or .hdf5 of ISR 2"


@dataclass(frozen=True)
class Located:
    """A weights file, and the network that it is for."""

    path: Path
    architecture: str
    scale: int
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Identity:
    """Which model a name means. name: without its scale or its file's extension. sha256: of its weights, None where it
    has none."""

    name: str
    scale: int
    sha256: str | None


def shipped_folder() -> Path:
    """The folder `weights/`: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    candidates = (package / "weights", package.parent / "weights")
    # os.path: a Path raises where this user may not look into the folder above it.
    return next((folder for folder in candidates if os.path.isdir(folder)), candidates[0])  # noqa: PTH112


def find(name: str) -> Path:
    """The weights file of that name: shipped, else in the cache, else downloaded into it.

    WeightsError where the name is not known, or the file is neither here nor to be had.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"unknown weights {name!r}: expected one of {', '.join(WEIGHTS)}")
    record = WEIGHTS[name]
    path = shipped_folder() / name / (record.file or f"{name}.weights.h5")
    if os.path.isfile(path):  # noqa: PTH113 - as above
        return path
    if record.url is None or record.size is None:
        raise WeightsError(f"weights {name!r} should lie in {str(path)!r} and do not: install ISR again")
    return download.fetch(download.RemoteFile(record.url, record.file, record.size, record.sha256))


def locate(weights: str | Path, architecture: str) -> Located:
    """The file of those weights, by their name or its path, and the sizes of the network that it is for.

    A name without its scale means the first such in the table. WeightsError where no weights of that architecture have
    the name, or the file is not one of them.
    """
    if is_path(weights):
        located = _described(Path(weights))
        if located.architecture != architecture:
            raise WeightsError(f"{str(weights)!r} is for the architecture {located.architecture}, not {architecture}")
        return located
    named = [record for record in _named(str(weights)) if record.architecture == architecture]
    if not named:
        known = ", ".join(record.name for record in WEIGHTS.values() if record.architecture == architecture)
        raise WeightsError(f"unknown {architecture} weights {str(weights)!r}: expected {known}, or a path ({ENDINGS})")
    return _released(named[0])


def is_path(weights: str | Path) -> bool:
    """Whether that is the path of a weights file, not the name of a network."""
    return str(weights).endswith((".h5", ".hdf5"))


def obtain(name: str, scale: int | None = None) -> None:
    """Downloads what `load_model` would need for that name and scale, if it is not on this machine yet.

    Errors are those of `load_model`. Apart, because a command loads its network with the terminal muffled.
    """
    if name not in RECEPTIVE_RADIUS and not is_path(name):
        find(_choose(name, scale).name)


def load_model(name: str = DEFAULT, scale: int | None = None, *, precision: str = "auto") -> ImageModel | Interpolation:
    """What enlarges under that name: an interpolation, weights of the table, or a weights file.

    name: `fast`, `balanced` or `best` of the shipped weights at `scale`; `compact` means those of that name at `scale`,
    `compact-x2` those and no others; `psnr-small` and its like are downloaded at first use; a path ends in
    `.weights.h5` and has its manifest beside it, or in `.hdf5` (written by ISR 2). scale: 2 where the name leaves it
    open, or the first that it has. precision: float32, bfloat16, or auto: bfloat16 where the processor is fast at it
    and the weights lose nothing. UnknownModelError where nothing has that name or it has another scale, WeightsError
    where the file is damaged or cannot be had.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if name in RECEPTIVE_RADIUS:
        return Interpolation(name, scale or 2)
    if is_path(name):
        return _built(_at(Path(name), scale), "float32" if precision == "auto" else precision)
    record = _choose(name, scale)
    if precision == "auto":
        precision = "bfloat16" if record.bfloat16 and backend.computes_bfloat16_fast() else "float32"
    model = _built(_released(record), precision)
    model.name = _family(record)
    return model


def identify(name: str = DEFAULT, scale: int | None = None) -> Identity:
    """Which model `load_model` would load, without its weights. Errors are those of `load_model` for its arguments."""
    if name in RECEPTIVE_RADIUS:
        return Identity(name, scale or 2, None)
    if is_path(name):
        located = _at(Path(name), scale)
        stem = located.path.name.removesuffix(".hdf5").removesuffix(".h5").removesuffix(".weights")
        return Identity(stem, located.scale, sha256(located.path))
    record = _choose(name, scale)
    return Identity(_family(record), record.scale, record.sha256)


def _at(path: Path, scale: int | None) -> Located:
    located = _described(path)
    if scale not in (None, located.scale):
        raise UnknownModelError(f"{located.path.name} enlarges x{located.scale}, not x{scale}")
    return located


def _named(name: str) -> list[Weights]:
    return [record for record in WEIGHTS.values() if name in (record.name, _family(record))]


def _family(record: Weights) -> str:
    """The name without its scale."""
    return record.name.removesuffix(f"-x{record.scale}")


def scales(name: str) -> tuple[int, ...] | None:
    """By how much networks of that name enlarge, ascending: what `load_model` takes for it. None for an interpolation,
    which takes every whole scale. Errors are those of `load_model`.
    """
    if name in RECEPTIVE_RADIUS:
        return None
    if is_path(name):
        return (_described(Path(name)).scale,)
    return tuple(sorted({record.scale for record in _known(name)}))


def _known(name: str) -> list[Weights]:
    if name in QUALITIES:
        return list(
            {record.scale: record for family in reversed(QUALITIES[name]) for record in _named(family)}.values()
        )
    named = _named(name) or [record for record in WEIGHTS.values() if record.architecture == name and record.shipped]
    if not named:
        raise UnknownModelError(_unknown(name))
    return named


def _choose(name: str, scale: int | None) -> Weights:
    named = _known(name)
    fitting = [record for record in named if record.scale == (scale or 2)]
    if scale is not None and not fitting:
        scales = ", ".join(f"x{record.scale}" for record in named)
        raise UnknownModelError(f"model {name!r} has no weights for x{scale}: it has {scales}")
    return (fitting or named)[0]


def _unknown(name: str) -> str:
    remote = [record.name for record in WEIGHTS.values() if record.architecture == name]
    if remote:
        return f"no weights of {name!r} come with ISR; ask for one of these by name to download it: {', '.join(remote)}"
    shipped = {record.architecture for record in WEIGHTS.values() if record.shipped}
    known = ", ".join([*QUALITIES, *sorted({*RECEPTIVE_RADIUS, *WEIGHTS, *shipped})])
    return f"unknown model {name!r}: expected one of {known}, or the path of a weights file ({ENDINGS})"


def _released(record: Weights) -> Located:
    path = find(record.name)
    if record.shipped:
        from ISR.models import manifest

        if manifest.read(path)["sha256"] != record.sha256:
            raise WeightsError(
                f"{str(path)!r} is not the file that this version of ISR was released with: install ISR again"
            )
    return Located(path, record.architecture, record.scale, record.params)


def _described(path: Path) -> Located:
    from ISR.models import legacy, manifest

    if legacy.is_legacy(path):
        architecture, scale, params = legacy.describe(path)
        params.pop("beta", None)  # which the file does not hold: it is as by default, or as the caller has it
        return Located(path, architecture, scale, params)
    content = manifest.read(path)
    if content["architecture"] not in ARCHITECTURES:
        raise WeightsError(
            f"{path.name} needs the architecture {content['architecture']!r}: known are {', '.join(ARCHITECTURES)}"
        )
    located = Located(path, content["architecture"], content["scale"], content["params"])
    manifest.check_described(path, content, lambda: _network(located).model)
    return located


def _built(located: Located, precision: str) -> ImageModel:
    try:
        model = _network(located, precision)
    except ValueError as error:
        raise WeightsError(f"{located.path.name} describes no network: {error}") from error
    model.load(located.path)
    return model


def _network(located: Located, precision: str = "float32") -> ImageModel:
    return build(located.architecture, located.scale, dict(located.params), precision=precision)
