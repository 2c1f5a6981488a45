"""LR and HR pictures of one another: matched by name, checked by what their headers say, all faults told at once."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ISR.errors import PairsError, PictureError
from ISR.images import files

MOST_FAULTS_SHOWN = 20
# What a name may end in that says how much smaller the picture is: DIV2K's 0001x2.png, and 0001_x2.png.
_SUFFIX = re.compile(r"(?P<name>.+?)[_-]?[xX](?P<scale>\d+)")

log = logging.getLogger(__name__)


class PairPaths(NamedTuple):
    """An HR picture's file and its LR picture's; None where that is made from the HR picture.

    hr_scale: what the HR picture is reduced to before it is used, of its own size.
    """

    hr: Path
    lr: Path | None = None
    hr_scale: float = 1.0


def match(hr: Sequence[Path], lr: Sequence[Path], *, scale: int) -> tuple[dict[Path, Path], list[str]]:
    """The LR picture of each HR picture, and what is wrong with the names.

    An LR picture is named as its HR picture, or with x<scale> behind it; an equal name goes before one with x<scale>.
    Extensions do not matter. A fault is a picture without another, two with one name, or x<another scale>.
    """
    by_name = {path.stem: path for path in hr}
    faults = [
        f"{count} HR pictures are called {name!r}" for name, count in Counter(p.stem for p in hr).items() if count > 1
    ]
    found: dict[Path, Path] = {}
    for path in lr:
        name, said = _hr_name(path.stem, by_name, scale)
        if name not in by_name:
            faults.append(f"no HR picture for {str(path)!r}")
        elif said != scale:
            faults.append(f"{str(path)!r} says x{said}: the scale is {scale}")
        elif by_name[name] in found:
            faults.append(f"{str(path)!r} and {str(found[by_name[name]])!r} are both LR pictures of {name!r}")
        else:
            found[by_name[name]] = path
    return found, faults + [f"no LR picture for {str(path)!r}" for path in by_name.values() if path not in found]


def _hr_name(stem: str, known: Iterable[str], scale: int) -> tuple[str, int]:
    """Which HR picture the name of an LR picture means, and at which scale."""
    with_suffix = _SUFFIX.fullmatch(stem)
    if stem in known or with_suffix is None:
        return stem, scale
    return with_suffix["name"], int(with_suffix["scale"])


def check(pairs: Sequence[PairPaths], *, scale: int, faults: Sequence[str] = ()) -> list[int]:
    """The smaller side of every LR picture, in pixels, after all headers were read; pixels are not decoded.

    HR may exceed LR * scale by less than `scale` pixels at the bottom and right: they are cut off. PairsError with the
    faults given and those found: a picture that cannot be read, 16 bits, grey beside colour, sizes that do not fit.
    """
    every, sides, transparent = list(faults), [], 0
    for pair in pairs:
        try:
            header = files.read_header(pair.hr)
            small = header if pair.lr is None else files.read_header(pair.lr)
        except PictureError as error:
            every.append(str(error))
            continue
        every += _faults(pair, header, small, scale)
        transparent += header.alpha or small.alpha
        sides.append(min(header.width, header.height) // scale)
    if every:
        raise PairsError(_listed(every))
    if transparent:
        log.info("%d of the pictures have transparency, which is left out", transparent)
    return sides


def _faults(pair: PairPaths, hr: files.Header, lr: files.Header, scale: int) -> list[str]:
    """What is wrong with one pair."""
    size, name = f"{hr.width}x{hr.height}", repr(str(pair.hr))
    both = {str(pair.hr): hr, str(pair.lr or pair.hr): lr}
    found = [
        f"{path!r} has {header.bits} bits a sample: 8 are needed" for path, header in both.items() if header.bits != 8
    ]
    expected = (hr.width // scale, hr.height // scale)
    if 0 in expected:
        found.append(f"{name} is {size}: smaller than the scale {scale}")
    if pair.lr is None:
        return found
    if (lr.width, lr.height) != expected:
        wanted = f"expected {expected[0]}x{expected[1]}, for {name} is {size} and the scale {scale}"
        found.append(f"{str(pair.lr)!r} is {lr.width}x{lr.height}: {wanted}")
    if lr.grey != hr.grey:
        found.append(f"{str(pair.lr)!r} is {_kind(lr)}, {name} is {_kind(hr)}")
    return found


def _kind(header: files.Header) -> str:
    return "grey" if header.grey else "in colour"


def _listed(faults: list[str]) -> str:
    count, more = len(faults), len(faults) - MOST_FAULTS_SHOWN
    shown = "; ".join(faults[:MOST_FAULTS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return f"{count} fault{'s' * (count > 1)} in the pictures: {shown}"
