"""Facts of a journal that somebody changed: told apart from all that a lab writes."""

from collections.abc import Callable

from msgspec.structs import replace

from lab.core.journal.fact import Fact
from lab.identity.clients import JANE
from lab.jobs.facts import JobAccepted
from lab.jobs.program import program_of
from lab.language.shape import parsed
from lab.mock.foreign_facts import foreign_facts
from lab.mock.service import Service
from lab.program.scenario import Scenario
from tests.conftest import each_row
from tests.wire_peer import DOCUMENT, invoke, read, service, token, token_request

ROLES = {
    **DOCUMENT,
    "name": "guarded",
    "agent": {"code": "GUARDED", "roles": ["BUYER"], "refuses": "job"},
    "match": "x",
}


def written() -> tuple[Service, list[Fact]]:
    """A lab, and all that it accepted: turns, a message that nothing fits, a version and a role that aren't there."""
    mock, facts = service(DOCUMENT, ROLES), list[Fact]()
    mock.journals.append(facts.extend)
    bearer = token(mock)
    first = read(mock.serve(invoke(bearer, {"message": "Taxi 42", "conversational": True}), 1).response)
    mock.serve(invoke(bearer, {"message": "Taxi 42"}), 2)
    mock.serve(invoke(bearer, {"message": "Bus"}), 3)
    mock.serve(invoke(bearer, {"message": "Taxi 42", "version": 99}), 4)
    user = mock.serve(token_request("password", username=JANE.name, password=JANE.password), 5).response
    mock.serve(invoke(str(read(user)["access_token"]), {"message": "x"}, "GUARDED"), 6)
    now = 10_000_000
    later = {"message": "Taxi 7", "conversational": True, "conversationId": first["conversationId"]}
    mock.serve(invoke(token(mock, now), later), now)
    return mock, facts


def found_in(facts: list[Fact], edit: Callable[[Service], None] = lambda mock: None) -> list[str]:
    mock = service(DOCUMENT, ROLES)
    edit(mock)
    mock.rewind(tuple(facts), facts[-1].at)
    return [what for _, what in foreign_facts(mock, facts)]


def test_all_that_a_lab_writes_is_its_own() -> None:
    _, facts = written()
    assert [(fact.scenario, fact.turn) for fact in facts if isinstance(fact, JobAccepted)] == [
        ("expense", 1), ("expense", 1), (None, 1), ("no such version", 1), ("guarded", 1), ("expense", 2),
    ]  # fmt: skip
    assert found_in(facts) == []


def test_jobs_of_a_scenario_that_was_edited_are_its_own_too() -> None:
    mock, facts = written()
    mock.journals[:] = [facts.extend]
    other = program_of(parsed(Scenario, {**DOCUMENT, "data": {"payer": {"fake": "city"}}}), "other")
    mock.load(other, facts[-1].at)
    assert found_in(facts, lambda lab: lab.load(other, 0)) == []


@each_row(
    ("changes", "what"),
    [
        ({"scenario": "nope"}, "no scenario nope is served"),
        ({"client": "nobody"}, "no client nobody is known"),
        ({"turn": 99}, "turn is 99, expected 1"),
        ({"drawn": {"data/payer": "ACME", "data/x": 5}}, "the seed doesn't give what was drawn as data/x"),
        ({"drawn": {"data/payer": "ACME", "read/takes": 1}}, "the seed doesn't give what was drawn as read/takes"),
    ],
)
def test_what_was_changed_is_told(changes: dict[str, object], what: str) -> None:
    _, facts = written()
    accepted = next(fact for fact in facts if isinstance(fact, JobAccepted) and fact.conversation is None)
    assert found_in([replace(fact, **changes) if fact is accepted else fact for fact in facts]) == [what]
