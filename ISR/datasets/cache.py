"""Decoded pictures for training: in memory up to a limit, the others in a temporary file that is mapped into it."""

from __future__ import annotations

import contextlib
import logging
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np

from ISR.datasets.patches import Pair, Samples
from ISR.errors import PictureError

log = logging.getLogger(__name__)


def hold(pairs: Iterable[Pair], *, limit_mb: int) -> list[Pair]:
    """The pairs in their order; those that do not fit into `limit_mb` MiB are read-only views of a temporary file.

    The samples are the same wherever they lie; a warning says so where some do not fit. The file, in the system's
    folder for such (TMPDIR), has no name and goes with the last view. PictureError where it cannot be written.
    """
    held: list[Pair | None] = []
    beyond: _Beyond | None = None
    left = limit_mb * 2**20
    with contextlib.ExitStack() as stack:
        for pair in pairs:
            size = pair.lr.nbytes + pair.hr.nbytes
            fits = size <= left
            held.append(pair if fits else None)
            if fits:
                left -= size
                continue
            with _refused(limit_mb):
                beyond = beyond or _Beyond(stack.enter_context(tempfile.TemporaryFile(prefix="isr-")))
                beyond.add(pair)
        with _refused(limit_mb):
            views = iter(beyond.views() if beyond else ())
    if beyond:
        log.warning(
            "data.cache_limit_mb is %d: %d of %d pictures, %.1f MB decoded, lie in a temporary file in %s",
            *(limit_mb, len(beyond.shapes), len(held), beyond.size / 2**20, tempfile.gettempdir()),
        )
    return [next(views) if pair is None else pair for pair in held]


class _Beyond:
    """A file that pairs are appended to, and then views of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, 0
        self.shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def add(self, pair: Pair) -> None:
        self.shapes.append((pair.lr.shape, pair.hr.shape))
        for samples in pair:
            self.size += self.file.write(np.ascontiguousarray(samples).data)

    def views(self) -> list[Pair]:
        """One map for all: each would cost a descriptor."""
        self.file.flush()
        mapped, start = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ), 0
        views: list[Samples] = []
        for shape in (shape for shapes in self.shapes for shape in shapes):
            views.append(np.frombuffer(mapped, np.uint8, int(np.prod(shape)), start).reshape(shape))
            start += views[-1].nbytes
        return [Pair(lr, hr) for lr, hr in zip(views[::2], views[1::2], strict=True)]


@contextlib.contextmanager
def _refused(limit_mb: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PictureError(
            f"the pictures need more than data.cache_limit_mb, {limit_mb}, and a temporary file for the rest cannot be "
            f"written in {tempfile.tempdir!r} ({error.strerror or error}): raise the limit, let TMPDIR name a folder "
            "with room, or train on a store that `isr prepare` cuts"
        ) from error
