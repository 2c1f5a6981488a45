"""Where pictures are enlarged: in this process one after another, or several at once in processes of their own."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from ISR import backend
from ISR.errors import CancelledError, ISRError
from ISR.predict import destinations
from ISR.predict.destinations import Job, UpscaleFile

# What enlarges a file while it is open; opening it loads the network. For other processes it must be picklable.
Opener = Callable[[], AbstractContextManager[UpscaleFile]]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@dataclass(frozen=True)
class Outcome:
    """What became of a job: where the result is, or what went wrong. full: the disk takes no more of any picture."""

    seconds: float
    written: Path | None = None
    error: Exception | None = None
    full: bool = False


class Crew(Protocol):
    """Who does the jobs."""

    @property
    def idle(self) -> bool:
        """Whether another job can be begun."""
        ...

    def begin(self, job: Job) -> None:
        """Do the job, or have it done."""
        ...

    def next(self) -> tuple[Job, Outcome]:
        """The next of the begun jobs that ends. What keeps the network from being loaded is raised here, or before."""
        ...

    def close(self) -> None:
        """Let go of the network. What is under way is given up."""
        ...


def attempt(job: Job, upscale_file: UpscaleFile) -> Outcome:
    """The job done; whatever goes wrong with it is in the outcome. CancelledError passes through."""
    began = time.perf_counter()
    try:
        written = destinations.written(job, upscale_file)
    except CancelledError:
        raise
    except Exception as error:  # whatever a picture, a disk or a backend comes up with
        return Outcome(time.perf_counter() - began, error=error, full=_is_full(error))
    return Outcome(time.perf_counter() - began, written)


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


class Here:
    """One job after another in this process. The network is loaded for the first."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._open = contextlib.ExitStack()
        self._upscale_file: UpscaleFile | None = None
        self._ended: list[tuple[Job, Outcome]] = []

    @property
    def idle(self) -> bool:
        return not self._ended

    def begin(self, job: Job) -> None:
        """Do the job."""
        if self._upscale_file is None:
            self._upscale_file = self._open.enter_context(self._opener())
        self._ended.append((job, attempt(job, self._upscale_file)))

    def next(self) -> tuple[Job, Outcome]:
        """The job that was done."""
        return self._ended.pop()

    def close(self) -> None:
        """Let go of the network."""
        self._open.close()


class Processes:
    """`number` jobs at once, each in a process that has loaded the network for itself.

    A process that dies, killed by a system out of memory or by a broken decoder, costs its picture alone: another one
    is started for the next. ISRError where one dies before its network is loaded.
    """

    def __init__(self, opener: Opener, number: int) -> None:
        self._opener, self._number = opener, number
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, Job]] = {}

    @property
    def idle(self) -> bool:
        return len(self._busy) < self._number

    def begin(self, job: Job) -> None:
        """Have the job done by a process that waits for one, or by a new one."""
        while self._idle:
            worker = self._idle.pop()
            try:
                self._send(worker, job)
            except OSError:  # it has died while it waited
                worker.end()
            else:
                return
        self._send(_Worker(self._opener, share_of=self._number), job)

    def _send(self, worker: _Worker, job: Job) -> None:
        worker.pipe.send(job)
        self._busy[worker.pipe] = worker, job

    def next(self) -> tuple[Job, Outcome]:
        """The next job that ends."""
        while True:
            for pipe in connection.wait(list(self._busy)):
                worker, job = self._busy[pipe]  # type: ignore[index]
                outcome = worker.heard()
                if outcome is not None:
                    del self._busy[pipe]  # type: ignore[arg-type]
                    if worker.process.exitcode is None:
                        self._idle.append(worker)
                    return job, outcome

    def close(self) -> None:
        """End the processes at once."""
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.end()
        self._idle, self._busy = [], {}


class _Worker:
    """A process that loads the network, says so, and enlarges what it is sent."""

    def __init__(self, opener: Opener, *, share_of: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, opener), daemon=True)
        self._ready = False
        try:
            # A start that a signal cuts short would leave a child that complains of a parent that does not speak to it.
            with _environment(backend.thread_limits(share_of)), _signals_deferred(), _interrupts_held_back():
                self.process.start()
        except BaseException:
            if self.process.pid is not None:
                self.end()
            raise
        finally:
            theirs.close()

    def heard(self) -> Outcome | None:
        """What became of its job; None where it says that it has loaded its network. ISRError where it cannot."""
        try:
            message: Outcome | Exception | None = self.pipe.recv()
        except (EOFError, OSError):
            return self._died()
        if isinstance(message, Exception):
            raise message
        self._ready = True
        return message

    def _died(self) -> Outcome:
        self.process.join(5)
        self.end()
        code = self.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        error = ISRError(f"the process that enlarged it {how}: if memory was short, a smaller --jobs or --tile helps")
        if not self._ready:
            raise ISRError(f"a process {how} while it loaded the network: a smaller --jobs needs less memory")
        return Outcome(0.0, error=error)

    def end(self) -> None:
        """Kill it; what it was writing lies in its picture's own folder."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """What a process that is started inside finds in its environment, where nobody has set it otherwise."""
    added = {key: value for key, value in settings.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)


@contextlib.contextmanager
def _signals_deferred() -> Iterator[None]:
    """SIGINT and SIGTERM that come inside take effect at the end. Python hears signals in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in numbers}
    try:
        yield
    finally:
        for held_back, handler in before.items():
            signal.signal(held_back, signal.SIG_DFL if handler is None else handler)
        for number in came:
            signal.raise_signal(number)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that is started inside never hears SIGINT, which a terminal sends to all: its parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which unblocks SIGINT when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, opener: Opener) -> None:
    """Answer each job with its outcome, after a None or an error that say whether the network could be loaded."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, jobs), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.ExitStack() as stack:
        try:
            upscale_file = stack.enter_context(opener())
        except Exception as error:
            pipe.send(_sendable(error))
            return
        pipe.send(None)
        while True:
            outcome = attempt(jobs.get(), upscale_file)
            wrong = None if outcome.error is None else _sendable(outcome.error)
            pipe.send(replace(outcome, error=wrong))


def _receive(pipe: Connection, jobs: queue.SimpleQueue[Job]) -> None:
    while True:
        try:
            jobs.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(1)  # whoever wanted it is gone, and may have been killed: another may do the picture now


def _sendable(error: Exception) -> Exception:
    """The error, or its text where it does not survive the way to another process."""
    with contextlib.suppress(Exception):
        if str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    return ISRError(f"{type(error).__name__}: {error}")
