"""A server of files on this machine that answers right, wrong, cut off, late, for ever, or elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ISR.models.download import RemoteFile

CONTENT = bytes(range(256)) * 1000
Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Gives each request to `answer` and remembers the part that it asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = whole
        self.asked: list[str | None] = []
        self.half_sent, self.stopped = threading.Event(), threading.Event()

    def remote(self, content: bytes = CONTENT) -> RemoteFile:
        digest = hashlib.sha256(content).hexdigest()
        return RemoteFile(f"http://127.0.0.1:{self.server_port}/a/net.hdf5", "net.hdf5", len(content), digest)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["Range"])
        with contextlib.suppress(OSError):  # the other side may hang up
            self.server.answer(self)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def head(self, code: int = 200, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def sends(content: bytes, *, length: int | None = None) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(content) if length is None else length)
        handler.wfile.write(content)

    return answer


whole = sends(CONTENT)


def endless(handler: Handler) -> None:
    handler.head()
    while not handler.server.stopped.is_set():
        handler.wfile.write(bytes(1 << 16))


def silent(handler: Handler) -> None:
    handler.server.stopped.wait(30)


def dripping(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    while not handler.server.stopped.wait(0.05):
        handler.wfile.write(b"x")


def stalling(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])
    handler.server.half_sent.set()
    handler.server.stopped.wait(60)


def in_parts(handler: Handler) -> None:
    """Breaks off after 100,000 bytes of whatever part it was asked for."""
    start = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    rest = CONTENT[start:]
    part = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
    handler.head(206 if start else 200, Content_Length=len(rest), **part)
    handler.wfile.write(rest[:100_000])


def refuses(code: int) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0)


def redirects(to: str) -> Answer:
    def answer(handler: Handler) -> None:
        if handler.path == "/b":
            whole(handler)
        else:
            handler.head(302, Location=to, Content_Length=0)

    return answer


def in_turn(*answers: Answer) -> Answer:
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def visible(folder: Path) -> list[str]:
    """All but the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".net.hdf5.lock")


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A running server; what still waits in it ends with the block."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            running.stopped.set()
            running.shutdown()
            thread.join()
