"""`isr evaluate`: one model on folders of pictures, or with `--all` every shipped one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ISR import console, upscale_command
from ISR.console import OK, UsageError

if TYPE_CHECKING:
    from ISR.models.tiled import Upscaler


def run(options: argparse.Namespace) -> int:
    """Measure and show the tables. Returns the exit code."""
    from ISR.datasets import folders
    from ISR.predict import destinations

    if not options.all and (options.into or options.plot):
        raise UsageError("--into and --plot belong to --all: say --all as well")
    for folder in options.folders:
        folders.pictures_in(folder)
    for path in (options.json, options.plot, *options.into):
        if path is not None:
            destinations.check_writable(path.parent)
    return _all(options) if options.all else _one(options)


def _one(options: argparse.Namespace) -> int:
    from ISR.evaluate import as_table, evaluate
    from ISR.models.pretrained import QUALITIES

    model = upscale_command.load_model(options, options.scale)
    name = None if options.model in QUALITIES else options.model
    reports = [evaluate(model, folder, name=name, tile=options.tile) for folder in options.folders]
    _write_json(options.json, [report.as_json() for report in reports])
    console.show(as_table(reports))
    return OK


def _all(options: argparse.Namespace) -> int:
    from ISR import atomic, scoreboard

    def load(name: str, scale: int) -> Upscaler:
        from ISR.models.pretrained import load_model

        with console.muffled(verbose=options.verbose):
            return load_model(name, scale, precision="float32")

    scoreboard.check(options.into)
    found = scoreboard.rows(options.folders, load=load, said=console.say)
    _write_json(options.json, [row.as_json() for row in found])
    tables = {"full": scoreboard.full(found), "short": scoreboard.short(found), "others": scoreboard.others()}
    for document in options.into:
        scoreboard.put(document, tables)
    if options.plot is not None:
        atomic.write_bytes(options.plot, scoreboard.plot(found))
    console.show(tables["full"])
    return OK


def _write_json(path: Path | None, content: list[dict[str, Any]]) -> None:
    from ISR import atomic

    if path is not None:
        atomic.write_text(path, json.dumps(content, indent=1) + "\n")
