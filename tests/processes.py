"""Other processes that fetch one file, all at the same moment."""

from __future__ import annotations

import subprocess
import sys

from ISR.models.download import RemoteFile

FETCH = """
import sys
from ISR.models.download import RemoteFile, fetch
url, file, size, sha256 = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
print(fetch(RemoteFile(url, file, int(size), sha256)))
print(*sorted({"keras", "numpy", "h5py"} & set(sys.modules)))
"""


def started(remote: RemoteFile) -> subprocess.Popen[str]:
    """A process that imports all and fetches when it is told to."""
    arguments = [remote.url, remote.file, str(remote.size), remote.sha256]
    command = [sys.executable, "-c", FETCH, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=120)[0]
