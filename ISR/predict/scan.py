"""Which pictures are meant: files that are named, and those in folders that are named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ISR.errors import DestinationError, PictureError, PictureNotFoundError
from ISR.images.files import EXTENSIONS

# What file managers leave; hidden files, among them macOS' `._photo.jpg` and our own, go by their dot.
_JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "lost+found"}


@dataclass(frozen=True)
class Source:
    """A picture to enlarge. relative: its path below the folder that was named, or its name if it was named itself."""

    path: Path
    relative: Path


@dataclass
class Found:
    """What is to be enlarged. others: how many files of the folders are no pictures. unreadable: folders' errors."""

    sources: list[Source] = field(default_factory=list)
    others: int = 0
    unreadable: list[tuple[Path, PictureError]] = field(default_factory=list)


def is_folder(path: Path) -> bool:
    """Whether its pictures are meant. A folder called like a picture is none: it came with the `*.png` of a shell."""
    return path.suffix.lower() not in EXTENSIONS and path.is_dir()


def find(paths: Iterable[Path], *, recursive: bool = False, output: Path | None = None) -> Found:
    """The pictures of those files and folders. A named file is taken whatever it is. Errors are those of `find_in`."""
    found = Found()
    for path in paths:
        if is_folder(path):
            find_in(path, recursive=recursive, output=output, found=found)
        else:
            found.sources.append(Source(path, Path(path.name)))
    return found


def find_in(folder: Path, *, recursive: bool = False, output: Path | None = None, found: Found | None = None) -> Found:
    """The pictures of the folder, sorted by name, added to `found`.

    A picture is what ends in a picture's extension, also where it will prove to be a pipe or a broken link. Links to
    folders are not followed, and `output` is not entered. DestinationError where `output` is the folder,
    PictureNotFoundError where the folder is not there or holds no picture.
    """
    found = Found() if found is None else found
    if not folder.is_dir():
        raise PictureNotFoundError(f"expected a folder of pictures, got {str(folder)!r}")
    _check_apart(folder, output)
    _search(folder, found, recursive=recursive, leave_out=output)
    return found


def _check_apart(folder: Path, output: Path | None) -> None:
    if output is not None and output.exists() and output.samefile(folder):
        results = f"the results of {str(folder)!r} would lie among its pictures"
        raise DestinationError(f"{results} and be enlarged the next time: choose another folder with -o")


def _search(top: Path, found: Found, *, recursive: bool, leave_out: Path | None) -> None:
    before = len(found.sources), len(found.unreadable)
    for folder, folders, names in os.walk(top, onerror=lambda error: _note(found, error)):
        folders[:] = sorted(_inner(Path(folder), folders, leave_out)) if recursive else []
        kept = [name for name in sorted(names) if not _is_junk(name)]
        paths = [Path(folder, name) for name in kept if Path(name).suffix.lower() in EXTENSIONS]
        found.others += len(kept) - len(paths)
        found.sources += [Source(path, path.relative_to(top)) for path in paths]
    if (len(found.sources), len(found.unreadable)) == before:
        deeper = "" if recursive else " itself: --recursive looks into its folders"
        raise PictureNotFoundError(f"no picture in {str(top)!r}{deeper}, expected files in {' '.join(EXTENSIONS)}")


def _inner(folder: Path, names: Iterable[str], leave_out: Path | None) -> Iterator[str]:
    place = None if leave_out is None else os.path.realpath(leave_out)
    return (name for name in names if not _is_junk(name) and os.path.realpath(folder / name) != place)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _note(found: Found, error: OSError) -> None:
    folder = Path(os.fsdecode(error.filename))
    fault = PictureError(f"the folder {str(folder)!r} cannot be read: {error.strerror}")
    found.unreadable.append((folder, fault))
