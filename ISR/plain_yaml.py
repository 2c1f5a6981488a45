"""YAML of plain types only: no tags that build objects, no aliases, no key twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ISR.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """YAML's plain types, each key once: PyYAML by itself takes the last of equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            names = [key.value for key, _ in node.value]
            twice = next((name for name in names if names.count(name) > 1), names)
            raise yaml.YAMLError(f"the key {twice} stands twice in one mapping")
        return mapping


def read(path: Path) -> dict[str, Any]:
    """A YAML file's mapping, each key once; empty for an empty file. ConfigError for any other file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config {str(path)!r}: {error}") from error
    content = parse(text, repr(str(path)))
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{str(path)!r} must hold a mapping of sections, got {type(content).__name__}")
    return content or {}


def parse(text: str, name: str) -> Any:
    """What the text says; `name` is what an error calls it."""
    try:
        # Aliases are refused: a few nested ones unfold to gigabytes.
        aliases = any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=_Loader))
        content = None if aliases else yaml.load(text, Loader=_Loader)
    # PyYAML lets the ValueError of a date or number that cannot be, and Python's limit on nesting, through.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is not plain YAML: {' '.join(str(error).split())}") from error
    if aliases:
        raise ConfigError(f"{name} uses YAML aliases (*name), which a config does not need: write it out")
    return content


def dump(content: Any) -> str:
    """The content as YAML text, in its own order."""
    return str(yaml.safe_dump(content, sort_keys=False))
