"""`isr upscale --model zssr`: what its options come to."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ISR import config, console
from ISR.console import UsageError
from ISR.zero_shot import ZeroShot

# What a network's pictures can have and these cannot.
ELSEWHERE = ("width", "height", "fit", "self_ensemble", "strength", "stream")
# Option -> setting of zero_shot in config.yml.
OPTIONS = {"budget": "budget", "kernel": "kernel", "noise": "noise", "seed": "seed", "max_steps": "max_steps"}


def check(options: argparse.Namespace) -> None:
    """UsageError for an option of `--model zssr` with another model, which would pass over it, and the reverse."""
    given = [name for name in (*OPTIONS, "config") if getattr(options, name) is not None]
    if options.model != ZeroShot.name and given:
        flag = f"--{given[0].replace('_', '-')}"
        raise UsageError(f"{flag} belongs to --model {ZeroShot.name}, got --model {options.model}: leave it out")

    for name in ELSEWHERE if options.model == ZeroShot.name else ():
        if getattr(options, name) not in (None, False, 1.0):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} does not go with --model {ZeroShot.name}, which takes --scale: leave it out")


def making(options: argparse.Namespace) -> dict[str, Any]:
    """What of the options makes a result, for a folder's manifest."""
    settings = config.load(options.config).zero_shot
    return asdict(settings) | {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}


def scale(options: argparse.Namespace) -> float:
    """How many times larger pictures become."""
    return float(options.scale or config.load(options.config).zero_shot.scale)


def upscaler(options: argparse.Namespace) -> ZeroShot:
    """What enlarges files as the options say, with Keras loaded. ConfigError, PictureError as ZeroShot raises them."""
    settings = config.load(options.config).zero_shot
    named = {setting: getattr(options, name) for name, setting in (*OPTIONS.items(), ("tile", "patch_size"))}
    changes = {setting: value for setting, value in named.items() if value is not None}
    task = ZeroShot(options.scale, settings=settings, precision=options.precision, **changes)
    with console.muffled(verbose=options.verbose):
        task.load()
    return task
