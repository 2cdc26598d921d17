"""Calls that are tried in batches are as if they had been made one after the other; a batch that is refused never was."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.journal.fact import LedgerCleared
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Noted, Observation, Requested, Touched
from lab.identity.clients import DEMO
from lab.mock.batches import Batch, BatchedService
from lab.mock.service import Service
from tests.conftest import each_row, examples
from tests.mock.test_fold import NAMES, Call, Peer, Step
from tests.mock.test_retention import LASTING, SHORT
from tests.wire_peer import OTHER, basic, form, invoke, read, service, status, token

CALLS = sorted(set(NAMES) - {"edit"})
"""A scenario that is edited changes what the service is made with: no batch has that."""
DOCUMENTS = ((), (SHORT, LASTING))
STEPS = st.lists(
    st.lists(st.tuples(st.sampled_from(CALLS), st.integers(0, 9), st.integers(0, 40)), min_size=1, max_size=4),
    max_size=14,
)


def observed(mock: Service) -> list[object]:
    """What an observer is told, and what it sees of the job that was touched at that moment."""
    found: list[object] = []

    def observer(observation: Observation) -> None:
        job = getattr(observation, "job", None)
        found.append((observation, mock.derived(job, observation.at) if job else None))

    mock.observers.append(observer)
    return found


def whole(mock: Service) -> tuple[object, int, object]:
    """All that is remembered of what was accepted."""
    return list(mock.ledger._records.items()), mock.exchanges, dict(mock.strikes)


def batched(like: Service) -> BatchedService:
    return BatchedService(like.config)


def served(mock: BatchedService, *calls: Call) -> tuple[object, ...]:
    """The results of the calls, which are accepted."""
    batch = attempted(mock, *calls)
    mock.accept(batch)
    return batch.results


def attempted(mock: BatchedService, *calls: Call) -> Batch:
    return mock.attempt([lambda now, call=call: call(mock) for call in calls], 0)


@given(STEPS, st.sampled_from(DOCUMENTS))
@examples(12, thorough=900)
def test_batches_are_as_calls_one_after_the_other(
    groups: list[list[Step]], documents: tuple[dict[str, object], ...]
) -> None:
    plain = service(*documents)
    mock = batched(plain)
    seen, seen_in_batches = observed(plain), observed(mock)
    served(mock, token, lambda mock: token(mock, 0, OTHER))
    peer = Peer(plain)
    for group in groups:
        calls = [peer.call(*step) for step in group]
        expected = [call(plain) for call in calls]
        before = whole(mock), list(seen_in_batches)
        refused = attempted(mock, *calls)
        records, _, strikes = whole(mock)
        assert ((records, before[0][1], strikes), seen_in_batches) == before, "nobody knows of what was only tried"
        mock.refuse(refused)
        assert (whole(mock), seen_in_batches) == before
        batch = attempted(mock, *calls)
        assert list(batch.results) == list(refused.results) == expected
        mock.accept(batch)
        assert whole(mock) == whole(plain)
        for got in expected:
            peer.learn(got)
    assert seen_in_batches == seen


@given(
    st.lists(st.sampled_from(("a", "b", "c", "clear")), max_size=9),
    st.lists(st.sampled_from(("a", "b", "d", "clear")), max_size=9),
)
def test_a_ledger_that_is_rolled_back_is_as_it_was_in_its_order_too(before: list[str], tried: list[str]) -> None:
    def facts(names: list[str]) -> list[NumberUsed | LedgerCleared]:
        return [
            LedgerCleared(at=0, by="x") if name == "clear" else NumberUsed(at=0, counter=name, value=number)
            for number, name in enumerate(names, 1)
        ]

    ledger, straight = MemoryLedger(), MemoryLedger()
    ledger.commit(facts(before))
    straight.commit(facts(before))
    was = list(ledger._records.items())
    ledger.begin()
    ledger.commit(facts(tried))
    straight.commit(facts(tried))
    assert list(ledger._records.items()) == list(straight._records.items()), "it is seen as if it counted"
    ledger.roll_back()
    assert list(ledger._records.items()) == was


def test_calls_of_a_batch_see_one_another() -> None:
    mock = batched(service())
    (bearer,) = served(mock, token)
    ask = {"message": "Taxi 42", "conversational": True, "conversationId": None}
    jobs: list[str] = []

    def begin(mock: Service) -> object:
        reply = mock.serve(invoke(str(bearer), ask), 1_000)
        jobs.append(str(read(reply.response)["jobId"]))
        return reply

    replies = served(mock, begin, lambda mock: mock.serve(status(str(bearer), jobs[-1]), 1_000))
    assert [reply.response.status for reply in replies] == [202, 200]
    assert [reply.x for reply in replies] == [2, 3]


def test_a_call_that_fails_is_its_own_affair() -> None:
    mock = batched(service())

    def broken(mock: Service) -> object:
        raise ZeroDivisionError

    failed, bearer = served(mock, broken, token)
    assert isinstance(failed, ZeroDivisionError)
    assert mock.knows_token(str(bearer))


def begun() -> tuple[BatchedService, Callable[[int], Call]]:
    """A mock, and what gives a call that begins a job there at an instant."""
    mock = batched(service())
    (bearer,) = served(mock, token)
    ask = {"message": "Taxi 42", "conversational": True, "conversationId": None}
    return mock, lambda now: lambda mock: mock.serve(invoke(str(bearer), ask), now).response.status


def test_what_another_process_committed_is_folded_and_told_as_if_it_were_ones_own() -> None:
    one, begin = begun()
    other, straight = batched(service()), batched(service())
    other.ledger.replace(one.ledger._records)
    straight.ledger.replace(one.ledger._records)
    folded, accepted = observed(other), observed(straight)
    for call in (begin(1_000), lambda mock: mock.decide(next(mock.jobs()), "the-boss", "approved", 4_000)):
        batch = attempted(one, call)
        one.accept(batch)
        other.fold(batch.facts, batch.exchanges)
        straight.accept(batch)
    assert [type(each[0]) for each in folded[-3:]] == [Touched, Noted, Touched], "what was due comes before the fact"
    assert folded[-3:] == accepted[-3:]
    assert [each[0].x for each in folded if isinstance(each[0], Noted)] == [2, None]
    assert list(other.ledger._records.items()) == list(one.ledger._records.items())
    assert other.exchanges == 0, "its own are counted by itself"


def test_a_strike_counts_once_its_batch_is_accepted() -> None:
    mock = batched(service())
    served(mock, lambda mock: mock.arm({"route": "token", "answer": 503, "name": "busy"}, 0))
    mock.refuse(attempted(mock, lambda mock: mock.serve(form(authorization=basic(DEMO.id, DEMO.secret)), 1)))
    assert not mock.strikes
    served(mock, lambda mock: mock.serve(form(authorization=basic(DEMO.id, DEMO.secret)), 1))
    assert mock.strikes == {(None, "busy"): 1}
    served(mock, lambda mock: mock.reset(2))
    assert not mock.strikes


@each_row("accepted", [True, False])
def test_the_limit_of_live_jobs_holds_whatever_was_refused(accepted: bool) -> None:
    usual, begin = begun()
    mock = BatchedService(replace(usual.config, most_jobs=2))
    mock.replicate(usual.ledger._records)
    assert served(mock, *[begin(1_000)] * 3) == (202, 202, 429)
    job = next(iter(mock.jobs()))
    tried = attempted(mock, lambda mock: mock.decide(job, "the-boss", "rejected", 6_000), begin(6_000))
    (mock.accept if accepted else mock.refuse)(tried)
    assert attempted(mock, begin(6_000)).results == (429,)


@each_row("accepted", [True, False])
def test_no_two_exchanges_have_one_number_though_others_are_answered_while_a_batch_is_tried(accepted: bool) -> None:
    mock = batched(service())
    tried = attempted(mock, token, token)
    without = mock.next_exchange()
    (mock.accept if accepted else mock.refuse)(tried)
    told = observed(mock)
    served(mock, token)
    numbers = [each[0].x for each in told if isinstance(each[0], Requested)]
    assert [without, *numbers] == [3, 4], "those of the batch are 1 and 2"


def test_a_batch_that_was_refused_leaves_no_number_out() -> None:
    mock = batched(service())
    mock.refuse(attempted(mock, token, token))
    assert mock.next_exchange() == 1
