"""YAML of plain types only: no tags that build objects, no aliases, no key twice, nothing vast."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import yaml

from ISR.errors import ConfigError

# PyYAML reads about 100 kB a second; the longest recipe that anyone wrote is under 10 kB.
MOST_BYTES = 100_000
# What it lets through of tags and numbers that cannot be, and Python's limit on nesting.
FAULTS = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class _Loader(yaml.SafeLoader):
    """YAML's plain types, each key once: PyYAML by itself takes the last of equal keys without a word."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # a few nested ones unfold to gigabytes
            raise yaml.YAMLError("it uses aliases (*name), which a config does not need: write out what they stand for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            names = [key.value for key, _ in node.value]
            twice = next((name for name in names if names.count(name) > 1), names)
            raise yaml.YAMLError(f"the key {twice} stands twice in one mapping")
        return mapping

    def whole_number(self, node: yaml.ScalarNode) -> int:
        """YAML's integers, of 64 bits at most: no setting needs more, and Python cannot write out all that it reads."""
        number = int(self.construct_yaml_int(node))
        if abs(number) >= 2**63:
            raise yaml.YAMLError(f"a whole number of {number.bit_length()} bits, expected at most 63")
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.whole_number)


def text_of(path: Path) -> str:
    """The text of a UTF-8 file of at most MOST_BYTES. OSError or ValueError for any other."""
    with path.open("rb") as file:  # which may be a pipe, or endless
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES:,} bytes, got more")
    return content.decode("utf-8")


def read(path: Path) -> dict[str, Any]:
    """A YAML file's mapping, each key once; empty for an empty file. ConfigError for any other file."""
    try:
        text = text_of(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the config {str(path)!r}: {error}") from error
    content = parse(text, repr(str(path)))
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{str(path)!r} must hold a mapping of sections, got {type(content).__name__}")
    return content or {}


def parse(text: str, name: str) -> Any:
    """What the text says; `name` is what an error calls it."""
    try:
        return yaml.load(text, Loader=_Loader)
    except FAULTS as error:
        raise ConfigError(f"{name} is not plain YAML: {textwrap.shorten(str(error), 400)}") from error


def dump(content: Any) -> str:
    """The content as YAML text, in its own order."""
    return str(yaml.safe_dump(content, sort_keys=False))
