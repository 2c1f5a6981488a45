"""What the tests of downloads share: a cache folder of their own, and a server to fetch from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from files_server import Server, serving


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; the server on this machine is reached without a proxy."""
    monkeypatch.setenv("ISR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running
