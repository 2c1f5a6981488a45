"""Connections between the processes of one training: messages, signs of life, and what a silence means."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable

from ISR.errors import ConfigError, TrainingError

PATIENCE = 300.0  # seconds to wait for the others to come
HEARTBEAT, SILENCE = 1.0, 8.0  # seconds between signs of life, and without one until a process counts as lost
SIGN_OF_LIFE, FAREWELL = b"", b"farewell"

Address = tuple[str, int]
Tell = Callable[[str], None]


class Link:
    """Between process 0 and another: whole messages either way. who: the other, for messages."""

    def __init__(self, connection: socket.socket, who: str) -> None:
        self.connection, self.who = connection, who
        self._sending = threading.Lock()
        self._said_farewell, self._heard_farewell = threading.Event(), threading.Event()

    def send(self, message: bytes) -> None:
        """Send the message whole."""
        with self._sending:
            self.connection.sendall(len(message).to_bytes(8, "big") + message)

    def receive(self, *, most: int = 2**40) -> bytes:
        """The next message, cut after so many bytes. TrainingError where the other one has gone."""
        try:
            return self._exactly(min(most, int.from_bytes(self._exactly(8), "big")))
        except OSError as error:
            raise TrainingError(f"{self.who} is gone: see what it said") from error

    def watch(self, lost: Tell) -> None:
        """From now on tell `lost` who it was as soon as the other one is gone or silent, unless it said farewell."""
        self.connection.settimeout(SILENCE)
        threading.Thread(target=self._show_life, daemon=True).start()
        threading.Thread(target=self._listen, args=(lost,), daemon=True).start()

    def part(self) -> None:
        """Say farewell, and wait until the other one does."""
        with contextlib.suppress(OSError):  # the listener tells
            self.send(FAREWELL)
        self._said_farewell.set()
        self._heard_farewell.wait()

    def close(self) -> None:
        """The end of the connection, also for whoever waits on it."""
        _close(self.connection)

    def _show_life(self) -> None:
        with contextlib.suppress(OSError):  # the listener tells
            while not self._said_farewell.wait(HEARTBEAT):
                self.send(SIGN_OF_LIFE)

    def _listen(self, lost: Tell) -> None:
        try:
            while self.receive() != FAREWELL:
                pass
        except TrainingError:
            lost(self.who)
        self._heard_farewell.set()

    def _exactly(self, count: int) -> bytes:
        content = bytearray()
        while len(content) < count:
            piece = self.connection.recv(min(count - len(content), 2**20))
            if not piece:
                raise ConnectionError
            content += piece
        return bytes(content)


def to_first(address: Address, process: int) -> Link:
    """The connection of another process to process 0. TrainingError where it is not there for too long."""
    patience = time.monotonic() + PATIENCE
    while True:
        try:
            link = Link(socket.create_connection(address, timeout=PATIENCE), "process 0")
        except OSError as error:
            if time.monotonic() > patience:
                where = f"{address[0]}:{address[1]}"
                raise TrainingError(f"process 0 does not answer at {where}: {error.strerror or error}") from error
            time.sleep(0.3)
        else:
            with contextlib.suppress(OSError):  # told when the answer is awaited
                link.send(json.dumps({"process": process}).encode())
            return link


def of_all(address: Address, processes: int) -> list[Link]:
    """Process 0's connections to all others, by their numbers. TrainingError where not all come."""
    links: dict[int, Link] = {}
    with contextlib.ExitStack() as unless_all_come:
        unless_all_come.callback(_close_all, links)
        try:
            _await(address, links, processes)
        except TimeoutError as error:
            came = f"of {processes} processes {len(links) + 1} came within {PATIENCE:.0f} seconds"
            raise TrainingError(came) from error
        except OSError as error:
            why = error.strerror or error
            raise TrainingError(f"cannot listen at {address[0]}:{address[1]}: {why}") from error
        unless_all_come.pop_all()
    return [links[process] for process in sorted(links)]


def _close_all(links: dict[int, Link]) -> None:
    for link in links.values():
        link.close()


def _await(address: Address, links: dict[int, Link], processes: int) -> None:
    with socket.create_server(address) as server:
        patience = time.monotonic() + PATIENCE
        while len(links) < processes - 1:
            server.settimeout(max(0.01, patience - time.monotonic()))
            _welcome(server.accept()[0], links, processes)


def _welcome(connection: socket.socket, links: dict[int, Link], processes: int) -> None:
    """Keep the connection under the number that it names; whatever is not one of ours is left standing."""
    link = Link(connection, "a stranger")
    connection.settimeout(SILENCE)
    try:
        process = int(json.loads(link.receive(most=100))["process"])
    except (TrainingError, ValueError, KeyError, TypeError):
        link.close()
        return
    if not 0 < process < processes or process in links:
        link.close()
        raise ConfigError(f"each of the {processes} processes needs its own --process, from 0: got {process} too much")
    link.who = f"process {process}"
    links[process] = link


class Relay:
    """A port of this machine that stands for another's. Its callers do not notice when that one goes.

    JAX ends a process at once, in the middle of everything, when its connection to process 0 breaks: behind a relay it
    has none that breaks, and whoever watches the Link has time to say what happened.
    """

    def __init__(self, target: Address) -> None:
        self._server, self._target = socket.create_server(("127.0.0.1", 0)), target
        self._connections: list[socket.socket] = [self._server]
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """The end of it, which its callers notice."""
        for connection in self._connections:
            _close(connection)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                self._connect(self._server.accept()[0])

    def _connect(self, caller: socket.socket) -> None:
        try:
            beyond = socket.create_connection(self._target)
        except OSError:
            caller.close()  # not there yet: the caller comes again
            return
        self._connections += [caller, beyond]
        for source, sink in ((caller, beyond), (beyond, caller)):
            threading.Thread(target=_hand_on, args=(source, sink), daemon=True).start()


def _hand_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(2**16):
            sink.sendall(piece)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may have gone before
        connection.shutdown(socket.SHUT_RDWR)  # wakes who waits, which closing does not
    connection.close()
