"""The command line as tests call it: mostly in this process, by interpolation, which takes no time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import drawn
from PIL import Image

from ISR.cli import main

Said = pytest.CaptureFixture[str]


def photo(path: Path, *, height: int = 12, width: int = 10, kind: str | None = None, alpha: bool = False) -> Path:
    """A picture's file, in the format `kind` whatever its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(drawn(height, width))
    if alpha:
        image.putalpha(100)
    image.save(path, kind)
    return path


def bicubic(*arguments: str | Path) -> int:
    return main(["upscale", "--model", "bicubic", *map(str, arguments)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def isr(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ISR", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def one_line(said: Said) -> str:
    """What stderr holds, which must be one line of ours; nothing may be on stdout."""
    printed = said.readouterr()
    assert printed.out == "" and printed.err.startswith("isr") and printed.err.count("\n") == 1, printed
    return printed.err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
