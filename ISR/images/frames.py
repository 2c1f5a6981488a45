"""Animations: GIF, APNG, animated WebP and AVIF, frame by frame with their timing."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from ISR import atomic
from ISR.errors import FormatError, PictureError
from ISR.images import decoding, encoding, files, heif
from ISR.images.headers import damage, is_animated, is_deep, kind_of, open_header
from ISR.images.picture import Limits, Picture

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_GIF_COLOURS, _TRANSPARENT = 255, 255  # one of the 256 is kept for what is transparent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Animation:
    """Frames of one size, each the whole of what is seen then, for a time each. PictureError where these do not fit.

    durations: in ms, one for each frame. loop: how often all is played, 0 for ever. format: GIF, PNG, WEBP or AVIF.
    The first frame has the profile, EXIF, XMP and resolution of all.
    """

    frames: tuple[Picture, ...]
    durations: tuple[int, ...]
    loop: int = 0
    format: str | None = None

    def __post_init__(self) -> None:
        if not self.frames or len(self.frames) != len(self.durations):
            raise PictureError(f"expected a duration for each frame, got {len(self.durations)} for {len(self.frames)}")
        if len(sizes := {(frame.width, frame.height) for frame in self.frames}) > 1:
            raise PictureError(f"expected frames of one size, got {sorted(sizes)}")

    def mapped(self, change: Callable[[Picture], Picture]) -> Animation:
        """The animation with every frame changed, one after another."""
        return replace(self, frames=tuple(change(frame) for frame in self.frames))


def read(path: str | os.PathLike[str], *, limits: Limits = Limits()) -> Picture | Animation:  # noqa: B008 (frozen)
    """The animation in the file, every frame as it is seen (disposal and blending done), or the picture in a still.

    PictureError as for `files.read`; several pages of a TIFF are refused. limits.pixels counts over all frames.
    """
    with files.opened(path, limits) as (file, name):
        if kind_of(file, name) == "HEIF":
            return heif.decoded(file, name, limits)
        image = open_header(file, name, limits)
        if not is_animated(image):
            return decoding.decoded(image, file, name)
        if image.format not in ANIMATED:
            raise PictureError(f"{name}: expected one picture, got several pages: save each as a file")
        if is_deep(image, file) or image.mode.startswith("I;16"):
            raise PictureError(f"{name}: expected an animation of 8 bits, got 16: convert it first")
        shown = [(_opaque(frame), _duration(image)) for frame in decoding.decoded_frames(_every(image), name)]
        pictures, durations = zip(*shown, strict=True)
        return Animation(pictures, durations, _plays(image), image.format)


def write(
    content: Picture | Animation,
    path: str | os.PathLike[str],
    *,
    quality: int = 95,
    strip_metadata: bool = False,
) -> None:
    """Writes a picture as `files.write` does, or an animation in the format of the extension, whole or not at all.

    quality: 1 to 100, of an animation for WebP (100: lossless) and AVIF. GIF gets 255 colours for each frame, times in
    steps of 10 ms, and alpha that is clear or not. strip_metadata: as for `files.write`. Equal frames that follow each
    other may become one of their joint time. FormatError for a format without animation or what it cannot keep.
    """
    if isinstance(content, Picture):
        files.write(content, path, quality=quality, strip_metadata=strip_metadata)
        return
    check_fits(content, path, quality=quality)
    if strip_metadata:
        content = content.mapped(files.without_metadata)
    with damage(files.named(path), "cannot be written"):
        encoded = _encoded(content, files.format_of(path), files.named(path), quality)
        atomic.write_bytes(Path(path), encoded.getbuffer())


def check_fits(
    content: Picture | Animation,
    path: str | os.PathLike[str],
    *,
    quality: int = 95,
    size: tuple[int, int] | None = None,
) -> None:
    """That the picture or animation, at its own or another (width, height), can be written under that name.

    Errors are those of `files.check_fits`; FormatError also for a format that keeps one picture alone.
    """
    if isinstance(content, Picture):
        files.check_fits(content, path, quality=quality, size=size)
        return
    name, kind, first = files.named(path), files.format_of(path), content.frames[0]
    files.check_quality(quality, path)
    if kind not in ANIMATED:
        raise FormatError(f"{name}: {kind} keeps one picture, got {len(content.frames)}: write .png, .webp or .gif")
    if first.bits == 16:
        raise FormatError(f"{name}: animations are written with 8 bits, got 16: convert to 8 bits first")
    encoding.check_size(size or (first.width, first.height), kind, name)


def _every(image: ImageFile.ImageFile) -> Iterator[ImageFile.ImageFile]:
    """The image at each of its frames; an APNG's picture for programs that know no animation is none of them."""
    index = 1 if getattr(image, "default_image", False) else 0
    while True:
        try:
            image.seek(index)
        except EOFError:
            if index < getattr(image, "n_frames", index):
                raise
            return
        yield image
        if image.format == "GIF" and image.mode == "RGB":  # else what a later frame clears would become black
            image.im, image._mode = image.im.convert("RGBA"), "RGBA"
        index += 1


def _opaque(frame: Picture) -> Picture:
    """The frame without its alpha where all of it is visible."""
    return replace(frame, alpha=None) if frame.alpha is not None and (frame.alpha == 255).all() else frame


def _duration(image: Image.Image) -> int:
    return round(float(image.info.get("duration", 0)))


def _plays(image: Image.Image) -> int:
    """GIF says how often it is repeated, and nothing where it is not; the others how often they are played."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)


def _encoded(animation: Animation, kind: str, name: str, quality: int) -> io.BytesIO:
    content, first = io.BytesIO(), encoding.fitting(animation.frames[0], kind, name)
    clear = any(frame.alpha is not None for frame in animation.frames)
    convert = _to_gif if kind == "GIF" else _to_image
    images = [convert(frame, kind, clear=clear) for frame in animation.frames]
    options = encoding.options_for(first, kind, quality) | _timing(animation, kind, name)
    if kind == "GIF":
        options |= {"optimize": False} | ({"transparency": _TRANSPARENT, "disposal": 2} if clear else {})
    images[0].save(content, kind, save_all=True, append_images=images[1:], **options)
    return content


def _to_image(frame: Picture, kind: str, *, clear: bool) -> Image.Image:
    """The frame in the mode of all."""
    image = encoding.to_image(frame, kind)
    return image.convert("RGBA" if clear else "RGB")


def _to_gif(frame: Picture, kind: str, *, clear: bool) -> Image.Image:
    """The frame with a palette of its own, and where its alpha is under a half transparent."""
    image = encoding.to_image(replace(frame, alpha=None), kind).convert("RGB").quantize(_GIF_COLOURS)
    if frame.alpha is not None:
        image.paste(_TRANSPARENT, mask=Image.fromarray(frame.alpha < 128))
    return image


def _timing(animation: Animation, kind: str, name: str) -> dict[str, Any]:
    durations, loop = list(animation.durations), animation.loop
    if kind == "GIF":  # in hundredths; what is rounded off one frame goes to the next
        ends = np.rint(np.cumsum([0, *durations]) / 10).astype(int)
        durations = [int(later - earlier) * 10 for earlier, later in pairwise(ends)]
        return {"duration": durations} | ({} if loop == 1 else {"loop": max(loop - 1, 0)})
    if kind == "AVIF":
        if loop:
            _log.warning("%s: AVIF is played for ever, got %s times", name, loop)
        return {"duration": durations}
    return {"duration": durations, "loop": loop}
