"""Several processes, on several machines, that train one network: how they meet, agree, notice a loss, and part.

Process 0 keeps the run. It tells the others its recipe and its state, and everything after that happens in all of them
alike; what the others write goes to a temporary folder. The backend carries the gradients.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ISR import backend, config, plain_yaml
from ISR.config import Config
from ISR.errors import ConfigError, ISRError
from ISR.train import links
from ISR.train.links import Link, Tell
from ISR.train.session import RunFolder


@dataclass(frozen=True)
class Place:
    """One process among those that meet at host:port, where process 0 listens."""

    host: str
    port: int
    processes: int
    process: int

    @property
    def is_first(self) -> bool:
        return self.process == 0


def place(coordinator: str | None, processes: int | None, process: int | None) -> Place:
    """The place that the command line names. ConfigError where it names none."""
    host, _, port = (coordinator or "").rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigError(f"--coordinator must be HOST:PORT of process 0, got {coordinator}")
    if processes is None or process is None:
        raise ConfigError("--coordinator needs --processes, how many there are, and --process, which one this is")
    if not 0 <= process < processes:
        raise ConfigError(f"--process must be from 0 to {processes - 1} for --processes {processes}, got {process}")
    return Place(host, int(port), processes, process)


@contextlib.contextmanager
def joined(
    where: Place, run: RunFolder | None, recipe: Config | None, *, give_up: Tell
) -> Iterator[tuple[RunFolder | None, Config]]:
    """The run and the recipe of process 0, once all are there; the others' run lies in a temporary folder.

    Inside, every batch is shared out among all devices of all processes. give_up: called in a thread, with one
    sentence, when a process is lost; it must end this process, whose main thread may wait for the lost one for ever.
    Leaving waits for all. TrainingError where somebody does not come, ConfigError for a batch that cannot be shared.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="isr-", ignore_cleanup_errors=True))
        others, port, run, recipe = _met(where, run, recipe, Path(folder))

        def lost(who: str) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            give_up(f"{who} is gone: see what it said; started again with --resume RUN, all go on from the last state")

        for link in others:
            stack.callback(link.close)
            link.watch(lost)
        with _patient_with_failures():
            _join(where, port, recipe)
            with backend.shared_by_all():
                yield run, recipe
        for link in others:
            link.part()
        backend.part()


def _met(
    where: Place, run: RunFolder | None, recipe: Config | None, folder: Path
) -> tuple[list[Link], int, RunFolder | None, Config]:
    """The connections to the others, the port of the backend's service, and what process 0 says is trained."""
    address = (where.host, where.port)
    if recipe is None:
        link = links.to_first(address, where.process)
        return [link], *_briefed(link, folder, where)
    others = links.of_all(address, where.processes)
    with socket.create_server((where.host, 0)) as server:
        port = int(server.getsockname()[1])
    text = json.dumps({"port": port, "processes": where.processes, "recipe": config.dump(recipe)})
    state = run.state.read_bytes() if run is not None else b""
    for link in others:
        link.send(text.encode())
        link.send(state)
    return others, port, run, recipe


def _briefed(link: Link, folder: Path, where: Place) -> tuple[int, RunFolder, Config]:
    told, state = json.loads(link.receive()), link.receive()
    if told["processes"] != where.processes:
        raise ConfigError(f"--processes is {where.processes} here and {told['processes']} at process 0")
    run = RunFolder(folder, "network")
    if state:
        run.state.write_bytes(state)
    return int(told["port"]), run, config.from_mapping(plain_yaml.parse(told["recipe"], "process 0's recipe"))


def _join(where: Place, port: int, recipe: Config) -> None:
    service = f"{where.host}:{port}"
    # The relay lives as long as the process: JAX's last words at its end go through it too.
    seen = service if where.is_first else f"127.0.0.1:{links.Relay((where.host, port)).port}"
    bind = service if where.is_first else None
    devices = backend.join(seen, bind=bind, processes=where.processes, process=where.process)
    config.check_shares(recipe, devices)


@contextlib.contextmanager
def _patient_with_failures() -> Iterator[None]:
    """What fails inside for another process' sake is not reported before that one's loss has been noticed."""
    try:
        yield
    except (ISRError, KeyboardInterrupt):
        raise
    except Exception:
        time.sleep(links.SILENCE + links.HEARTBEAT)
        raise
