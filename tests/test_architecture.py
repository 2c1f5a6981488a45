"""The plan of the house as a check: who may import whom, who may name a backend, and the limits of style.

Imports are read from the source, those inside functions and under TYPE_CHECKING included.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ISR"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

# The room of a module is the longest of these that its name begins with.
LAYERS = {
    "ISR.__main__": 5,
    "ISR.cli": 4,
    "ISR.assistant": 4,
    "ISR.commands": 4,
    "ISR.console": 4,
    "ISR.evaluate_command": 4,
    "ISR.train_command": 4,
    "ISR.upscale_command": 4,
    "ISR.web": 4,
    "ISR.zero_shot_command": 4,
    "ISR.cost": 3,
    "ISR.evaluate": 3,
    "ISR.published": 0,
    "ISR.scoreboard": 3,
    "ISR.export": 3,
    "ISR.zero_shot": 3,
    "ISR.train": 2,
    "ISR.predict": 2,
    "ISR.models": 1,
    "ISR.datasets": 1,
    "ISR.images": 0,
    "ISR.losses": 0,
    "ISR.metrics": 0,
    "ISR.config": 0,
    "ISR.settings": 0,
    "ISR.isr2_config": 0,
    "ISR.errors": 0,
    "ISR.plain_yaml": 0,
    "ISR.backend": 0,
    "ISR.atomic": 0,
    "ISR.checksum": 0,
    "ISR.lock": 0,
    "ISR.memory": 0,
    "ISR": 0,  # the package itself: its version
}
# Within one layer: what each room may import besides itself. Anything may import ISR and ISR.errors.
BESIDE = {
    "ISR.cli": {"ISR.commands", "ISR.console"},
    "ISR.commands": {"ISR.console", "ISR.evaluate_command", "ISR.train_command", "ISR.upscale_command"},
    "ISR.evaluate_command": {"ISR.console", "ISR.upscale_command"},
    "ISR.scoreboard": {"ISR.cost", "ISR.evaluate"},
    "ISR.upscale_command": {"ISR.console", "ISR.zero_shot_command"},
    "ISR.train_command": {"ISR.console"},
    "ISR.zero_shot_command": {"ISR.console"},
    "ISR.assistant": {"ISR.cli", "ISR.console"},
    "ISR.isr2_config": {"ISR.plain_yaml", "ISR.settings"},
    "ISR.config": {"ISR.plain_yaml", "ISR.settings"},
    "ISR.metrics": {"ISR.images.colour"},
    "ISR.losses": {"ISR.images.colour"},
    "ISR.backend": {"ISR.memory"},
    "ISR.images": {"ISR.atomic"},
}
BACKENDS = {"tensorflow", "jax", "torch"}
WITHOUT_KERAS = ("ISR.images", "ISR.datasets.folders", "ISR.datasets.pairs", "ISR.datasets.patches", "ISR.config")
WITHOUT_KERAS += ("ISR.datasets.source", "ISR.datasets.store", "ISR.datasets.windows", "ISR.errors", "ISR.atomic")
WITHOUT_KERAS += ("ISR.assistant", "ISR.isr2_config")
WITHOUT_KERAS += (
    "ISR.metrics",
    "ISR.predict",
    "ISR.cost",
    "ISR.evaluate",
    "ISR.scoreboard",
    "ISR.evaluate_command",
    "ISR.cli",
    "ISR.commands",
    "ISR.console",
)
WITHOUT_KERAS += ("ISR.models.interpolation", "ISR.train_command", "ISR.upscale_command", "ISR.settings")
WITHOUT_KERAS += ("ISR.checksum", "ISR.memory", "ISR.zero_shot", "ISR.zero_shot_command", "ISR.datasets.internal")
WITHOUT_KERAS += ("ISR.models.download", "ISR.models.records", "ISR.models.pretrained", "ISR.models.arch_params")
WITHOUT_KERAS += ("ISR.models.session_config", "ISR.models.tiled", "ISR.models.tile_size")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base"}
MOST_LINES_IN_A_FILE, MOST_LINES_IN_A_FUNCTION = 300, 60
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def room(module: str) -> str:
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((prefix for prefix in prefixes if prefix in LAYERS), "ISR" if module == "ISR" else module)


def imports(module: str, tree: ast.AST) -> Iterator[str]:
    """The full names that a module imports: of `from ISR import a, b` the modules ISR.a and ISR.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where they lead"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in inner)


def inner_imports(module: str, tree: ast.AST) -> set[str]:
    return {name for name in imports(module, tree) if name == "ISR" or name.startswith("ISR.")}


def forbidden(importer: str, imported: str) -> str | None:
    """Why the one may not import the other, None where it may."""
    above, below = room(importer), room(imported)
    if above not in LAYERS or below not in LAYERS:
        return f"{importer} or {imported} has no layer: give it one in LAYERS"
    if imported in ("ISR", "ISR.errors") or above == below:
        return None
    if LAYERS[above] > LAYERS[below]:
        return None
    if LAYERS[above] == LAYERS[below] and BESIDE.get(above, set()) & {imported, below}:
        return None
    return f"{importer} (layer {LAYERS[above]}) imports {imported} (layer {LAYERS[below]})"


def definitions(tree: ast.AST) -> Iterator[Definition]:
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


CLASSES = {node.name: node for tree in TREES.values() for node in definitions(tree) if isinstance(node, ast.ClassDef)}


def public(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions and classes at a module's top that do not begin with _, and what the classes add to their bases."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_") and not inherited(tree, node.name):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


def inherited(tree: ast.AST, method: str) -> bool:
    """Whether it is documented above: by a base of ours that has it, or by a foreign one (keras.Layer, ...)."""
    bases = tree.bases if isinstance(tree, ast.ClassDef) else []
    ours = [CLASSES[base.id] for base in bases if isinstance(base, ast.Name) and base.id in CLASSES]
    foreign = any(isinstance(base, ast.Attribute) for base in bases)
    return foreign or any(method == node.name for base in ours for node in definitions(base))


def is_property(node: Definition) -> bool:
    names = (getattr(decorator, "id", "") for decorator in node.decorator_list)
    return any("property" in name or name == "overload" for name in names)


def test_imports_lead_downwards() -> None:
    pairs = [(module, name) for module, tree in TREES.items() for name in sorted(inner_imports(module, tree))]
    assert len(pairs) > 50
    assert [reason for pair in pairs if (reason := forbidden(*pair))] == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("ISR.train.trainer", "from ISR.predict import Predictor"),
        ("ISR.predict.predictor", "def f():\n    from ISR import train"),
        ("ISR.models.rdn", "import ISR.datasets.folders"),
        ("ISR.images.files", "from ISR.metrics import psnr_y"),
        ("ISR.images.files", "from ISR import config"),
        ("ISR.metrics", "from ISR.images import files"),
        ("ISR.config", "from ISR.models import ARCHITECTURES"),
        ("ISR.evaluate", "from ISR.cli import main"),
        ("ISR.console", "from ISR.cli import main"),
        ("ISR.nowhere", "import ISR.errors"),
    ],
)
def test_the_check_sees_what_it_forbids(importer: str, source: str) -> None:
    names = inner_imports(importer, ast.parse(source))
    assert any(forbidden(importer, name) for name in names)


def test_no_import_leads_back() -> None:
    graph = {module: inner_imports(module, tree) & set(TREES) - {module} for module, tree in TREES.items()}
    while free := [module for module, targets in graph.items() if not targets & graph.keys()]:
        for module in free:
            del graph[module]
    assert graph == {}, "these import each other"


def test_only_the_backend_names_a_backend() -> None:
    named = {
        module for module, tree in TREES.items() for name in imports(module, tree) if name.split(".")[0] in BACKENDS
    }
    assert named <= {"ISR.backend"}


def test_pictures_and_recipes_do_without_keras() -> None:
    named = {
        module for module, tree in TREES.items() for name in imports(module, tree) if name.split(".")[0] == "keras"
    }
    assert [module for module in sorted(named) if module.startswith(WITHOUT_KERAS)] == []


def test_importing_a_package_loads_no_keras() -> None:
    names = ("ISR", "ISR.models", "ISR.datasets", "ISR.train", "ISR.predict", "ISR.images", "ISR.models.pretrained")
    code = f"import {', '.join(names)}, sys; print(*({BACKENDS | {'keras'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_every_module_has_a_concept_s_name() -> None:
    parts = {part for module in MODULES for part in module.split(".")}
    assert not parts & FORBIDDEN_NAMES


def test_files_and_functions_are_short() -> None:
    long = [name for name, path in MODULES.items() if len(path.read_text().splitlines()) > MOST_LINES_IN_A_FILE]
    for module, tree in TREES.items():
        functions = (node for node in definitions(tree) if not isinstance(node, ast.ClassDef))
        lengths = {f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
        long += [f"{name}: {length} lines" for name, length in lengths.items() if length > MOST_LINES_IN_A_FUNCTION]
    assert long == []


def test_every_module_and_public_name_has_a_docstring() -> None:
    bare = [module for module, tree in TREES.items() if not ast.get_docstring(tree)]
    for module, tree in TREES.items():
        wanted = ((name, node) for name, node in public(tree) if not is_property(node))
        bare += [f"{module}.{name}" for name, node in wanted if not ast.get_docstring(node)]
    assert bare == []


def test_only_the_command_line_prints() -> None:
    calls = [(module, node) for module, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert {module for module, call in calls if getattr(call.func, "id", "") == "print"} <= {"ISR.cli"}
