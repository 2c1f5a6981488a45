"""What a command does with its terminal: streams, signals, one line for each error, a bar that counts pixels."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from ISR.errors import ConfigError, DestinationError, ISRError, UnknownModelError

OK, FAILURE, USAGE = 0, 1, 2
INTERRUPTED, TERMINATED = 130, 143
CHAINS = "ISR.predict.sized"  # which networks bring a picture to its size is told without --verbose, each chain once


class Progress(Protocol):
    """What a bar gives to whoever does the work."""

    def __call__(self, done: int, total: int, loss: float | None = None) -> None: ...


class UsageError(ISRError):
    """The command line contradicts itself."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM came: what is under way is left as at Ctrl-C."""


def run(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, act: Callable[[argparse.Namespace], int]
) -> int:
    """Parse the arguments (those of the process where None), act on them, and report what goes wrong.

    The parser has an option `verbose`. Returns the exit code: what `act` returns, or 1 failure, 2 usage, 130
    interrupted, 143 terminated.
    """
    prepare_streams()
    verbose = False
    try:
        with terminable():
            options = parser.parse_args(arguments)
            verbose = options.verbose
            with log_shown(verbose=verbose):
                return act(options)
    except SystemExit as finished:  # argparse's end of --help, --version and wrong usage
        return int(finished.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        return report(error, verbose=verbose)


def prepare_streams() -> None:
    """Streams that take every name and every line, also where they were closed before Python started."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM as an exception, so that what is being written is removed."""

    def stop(number: int, frame: object) -> NoReturn:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def log_shown(*, verbose: bool) -> Iterator[None]:
    """The package's warnings, or with `verbose` all that it logs, as lines on stderr."""
    log, handler = logging.getLogger("ISR"), logging.StreamHandler(sys.stderr)
    if any(isinstance(present.formatter, _OneLine) for present in log.handlers):
        yield  # a command inside a command: each line once
        return
    handler.setFormatter(_OneLine())
    handler.addFilter(_Once())
    before = log.level
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger(CHAINS).setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
        logging.getLogger(CHAINS).setLevel(logging.NOTSET)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"isr: {printable(record.getMessage())}"


class _Once(logging.Filter):
    """Passes each line about a chain once, and everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != CHAINS:
            return True
        text = record.getMessage()
        new = text not in self.told
        self.told.add(text)
        return new


def report(error: BaseException, *, verbose: bool) -> int:
    """One line on stderr about what went wrong, after its traceback if unexpected and wanted. The exit code."""
    code, text = FAILURE, str(error)
    if isinstance(error, KeyboardInterrupt):
        code = TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
        text = text or ("terminated" if code == TERMINATED else "interrupted")
    elif isinstance(error, (UsageError, ConfigError, DestinationError, UnknownModelError)):
        code = USAGE
    elif not isinstance(error, ISRError):
        text = _unexpected(error)
        if verbose:
            traceback.print_exception(error)
    say(text)
    return code


def say(text: str) -> None:
    """One line on stderr, if anyone listens there."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"isr: {printable(text)}\n")
        sys.stderr.flush()


def leave(error: BaseException, *, verbose: bool) -> NoReturn:
    """Report the error and end the process at once, from any thread, without what libraries do at its end: they may
    wait for other machines."""
    code = report(error, verbose=verbose)
    os._exit(code)


def _unexpected(error: BaseException) -> str:
    hint = "a smaller --tile needs less" if isinstance(error, MemoryError) else "isr -v shows where it came from"
    return f"{type(error).__name__}: {textwrap.shorten(str(error), 400) or 'no more is known'} ({hint})"


def printable(text: str) -> str:
    """The text on one line, and with nothing in it that a terminal would obey."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def show(text: str, *, end: str = "\n") -> None:
    """Print at once: what cannot be printed is an error of this command, not one of Python's at its end."""
    try:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ISRError(f"cannot write to standard output: {error.strerror}") from error


def show_path(path: Path) -> None:
    """Print the bytes that the file system has, whatever the locale."""
    show(os.fsencode(path).decode(sys.stdout.encoding or "utf-8", "surrogateescape"))


def picture_bar(*, hidden: bool) -> contextlib.AbstractContextManager[Progress]:
    """A bar on stderr, if that is a terminal; what it gives is called with the finished and all pictures."""
    return progress_bar("pictures", unit="picture", hidden=hidden)


@contextlib.contextmanager
def progress_bar(label: str, *, unit: str, hidden: bool = False) -> Iterator[Progress]:
    """A bar on stderr, if that is a terminal; what it gives is called with how many units are done, and all of them.

    And in training with the loss, which is shown behind the bar.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda done, total, loss=None: None
        return
    from tqdm import tqdm

    width = _columns()
    settings = {"dynamic_ncols": True} if width else {"ncols": 80}
    with tqdm(desc=_short(printable(label)), unit=unit, unit_scale=unit == "px", **settings) as bar:

        def progress(done: int, total: int, loss: float | None = None) -> None:
            bar.total = total
            if loss is not None:
                bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update(done - bar.n)

        yield progress


def _columns() -> int:
    """How wide the terminal on stderr is; 0 where it does not say, as in some containers."""
    with contextlib.suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns
    return 0


def _short(label: str) -> str:
    return label if len(label) <= 30 else f"{label[:27]}..."


@contextlib.contextmanager
def muffled(*, verbose: bool) -> Iterator[None]:
    """Nothing on file descriptor 2 unless verbose: TensorFlow greets there, whatever TF_CPP_MIN_LOG_LEVEL says.

    Its messages come from below Python. For loading a network only: errors are raised as ever.
    """
    kept = None
    with contextlib.suppress(OSError):  # it may have been closed from the start
        kept = None if verbose else os.dup(2)
    if kept is None:
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
