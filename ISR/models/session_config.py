"""ISR 2's names of networks, made of their sizes, and its session_config.yml: how weights were trained."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml

from ISR import plain_yaml

FILE_NAME = "session_config.yml"
# With every alias (*name) written out: a few nested ones would come to millions.
MOST_VALUES = 100_000
# Of a network's parameters, those that ISR 2 leaves out of its names.
_UNNAMED = {"c_dim", "kernel_size"}

_log = logging.getLogger(__name__)


class Named(Protocol):
    """What a name is made of. A network has `params` as well, an interpolation has not."""

    @property
    def name(self) -> str: ...

    @property
    def scale(self) -> int: ...


def basename(model: Named) -> str:
    """The architecture, its whole-numbered sizes in the order of their names, the scale: `rdn-C3-D10-G64-G064-x2`."""
    params: Mapping[str, Any] = getattr(model, "params", {})
    sizes = [f"{key}{value}" for key, value in sorted(params.items()) if type(value) is int and key not in _UNNAMED]
    return "-".join([model.name, *sizes, f"x{model.scale}"])


def basename_of(weights: str | os.PathLike[str]) -> str:
    """What a weights file's name says of its network: all before the first `_`, or before its extension."""
    name = Path(weights).name
    stem = name.removesuffix(".hdf5").removesuffix(".h5").removesuffix(".weights")
    return stem.partition("_")[0] or stem


def read_beside(weights: str | os.PathLike[str]) -> dict[str, Any]:
    """The session_config.yml in the folder of that weights file: session -> what it was trained with.

    Python's own tags become plain text, lists and mappings; none is looked up or called. Empty where there is no such
    file; also, with a warning, where it cannot be read.
    """
    path = Path(weights).with_name(FILE_NAME)
    if not path.is_file():
        return {}
    try:
        content = yaml.load(plain_yaml.text_of(path), Loader=_PlainLoader)
        if not isinstance(content, dict):
            raise ValueError(f"expected a mapping, got {type(content).__name__}")
        return content
    except (OSError, *plain_yaml.FAULTS) as error:
        _log.warning("%r cannot be read and is left out: %s", str(path), textwrap.shorten(str(error), 400))
        return {}


class _PlainLoader(yaml.SafeLoader):
    """yaml.safe_load, but a tag that it does not know costs nothing: ISR 2 wrote `!!python/name:` ones."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _unfolded(node, {}) > MOST_VALUES:
            raise yaml.YAMLError(f"its aliases unfold to over {MOST_VALUES:,} values")
        return node

    def plain(self, node: yaml.Node) -> Any:
        """What the node holds without its tag; of an empty `!!python/name:module.thing` the name."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return node.value or node.tag.rpartition(":")[2]


_PlainLoader.add_constructor(None, _PlainLoader.plain)


def _unfolded(node: yaml.Node, counted: dict[int, int]) -> int:
    """How many values the node holds with every alias written out; too many where it holds itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = MOST_VALUES + 1
        parts = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
        counted[id(node)] = 1 + sum(_unfolded(part, counted) for part in parts)
    return counted[id(node)]
