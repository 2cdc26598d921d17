"""A public name is defined once in the package: who searches for it finds one thing."""

import ast
from pathlib import Path

from tests.house.source import Package

ROOT = Path(__file__).parents[2]

MOST_OTHERS = 22
"""Functions and constants of which several modules share a name: the number only shrinks."""


def test_no_class_is_defined_twice() -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in Package(ROOT).public().items()
        if len(places) > 1 and any(is_class for _, is_class in places)
    }
    assert found == {}


def test_fewer_and_fewer_functions_and_constants_share_a_name() -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in Package(ROOT).public().items()
        if len(places) > 1 and not any(is_class for _, is_class in places)
    }
    assert len(found) <= MOST_OTHERS, found


VAGUE = frozenset(("told", "made", "asked", "held", "played"))


def test_no_name_is_a_verb_in_the_past_that_says_not_what_the_thing_is() -> None:
    found: list[str] = []
    for path in sorted((*(ROOT / "lab").rglob("*.py"), *(ROOT / "tests").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "id", None) or getattr(node, "arg", None) or getattr(node, "attr", None)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = node.name
            if isinstance(name, str) and name.strip("_") in VAGUE:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert found == []
