"""The words of Fusion's wire stand in its dialect: who changes one finds it in one folder, and a third dialect needs none.

Docstrings may name them, for they speak of the wire. `contextId` and other words of A2A are held to its folder likewise.
"""

from lab.dialects.fusion.fidelity import BODY, NODE, REQUEST
from lab.dialects.fusion.requests import ACTIONS
from tests.conftest import each_row
from tests.house.source import Package

MEMBERS = {claim.name for claim in (*REQUEST, *BODY, *NODE) if not claim.name.islower()}
"""Names that are plain English in lower case, such as `message`, are anybody's."""
WORDS = {*MEMBERS, *ACTIONS, "messageInstanceId", "userResponse", "userDetails", "invokeAsync", "invokeStream"}
A2A_WORDS = {"contextId", "messageId", "artifactId", "input-required", "message/send"}
MCP_WORDS = {"inputRequests", "inputResponses", "pollIntervalMs", "input_required", "tasks/update"}
TASK_WORDS = {"taskId", "tasks/get", "tools/call"}
"""Of several plugins: no kernel knows them."""

ALLOWED = {
    # what `lab run --json` prints is the same over every wire
    "lab.cli.run.transcript": "conversationId followUpQuestions jobId",
}
"""Modules that know some nevertheless, and which: this only shrinks."""


def words_in(package: Package, words: set[str], home: str) -> dict[str, set[str]]:
    found = {name: said & words for name, said in package.words.items() if not name.startswith(home)}
    return {name: words for name, words in found.items() if words}


def test_fusions_words_stand_in_its_dialect(package: Package) -> None:
    found = words_in(package, WORDS, "lab.dialects.fusion")
    more = {name: words - set(ALLOWED.get(name, "").split()) for name, words in found.items()}
    assert {name: words for name, words in more.items() if words} == {}


def test_what_is_allowed_is_needed(package: Package) -> None:
    found = words_in(package, WORDS, "lab.dialects.fusion")
    gone = {name: set(words.split()) - found.get(name, set()) for name, words in ALLOWED.items()}
    assert {name: words for name, words in gone.items() if words} == {}


@each_row(
    ("words", "home"),
    [(A2A_WORDS, "lab.plugins.a2a"), (MCP_WORDS, "lab.plugins.mcp_tasks"), (TASK_WORDS, "lab.plugins")],
)
def test_the_words_of_each_wire_stand_in_its_dialect(package: Package, words: set[str], home: str) -> None:
    assert words_in(package, words, home) == {}
