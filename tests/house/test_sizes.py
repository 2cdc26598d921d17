"""Nothing in the package grows beyond what can be read at once (design.md §6)."""

from pathlib import Path

import pytest

from tests.house.sizes import LIMITS, MOST_LINES, MOST_STATEMENTS, Size, sizes
from tests.house.source import LONGEST_FUNCTION, LONGEST_MODULE, MOST_PARAMETERS, Package

ROOT = Path(__file__).parents[2]

MOST_UNFORMATTED = 134
"""Statements that the formatter leaves as they are: the number only shrinks."""


@pytest.fixture(scope="module")
def found(package: Package) -> dict[str, Size]:
    """The size of each room, counted once."""
    return sizes(package)


def test_the_whole_is_no_larger_than_it_may_be(found: dict[str, Size]) -> None:
    known = [size for room, size in found.items() if room not in (*LIMITS, "kernel", "all")]
    lines, statements = sum(each.lines for each in known), sum(each.statements for each in known)
    assert lines <= MOST_LINES and statements <= MOST_STATEMENTS, (lines, statements)


@pytest.mark.parametrize("room", LIMITS)
def test_no_new_room_is_larger_than_it_may_be(found: dict[str, Size], room: str) -> None:
    assert found.get(room, Size(0, 0, 0)).lines <= LIMITS[room]


def test_a_docstring_is_no_statement(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "a.py").write_text(
        '"""One."""\n\nX = 1\n"""Two."""\n\n\ndef f():\n    """Three."""\n    return X\n'
    )
    assert sizes(Package(tmp_path))["all"] == (1, 9, 3)


def test_no_module_is_too_long(package: Package) -> None:
    lines = {name: len(text.splitlines()) for name, text in package.texts.items()}
    assert {name: size for name, size in lines.items() if size > LONGEST_MODULE} == {}


def test_no_function_is_too_long(package: Package) -> None:
    assert package.long_functions() == []


def test_no_function_has_too_many_parameters(package: Package) -> None:
    assert package.wide_functions() == []


def test_fewer_and_fewer_statements_are_kept_from_the_formatter(package: Package) -> None:
    assert package.unformatted() <= MOST_UNFORMATTED


def test_what_is_one_too_many_is_found(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    lines = [
        *("def long():", *["    pass"] * LONGEST_FUNCTION),
        *("def fits():", *["    pass"] * (LONGEST_FUNCTION - 1)),
        "class A:",
        "    def fits(self, a, b, /, c, d, *, e, f): ...",
        "    async def wide(self, a, b, /, c, d, *, e, f, g): ...  # fmt: skip",
    ]
    (tmp_path / "lab" / "a.py").write_text("\n".join(lines))
    package = Package(tmp_path)
    assert package.long_functions() == ["lab.a:1"]
    assert package.wide_functions() == [f"lab.a:{len(lines)}"]
    assert package.unformatted() == 1


def test_the_design_says_so() -> None:
    page = (ROOT / "lab" / "docs" / "design.md").read_text()
    said = " ".join(page.split())
    assert len(page.splitlines()) <= 200, "who takes the lab over reads it whole"
    assert f"{LONGEST_MODULE} at most, functions {LONGEST_FUNCTION}, and at most {MOST_PARAMETERS} parameters" in said
