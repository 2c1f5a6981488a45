"""How much memory is free for this process, and when what it frees goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

KIB = 1024
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in <malloc.h>
_keeps = False


def free(root: Path = Path("/")) -> int | None:
    """Bytes that can be taken without pushing anything out: None where the system does not say (not Linux).

    The least of `MemAvailable` in /proc/meminfo and, for each control group (v1 and v2) that this process is in, its
    limit less what it holds; file cache that can be dropped counts as free. root: where /proc and /sys lie.
    """
    found = [*_meminfo(root / "proc/meminfo"), *_groups(root)]
    return min(found, default=None)


def _meminfo(path: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * KIB


def _groups(root: Path) -> Iterator[int]:
    """What each group with a limit has left. The group's folder may be hidden in a container: then only its parents
    are found, of which the topmost is the container's own group."""
    for folder, limit, used, dropped in _group_files(root):
        with contextlib.suppress(OSError, ValueError):
            statistics = dict(
                line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            )
            most, held = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
            yield max(0, most - held + int(statistics.get(dropped, 0)))


def _group_files(root: Path) -> Iterator[tuple[Path, str, str, str]]:
    """For each group that the process may be in: its folder, and what limit, use and droppable cache are called."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                top = root / "sys/fs/cgroup/memory"
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            else:
                continue
            group = top / path.lstrip("/")
            yield from ((folder, *names) for folder in (group, *group.parents) if folder.is_relative_to(top))


def peak(work: Callable[[], object]) -> int | None:
    """By how many bytes this process held more while it worked than before: None where the system does not say."""
    process = Path("/proc/self")
    try:
        (process / "clear_refs").write_text("5", encoding="ascii")  # the high-water mark is what is held now
    except OSError:
        work()
        return None
    held = _status(process, "VmRSS:")
    work()
    return _status(process, "VmHWM:") - held


def _status(process: Path, field: str) -> int:
    lines = (process / "status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * KIB


def keep_freed() -> None:
    """Tell glibc to keep what training frees between steps; without effect on other systems.

    TensorFlow's generator data set, under every PyDataset, makes malloc hand each block above 128 kB straight back:
    half of the time of a step then goes into page faults.
    """
    global _keeps
    _keeps = True
    _set_malloc(_TRIM_THRESHOLD, 2**31 - 1)
    _set_malloc(_MMAP_THRESHOLD, 2**25)  # the most that glibc takes


def return_freed() -> None:
    """Tell glibc to hand blocks above 4 MiB straight back, unless training has said otherwise; elsewhere no effect.

    By default it learns to keep what a network's layers free, in a pool for every thread: while tiles are run, the
    process then grows to several times what one run needs.
    """
    if not _keeps:
        _set_malloc(_MMAP_THRESHOLD, 2**22)


def _set_malloc(parameter: int, value: int) -> None:
    if platform.system() == "Linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").mallopt(parameter, value)
