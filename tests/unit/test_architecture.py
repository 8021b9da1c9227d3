"""Rules about the code's shape that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from geomeld_build.modalities import MODALITIES

ROOT = Path(__file__).parents[2]
PACKAGE = sorted(p for top in ("geomeld_build", "flows") for p in (ROOT / top).rglob("*.py"))
EVERYTHING = sorted([*PACKAGE, *(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])

MOST_LINES = 400
MOST_FUNCTION_LINES = 50
NAMES_MODALITIES = {
    "geomeld_build/modalities.py": "the table itself",
    "geomeld_build/pictures/": "colours and stretches are per modality",
    "geomeld_build/captions/": "what can be said of a row is a matter of its own",
    "geomeld_build/emulator/": "stands alone: it serves assets, not our table",
}
"""Where a row of the table may be named, and why. Everywhere else a row is a value that comes from the table."""
WORDS_OF_THEIR_OWN = {
    ("geomeld_build/anchors/dates.py", "naip"): "a rule of dates is named after the programme",
    ("geomeld_build/cli/commands/anchors.py", "naip"): "and so is the option that asks for it",
    ("flows/sampling.py", "naip"): "and the parameter of the flow",
    ("geomeld_build/tiles/check.py", "clear_score"): "the cloud test is defined on this product",
    ("geomeld_build/tiles/check.py", "scl"): "and on this one where the first is absent",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstrings_of(tree: ast.Module) -> set[int]:
    """Ids of the string nodes that are documentation, attribute docstrings included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
    return found


def exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def bound_names(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_files_are_short() -> None:
    long = {name_of(p): n for p in EVERYTHING if (n := len(p.read_text(encoding="utf-8").splitlines())) > MOST_LINES}
    assert not long, f"over {MOST_LINES} lines; split by idea: {long}"


def length_of(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines without the docstring and, for commands, without the options: both are documentation."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    end = function.end_lineno
    assert end is not None
    signature = 0 if "cli/commands" in name_of(path) else function.body[0].lineno - function.lineno
    return signature + end - body[0].lineno + 1


def test_functions_are_short() -> None:
    lengths = {f"{name_of(path)}:{f.name}": length_of(path, f) for path in PACKAGE for f in functions_of(path)}
    long = {name: lines for name, lines in lengths.items() if lines > MOST_FUNCTION_LINES}
    assert not long, f"over {MOST_FUNCTION_LINES} lines: {long}"


def test_modalities_are_named_in_the_table_only() -> None:
    found = []
    for path in PACKAGE:
        name = name_of(path)
        if name.startswith(tuple(NAMES_MODALITIES)):
            continue
        tree = tree_of(path)
        documentation = docstrings_of(tree)
        for node in ast.walk(tree):
            is_name = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in MODALITIES
            if is_name and id(node) not in documentation and (name, node.value) not in WORDS_OF_THEIR_OWN:
                found.append(f"{name}:{node.lineno} {node.value!r}")
    assert not found, f"take the row from the table instead: {found}"


def test_only_the_earth_engine_modules_import_its_client() -> None:
    found = []
    for path in PACKAGE:
        for node in ast.walk(tree_of(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            heavy = any(name.split(".")[0] in ("ee", "geemap", "xee") for name in names)
            if heavy and not name_of(path).startswith("geomeld_build/sources/earthengine"):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert not found


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_everything_public_is_documented(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree) or not tree.body, f"{name_of(path)} has no module docstring"
    public = set(exported(tree))
    bare = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in public:
            if not ast.get_docstring(node):
                bare.append(node.name)
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    # A property of a Protocol stands for an attribute of what implements it, which documents it.
                    told = any(
                        getattr(d, "id", "") in ("overload", "override", "property") for d in method.decorator_list
                    )
                    if not ast.get_docstring(method) and not told:
                        bare.append(f"{node.name}.{method.name}")
    assert not bare, f"{name_of(path)}: no docstring for {', '.join(bare)}"


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_exported_names_exist(path: Path) -> None:
    tree = tree_of(path)
    missing = set(exported(tree)) - bound_names(tree)
    assert not missing, f"{name_of(path)}: __all__ names {sorted(missing)}, which nothing defines"


def test_no_print_outside_the_command_line() -> None:
    found = []
    for path in PACKAGE:
        if not name_of(path).startswith("geomeld_build/cli/"):
            calls = (n for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
            found += [f"{name_of(path)}:{call.lineno}" for call in calls if call.func.id == "print"]  # type: ignore[attr-defined]  # a Name
    assert not found
