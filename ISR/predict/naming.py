"""How an enlarged picture is called: a template such as `{stem}_x{scale}{ext}`."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

from ISR.errors import ConfigError
from ISR.images import files
from ISR.images.files import EXTENSIONS, Limits
from ISR.predict.size import Size
from ISR.settings import nearest

DEFAULT = "{stem}_{size}{ext}"
FIELDS = ("stem", "model", "scale", "size", "ext", "width", "height")


@dataclass(frozen=True)
class Template:
    """A name with fields in braces: stem and ext of the picture, model and scale; size, as it was asked for (x2,
    w1920); width and height of the result.

    ConfigError for another field, a slash, or an end that is neither `{ext}` nor a picture's extension.
    """

    text: str

    def __post_init__(self) -> None:
        for field in self._fields():
            if field not in FIELDS:
                raise ConfigError(f"unknown field {{{field}}} in the name {self.text!r}{nearest(field, FIELDS)}")
        if any(sign in self.text for sign in "/\\\0"):
            raise ConfigError(f"a name holds no slash, got {self.text!r}: the folder is that of -o")
        if not self.text.lower().endswith(("{ext}", *EXTENSIONS)):
            raise ConfigError(f"a name ends in {{ext}} or one of {' '.join(EXTENSIONS)}, got {self.text!r}")

    def _fields(self) -> list[str]:
        try:
            pieces = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise ConfigError(f"the name {self.text!r} cannot be understood: {error}") from error
        if any(form or conversion for _, _, form, conversion in pieces):
            raise ConfigError(f"the fields of a name are words alone, as in {DEFAULT}, got {self.text!r}")
        return [field for _, field, _, _ in pieces if field is not None]

    def has(self, *fields: str) -> bool:
        """Whether one of the fields is part of the name."""
        return not set(fields).isdisjoint(self._fields())

    def name(self, source: Path, **values: str | int) -> str:
        """The result's name for that picture, by what the other fields are. An extension that is no picture's becomes
        .png."""
        ext = source.suffix if source.suffix.lower() in EXTENSIONS else ".png"
        return self.text.format(stem=source.stem, ext=ext, **values)


@dataclass(frozen=True)
class Naming:
    """A template with what it is filled by: the model and its scale, and the size that is wanted, None for that scale.

    limits: for reading a picture's size. ConfigError for {scale} where the size wanted is none.
    """

    template: Template
    model: str
    scale: int
    size: Size | None = None
    limits: Limits = Limits()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        if self.template.has("scale") and self.size is not None and self.size.scale is None:
            raise ConfigError(
                f"{self.size.label} gives every picture a scale of its own: {{size}}, {{width}} or {{height}} instead "
                f"of {{scale}} in the name {self.template.text!r}"
            )

    @property
    def label(self) -> str:
        """The size as a word: x2, x1.5, w1920, h1080 or 1920x1080."""
        return f"x{self.scale}" if self.size is None else self.size.label

    def __call__(self, source: Path) -> str:
        """The result's name for that picture. PictureError where its header, for the size, cannot be read."""
        width, height = self._result(source) if self.template.has("width", "height") else (0, 0)
        scale = self.scale if self.size is None or self.size.scale is None else self.size.scale
        known = {"model": self.model, "scale": f"{scale:g}", "size": self.label}
        return self.template.name(source, **known, width=width, height=height)

    def _result(self, source: Path) -> tuple[int, int]:
        header = files.read_header(source, limits=self.limits)
        if self.size is None:
            return header.width * self.scale, header.height * self.scale
        return self.size.of(header.width, header.height)
