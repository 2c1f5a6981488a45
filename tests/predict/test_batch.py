"""Folders of pictures: only what is left is done, each once, and what goes wrong with one is its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ISR.errors import CancelledError, FormatError, ISRError, WeightsError
from ISR.predict import batch, destinations, naming, scan
from ISR.predict.cancel import Cancel
from ISR.predict.claims import Claims
from ISR.predict.destinations import Plan, UpscaleFile
from ISR.predict.results import Kept, Result

MAKING: dict[str, Any] = {"model": "m", "options": {"quality": 95}}
NAMES = ["a.png", "b.jpg", "sub/a.png", "sub/c.png"]


class Copier:
    """Copies instead of enlarging, keeps count, and fails for the names in `bad`."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.opened = 0
        self.bad: dict[str, Exception] = {}

    @contextlib.contextmanager
    def __call__(self) -> Iterator[UpscaleFile]:
        self.opened += 1
        yield self.copy

    def copy(self, source: Path, destination: Path) -> None:
        self.done.append(source.name)
        if source.name in self.bad and destination.suffix != ".webp":
            raise self.bad[source.name]
        destination.write_bytes(b"larger " + source.read_bytes())


@pytest.fixture
def copier() -> Copier:
    return Copier()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def plan(photos: Path, out: Path, template: str = naming.DEFAULT) -> Plan:
    found = scan.find_in(photos, recursive=True, output=out)
    return destinations.plan(found, out, name=naming.Naming(naming.Template(template), "m", 2))


def run(photos: Path, copier: Copier, *, making: dict[str, Any] = MAKING, **options: Any) -> list[Result]:
    out = photos.parent / "out"
    return list(batch.results(plan(photos, out), copier, keeper=Kept(out, making), **options))


def counts(results: list[Result]) -> tuple[int, int, int]:
    statuses = [result.status for result in results]
    return statuses.count("done"), statuses.count("passed over"), statuses.count("failed")


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


MADE = [".isr/manifest.jsonl", "a_x2.png", "b_x2.jpg", "sub/a_x2.png", "sub/c_x2.png"]


def test_a_folder_is_done_once_and_loads_nothing_the_second_time(photos: Path, copier: Copier) -> None:
    first = run(photos, copier)
    out = photos.parent / "out"
    assert [result.destination for result in first] == [out / name for name in MADE[1:]]
    assert counts(first) == (4, 0, 0) and files_in(out) == MADE and copier.opened == 1
    assert (out / "sub" / "a_x2.png").read_bytes() == b"larger sub/a.png"
    again = run(photos, copier)
    assert counts(again) == (0, 4, 0) and copier.opened == 1 and len(copier.done) == 4
    assert [result.destination for result in again] == [out / name for name in MADE[1:]]


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        (lambda folder: (folder / "in" / "a.png").write_bytes(b"another"), 1),
        (lambda folder: (folder / "out" / "a_x2.png").unlink(), 1),
        (lambda folder: (folder / "out" / "a_x2.png").write_bytes(b"LARGER a.png"), 1),
        (lambda folder: (folder / "in" / "d.png").write_bytes(b"new"), 1),
        (lambda folder: os.utime(folder / "out" / "a_x2.png", (1, 1)), 0),
        (lambda folder: os.utime(folder / "in" / "a.png", (1, 1)), 0),
        (lambda folder: (folder / "out" / ".isr" / "manifest.jsonl").unlink(), 4),
        (lambda folder: shutil.move(folder / "out", folder / "moved").rename(folder / "out"), 0),
    ],
)
def test_what_changed_is_done_again(photos: Path, copier: Copier, change: Any, redone: int) -> None:
    run(photos, copier)
    copier.done.clear()
    change(photos.parent)
    results = run(photos, copier)
    assert counts(results) == (redone, len(results) - redone, 0) and len(copier.done) == redone


@pytest.mark.parametrize("making", [{**MAKING, "model": "n"}, {**MAKING, "options": {"quality": 5}}])
def test_another_model_or_option_does_all_again(photos: Path, copier: Copier, making: dict[str, Any]) -> None:
    run(photos, copier)
    assert counts(run(photos, copier, making=making)) == (4, 0, 0)
    assert counts(run(photos, copier, making=making)) == (0, 4, 0)


def test_skip_existing_looks_at_the_names_alone(photos: Path, copier: Copier) -> None:
    out = photos.parent / "out"
    (out / "sub").mkdir(parents=True)
    (out / "a_x2.png").write_bytes(b"whatever")
    (out / "b_x2.png").write_bytes(b"the fallback's name")
    (out / "sub" / "a_x2.png").mkdir()
    results = run(photos, copier, skip_existing=True)
    assert counts(results) == (1, 2, 1) and (out / "a_x2.png").read_bytes() == b"whatever"
    assert copier.done == ["c.png"]


def test_a_failure_is_noted_the_rest_goes_on_and_the_next_run_tries_it_again(photos: Path, copier: Copier) -> None:
    copier.bad["a.png"] = RuntimeError("the backend\nis gone")
    os.mkfifo(photos / "pipe.png")
    (photos / "lost.png").symlink_to("nowhere")
    results = run(photos, copier)
    assert counts(results) == (2, 0, 4) and [r.source.name for r in results if r.error] == [
        "a.png",
        "lost.png",
        "pipe.png",
        "a.png",
    ]
    out = photos.parent / "out"
    assert files_in(out) == [".isr/manifest.jsonl", "b_x2.jpg", "sub/c_x2.png"]
    records = [json.loads(line) for line in (out / ".isr" / "manifest.jsonl").read_text().splitlines()]
    assert [record["error"] for record in records if record["key"] == "a_x2.png"] == ["the backend\nis gone"]
    copier.bad.clear()
    copier.done.clear()
    assert counts(run(photos, copier)) == (2, 2, 2) and copier.done == ["a.png", "a.png"]


def test_the_fallback_is_known_again(photos: Path, copier: Copier) -> None:
    class Alpha(Copier):
        def copy(self, source: Path, destination: Path) -> None:
            if destination.suffix == ".jpg":
                raise FormatError(f"{str(destination)!r} keeps no alpha")
            super().copy(source, destination)

    alpha = Alpha()
    results = run(photos, alpha)
    assert [r.destination.name for r in results if r.destination] == ["a_x2.png", "b_x2.png", "a_x2.png", "c_x2.png"]
    assert counts(run(photos, alpha)) == (0, 4, 0)


def test_an_error_names_the_result_s_own_place(photos: Path, copier: Copier) -> None:
    class Refusing(Copier):
        def copy(self, source: Path, destination: Path) -> None:
            raise FormatError(f"{str(destination)!r} cannot be written")

    errors = [str(result.error) for result in run(photos, Refusing())]
    assert errors[2] == f"{str(photos.parent / 'out' / 'sub' / 'a_x2.png')!r} cannot be written"


def test_useless_weights_are_no_picture_s_failure(photos: Path) -> None:
    @contextlib.contextmanager
    def opener() -> Iterator[UpscaleFile]:
        raise WeightsError("of no use")
        yield shutil.copyfile

    out = photos.parent / "out"
    with pytest.raises(WeightsError):
        list(batch.results(plan(photos, out), opener, keeper=Kept(out, MAKING)))
    assert not out.exists() or files_in(out) == []


def test_a_full_disk_ends_a_folder_and_not_single_files(photos: Path, copier: Copier) -> None:
    copier.bad["b.jpg"] = OSError(28, "No space left on device")
    ended: list[Result] = []
    out = photos.parent / "out"
    with pytest.raises(ISRError, match="the disk takes no more: 2 pictures are left"):
        for result in batch.results(plan(photos, out), copier, keeper=Kept(out, MAKING)):
            ended.append(result)
    assert counts(ended) == (1, 0, 1)
    (out / "sub").mkdir()
    assert counts(list(batch.results(plan(photos, out), copier))) == (3, 0, 1)
    copier.bad.clear()
    assert counts(run(photos, copier)) == (3, 1, 0)


def test_what_another_process_has_is_waited_for(photos: Path, copier: Copier, caplog: pytest.LogCaptureFixture) -> None:
    other = Claims(photos.parent / "out")
    held = other.take("a_x2.png")
    threading.Timer(0.5, other.release, [held]).start()
    with caplog.at_level("INFO", "ISR"):
        results = run(photos, copier)
    other.close()
    assert [r.source.name for r in results] == ["b.jpg", "a.png", "c.png", "a.png"]
    assert [message for message in caplog.messages if "works on this folder, too" in message] != []


def test_what_another_process_did_or_failed_meanwhile_is_not_done_again(photos: Path, copier: Copier) -> None:
    out, bad = photos.parent / "out", Copier()
    bad.bad["b.jpg"] = FormatError("no")
    ours = batch.results(plan(photos, out), copier, keeper=Kept(out, MAKING))
    assert counts(run(photos, bad)) == (3, 0, 1)
    ended = list(ours)
    assert counts(ended) == (0, 3, 1) and copier.opened == 0
    assert [str(result.error) for result in ended if result.error] == ["no"]


def test_a_kill_between_the_line_and_the_move_costs_nothing(
    photos: Path, copier: Copier, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(self: Path, target: Path) -> None:
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(Path, "replace", kill)
        patched.setattr(Claims, "release", lambda self, claim: os.close(claim.lock.descriptor))
        patched.setattr(Claims, "close", lambda self: None)
        run(photos, copier)
    assert len(files_in(photos.parent / "out")) == 3  # manifest, lock, the result in its own folder
    assert counts(run(photos, copier)) == (4, 0, 0)
    assert sorted(copier.done) == ["a.png", "a.png", "b.jpg", "c.png"] and files_in(photos.parent / "out") == MADE


def test_shares_are_stable_and_leave_none_out(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"photo {number}.png").write_bytes(b"")
    whole = plan(tmp_path, tmp_path / "out")
    shares = [{job.relative for job in batch.share(whole, (i, 3)).jobs} for i in (1, 2, 3)]
    assert sum(map(len, shares)) == 60 and len(set.union(*shares)) == 60 and min(map(len, shares)) > 8
    (tmp_path / "another.png").write_bytes(b"")
    again = {job.relative for job in batch.share(plan(tmp_path, tmp_path / "elsewhere"), (1, 3)).jobs}
    assert again - {Path("another.png")} == shares[0] and batch.share(whole, None) is whole


def test_accents_count_alike_however_they_are_written(tmp_path: Path) -> None:
    assert batch._number(Path("caf\u00e9.png")) == batch._number(Path("cafe\u0301.png"))


def test_a_token_ends_the_work_between_pictures(photos: Path, copier: Copier) -> None:
    token, out = Cancel(), photos.parent / "out"
    results = batch.results(plan(photos, out), copier, keeper=Kept(out, MAKING), token=token)
    assert next(results).status == "done"
    token.set()
    with pytest.raises(CancelledError):
        next(results)
    assert files_in(out) == [".isr/manifest.jsonl", "a_x2.png"]


def test_who_stops_taking_results_leaves_a_clean_folder(photos: Path, copier: Copier) -> None:
    out, seen = photos.parent / "out", []
    done = batch.counted(
        batch.results(plan(photos, out), copier, keeper=Kept(out, MAKING)), 4, lambda *numbers: seen.append(numbers)
    )
    next(done)
    done.close()
    assert files_in(out) == [".isr/manifest.jsonl", "a_x2.png"] and seen == [(1, 4)]


def test_a_picture_that_vanishes_after_it_was_listed_is_told(photos: Path, copier: Copier) -> None:
    out = photos.parent / "out"
    results = batch.results(plan(photos, out), copier, keeper=Kept(out, MAKING))
    (photos / "b.jpg").unlink()
    ended = list(results)
    assert counts(ended) == (3, 0, 1) and "nothing of that name" in str(ended[1].error)
