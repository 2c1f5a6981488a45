"""The block that a run adds to its session_config.yml, in plain YAML, after those of the sessions before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ISR import atomic, plain_yaml
from ISR.errors import TrainingError
from ISR.models import session_config


def write(folder: Path, block: dict[str, Any], *, carried_from: str | Path | None = None) -> None:
    """Write session -> block for the run in that folder, after the blocks beside the weights that it begins with."""
    before = session_config.read_beside(carried_from) if carried_from is not None else {}
    path = folder / session_config.FILE_NAME
    try:
        atomic.write_text(path, plain_yaml.dump({**before, folder.name: block}))
    except OSError as error:
        raise TrainingError(f"cannot write {str(path)!r}: {error.strerror}") from error
