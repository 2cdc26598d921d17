"""`lab show --as md`: a page of Markdown, in which all that a peer wrote is code."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.recording.show.readable import LONGEST_SHOWN
from lab.recording.show.walkthrough import walkthrough
from tests.conftest import UNLIKE, each_row, few_of, name_of
from tests.recording.hostile import TEXTS, hostile
from tests.recording.test_codec import GOLDEN, SHIPPED

BLOCKS = "heading_open heading_close paragraph_open paragraph_close fence"
HARMLESS = frozenset(f"{BLOCKS} inline text softbreak code_inline strong_open strong_close".split())
"""Neither HTML, nor a link, an image, a list or a quotation."""


def tokens_of(text: str) -> list[Token]:
    """What a reader of Markdown makes of it, that which stands within lines too."""
    found = MarkdownIt("commonmark").parse(text)
    return [*found, *(inner for token in found for inner in token.children or ())]


def test_the_walk_through_of_a_recording_is_this() -> None:
    text = "\n".join(walkthrough(read(GOLDEN.read_bytes()))) + "\n"
    assert text == GOLDEN.with_name("expense-approval.walkthrough").read_text("utf-8")


@pytest.mark.parametrize("path", few_of(SHIPPED, UNLIKE, name_of), ids=[name_of(path) for path in SHIPPED])
def test_each_call_has_its_heading(path: Path) -> None:
    recording = read(path.read_bytes())
    text = "\n".join(walkthrough(recording))
    headings = [token for token in tokens_of(text) if token.type == "heading_open"]
    assert [token.tag for token in headings] == ["h1", *("h2" for _ in recording.of(Req))]
    assert len(text) < 2 * LONGEST_SHOWN + len(path.read_bytes())  # what is longer is cut, and HAR has it whole


@each_row("text", TEXTS)
def test_what_a_peer_wrote_is_nothing_but_code(text: str) -> None:
    page = "\n".join(walkthrough(hostile(text)))
    assert all(line.isprintable() for line in page.splitlines())
    assert "##[" not in page and "##vso" not in page
    assert not any(line.lstrip().startswith("::") for line in page.splitlines())
    found = tokens_of(page)
    assert {token.type for token in found} <= HARMLESS
    # a block for each call and, but for the last and an empty one, its answer, and one for what was noted at each
    assert sum(token.type == "fence" for token in found) == 5 + (4 if text else 3) + 5
    assert sum(token.type == "heading_open" for token in found) == 6
