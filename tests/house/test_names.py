"""A public name is defined once in the package: who searches for it finds one thing."""

from pathlib import Path

from tests.house.source import Package

ROOT = Path(__file__).parents[2]

TWICE = set("Failure Result".split())
"""Classes of which several still share a name: the list only shrinks, and is empty in the end."""

MOST_OTHERS = 45
"""Functions and constants of which several modules share a name: the number only shrinks."""


def test_no_class_is_defined_twice() -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in Package(ROOT).public().items()
        if len(places) > 1 and any(is_class for _, is_class in places) and name not in TWICE
    }
    assert found == {}


def test_fewer_and_fewer_functions_and_constants_share_a_name() -> None:
    found = {
        name: [module for module, _ in places]
        for name, places in Package(ROOT).public().items()
        if len(places) > 1 and not any(is_class for _, is_class in places)
    }
    assert len(found) <= MOST_OTHERS, found
