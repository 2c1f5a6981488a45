"""Connections between processes: what is sent arrives, a loss is told once, a farewell is no loss."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ISR.errors import ConfigError, TrainingError
from ISR.train import links
from ISR.train.links import Link, Relay

Pair = tuple[Link, Link]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(links, "HEARTBEAT", 0.05)
    monkeypatch.setattr(links, "SILENCE", 0.5)
    one, other = socket.socketpair()
    links_of_both = Link(one, "process 1"), Link(other, "process 0")
    yield links_of_both
    for link in links_of_both:
        link.close()


def address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return ("127.0.0.1", int(server.getsockname()[1]))


def test_a_message_arrives_whole(pair: Pair) -> None:
    large = bytes(range(256)) * 20_000
    with ThreadPoolExecutor() as pool:
        sent = pool.submit(pair[0].send, large)
        assert pair[1].receive() == large
        sent.result()
    pair[0].send(b"")
    assert pair[1].receive() == b""


def test_one_that_goes_without_a_farewell_is_told_at_once(pair: Pair) -> None:
    lost: list[str] = []
    pair[0].watch(lost.append)
    pair[1].close()
    until(lambda: lost == ["process 1"])


def test_one_that_falls_silent_is_told(pair: Pair) -> None:
    lost: list[str] = []
    pair[0].watch(lost.append)
    time.sleep(0.3)
    assert lost == []
    until(lambda: lost == ["process 1"])


def test_those_that_show_life_are_not_lost_and_part_together(pair: Pair) -> None:
    lost: list[str] = []
    for link in pair:
        link.watch(lost.append)
    early = threading.Thread(target=pair[1].part)
    early.start()
    time.sleep(1.2)  # longer than the silence that counts as a loss
    assert lost == [] and early.is_alive()
    pair[0].part()
    early.join(5)
    assert not early.is_alive() and lost == []


def test_all_meet_by_their_numbers_and_strangers_are_left_standing() -> None:
    where = address()
    with ThreadPoolExecutor() as pool:
        all_of_them = pool.submit(links.of_all, where, 3)
        second = links.to_first(where, 2)
        with socket.create_connection(where) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
        first = links.to_first(where, 1)
        met = all_of_them.result(timeout=30)
    assert [link.who for link in met] == ["process 1", "process 2"]
    for link, message in zip(met, (b"one", b"two"), strict=True):
        link.send(message)
    assert [first.receive(), second.receive()] == [b"one", b"two"]
    for link in (*met, first, second):
        link.close()


@pytest.mark.parametrize("numbers", [(1, 1), (3,), (0,)])
def test_a_number_twice_or_beyond_is_refused(numbers: tuple[int, ...]) -> None:
    where = address()
    with ThreadPoolExecutor() as pool:
        all_of_them = pool.submit(links.of_all, where, 3)
        callers = [links.to_first(where, number) for number in numbers]
        with pytest.raises(ConfigError, match=f"its own --process, from 0: got {numbers[-1]}"):
            all_of_them.result(timeout=30)
    with pytest.raises(TrainingError, match="process 0 is gone"):
        callers[-1].receive()
    for link in callers:
        link.close()


def test_callers_of_a_relay_do_not_notice_when_the_other_side_goes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = Relay(("127.0.0.1", server.getsockname()[1]))
        caller = socket.create_connection(("127.0.0.1", relay.port), timeout=5)
        beyond, _ = server.accept()
        caller.sendall(b"there")
        assert beyond.recv(100) == b"there"
        beyond.sendall(b"back")
        assert caller.recv(100) == b"back"
        beyond.close()
    caller.settimeout(0.3)
    with caller, pytest.raises(TimeoutError):
        caller.recv(1)
    relay.close()


def until(true: object, *, seconds: float = 5.0) -> None:
    """Wait until the function says so; AssertionError where it takes too long."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
