"""Downloads from a server that does not always send what it should."""

from __future__ import annotations

import io
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from files_server import (
    CONTENT,
    Answer,
    Server,
    dripping,
    endless,
    in_parts,
    in_turn,
    redirects,
    refuses,
    sends,
    silent,
    visible,
    whole,
)

from ISR.errors import WeightsError
from ISR.models import download
from ISR.models.download import RemoteFile, fetch

QUICK: dict[str, Any] = {"timeout": 0.4, "pauses": (0.01, 0.01)}


pytestmark = pytest.mark.usefixtures("cache")


def refused(remote: RemoteFile, message: str) -> None:
    """Asserts one line that names the file and where to put it, and a cache without it or a part of it."""
    with pytest.raises(WeightsError, match=message) as caught:
        fetch(remote, **QUICK)
    told = str(caught.value)
    for needed in (remote.url, remote.file, f"{remote.size:,} bytes", remote.sha256, "weights=PATH"):
        assert needed in told, needed
    assert repr(str(download.cache_folder())) in told and "\n" not in told
    assert visible(download.cache_folder()) == []


def test_is_downloaded_once(server: Server, cache: Path) -> None:
    path = fetch(server.remote(), **QUICK)
    assert path == cache / "net.hdf5" and path.read_bytes() == CONTENT
    assert fetch(server.remote(), **QUICK) == path
    assert server.asked == [None] and visible(cache) == ["net.hdf5"]


def test_goes_on_where_it_broke_off(server: Server) -> None:
    server.answer = in_parts
    assert fetch(server.remote(), **QUICK).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]


def test_starts_again_where_the_server_has_no_parts(server: Server) -> None:
    server.answer = in_turn(sends(CONTENT[:1000], length=len(CONTENT)), refuses(503), whole)
    assert fetch(server.remote(), **QUICK).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000-", "bytes=1000-"]


def test_pauses_grow_between_the_attempts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.answer = refuses(500)
    with pytest.raises(WeightsError, match="answers 500"):
        fetch(server.remote())
    assert slept == [1.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "message", "attempts"),
    [
        (sends(CONTENT[:-1] + b"?"), "another: sha256", 1),
        (sends(CONTENT[:-1]), r"would send 255,999 bytes, expected 256,000", 1),
        (sends(CONTENT + b"?"), r"would send 256,001 bytes, expected 256,000", 1),
        (sends(b"<html>log in</html>"), "would send 19 bytes", 1),
        (sends(CONTENT[:70_000], length=len(CONTENT)), r"broke off after 70,000 of 256,000 bytes", 3),
        (endless, "another: sha256", 1),
        (silent, "timed out", 3),
        (dripping, "too slow", 3),
        (refuses(404), "answers 404", 1),
        (refuses(503), "answers 503", 3),
        (lambda handler: None, "no answer", 3),
    ],
    ids=["content", "short", "long", "page", "cut", "endless", "silent", "dripping", "404", "503", "empty"],
)
def test_refuses_what_is_not_the_file(server: Server, answer: Answer, message: str, attempts: int) -> None:
    server.answer = answer
    refused(server.remote(), message)
    assert len(server.asked) == attempts


def test_without_a_network_it_says_what_to_put_where(server: Server) -> None:
    remote = replace(server.remote(), url="http://127.0.0.1:9/a/net.hdf5")  # the port of `discard`: nobody listens
    refused(remote, "Connection refused")


def test_follows_a_redirect_on_this_machine(server: Server) -> None:
    server.answer = redirects("/b")
    assert fetch(server.remote(), **QUICK).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "to", ["http://example.org/b", "https://localhost/b", "ftp://127.0.0.1/b", "file:///etc/hosts"]
)
def test_follows_no_redirect_elsewhere(server: Server, cache: Path, to: str) -> None:
    server.answer = redirects(to)
    with pytest.raises(WeightsError, match=r"https alone|keep the scheme|answers 302"):
        fetch(server.remote(), **QUICK)
    assert visible(cache) == []


@pytest.mark.parametrize("url", ["http://example.org/a.hdf5", "file:///a.hdf5", "https:///a.hdf5", "a.hdf5", ""])
def test_takes_https_alone(url: str) -> None:
    with pytest.raises(WeightsError, match="https alone"):
        RemoteFile(url, "a.hdf5", 1, "0" * 64)


@pytest.mark.parametrize("file", ["../a.hdf5", "/a.hdf5", "b/a.hdf5", "", ".", ".."])
def test_a_file_stays_in_the_cache(file: str) -> None:
    with pytest.raises(WeightsError, match="plain name"):
        RemoteFile("https://example.org/a.hdf5", file, 1, "0" * 64)


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT[:-1] + b"?", b""])
def test_a_damaged_file_is_downloaded_again(
    server: Server, cache: Path, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir()
    (cache / "net.hdf5").write_bytes(damaged)
    with caplog.at_level(logging.WARNING, "ISR"):
        assert fetch(server.remote(), **QUICK).read_bytes() == CONTENT
    assert "net.hdf5 is damaged" in caplog.text


def test_a_damaged_file_stays_where_no_better_one_comes(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "net.hdf5").write_bytes(b"damaged")
    server.answer = refuses(404)
    with pytest.raises(WeightsError, match="answers 404"):
        fetch(server.remote(), **QUICK)
    assert (cache / "net.hdf5").read_bytes() == b"damaged" and visible(cache) == ["net.hdf5"]


def test_a_cache_that_cannot_be_made_is_told_with_the_way_out(server: Server, cache: Path) -> None:
    cache.write_bytes(b"a file in the way")
    with pytest.raises(WeightsError, match=r"cannot write to .*cache.*set ISR_CACHE"):
        fetch(server.remote(), **QUICK)
    assert server.asked == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_told(server: Server, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(WeightsError, match=r"cannot write to .*set ISR_CACHE"):
        fetch(server.remote(), **QUICK)
    assert server.asked == []


def test_a_full_disk_is_told_and_leaves_nothing(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.atomic, "_flush", full)
    with pytest.raises(WeightsError, match="No space left"):
        fetch(server.remote(), **QUICK)
    assert visible(cache) == []


def test_a_right_file_needs_no_writing(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image whose cache was filled when it was made."""
    cache.mkdir()
    (cache / "net.hdf5").write_bytes(CONTENT)
    monkeypatch.setattr(download, "_locked", None)
    assert fetch(server.remote()) == cache / "net.hdf5" and server.asked == []
    assert sorted(path.name for path in cache.iterdir()) == ["net.hdf5"]


def test_interrupted_it_leaves_no_part(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_chunks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(server.remote(), **QUICK)
    assert visible(cache) == []


def test_where_there_are_no_locks_it_still_downloads(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows locks otherwise")

    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with caplog.at_level(logging.INFO, "ISR"):
        assert fetch(server.remote(), **QUICK).read_bytes() == CONTENT
    assert "no locks" in caplog.text


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "~/.cache/ISR"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/ISR"),
        ("linux", {"XDG_CACHE_HOME": "x"}, "~/.cache/ISR"),
        ("linux", {"XDG_CACHE_HOME": "/x", "ISR_CACHE": "/y"}, "/y"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "~/Library/Caches/ISR"),
        ("win32", {"LOCALAPPDATA": "/x"}, "/x/ISR"),
        ("win32", {}, "~/AppData/Local/ISR"),
    ],
)
def test_the_cache_lies_where_the_platform_has_caches(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ISR_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(download.sys, "platform", platform)
    assert download.cache_folder() == Path(expected).expanduser()


def test_without_a_home_it_asks_for_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ISR_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(WeightsError, match="set ISR_CACHE"):
        download.cache_folder()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_a_terminal_sees_a_bar(
    server: Server, stream: io.StringIO, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    fetch(server.remote(), **QUICK)
    assert ("net.hdf5: 100%" in stream.getvalue()) is shown and bool(stream.getvalue()) is shown
