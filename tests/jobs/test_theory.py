"""The worked examples at the head of gates, timeline, plan and derived: each row holds, and edges beside them."""

import pytest

from lab.core.seeds import draw
from lab.jobs.facts import GateOpened, JobStatus, derived
from lab.jobs.gates import Decision, Opening, Origin, votes
from lab.jobs.plan import Plan
from lab.jobs.program import program_of
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import at, spans
from lab.language.shape import parsed
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.program.words import Verdict
from tests.conftest import each_row
from tests.lab_strategies import planned

ANN = {"after": "3s", "verdict": "approved", "by": "Ann"}
QUORUM = parsed(Gate, {
    "gate": "boss", "asks": "May it?", "channel": "EMAIL", "approvals": 2, "patience": "10s", "reviewer": ANN,
})  # fmt: skip


def decision(instant: int, verdict: Verdict, name: str | None = None, *, gate: str = "boss") -> Decision:
    return Decision(instant, gate, 0, verdict, Origin.PERSON, name)


def approved(instant: int, name: str | None = None) -> Decision:
    return decision(instant, Verdict.APPROVED, name)


@each_row(
    ("decisions", "cast"),
    [
        ((), [(3_000, "Ann"), (6_000, None)]),
        ((approved(1_000, "Bob"),), [(1_000, "Bob"), (4_000, "Ann")]),
        ((approved(1_000, "Ann"),), [(1_000, "Ann"), (4_000, None)]),
        ((approved(1_000, "Ann"), approved(2_000, "Ann")), [(1_000, "Ann"), (4_000, None)]),
        ((decision(2_999, Verdict.REJECTED, "Bob"),), [(2_999, "Bob")]),
        ((decision(3_000, Verdict.REJECTED, "Bob"),), [(3_000, "Ann"), (3_000, "Bob")]),
    ],
)
def test_the_votes_of_the_example_in_gates(decisions: tuple[Decision, ...], cast: list[tuple[int, str | None]]) -> None:
    found = votes(Opening(QUORUM, 0, 0), decisions)
    assert [(vote.at, vote.name) for vote in found] == cast
    assert found[-1].verdict is (decisions[-1].verdict if decisions else Verdict.APPROVED)


@each_row(("instant", "counts"), [(99_999, False), (100_000, True), (109_999, True), (110_000, False)])
def test_the_edges_of_an_opening(instant: int, counts: bool) -> None:
    gate = parsed(Gate, {"gate": "boss", "asks": "May it?", "patience": "10s"})
    (vote,) = votes(Opening(gate, 0, 100_000), (approved(instant),))
    assert (vote.at, vote.verdict) == ((instant, Verdict.APPROVED) if counts else (110_000, Verdict.TIMED_OUT))


def example(*steps: object, seed: int = 42, ordinal: int = 1) -> Plan:
    document = {"lab": 1, "name": "talk", "title": "T", "agent": {"code": "T"}, "ask": "go", "steps": steps}
    return planned(program_of(parsed(Scenario, document)), seed, at=100, ordinal=ordinal, scripted=False)


def paid() -> Plan:
    return example(
        {"work": "read", "takes": "2s"}, {"gate": "boss", "asks": "May it?", "patience": "10s"},
        {"work": "pay", "takes": "2s"}, {"complete": "end", "output": "Paid."},
    )  # fmt: skip


def test_the_spans_of_the_example_in_timeline() -> None:
    plan = paid()
    decided = (approved(5_000),)
    assert [(span.id, span.status, span.since, span.until, len(span.settled)) for span in spans(plan, decided)] == [
        ("read", "RUNNING", 100, 2_100, 0),
        ("boss", "WAITING", 2_100, 5_000, 0),
        ("pay", "RUNNING", 5_000, 7_000, 1),
        ("end", "COMPLETE", 7_000, None, 1),
    ]
    assert at(plan, decided, 3_000).until == 12_100


def test_the_facts_of_the_example_in_derived() -> None:
    plan = paid()
    facts = derived(plan, (approved(5_000),), 7_000).facts
    assert [(fact.at, type(fact)) for fact in facts] == [
        (2_100, JobStatus), (2_100, GateOpened), (5_000, JobStatus), (7_000, JobStatus)
    ]  # fmt: skip
    (opened,) = (fact for fact in facts if isinstance(fact, GateOpened))
    assert (opened.until, opened.otherwise.verdict, opened.otherwise.to) == (12_100, "timed-out", "ERROR")
    assert derived(plan, (approved(5_000),), 5_000).facts == facts[:3]
    assert derived(plan, (), 3_000).until == 12_100


def test_the_draws_of_the_example_in_plan() -> None:
    steps = {"wait": "fetch", "takes": {"between": ["2s", "4s"]}}, {"complete": "end", "output": "x"}
    first, second = example(*steps), example(*steps, ordinal=2)
    assert first.drawn["fetch/takes"] == first.takes("fetch", 0) == draw(42, "talk/1/fetch/takes", 2_000, 4_000)
    assert first.takes("fetch", 1) == draw(42, "talk/1/fetch/takes#1", 2_000, 4_000)
    assert second.takes("fetch", 0) == draw(42, "talk/2/fetch/takes", 2_000, 4_000)


@pytest.mark.parametrize(("instant", "until", "cut"), [(100, 100, 1), (2_099, 2_099, 1), (2_100, 2_100, 0)])
def test_a_wait_that_has_ended_is_not_cut_short(instant: int, until: int, cut: int) -> None:
    plan = example({"wait": "nap", "takes": "2s"}, {"complete": "end", "output": "x"})
    decided = (Decision(instant, "nap", 0, None, Origin.PERSON),)
    waits, ends = spans(plan, decided)
    assert (waits.until, len(ends.settled)) == (until, cut)


def test_only_a_request_for_changes_uses_up_a_round() -> None:
    plan = example(
        {"gate": "boss", "asks": "May it?", "patience": "10s", "rounds": 1, "verdicts": {"changes-requested": "boss"}},
        {"wait": "nap", "takes": "1s", "again": {"to": "boss", "rounds": 1}},
        {"complete": "end", "output": "x"},
    )
    first = approved(100)
    asked_for_changes = Decision(1_100, "boss", 1, Verdict.CHANGES, Origin.PERSON)
    walked = [(span.id, span.visit, span.rounds_used) for span in spans(plan, (first, asked_for_changes))]
    assert walked[:4] == [("boss", 0, 0), ("nap", 0, 0), ("boss", 1, 0), ("boss", 2, 1)]


@pytest.mark.parametrize(("now", "output"), [(2_099, None), (2_100, "Paid.")])
def test_a_turn_that_ended_at_the_instant_of_a_message_has_its_output(now: int, output: str | None) -> None:
    plan = example({"work": "pay", "takes": "2s"}, {"complete": "end", "output": "Paid."})
    (turn,) = earlier_turns([(plan, ())], now, 0)
    assert turn["output"] == output
