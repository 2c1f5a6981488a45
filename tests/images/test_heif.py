"""HEIF through the extra: what phones write, and what is said where the extra is missing."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from conftest import drawn
from PIL import Image, ImageCms

from ISR.errors import FormatError, PictureError
from ISR.images.files import Limits, Picture, read, read_header, write

pillow_heif = pytest.importorskip("pillow_heif", reason="the extra `heif` is not installed")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    return (np.dstack((rows, columns, (rows + columns) / 2)) * 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_written_and_read_again(tmp_path: Path, channels: int, alpha: bool) -> None:
    opacity = smooth(40, 50)[..., 2] if alpha else None
    picture = Picture(smooth(40, 50)[..., :channels], opacity, SRGB if channels == 3 else None, xmp=b"<x/>")
    write(picture, tmp_path / "x.heic", quality=95)
    back, header = read(tmp_path / "x.heic"), read_header(tmp_path / "x.heic")
    assert (back.format, back.bits, back.alpha is not None, back.xmp) == ("HEIF", 8, alpha, b"<x/>")
    assert np.abs(back.pixels.astype(int) - picture.pixels).max() <= 6
    assert (header.width, header.height, header.bits, header.alpha) == (50, 40, 8, alpha)
    grey = channels == 1 and not alpha  # beside alpha it comes back as RGB
    assert (header.grey, back.is_grey) == (grey, grey)
    assert back.icc_profile == picture.icc_profile


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_read_upright_once(tmp_path: Path, orientation: int) -> None:
    exif, stored = Image.Exif(), Image.fromarray(smooth(40, 64))
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    content = io.BytesIO()
    pillow_heif.from_pillow(stored).save(content, exif=exif.tobytes(), quality=95)
    (tmp_path / "x.heic").write_bytes(content.getvalue())
    picture = read(tmp_path / "x.heic")
    turned = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = np.rot90(smooth(40, 64), turned)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).max() <= 8
    kept = Image.Exif()
    kept.load(picture.exif or b"")
    assert kept.get(0x0112, 1) == 1


def test_ten_bits_become_sixteen_and_are_not_written_as_eight(tmp_path: Path) -> None:
    samples = smooth(24, 32).astype(np.uint16) * 257
    content = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (32, 24), samples.tobytes()).save(content, quality=-1, chroma=444)
    (tmp_path / "x.heic").write_bytes(content.getvalue())
    picture = read(tmp_path / "x.heic")
    assert (picture.bits, read_header(tmp_path / "x.heic").bits) == (16, 16)
    assert np.abs(picture.pixels.astype(int) - samples).mean() < 300
    with pytest.raises(FormatError, match="HEIF keeps 8 bits, got 16"):
        write(picture, tmp_path / "y.heic")


def test_damage_and_limits(tmp_path: Path) -> None:
    write(Picture(drawn(20, 30)), tmp_path / "x.heic")
    content = (tmp_path / "x.heic").read_bytes()
    with pytest.raises(PictureError, match="at most 599 pixels, got 30x20 = 600: --max-pixels 600"):
        read(tmp_path / "x.heic", limits=Limits(pixels=599))
    for end in [len(content) * part // 16 for part in range(16)]:
        (tmp_path / "cut.heic").write_bytes(content[:end])
        with pytest.raises(PictureError, match=r"cut\.heic"):
            read(tmp_path / "cut.heic")


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Picture(drawn(20, 30)), tmp_path / "x.heic")
    found = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> object:
        return None if name == "pillow_heif" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)  # as where it is not installed
    for act in (lambda: read(tmp_path / "x.heic"), lambda: write(Picture(drawn(2, 2)), tmp_path / "y.heic")):
        with pytest.raises(PictureError, match=r"pip install 'ISR\[heif\]'"):
            act()
