"""Settings as frozen dataclasses: each field's default, type and range once, and one line about what is wrong."""

from __future__ import annotations

import contextlib
import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ISR.errors import ConfigError


@dataclass(frozen=True)
class Rule:
    """What a value must satisfy beyond its type."""

    low: float | None = None
    high: float | None = None
    choices: tuple[str | int, ...] = ()
    pattern: str = ""
    keys: str = ""
    each: Rule | None = None

    def check(self, name: str, value: Any) -> None:
        """ConfigError where the value, called `name`, is not what the rule says."""
        if isinstance(value, dict):
            self._check_items(name, value)
            return
        if isinstance(value, list):
            self._check_list(name, value)
            return
        if self.low is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"{name} must be a number, got {shown(value)}")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{name} must be one of {', '.join(map(str, self.choices))}, got {shown(value)}")
        # Written so that NaN, which compares false with everything, is refused too.
        if self.low is not None and not value >= self.low:
            raise ConfigError(f"{name} must be at least {self.low}, got {shown(value)}")
        if self.high is not None and not value <= self.high:
            raise ConfigError(f"{name} must be at most {self.high}, got {shown(value)}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ConfigError(f"{name} must be letters, digits and . _ - with no dot in front, got {shown(value)}")

    def _check_list(self, name: str, values: list[Any]) -> None:
        if not values:
            raise ConfigError(f"{name} must have at least one value, got []")
        for i, value in enumerate(values):
            if isinstance(value, dict | list):
                raise ConfigError(f"{name}[{i}] must be one value, got {shown(value)}")
            if self.each is not None:
                self.each.check(f"{name}[{i}]", value)

    def _check_items(self, name: str, items: dict[Any, Any]) -> None:
        for key, value in items.items():
            if self.keys and not re.fullmatch(self.keys, str(key)):
                raise ConfigError(f"unknown setting {name}.{spelled(key)}: expected {self.keys}")
            if self.each is not None and isinstance(value, dict) != bool(self.each.each):
                wanted = "a mapping" if self.each.each else "one value"
                raise ConfigError(f"{name}.{spelled(key)} must be {wanted}, got {shown(value)}")
            if self.each is not None:
                self.each.check(f"{name}.{spelled(key)}", value)


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str | int, ...] = (),
    pattern: str = "",
    keys: str = "",
    each: Rule | None = None,
) -> Any:
    """A dataclass' field with that default, whose values must keep the Rule of these parts."""
    rule = {"rule": Rule(low, high, choices, pattern, keys, each)}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: default.copy(), metadata=rule)
    return field(default=default, metadata=rule)


def build(kind: type, content: Any, prefix: str) -> Any:
    """The frozen dataclass `kind` from a mapping, each value checked by its field's type and Rule.

    prefix: where the mapping stands, for messages: `train.`. ConfigError as in `load`.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'the config'} must be a mapping, got {shown(content)}")
    known = {f.name: f for f in fields(kind)}
    types = typing.get_type_hints(kind)
    values = {}
    for key, value in content.items():
        if key not in known:
            raise ConfigError(f"unknown setting {prefix}{spelled(key)}{nearest(key, known)}")
        name = f"{prefix}{key}"
        if is_dataclass(types[key]):
            values[key] = build(types[key], value, name + ".")
        else:
            values[key] = _checked(name, value, types[key], known[key].metadata.get("rule", Rule()))
    return kind(**values)


def nearest(key: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown key: the known one that looks most like it, else all."""
    names = sorted(known)
    close = difflib.get_close_matches(spelled(key), names, n=1)
    return f": did you mean {close[0]}?" if close else f": known are {', '.join(names)}"


def shown(value: object) -> str:
    """The value as a message shows it: on one line of at most 80 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes out no number of over 4,300 digits
        return f"a vast {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def spelled(key: object) -> str:
    """The key as a message shows it: itself, or where that is long or of several lines as `shown`."""
    return key if isinstance(key, str) and key.isprintable() and len(key) <= 80 else shown(key)


def _checked(name: str, value: Any, expected: Any, rule: Rule) -> Any:
    allowed = typing.get_args(expected) if type(None) in typing.get_args(expected) else (expected,)
    kinds = [typing.get_origin(kind) or kind for kind in allowed]
    if value is None and type(None) in kinds:
        return None
    if float in kinds:
        value = _as_float(value)
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, tuple(kinds)):
        wanted = " or ".join("none" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigError(f"{name} must be {wanted}, got {shown(value)}")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ConfigError(f"{name} must be finite, got {shown(value)}")
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{name} must hold no NUL character, got {shown(value)}")
    rule.check(name, value)
    return value


def _as_float(value: Any) -> Any:
    # YAML 1.1 reads 1e-3 (no point) as text.
    if isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return value
