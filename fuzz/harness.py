"""What the three fuzzers share: imports that tell their coverage, a corpus that begins with seeds, the limits."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

HERE = Path(__file__).parent
# Per input: seconds, megabytes of the whole process, bytes.
LIMITS = {"timeout": 2, "rss_limit_mb": 512, "max_len": 65_536}


def instrumented(*packages: str, without: tuple[str, ...] = ()) -> contextlib.AbstractContextManager[object]:
    """Packages that are imported inside, but for some modules, tell atheris which of their branches an input takes."""
    return atheris.instrument_imports(include=list(packages), exclude=list(without))


def fuzz(name: str, check: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Call `check` with ever new inputs until it raises, or libFuzzer's own options (-max_total_time=30) end it.

    The corpus grows in fuzz/corpus/NAME, what is found lands in fuzz/findings; neither belongs to the project.
    """
    corpus, findings = HERE / "corpus" / name, HERE / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / f"seed-{hashlib.sha256(seed).hexdigest()[:12]}").write_bytes(seed)
    given = " ".join(sys.argv[1:])
    options = [f"-{key}={value}" for key, value in LIMITS.items() if f"-{key}=" not in given]
    alone = any(not argument.startswith("-") for argument in sys.argv[1:])  # inputs to try again, or another corpus
    folders = [] if alone else [str(corpus)]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={findings}/{name}-", *sys.argv[1:], *folders], check)
    atheris.Fuzz()


def scratch() -> Path:
    """A folder for one process' inputs, in memory where the system has such."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="isr-fuzz-", dir=memory if memory.is_dir() else None))
