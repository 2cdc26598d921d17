"""Every YAML block of the pages is accepted, and what the language knows is named on its page."""

from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import ScenarioError
from lab.jobs.lint import lint
from lab.language.parse import parse_with_locations
from lab.language.parse.settings_file import parse_settings
from lab.language.shape import json_schema
from lab.language.templates import TEMPLATE_NAMES
from lab.language.templates.filters import FILTERS, TESTS
from lab.program.faults import Fault
from lab.program.scenario import Scenario
from lab.program.settings_file import Server
from lab.program.switches import Switches
from lab.recording.matchers import parse_matchers
from lab.server.limits import LIMIT_KINDS
from lab.tui.preference_syntax import parse_preferences
from tests.conftest import each_row
from tests.whole.docs.pages import PAGES, blocks, codes

PAGE = PAGES["scenarios"]
BLOCKS = [block for _, text in sorted(PAGES.items()) for block in blocks(text, "yaml")]
SETTINGS = "# settings file\n"
PREFERENCES = "# screen.yaml\n"
BASE = {
    "lab": "lab: 1\n",
    "name": "name: example\n",
    "title": "title: An example\n",
    "agent": "agent: {code: EXAMPLE_TEAM}\n",
    "ask": "ask: Please look\n",
    "steps": "steps:\n  - {work: look, takes: 5s}\n  - {complete: done, output: Done.}\n",
}
"""What a block leaves out, key by key."""


def whole(block: str) -> str:
    """A block with what it leaves out."""
    said = {line.partition(":")[0] for line in block.splitlines() if line and not line.startswith((" ", "#", "-"))}
    return block + "".join(text for key, text in BASE.items() if key not in said)


def complaints(block: str) -> list[str]:
    """The complaints and the warnings about a block."""
    if block.startswith(SETTINGS):
        parse_settings(block, "page", LIMIT_KINDS).complaints.check()
        return []
    if block.startswith(PREFERENCES):
        parse_preferences(block.encode(), "page")
        return []
    if block.startswith("- {where"):
        parse_matchers(block, "page")
        return []
    try:
        scenario, places = parse_with_locations(whole(block), "page")
    except ScenarioError as error:
        return [str(each) for each in error.complaints]
    return [f"warning: {each.what}" for each in lint(scenario, "page", places)]


@each_row("block", BLOCKS, ids=lambda block: block.split("\n")[0][:30])
def test_each_example_is_accepted(block: str) -> None:
    assert complaints(block) == []


def test_a_wrong_example_is_found() -> None:
    assert complaints("faults:\n  - {route: status, answr: 503}\n")
    assert complaints("steps:\n  - {work: look, takes: 5}\n")
    with pytest.raises(ScenarioError):
        complaints(f"{SETTINGS}hint: off\n")
    with pytest.raises(ScenarioError):
        complaints(f"{PREFERENCES}layout: wide\n")
    with pytest.raises(ScenarioError):
        complaints("- {where: res, path: output, rule: type}\n")


def keys(part: type[Scenario | Server]) -> set[str]:
    """Every key that may stand somewhere in such a document; switches are another page's."""
    schema: dict[str, Any] = json_schema(part)
    parts = [schema, *(each for name, each in schema["definitions"].items() if name != Switches.__name__)]
    found = {key for each in parts for key in each.get("properties", ())}
    return found - set(Switches.__struct_fields__) if part is Server else found


def unnamed(words: set[str], page: str) -> set[str]:
    """The words that a page doesn't name in code."""
    named = codes(page) | {part.strip("{}[]:,") for code in codes(page) for part in code.replace("(", " ").split()}
    return {word for word in words if word not in named}


def known() -> set[str]:
    """What an author may write: keys of scenario and settings file, template names, filters, tests."""
    return keys(Scenario) | keys(Server) | set(Fault.__struct_fields__) | {*TEMPLATE_NAMES, *FILTERS, *TESTS}


def test_the_page_names_every_key_name_filter_and_test() -> None:
    assert len(known()) > 150
    assert unnamed(known(), PAGE) == set()


@each_row("word", ["retention", "urlencode", "conversation", "lose_reply", "divisibleby"])
def test_a_word_that_is_left_out_is_found(word: str) -> None:
    assert unnamed(known(), PAGE.replace(word, "-")) == {word}


def test_the_limits_of_templates_are_those_of_the_code() -> None:
    from lab.language.templates.bounds import MOST_WORK, POOL
    from lab.language.templates.check import MOST_NESTED
    from lab.language.templates.filters import RANGE
    from lab.program.steps import LARGEST_OUTPUT

    for row in (
        f"| nesting of an expression | {MOST_NESTED} |", f"| work of one rendering | {MOST_WORK:,} steps", f"one answer | {POOL:,} steps", f"{RANGE:,} long at most",
        f"| a text, also on the way | {LARGEST_OUTPUT >> 20} MiB |",
    ):  # fmt: skip
        assert row in PAGE, row


def test_no_line_of_prose_is_longer_than_a_screen() -> None:
    for name, text in PAGES.items():
        fenced = False
        for number, line in enumerate(text.splitlines(), 1):
            fenced ^= line.startswith("```")
            if not fenced and not line.startswith("|"):
                assert len(line) <= 100, (name, number)


def test_each_page_begins_with_its_title() -> None:
    assert PAGES
    assert all(text.startswith("# ") and Path(name).name == name for name, text in PAGES.items())
