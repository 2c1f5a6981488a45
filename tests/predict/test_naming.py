"""Names of results: fields, what is refused at once, and what is proposed instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import photo

from ISR.errors import ConfigError, PictureError
from ISR.predict.naming import DEFAULT, Naming, Template
from ISR.predict.size import Size


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        (DEFAULT, "in/a.b.JPG", "a.b_x2.JPG"),
        (DEFAULT, "notes", "notes_x2.png"),
        ("{stem}_{model}_x{scale}{ext}", "a.png", "a_compact_x2.png"),
        ("{width}x{height}-{{{stem}}}.webp", "a.png", "20x24-{a}.webp"),
        ("{stem}.JPEG", "two\nlines 😀.tif", "two\nlines 😀.JPEG"),
    ],
)
def test_fields_are_filled(text: str, source: str, expected: str) -> None:
    values = {"model": "compact", "scale": "2", "size": "x2", "width": 20, "height": 24}
    assert Template(text).name(Path(source), **values) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, "a_x2 2.png"),
        (Size(scale=1.5), "a_x1.5 1.5.png"),
        (Size(scale=8), "a_x8 8.png"),
    ],
)
def test_the_scale_is_the_one_that_was_asked_for(size: Size | None, expected: str) -> None:
    assert Naming(Template("{stem}_{size} {scale}{ext}"), "m", 2, size)(Path("a.png")) == expected


def test_a_width_is_a_size_and_no_scale() -> None:
    assert Naming(Template(DEFAULT), "m", 2, Size(width=1920))(Path("a.png")) == "a_w1920.png"
    with pytest.raises(ConfigError, match=r"w1920 gives every picture a scale of its own: \{size\}"):
        Naming(Template("{stem}_x{scale}{ext}"), "m", 2, Size(width=1920))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{sten}{ext}", r"unknown field \{sten\} .*: did you mean stem\?"),
        ("{}{ext}", r"unknown field \{\}"),
        ("{stem.parent}{ext}", r"unknown field \{stem.parent\}"),
        ("{stem[0]}{ext}", "unknown field"),
        ("{stem!r}{ext}", "words alone"),
        ("{scale:03d}{ext}", "words alone"),
        ("{stem", "cannot be understood"),
        ("../{stem}{ext}", "no slash"),
        ("..\\{stem}{ext}", "no slash"),
        ("{stem}\0{ext}", "no slash"),
        ("{stem}", r"ends in \{ext\} or one of \.png"),
        ("{stem}.gif.exe", "ends in"),
        ("", "ends in"),
    ],
)
def test_a_name_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Template(text)


def test_the_size_is_read_only_where_the_name_has_it(tmp_path: Path) -> None:
    broken = tmp_path / "b.png"
    broken.write_bytes(b"no picture")
    assert Naming(Template(DEFAULT), "m", 2)(broken) == "b_x2.png"
    sized = Naming(Template("{stem}-{width}x{height}{ext}"), "m", 3)
    assert sized(photo(tmp_path / "a.png", height=12, width=10)) == "a-30x36.png"
    fitted = Naming(Template("{stem}-{width}x{height}{ext}"), "m", 3, Size(fit=(40, 24)))
    assert fitted(tmp_path / "a.png") == "a-20x24.png"
    with pytest.raises(PictureError, match="begins with b'no picture'"):
        sized(broken)
