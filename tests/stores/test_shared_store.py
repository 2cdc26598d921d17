"""What every shared store must do: commits in one order, whole or not at all, none of them twice."""

import pytest
from msgspec.structs import replace

from lab.core.journal.fact import Fact, LabEnded, LabMade
from lab.core.journal.numbers import Counter, NumberUsed, counter_key
from lab.core.journal.shared import (
    EXCHANGES_KEPT,
    PIECE,
    STALE,
    Behind,
    Commit,
    LabState,
    LogPlace,
    Pace,
    SharedStore,
    Snapshot,
    StoreLost,
    Synced,
)
from lab.server.shared.folded_log import read_log
from lab.stores import redis_log
from tests.stores import memory_store
from tests.stores.conftest import Shared

START = LogPlace()


def commit(process: str, number: int, after: LogPlace, *facts: Fact, wall: int = 2**50) -> Commit:
    """A commit of these facts at the instant of the last of them."""
    return Commit(after.position + 1, process, number, facts[-1].at, wall, facts)


def used(process: str, number: int, after: LogPlace, value: int, at: int = 0) -> Commit:
    """The commit that uses a number of the counter `n`."""
    return commit(process, number, after, NumberUsed(at=at, counter="n", value=value))


async def filled(store: SharedStore, commits: int, process: str = "one", after: LogPlace = START) -> LogPlace:
    """Numbers 1, 2, … used in so many commits; the place behind them."""
    for number in range(1, commits + 1):
        one = used(process, number, after, number)
        assert await store.append(after, [one])
        after = one.place
    return after


async def synced(store: SharedStore, after: LogPlace = START) -> tuple[Commit, ...]:
    """The commits since."""
    answer = await store.sync(after)
    assert isinstance(answer, Synced), answer
    return answer.commits


async def test_an_empty_store_stands_before_the_first_commit(shared: Shared) -> None:
    store = shared.process()
    assert await store.snapshot() == Snapshot() and await synced(store) == ()


async def test_a_commit_reaches_another_process_whole(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    facts = (NumberUsed(at=5, counter="a", value=1), NumberUsed(at=7, counter="b", value=2))
    sent = replace(commit("one", 1, START, *facts), exchanges=(3, None))
    assert await one.append(START, [sent])
    assert await synced(other) == (sent,)
    assert await synced(other, sent.place) == ()


async def test_who_knows_not_the_last_commit_is_refused_and_learns_of_it(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    first = used("one", 1, START, 1)
    assert await one.append(START, [first])
    assert not await other.append(START, [used("other", 1, START, 1)])
    assert await synced(other) == (first,)
    assert await other.append(first.place, [used("other", 1, first.place, 2)]), "its number was not used up"
    for after in (START, first.place, LogPlace(2), LogPlace(2, "one:2"), LogPlace(3, "other:1")):
        assert not await one.append(after, [used("one", 2, after, 3)]), after


async def test_commits_of_several_labs_are_taken_together_or_not_at_all(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    first = used("one", 1, START, 1)
    second = replace(used("one", 2, first.place, 1), lab="/t/ann/1.1", wall=0)  # that of the first counts
    assert await one.append(START, [first, second])
    assert await synced(other) == (first, second) and await synced(other, first.place) == (second,)
    late = [used("other", 1, first.place, 2), used("other", 2, second.place, 3)]
    assert not await other.append(first.place, late)
    assert await synced(other, second.place) == ()


async def test_a_tenant_is_there_from_the_commit_that_makes_it_to_that_which_ends_it(shared: Shared) -> None:
    store, ann, bob = shared.process(), "/t/ann/1.1", "/t/ann/1.3"

    async def taken(place: LogPlace, *facts: Fact, lab: str = "") -> LogPlace:
        one = replace(commit("one", place.position + 1, place, *facts), lab=lab)
        assert await store.append(place, [one])
        return one.place

    async def there() -> dict[str, int]:
        return {lab: len(state.records) for lab, state in (await read_log(store))[0].labs.items()}

    use = NumberUsed(at=1, counter="n", value=1)
    place = await taken(START, use, LabMade(at=0, place="/t/ann", making="1.1"))
    place = await taken(place, use, lab=ann)
    assert await there() == {"": 1, ann: 1}
    place = await taken(place, LabEnded(at=2, place="/t/ann"))
    assert await there() == {"": 1}
    place = await taken(place, LabMade(at=2, place="/t/ann", making="1.3"))
    assert await there() == {"": 1, bob: 0}
    await store.keep((await read_log(store))[0])
    await taken(place, LabEnded(at=2, place="/t/ann"))
    assert await there() == {"": 1}


async def test_a_commit_whose_answer_got_lost_is_found_where_it_would_be(shared: Shared) -> None:
    store = shared.process()
    sent = used("one", 1, START, 1)
    shared.lost = 1
    with pytest.raises(StoreLost):
        await store.append(START, [sent])
    assert not await store.append(START, [sent]), "nothing is taken twice"
    assert await synced(store) == (sent,)


async def test_a_commit_that_comes_late_is_refused(shared: Shared) -> None:
    store = shared.process()
    now = (await store.sync(START)).wall  # type: ignore[union-attr]
    late = replace(used("one", 1, START, 1), wall=now - STALE - 1)
    assert not await store.append(START, [late])
    assert await store.append(START, [replace(late, wall=now)])


async def test_many_commits_come_in_pieces(shared: Shared) -> None:
    store = shared.process()
    await filled(store, PIECE + 2)
    first = await synced(shared.process())
    assert len(first) == PIECE
    assert [each.position for each in await synced(store, first[-1].place)] == [PIECE + 1, PIECE + 2]


async def test_who_knows_commits_that_the_store_lost_is_behind(shared: Shared) -> None:
    store = shared.process()
    place = await filled(store, 3)
    await shared.lose_history(2)
    answer = await store.sync(place)
    assert isinstance(answer, Behind) and answer.gone == 1 and "set back" in answer.why
    assert not await store.append(place, [used("one", 4, place, 4)])
    await shared.lose_history(0)
    answer = await store.sync(place)
    assert isinstance(answer, Behind) and answer.gone == 3


async def test_who_knows_a_commit_in_whose_place_there_is_another_is_behind(shared: Shared) -> None:
    one, third = shared.process(), shared.process()
    place = await filled(one, 3)
    await shared.lose_history(2)
    second = (await synced(third))[-1].place
    other = used("third", 1, second, 30)
    assert await third.append(second, [other])
    assert isinstance(await one.sync(place), Behind), "at the head"
    assert not await one.append(place, [used("one", 4, place, 4)])
    assert await third.append(other.place, [used("third", 2, other.place, 31)])
    assert isinstance(await one.sync(place), Behind), "before the head"
    assert len(await synced(one, other.place)) == 1 == len(await synced(one, LogPlace(3)))


async def test_a_snapshot_lets_old_commits_go_and_who_is_behind_begins_with_it(shared: Shared) -> None:
    shared.kept = 10
    store, other = shared.process(), shared.process()
    place = await filled(store, 250)
    records = {counter_key(f"{number} \ud800"): Counter(number) for number in range(3 * PIECE)}
    birth = LabMade(at=3, place="/t/ann", making="1.2", seed=7, scenarios=("one",), token="secret", called=True)
    ann = LabState({counter_key("a"): Counter(3)}, 8, None, birth, 5)
    kept = Snapshot(place, {"": LabState(records, 9, Pace("2", 3, 4)), "/t/bob/1.1": LabState(), "/t/ann/1.2": ann})
    await store.keep(kept)
    await store.keep(replace(kept, place=LogPlace(240, "late:1"), labs={}))
    assert await other.snapshot() == kept and list((await other.snapshot()).labs[""].records) == list(records)
    for behind in (LogPlace(), LogPlace(20), LogPlace(20, "one:20")):
        answer = await other.sync(behind)
        assert isinstance(answer, Behind) and answer.gone is None, behind
    assert len(await synced(other, LogPlace(240, "one:240"))) == 10
    assert await store.append(place, [used("one", 251, place, 251)])
    found, _ = await read_log(other)
    usual = found.labs[""]
    assert (found.place.position, usual.pace, len(usual.records)) == (251, Pace("2", 3, 4), 3 * PIECE + 1)
    assert found.labs["/t/ann/1.2"] == ann and list(found.labs) == list(kept.labs)


async def test_the_first_setup_holds_until_it_is_replaced(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    assert await one.setup(b"1") == b"1"
    assert await other.setup(b"2") == b"1"
    assert await other.setup(b"2", replace=True) == b"2"
    assert await one.setup(b"1") == b"2"


async def test_processes_are_alive_until_they_leave_and_no_two_have_a_number(shared: Shared) -> None:
    one, other = shared.process(), shared.process()
    for process in ("one", "other", "one"):
        await one.heartbeat(process)
    assert sorted(await other.processes()) == ["one", "other"]
    await one.leave("one")
    assert list(await other.processes()) == ["other"]
    assert [await one.number(), await other.number(), await one.number()] == [1, 2, 3]


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


async def test_the_oldest_lines_go_once_they_are_too_long(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (redis_log, memory_store):
        monkeypatch.setattr(kind, "EXCHANGE_BYTES", 4_000)
    store = shared.process()
    for number in range(6):
        await store.publish([b"%d" % number * 1_000])
    assert [line[:1] for line in (await store.published("")).lines] == [b"2", b"3", b"4", b"5"]
    await store.publish([b"x" * 4_001])
    assert not (await store.published("")).lines, "too long by itself"
