"""Which files of a folder are pictures to enlarge, which are passed over, and which are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import photo

from ISR.errors import DestinationError, PictureNotFoundError
from ISR.predict import scan
from ISR.predict.scan import Source

JUNK = ["Thumbs.db", ".DS_Store", "desktop.ini", "._a.png", ".hidden.png", ".isr-12-ab.png", "Desktop.INI"]


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def relative(found: scan.Found) -> list[str]:
    return [str(source.relative) for source in found.sources]


def test_junk_is_silent_other_files_are_counted_and_inner_folders_left_alone(tmp_path: Path) -> None:
    touched(tmp_path, "b.png", "A.JPG", "c.webp", "d.tiff", "notes.txt", "noext", "sub/e.png", "x.png/f.png", *JUNK)
    found = scan.find([tmp_path])
    assert relative(found) == ["A.JPG", "b.png", "c.webp", "d.tiff"] and found.others == 2
    assert found.sources[1] == Source(tmp_path / "b.png", Path("b.png"))


def test_recursive_keeps_where_they_lie(tmp_path: Path) -> None:
    touched(
        tmp_path, "b.png", "sub/b.png", "sub/deep/a.png", "x.png/f.png", ".git/a.png", "__MACOSX/a.png", "sub/t.txt"
    )
    found = scan.find([tmp_path], recursive=True)
    assert relative(found) == ["b.png", "sub/b.png", "sub/deep/a.png", "x.png/f.png"] and found.others == 1


def test_pipes_and_broken_links_are_taken_so_that_they_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")
    assert relative(scan.find([tmp_path])) == ["lost.png", "pipe.png"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    touched(tmp_path / "in", "sub/a.png")
    (tmp_path / "in" / "sub" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "loop.png").symlink_to(tmp_path / "in" / "sub")
    assert relative(scan.find([tmp_path / "in"], recursive=True)) == ["sub/a.png"]


def test_the_results_folder_is_not_entered_by_whatever_way(tmp_path: Path) -> None:
    touched(tmp_path / "in", "a.png", "out/a_x2.png", "real/b_x2.png")
    (tmp_path / "link").symlink_to(tmp_path / "in" / "real")
    for output, left in [("in/out", "real/b_x2.png"), ("link", "out/a_x2.png"), ("in/x/../real", "out/a_x2.png")]:
        (tmp_path / "in" / "x").mkdir(exist_ok=True)
        found = scan.find([tmp_path / "in"], recursive=True, output=tmp_path / output)
        assert relative(found) == ["a.png", left]


@pytest.mark.parametrize("output", ["in", "link", "in/sub/.."])
def test_a_folder_cannot_be_its_own_results_folder(tmp_path: Path, output: str) -> None:
    touched(tmp_path / "in", "a.png", "sub/b.png")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(DestinationError, match="choose another folder"):
        scan.find([tmp_path / "in"], output=tmp_path / output)


def test_a_named_file_is_taken_whatever_it_is(tmp_path: Path) -> None:
    touched(tmp_path, ".hidden", "noext")
    (tmp_path / "folder.png").mkdir()
    named = [tmp_path / name for name in (".hidden", "noext", "folder.png", "missing.png")]
    assert [source.path for source in scan.find(named).sources] == named


def test_a_folder_without_pictures_is_an_error_that_knows_of_its_folders(tmp_path: Path) -> None:
    touched(tmp_path, "notes.txt", "sub/a.png")
    with pytest.raises(PictureNotFoundError, match="--recursive looks into its folders"):
        scan.find([tmp_path])
    with pytest.raises(PictureNotFoundError, match="expected a folder of pictures"):
        scan.find_in(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_searched(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "locked/b.png")
    (tmp_path / "locked").chmod(0)
    found = scan.find([tmp_path], recursive=True)
    (tmp_path / "locked").chmod(0o700)
    assert relative(found) == ["a.png"] and [path.name for path, _ in found.unreadable] == ["locked"]


def test_names_of_every_kind(tmp_path: Path) -> None:
    given = sorted(["-a.png", "two\nlines.png", "😀.png", "with space.png", "n" * 251 + ".png", "\udcff.png"])
    photo(tmp_path / "-a.png")
    touched(tmp_path, *given)
    assert relative(scan.find([tmp_path])) == given
