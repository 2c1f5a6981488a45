"""SIGINT and SIGTERM during training: heard at once, obeyed after the step that is under way."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class StopRequest:
    """Remembers the first signal, for `obey`; a second one is obeyed at once, as if there were no training."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self, number: int, frame: FrameType | None) -> None:
        again, self.number = self.number is not None, number
        if again:
            self.obey()

    def obey(self) -> None:
        """Do what the signal does without training: raise KeyboardInterrupt, or end the process, or nothing."""
        if self.number is None:
            return
        number, self.number = signal.Signals(self.number), None
        before = self._before[number]
        if callable(before):
            before(number, None)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Inside the block SIGINT and SIGTERM come here, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self)
            self._before[number] = signal.SIG_DFL if before is None else before
        try:
            yield
        finally:
            for number, before in self._before.items():
                signal.signal(number, before)
        self.obey()  # one that came after the last step
