"""The trained networks that come with ISR, and one door to everything that enlarges: `load_model`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ISR import backend
from ISR.errors import UnknownModelError, WeightsError
from ISR.models import ARCHITECTURES, build
from ISR.models.interpolation import RECEPTIVE_RADIUS, Interpolation

if TYPE_CHECKING:
    from ISR.models.image_model import ImageModel

DEFAULT = "compact"
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Weights:
    """One set of weights: what it is for, what it was made from, and what it scores.

    psnr_y: luma PSNR in dB on Set5, Set14 and BSD100 (8 bit, border of the scale shaved), by `isr evaluate`.
    bfloat16: whether computing in bfloat16 costs it no PSNR, so that `precision="auto"` may.
    """

    name: str
    architecture: str
    scale: int
    parameters: int
    sha256: str
    licence: str
    data: str
    psnr_y: tuple[float, float, float]
    bfloat16: bool


WEIGHTS: dict[str, Weights] = {
    "compact-x2": Weights(
        name="compact-x2",
        architecture="compact",
        scale=2,
        parameters=110_460,
        sha256="c5dbb0542420b45958e65658627b73bb2e58baa62409a2b32355893cd2e01077",
        licence="Apache-2.0",
        data="387 photographs under free licences, listed in the model card",
        psnr_y=(37.21, 32.85, 31.68),
        bfloat16=True,
    ),
}


def shipped_folder() -> Path:
    """The folder `weights/`: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next((f for f in (package / "weights", package.parent / "weights") if f.is_dir()), package / "weights")


def find(name: str) -> Path:
    """The shipped weights file of that name. WeightsError where the name is not known or the file is not there."""
    if name not in WEIGHTS:
        raise WeightsError(f"unknown weights {name!r}: expected one of {', '.join(WEIGHTS)}")
    path = shipped_folder() / name / f"{name}.weights.h5"
    if not path.is_file():
        raise WeightsError(f"weights {name!r} should lie in {str(path)!r} and do not: install ISR again")
    return path


def load_model(name: str = DEFAULT, scale: int | None = None, *, precision: str = "auto") -> ImageModel | Interpolation:
    """What enlarges under that name: an interpolation, shipped weights, or a file of weights.

    name: `compact` means the shipped weights of that architecture at `scale`, `compact-x2` those and no others; a path
    that of a `.weights.h5` with its manifest, or of an `.hdf5` of ISR 2's RDN or RRDN. scale: 2 where the name leaves
    it open. precision: float32, bfloat16, or auto: bfloat16 where the processor is fast at it and the weights lose
    nothing. UnknownModelError where nothing has that name or it has another scale, WeightsError where the file is
    damaged.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if name in RECEPTIVE_RADIUS:
        return Interpolation(name, scale or 2)
    if name.endswith((".h5", ".hdf5")):
        return _from_file(Path(name), scale, "float32" if precision == "auto" else precision)
    record = _choose(name, scale)
    if precision == "auto":
        precision = "bfloat16" if record.bfloat16 and backend.computes_bfloat16_fast() else "float32"
    return _from_file(find(record.name), scale, precision, sha256=record.sha256)


def _choose(name: str, scale: int | None) -> Weights:
    known = sorted([*RECEPTIVE_RADIUS, *WEIGHTS, *{record.architecture for record in WEIGHTS.values()}])
    named = [r for r in WEIGHTS.values() if name in (r.name, r.architecture, r.name.rpartition("-x")[0])]
    if not named:
        names = ", ".join(known)
        raise UnknownModelError(f"unknown model {name!r}: expected one of {names}, or the path of a .weights.h5")
    wanted = scale or (2 if name != named[0].name else named[0].scale)
    fitting = [record for record in named if record.scale == wanted]
    if not fitting:
        scales = ", ".join(f"x{record.scale}" for record in named)
        raise UnknownModelError(f"model {name!r} has no weights for x{wanted}: it has {scales}")
    return fitting[0]


def _from_file(path: Path, scale: int | None, precision: str, *, sha256: str | None = None) -> ImageModel:
    from ISR.models import legacy, manifest

    if legacy.is_legacy(path):
        content: dict[str, Any] = dict(zip(("architecture", "scale", "params"), legacy.describe(path), strict=True))
    else:
        content = manifest.read(path)
    if content["architecture"] not in ARCHITECTURES:
        raise WeightsError(
            f"{path.name} needs the architecture {content['architecture']!r}: known are {', '.join(ARCHITECTURES)}"
        )
    if scale not in (None, content["scale"]):
        raise UnknownModelError(f"{path.name} enlarges x{content['scale']}, not x{scale}")
    if sha256 is not None and content["sha256"] != sha256:
        raise WeightsError(
            f"{str(path)!r} is not the file that this version of ISR was released with: install ISR again"
        )
    try:
        model = build(content["architecture"], content["scale"], content["params"], precision=precision)
    except ValueError as error:
        raise WeightsError(f"the manifest of {path.name} describes no network: {error}") from error
    model.load(path)
    return model
