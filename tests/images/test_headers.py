"""What a header tells is what reading gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import drawn
from PIL import Image

from ISR.errors import PictureError
from ISR.images import files


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.avif", "a.gif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK", "I;16"])
def test_a_header_is_what_reading_gives(tmp_path: Path, mode: str, name: str, turn: int) -> None:
    image = Image.fromarray(drawn(6, 10))
    image = Image.new("I;16", (10, 6), 9) if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn
    try:
        image.save(tmp_path / name, exif=exif)
    except (OSError, ValueError) as error:
        assert "cannot write mode" in str(error) or "image has wrong mode" in str(error)
        return
    header, picture = files.read_header(tmp_path / name), files.read(tmp_path / name)
    assert (header.width, header.height, header.bits) == (picture.width, picture.height, picture.bits)
    assert (header.grey, header.alpha) == (picture.is_grey, picture.alpha is not None)
    assert (header.width == 6) == (turn == 6 and name != "a.gif")  # which has no EXIF


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_refuses_what_has_no_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"a\.png"):
        files.read_header(tmp_path / "a.png")


def test_a_header_leaves_the_pixels_checksums_alone(tmp_path: Path) -> None:
    Image.fromarray(drawn(6, 10)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[-20] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    assert files.read_header(tmp_path / "a.png").width == 10
    with pytest.raises(PictureError, match="damaged"):
        files.read(tmp_path / "a.png")
