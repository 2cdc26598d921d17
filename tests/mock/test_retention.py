"""A job past its retention leaves the ledger, and nobody can tell: a lab that keeps it answers the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.exchange import Json, Request
from lab.core.journal.fact import Fact, RecordsDropped
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import CallCount
from lab.core.observe import Observation, Touched
from lab.jobs.facts import AliasRecord, ConversationRecord, JobForgotten, JobRecord, RepeatRecord, job_key
from lab.mock import job_index
from lab.mock.batches import Batch, BatchedService
from lab.mock.service import Service
from lab.mock.sizes import sizes_of
from lab.recording.format.journal_lines import facts_line
from tests.conftest import each_row, examples
from tests.mock.test_fold import NAMES, SWITCHES, Peer, Step, from_disk, journaled
from tests.wire_peer import DOCUMENT, OTHER, invoke, read, service, status, token

SHORT = DOCUMENT | {"retention": "1s"}
LASTING = DOCUMENT | {
    "name": "lasting",
    "match": r"Bus.*",
    "steps": [{"complete": "done", "output": "Gone."}],
    "data": {},
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*NAMES, "time", "invoke"]), st.integers(0, 29), st.integers(0, 59)),
    min_size=20,
    max_size=80,
)


@pytest.mark.long
@given(steps=STEPS, switches=st.sampled_from(SWITCHES), cut=st.integers(0, 79))
@examples(15, thorough=3_000)
def test_a_mock_that_drops_jobs_answers_as_one_that_keeps_them(
    steps: list[Step], switches: dict[str, object], cut: int
) -> None:
    mock = service(SHORT, LASTING, **switches)
    facts = journaled(mock)
    keeps = service(SHORT, LASTING, **switches)
    keeps.drops = False
    peer = Peer(mock)
    for other in (keeps,):
        token(other), token(other, 0, OTHER)
    again: Service | None = None
    for place, step in enumerate(steps):
        if place == cut % len(steps):
            again = service(SHORT, LASTING, **switches)
            again.rewind(tuple(facts), peer.now)
        call = peer.call(*step)
        got = call(mock)
        peer.learn(got)
        assert call(keeps) == got, step
        assert again is None or call(again) == got, step
        assert set(mock.ledger._records) <= set(keeps.ledger._records)
    shown = [[each.status_of(job, peer.now) for job in peer.jobs] for each in (mock, keeps)]
    assert shown[0] == shown[1]
    folded = MemoryLedger()
    folded.commit(facts)
    assert folded._records == mock.ledger._records


def dropped(facts: list[Fact]) -> list[RecordsDropped]:
    return [fact for fact in facts if isinstance(fact, RecordsDropped)]


def accepted(mock: Service, bearer: str, now: int, message: str = "Bus", **members: object) -> str:
    reply = mock.serve(invoke(bearer, {"message": message, **members}), now)
    assert reply.response.status == 202, reply.response.body
    return str(reply.job)


QUICK = LASTING | {"name": "quick", "match": r".*", "retention": "10s"}


def test_a_job_goes_with_the_first_that_is_accepted_after_its_retention() -> None:
    mock = service(QUICK)
    facts, bearer = journaled(mock), token(mock)
    first = accepted(mock, bearer, 0)
    assert mock.serve(status(bearer, first), 9_999).response.status == 200
    accepted(mock, bearer, 9_999)
    assert not dropped(facts)
    accepted(mock, bearer, 10_000)
    assert dropped(facts) == [RecordsDropped(at=10_000, keys=(job_key(first),))]
    assert mock.ledger.get(job_key(first)) is None and sizes_of(mock.ledger)["jobs"] == 2
    assert mock.serve(status(bearer, first), 10_001).response.status == 404


def test_aliases_idempotency_keys_and_counted_calls_go_with_their_job() -> None:
    mock = service(SHORT, resume_job_id="new", idempotency_key="on")
    facts, bearer = journaled(mock), token(mock)
    assert mock.arm({"route": "status", "calls": "every 9", "answer": 503}, 0).status == 200
    sent = {"message": "Taxi 42", "conversational": True}
    job = str(mock.serve(invoke(bearer, sent, idempotency_key="mine"), 0).job)
    body = read(mock.serve(status(bearer, job), 2_000).response)
    node = body["waitingNodeDetails"]
    assert isinstance(node, dict)
    answer = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
    assert (
        mock.serve(invoke(bearer, {"message": "", "jobId": job, "resumeInput": answer}), 2_001).response.status == 202
    )
    kinds = set(mock.ledger.sizes())
    assert {JobRecord, ConversationRecord, AliasRecord, RepeatRecord, CallCount} <= kinds
    accepted(mock, bearer, 200_000, "Taxi 7")
    assert len(dropped(facts)) == 1
    left = set(mock.ledger.sizes())
    assert not {AliasRecord, RepeatRecord, ConversationRecord, CallCount} & left and sizes_of(mock.ledger)["jobs"] == 1
    again = service(SHORT, resume_job_id="new", idempotency_key="on")
    again.rewind(tuple(from_disk_of(facts)), 200_000)
    assert again.ledger._records == mock.ledger._records, "a restart finds no more, and no less"


def from_disk_of(facts: list[Fact]) -> list[Fact]:
    return from_disk([facts_line(facts)])


def test_an_idempotency_key_that_was_taken_again_stays_with_the_job_that_has_it() -> None:
    mock = service(QUICK, idempotency_key="on")
    facts, bearer = journaled(mock), token(mock)
    mine = {"message": "Bus", "conversational": True, "conversationId": "mine"}
    mock.serve(invoke(bearer, mine, idempotency_key="k"), 0)
    accepted(mock, bearer, 9_000, conversational=True, conversationId="mine")
    second = str(mock.serve(invoke(bearer, {"message": "Bus"}, idempotency_key="k"), 10_000).job)
    accepted(mock, bearer, 19_000)
    assert len(dropped(facts)) == 1
    assert mock.serve(invoke(bearer, {"message": "Bus"}, idempotency_key="k"), 19_001).job == second


def test_a_conversation_stays_as_a_whole_until_the_last_of_its_jobs_is_forgotten() -> None:
    mock = service(QUICK)
    facts, bearer = journaled(mock), token(mock)
    mine = {"conversational": True, "conversationId": "mine"}
    first = accepted(mock, bearer, 0, **mine)
    second = accepted(mock, bearer, 9_000, **mine)
    accepted(mock, bearer, 18_999)
    assert not dropped(facts) and mock.serve(status(bearer, first), 18_999).response.status == 404
    accepted(mock, bearer, 19_000)
    assert set(dropped(facts)[0].keys) >= {job_key(first), job_key(second)}
    assert sizes_of(mock.ledger)["conversations"] == 0


@each_row("drops", [True, False])
def test_a_conversation_that_is_over_begins_anew(drops: bool) -> None:
    mock = service(QUICK)
    mock.drops = drops
    facts, bearer = journaled(mock), token(mock)
    mine = {"conversational": True, "conversationId": "mine"}
    first = accepted(mock, bearer, 0, **mine)
    look = mock.look(accepted(mock, bearer, 10_000, **mine), 10_000)
    assert look is not None and look.record.turn == 1
    assert mock.ledger.get(job_key(first)) is None and len(dropped(facts)) == 1
    look = mock.look(accepted(mock, bearer, 10_001, **mine), 10_001)
    assert look is not None and look.record.turn == 2


@each_row("drops", [True, False])
def test_no_fault_is_armed_for_a_job_that_is_forgotten(drops: bool) -> None:
    mock = service(QUICK)
    mock.drops = drops
    job = accepted(mock, token(mock), 0)
    fault: dict[str, Json] = {"route": "status", "job": job, "answer": 503}
    assert mock.arm(fault, 9_999).status == 200
    assert mock.arm(fault, 10_000).status == 400


def test_jobs_of_a_scenario_without_retention_stay() -> None:
    mock = service(QUICK | {"match": "Tram"}, LASTING)
    facts, bearer = journaled(mock), token(mock)
    mine = {"conversational": True, "conversationId": "mine"}
    tram, bus = accepted(mock, bearer, 0, "Tram", **mine), accepted(mock, bearer, 1, "Bus", **mine)
    accepted(mock, bearer, 3_000_000)
    assert not dropped(facts), "nor does one in whose conversation one of them is"
    assert all(mock.ledger.get(job_key(job)) for job in (tram, bus))


def test_whoever_looks_on_is_told_all_that_followed_before_a_job_goes() -> None:
    mock = service(QUICK)
    bearer, told_of = token(mock), []
    first = accepted(mock, bearer, 0)

    def observer(observation: Observation) -> None:
        if isinstance(observation, Touched) and observation.whole is not None:
            told_of.append((observation.job, observation.whole, mock.ledger.get(job_key(first)) is not None))

    mock.observers.append(observer)
    accepted(mock, bearer, 60_000)
    assert told_of == [(first, (JobForgotten(at=10_000, job=first),), True)]


def test_a_batch_that_is_refused_drops_its_jobs_the_next_time() -> None:
    mock = BatchedService(service(QUICK).config)

    def tried(now: int, *requests: Request) -> object:
        return mock.attempt([lambda now, request=request: mock.serve(request, now) for request in requests], now)

    bearers: list[str] = []
    batch = mock.attempt([lambda now: bearers.append(token(mock, now))], 0)
    mock.accept(batch)
    ask = invoke(bearers[0], {"message": "Bus"})
    mock.accept(tried(0, ask))
    before = list(mock.ledger._records.items())
    for _ in range(2):
        batch = tried(10_000, ask)
        assert len(dropped(list(batch.facts))) == 1
        assert list(mock.ledger._records.items()) == before, "in its old place, too"
        mock.refuse(batch)
    mock.accept(tried(10_000, ask))
    assert sizes_of(mock.ledger)["jobs"] == 1


def test_a_batch_that_was_refused_drops_all_that_is_of_its_jobs_the_next_time() -> None:
    mock = BatchedService(service(QUICK, idempotency_key="on").config)

    def tried(request: Request, now: int) -> Batch:
        return mock.attempt([lambda now: mock.serve(request, now)], now)

    bearers: list[str] = []
    mock.accept(mock.attempt([lambda now: bearers.append(token(mock, now))], 0))
    mock.accept(tried(invoke(bearers[0], {"message": "Bus"}, idempotency_key="mine"), 0))
    later = invoke(bearers[0], {"message": "Bus"})
    for _ in range(2):
        mock.refuse(tried(later, 10_000))
    mock.accept(tried(later, 10_000))
    assert RepeatRecord not in set(mock.ledger.sizes()) and sizes_of(mock.ledger)["jobs"] == 1


def test_a_few_jobs_are_looked_at_with_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_index, "MOST_LOOKS", 3)
    mock = service(QUICK)
    bearer = token(mock)
    for now in range(10):
        accepted(mock, bearer, now)
    left = [accepted(mock, bearer, 60_000) and sizes_of(mock.ledger)["jobs"] for _ in range(4)]
    assert left == [8, 7, 6, 5]  # of three looks the new job takes one
