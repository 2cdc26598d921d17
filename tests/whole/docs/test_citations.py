"""What code, tests and pages cite exists: pages, their sections, the files that a page names."""

import re
from pathlib import Path

from tests.conftest import each_row
from tests.whole.docs.pages import PAGES, codes, sections

ROOT = Path(__file__).parents[3]
OTHER = {"README", "CONTRIBUTING", "CHANGELOG", "index"}
"""Markdown files that are no pages of the reference."""
SECTIONS = {name: sections(text) for name, text in PAGES.items()}
CITATION = re.compile(r"\b([A-Za-z][\w-]*)\.md`?((?:[,;]? (?:and |to )?§[0-9]+(?:\.[0-9]+)*)*)")
IN_A_SHELL = re.compile(r"`lab docs ([a-z0-9-]+)`((?:[,;]? (?:and |to )?§[0-9]+(?:\.[0-9]+)*)*)")
ON_A_TERMINAL = re.compile(r"(?<!`)lab docs ([a-z0-9-]+)((?:[,;]? (?:and |to )?§[0-9]+(?:\.[0-9]+)*)+)")


def cited(text: str) -> list[tuple[str, str]]:
    """Each page that a text cites, with each section cited of it, or with none."""
    found: list[tuple[str, str]] = []
    for page, reported in (shape for each in (CITATION, IN_A_SHELL, ON_A_TERMINAL) for shape in each.findall(text)):
        found += [(page, number) for number in re.findall(r"§([0-9.]*[0-9])", reported)] or [(page, "")]
    return found


def astray(text: str) -> list[str]:
    """The citations in a text that lead nowhere."""
    return [
        f"{page}.md §{number}" if number else f"{page}.md"
        for page, number in cited(text)
        if page not in OTHER and (page not in PAGES or (number and number not in SECTIONS[page]))
    ]


def test_every_citation_leads_to_a_page_and_a_section() -> None:
    sources = [
        path
        for folder in ("lab", "tests", "scenarios", ".github", ".ci")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".yaml", ".yml", ".mjs", ".tcss") and path != Path(__file__)
    ]
    assert len(sources) > 300
    wrong = {str(path.relative_to(ROOT)): found for path in sources if (found := astray(path.read_text("utf-8")))}
    assert wrong == {}


@each_row(
    ("text", "wrong"),
    [
        ("the routes (contract.md §2)", []),
        ("the tape (recordings.md §1, §2, §4)", []),
        ("the tape (recordings.md §1, §99)", ["recordings.md §99"]),
        ("a page (no-such-page.md §1)", ["no-such-page.md §1"]),
        ("`lab docs contract`, §10 and `lab docs contact`", ["contact.md"]),
        ("its hint: lab docs contract, §10; lab docs contract, §99; lab docs lists them", ["contract.md §99"]),
        ("as contract.md says, and README.md", []),
    ],
)
def test_one_that_leads_nowhere_is_found(text: str, wrong: list[str]) -> None:
    assert astray(text) == wrong


def test_every_section_that_a_page_names_of_itself_exists() -> None:
    for name, text in PAGES.items():
        own = re.sub(rf"{CITATION.pattern}|{IN_A_SHELL.pattern}|{ON_A_TERMINAL.pattern}|RFC [0-9]+ §[0-9.]+", "", text)
        for number in re.findall(r"§([0-9]+(?:\.[0-9]+)*)", own):
            assert number in SECTIONS[name] or "of the contract" in own, (name, number)


def missing(text: str) -> set[str]:
    """The files and folders that a page names and the tree doesn't have; NAME stands for any."""
    named = {path for path in codes(text) if re.fullmatch(r"(?:lab|tests)/[\w./-]*", path) and "NAME" not in path}
    return {path for path in named if not (ROOT / path).exists()}


def test_every_file_that_a_page_names_exists() -> None:
    assert any("lab/dialects/base.py" in text for text in PAGES.values())
    assert {name: found for name, text in PAGES.items() if (found := missing(text))} == {}
    assert missing("see `lab/jobs/time_line.py`") == {"lab/jobs/time_line.py"}
