"""The first signal is remembered, the second one obeyed at once; handlers come back."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ISR.train.stopping import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_it_is_obeyed(number: signal.Signals) -> None:
    def terminated(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, terminated)
    stop, reached = StopRequest(), False
    try:
        with pytest.raises(KeyboardInterrupt), stop.heard():
            os.kill(os.getpid(), number)
            assert stop.number == number
            reached = True
            stop.obey()
            pytest.fail("not obeyed")
        assert reached and signal.getsignal(signal.SIGTERM) is terminated
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_signal_does_not_wait() -> None:
    stop = StopRequest()
    with pytest.raises(KeyboardInterrupt), stop.heard():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.number == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("not obeyed")


def test_a_signal_that_nobody_obeyed_inside_is_obeyed_after() -> None:
    stop = StopRequest()
    with pytest.raises(KeyboardInterrupt), stop.heard():
        os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    seen: list[object] = []

    def inside() -> None:
        with StopRequest().heard():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
