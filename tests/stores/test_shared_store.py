"""What every shared store must do: commits in one order, whole or not at all, none of them twice."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lab.core.journal.fact import ClockAdvanced, Fact, Key, LedgerCleared, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import Counter, NumberUsed, counter_key
from lab.core.journal.shared import (
    EXCHANGES_KEPT,
    PIECE,
    Behind,
    Committed,
    Conflict,
    LogPosition,
    Proposal,
    SharedStore,
    Snapshot,
    StoreLost,
    Synced,
)
from tests.stores.conftest import Shared


def proposal(process: str, number: int, after: LogPosition, *facts: Fact, **records: int | None) -> Proposal:
    """A commit of these facts at the instant of the last of them, with these counters."""
    made_of = {counter_key(name): None if value is None else Counter(value) for name, value in records.items()}
    return Proposal(process, number, after, facts[-1].at, facts, made_of)


def used(process: str, number: int, after: LogPosition, value: int, at: int = 0) -> Proposal:
    """The commit that uses a number of the counter `n`."""
    return proposal(process, number, after, NumberUsed(at=at, counter="n", value=value), n=value)


async def filled(store: SharedStore, commits: int, process: str = "one") -> None:
    """Numbers 1, 2, … used in so many commits."""
    for number in range(1, commits + 1):
        assert isinstance(await store.commit(used(process, number, number - 1, number)), Committed)


async def test_an_empty_store_has_no_records_and_stands_before_the_first_commit(shared: Shared) -> None:
    store = shared.process()
    snapshot = await store.load()
    assert (snapshot.position, snapshot.records, snapshot.at, snapshot.clock) == (0, {}, 0, None)
    synced = await store.sync(0)
    assert isinstance(synced, Synced) and (synced.commits, synced.head) == ((), 0)


async def test_a_commit_reaches_another_process_whole(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    facts = (NumberUsed(at=5, counter="a", value=1), NumberUsed(at=7, counter="b", value=2))
    done = await one.commit(replace(proposal("one", 1, 0, *facts, a=1, b=2), exchanges=(3, None)))
    assert isinstance(done, Committed) and done.position == 1
    synced = await other.sync(0)
    assert isinstance(synced, Synced) and synced.head == 1
    (commit,) = synced.commits
    assert (commit.position, commit.process, commit.number, commit.at, commit.facts) == (1, "one", 1, 7, facts)
    assert commit.exchanges == (3, None)
    assert commit.wall == done.wall <= synced.wall
    assert (await other.load()).records == {counter_key("a"): Counter(1), counter_key("b"): Counter(2)}


async def test_who_knows_not_the_last_commit_is_refused_and_learns_of_it(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    await one.commit(used("one", 1, 0, 1))
    refused = await other.commit(used("other", 1, 0, 1))
    assert isinstance(refused, Conflict) and refused.head == 1
    assert [commit.process for commit in refused.commits] == ["one"]
    assert (await one.load()).position == 1
    assert isinstance(await other.commit(used("other", 1, 1, 2)), Committed), "its number was not used up"


async def test_an_instant_before_that_of_the_last_commit_is_refused(shared: Shared) -> None:
    store = shared.process()
    await store.commit(used("one", 1, 0, 1, at=10))
    refused = await store.commit(used("one", 2, 1, 2, at=9))
    assert isinstance(refused, Conflict) and (refused.commits, refused.head) == ((), 1)
    assert isinstance(await store.commit(used("one", 2, 1, 2, at=10)), Committed)
    assert (await store.load()).at == 10


async def test_a_commit_whose_answer_got_lost_is_taken_once(shared: Shared) -> None:
    store = shared.process()
    shared.lost = 1
    with pytest.raises(StoreLost):
        await store.commit(used("one", 1, 0, 1))
    again = await store.commit(used("one", 1, 0, 1))
    assert isinstance(again, Committed) and again.position == 1
    other = await shared.process().commit(used("other", 1, 1, 2))
    assert isinstance(other, Committed) and other.position == 2
    assert await store.commit(used("one", 1, 0, 1)) == again, "later commits change nothing about that"


async def test_a_commit_that_never_arrived_is_taken_when_it_is_sent_again(shared: Shared) -> None:
    store = shared.process()
    shared.gone = True
    with pytest.raises(StoreLost):
        await store.commit(used("one", 1, 0, 1))
    shared.gone = False
    done = await store.commit(used("one", 1, 0, 1))
    assert isinstance(done, Committed) and done.position == 1


async def test_records_are_loaded_in_the_order_in_which_they_were_created(shared: Shared) -> None:
    store = shared.process()
    changes: tuple[Mapping[str, int | None], ...] = ({"z": 1, "a": 1}, {"m": 1, "z": 2}, {"a": None}, {"b": 1, "a": 2})
    for position, records in enumerate(changes):
        await store.commit(proposal("one", position + 1, position, NumberUsed(at=0, counter="", value=1), **records))
    loaded = [(key, record) for key, record in (await store.load()).records.items()]
    assert loaded == [(counter_key(name), Counter(value)) for name, value in (("z", 2), ("m", 1), ("b", 1), ("a", 2))]


async def test_a_ledger_that_is_cleared_keeps_what_was_changed_after_it(shared: Shared) -> None:
    store = shared.process()
    await store.commit(proposal("one", 1, 0, NumberUsed(at=0, counter="a", value=1), a=1, b=1))
    facts = (LedgerCleared(at=1, by="control"), NumberUsed(at=1, counter="b", value=7))
    await store.commit(proposal("one", 2, 1, *facts, b=7))
    assert (await store.load()).records == {counter_key("b"): Counter(7)}


async def test_the_last_move_of_the_clock_is_loaded_with_the_records(shared: Shared) -> None:
    store = shared.process()
    advanced = ClockAdvanced(at=50, by="control", origin=0)
    await store.commit(proposal("one", 1, 0, advanced))
    await store.commit(used("one", 2, 1, 1, at=50))
    clock = (await store.load()).clock
    assert clock is not None and (clock.position, clock.facts) == (1, (advanced,))


async def test_no_ordinal_is_given_twice(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    firsts = [await one.sync(0, 3), await other.sync(0, 1), await other.sync(0), await one.sync(0, 2)]
    assert [each.first for each in firsts if isinstance(each, Synced)] == [1, 4, 5, 5]


async def test_many_commits_come_in_pieces(shared: Shared) -> None:
    store = shared.process()
    await filled(store, PIECE + 2)
    first = await shared.process().sync(0)
    assert isinstance(first, Synced) and (len(first.commits), first.head) == (PIECE, PIECE + 2)
    rest = await store.sync(PIECE)
    assert isinstance(rest, Synced) and [commit.position for commit in rest.commits] == [PIECE + 1, PIECE + 2]


async def test_who_knows_commits_that_the_store_lost_is_behind(shared: Shared) -> None:
    store = shared.process()
    await filled(store, 3)
    await shared.lose_history(2)
    assert isinstance(await store.sync(3), Behind)
    assert isinstance(await store.commit(used("one", 4, 3, 4)), Behind)
    assert isinstance(await store.sync(2), Synced)


async def test_who_knows_a_commit_in_whose_place_there_is_another_is_behind(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    await filled(one, 3)
    assert (await other.load()).position == 3
    await shared.lose_history(2)
    third = shared.process()
    assert isinstance(await third.commit(used("third", 1, 2, 30)), Committed)
    assert isinstance(await other.sync(3), Behind), "at the head"
    assert isinstance(await other.commit(used("other", 1, 3, 4)), Behind)
    assert isinstance(await third.commit(used("third", 2, 3, 31)), Committed)
    assert isinstance(await one.sync(3), Behind), "before the head"
    assert (await other.load()).records == {counter_key("n"): Counter(31)}
    assert isinstance(await other.sync(4), Synced)


async def test_commits_that_are_no_longer_kept_are_loaded_as_records(shared: Shared) -> None:
    shared.kept = 10
    store = shared.process()
    await filled(store, 250)
    late = shared.process()
    assert isinstance(await late.sync(20), Behind)
    assert isinstance(await late.commit(used("late", 1, 20, 9)), Behind)
    snapshot = await late.load()
    assert (snapshot.position, snapshot.records) == (250, {counter_key("n"): Counter(250)})
    assert isinstance(await late.sync(250), Synced) and isinstance(await late.sync(245), Synced)


async def test_an_answer_is_forgotten_in_time(shared: Shared) -> None:
    shared.remembered = 0
    store = shared.process()
    first = await store.commit(used("one", 1, 0, 1))
    assert isinstance(first, Committed)
    again = await store.commit(used("one", 1, 0, 1))
    assert isinstance(again, Conflict) and [commit.position for commit in again.commits] == [1]


async def test_the_first_setup_holds_until_it_is_replaced(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    assert await one.setup(b"1") == b"1"
    assert await other.setup(b"2") == b"1"
    assert await other.setup(b"2", replace=True) == b"2"
    assert await one.setup(b"1") == b"2"


async def test_processes_are_alive_until_they_leave(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    await one.heartbeat("one", "http://one")
    await other.heartbeat("other", "http://other")
    await one.heartbeat("one", "http://one:8080")
    assert await other.processes() == {"one": "http://one:8080", "other": "http://other"}
    await one.leave("one")
    assert await other.processes() == {"other": "http://other"}


async def test_lines_are_read_from_where_one_left_off(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    assert (await one.published("")).lines == ()
    await one.publish([b"a", b"\xff\r\n"])
    first = await other.published("")
    assert first.lines == (b"a", b"\xff\r\n")
    await other.publish([b"c"])
    assert (await other.published(first.after)).lines == (b"c",)
    assert (await one.published("")).lines == (b"a", b"\xff\r\n", b"c")


async def test_the_oldest_lines_go_once_there_are_too_many(shared: Shared) -> None:
    store = shared.process()
    lines = [b"%d" % number for number in range(EXCHANGES_KEPT + 300)]
    await store.publish(lines[:5])
    early = await store.published("")
    await store.publish(lines[5:])
    first = await store.published(early.after)
    place = int(first.lines[0])
    assert 200 <= place <= 300 and first.lines == tuple(lines[place : place + PIECE])


def folded(snapshot: Snapshot | None, *synced: Synced | Conflict) -> dict[Key, Record]:
    """What folding commits over a snapshot gives."""
    ledger = MemoryLedger()
    ledger._records.update(snapshot.records if snapshot else {})
    for each in synced:
        for commit in each.commits:
            ledger.commit(commit.facts)
    return ledger._records


async def test_the_folded_facts_equal_the_records(shared: Shared) -> None:
    store = shared.process()
    await filled(store, 5)
    early = await store.load()
    await store.commit(replace(used("one", 6, 5, 9), at=3))
    synced, later = await store.sync(early.position), await store.sync(0)
    assert isinstance(synced, Synced) and isinstance(later, Synced)
    assert folded(early, synced) == folded(None, later) == (await store.load()).records
