"""A folder of pictures in, a new folder out: names, what is taken, and what happens where something goes wrong."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from command import names, photo
from PIL import Image

from ISR.errors import DestinationError, FormatError, ISRError, PictureError
from ISR.models.interpolation import Interpolation
from ISR.predict import Predictor, folder

LOG = logging.getLogger(__name__)


def copied(source: Path, destination: Path) -> None:
    destination.parent.mkdir(exist_ok=True)
    destination.write_bytes(source.read_bytes())


def test_pictures_of_all_four_formats_are_taken_whatever_their_case(tmp_path: Path) -> None:
    wanted = ["a.png", "b.JPG", "c.Jpeg", "d.webp", "e.TIF", "f.tiff"]
    for name in [*wanted, "notes.txt", ".hidden.png", "g.gif"]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in folder.pictures(tmp_path)] == wanted


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match=f"no images to enlarge: .*{name}"):
        folder.pictures(tmp_path / name)


def test_the_data_s_name_is_the_folder_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "photos" / "inner")
    named = {str(path): folder.data_name(path) for path in (Path(), Path(".."), tmp_path / "photos", Path("x/"))}
    assert named == {".": "inner", "..": "photos", str(tmp_path / "photos"): "photos", "x": "x"}


def test_a_new_folder_is_always_new_and_named_by_the_minute(tmp_path: Path) -> None:
    made = [folder.make_new(tmp_path / "deep" / "er").name for _ in range(3)]
    assert names(tmp_path / "deep" / "er") == sorted(set(made)) and len(set(made)) == 3
    stamps = [name[:15] for name in made]
    assert [name[15:] for name in made][: stamps.count(stamps[0])] == ["", "_2", "_3"][: stamps.count(stamps[0])]
    assert all(time.strptime(stamp, "%Y-%m-%d_%H%M") for stamp in stamps)


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wanted in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(DestinationError, match="cannot be made: "):
            folder.make(wanted)
    with pytest.raises(PictureError, match=r"cannot be made|can be written"):
        folder.make(Path("/proc/isr"))  # permissions do not bind root, /proc does


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sources = [photo(tmp_path / f"{name}.png") for name in "abc"]

    def upscale_file(source: Path, destination: Path) -> None:
        if source.stem == "b":
            raise RuntimeError("the backend is\nout of memory")
        copied(source, destination)

    written = folder.enlarge(sources, tmp_path / "out", upscale_file=upscale_file, logger=LOG)
    assert written == [tmp_path / "out" / "a.png", tmp_path / "out" / "c.png"]
    assert names(tmp_path / "out") == ["a.png", "c.png"]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"{sources[1]} was not enlarged: the backend is out of memory"]


def test_where_all_fail_the_first_error_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sources = [photo(tmp_path / f"{name}.png") for name in "ab"]

    def upscale_file(source: Path, destination: Path) -> None:
        raise PictureError(f"{source.name} is no picture")

    with pytest.raises(ISRError, match=r"none of 2 pictures was enlarged; the first error: a\.png is no picture"):
        folder.enlarge(sources, tmp_path / "out", upscale_file=upscale_file, logger=LOG)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_an_interruption_is_no_picture_s_error(tmp_path: Path) -> None:
    def upscale_file(source: Path, destination: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.enlarge([photo(tmp_path / "a.png")], tmp_path / "out", upscale_file=upscale_file, logger=LOG)


def test_the_fallback_is_png_unless_another_input_wants_it(tmp_path: Path) -> None:
    def upscale_file(source: Path, destination: Path) -> None:
        if destination.suffix == ".jpg":
            raise FormatError("no alpha")
        copied(source, destination)

    out = tmp_path / "out"
    sources = [photo(tmp_path / name) for name in ("a.jpg", "b.jpg", "b.png")]
    written = folder.enlarge(sources, out, upscale_file=upscale_file, logger=LOG)
    assert [path.name for path in written] == ["a.png", "b.png"]
    assert (out / "b.png").read_bytes() == sources[2].read_bytes()


def test_each_form_of_the_predictor_says_what_the_other_is_for(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    model, pictures = Predictor(Interpolation("bicubic", 2)), Predictor(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ISRError, match=r"a folder and no model: .* make Predictor\(model\)"):
        pictures.upscale(np.zeros((4, 4), np.uint8))
    with pytest.raises(ISRError, match=r"a folder and no model"):
        pictures.upscale_file(tmp_path / "in" / "a.png", tmp_path / "b.png")
    with pytest.raises(ISRError, match=r"a model and no folder: make Predictor\(input_dir\)"):
        model.get_predictions(Interpolation("bicubic", 2))


@pytest.mark.parametrize("options", [{"tile": 4}, {"verbose": True, "scale": 2}])
def test_an_option_of_the_other_form_is_refused(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        Predictor(tmp_path, **options)


def test_inputs_are_never_written(tmp_path: Path) -> None:
    """Also where the results' folder would lie inside the input's, and the picture is a link to another."""
    photo(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "in" / "a.png")
    before = (tmp_path / "in" / "a.png").read_bytes()
    written = Predictor(tmp_path / "in", tmp_path).get_predictions(Interpolation("nearest", 2))
    assert [os.path.commonpath([path, tmp_path / "in"]) for path in written] == [str(tmp_path / "in")] * 2
    assert (tmp_path / "in" / "a.png").read_bytes() == before
    with Image.open(written[1]) as image:
        assert image.size == (20, 24)
