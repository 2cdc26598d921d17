"""A public name is defined once in the package: who searches for it finds one thing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import Package

ROOT = Path(__file__).parents[2]

MOST_OTHERS = 21
"""Functions and constants of which several modules share a name: the number only shrinks."""
DECLARED = frozenset(("execute", "PLUGIN"))
"""What each command, and each plugin, has to be called."""


def test_no_class_is_defined_twice(package: Package) -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in package.public().items()
        if len(places) > 1 and any(is_class for _, is_class in places)
    }
    assert found == {}


def test_fewer_and_fewer_functions_and_constants_share_a_name(package: Package) -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in package.public().items()
        if len(places) > 1 and name not in DECLARED and not any(is_class for _, is_class in places)
    }
    assert len(found) <= MOST_OTHERS, found


VAGUE = frozenset(("told", "made", "asked", "held", "played"))
_VAGUE = re.compile(rf"\b_*(?:{'|'.join(VAGUE)})_*\b")


def modules(package: Package) -> Iterator[tuple[Path, list[ast.AST]]]:
    """What stands in each module of the package and of its tests, unless none of the names can be there."""
    for name, path in package.files.items():
        yield path, package.nodes[name]
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text("utf-8")
        if _VAGUE.search(text):
            yield path, list(ast.walk(ast.parse(text)))


def test_no_name_is_a_verb_in_the_past_that_says_not_what_the_thing_is(package: Package) -> None:
    found: list[str] = []
    for path, nodes in modules(package):
        for node in nodes:
            name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "attr", None)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = node.name
            if isinstance(name, str) and name.strip("_") in VAGUE:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert found == []
