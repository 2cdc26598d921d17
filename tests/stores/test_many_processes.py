"""Processes that commit all at once, lose answers and are killed: what is shared stays whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest

from lab.clocks import breathe
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import NumberUsed, used
from lab.core.journal.shared import Commit, LogPlace, SharedStore, Snapshot, StoreLost, Synced
from lab.server.shared.folded_log import read_log
from tests.conftest import few_of
from tests.stores.conftest import Shared

COUNTERS = [f"c{number}" for number in range(40)]


async def commits_of(store: SharedStore) -> AsyncIterator[Commit]:
    """All commits from the first on."""
    place = LogPlace()
    while True:
        synced = await store.sync(place)
        assert isinstance(synced, Synced)
        for commit in synced.commits:
            yield commit
            place = commit.place
        if not synced.commits:
            return


class Writer:
    """A process that uses numbers of counters as the lab does: on records of its own, and again after each conflict."""

    def __init__(self, name: str, store: SharedStore, chance: Random) -> None:
        self.name = name
        self.store = store
        self.chance = chance
        self.ledger = MemoryLedger()
        self.place = LogPlace()
        self.at = self.wall = 0
        self.number = 0
        self.goal = (0, asyncio.Event())
        self.acknowledged: list[tuple[str, int]] = []
        """What it would have answered its clients: which number of which counter was theirs."""

    def fold(self, commit: Commit) -> None:
        assert commit.position == self.place.position + 1 and commit.at >= self.at
        self.place, self.at = commit.place, commit.at
        self.ledger.commit(commit.facts)

    async def catch_up(self) -> set[LogPlace]:
        """Fold what was committed since; where each of these commits stands."""
        while True:
            try:
                synced = await self.store.sync(self.place)
            except StoreLost:
                continue
            assert isinstance(synced, Synced)
            self.wall = synced.wall
            for commit in synced.commits:
                self.fold(commit)
            return {commit.place for commit in synced.commits}

    def tried(self, counters: list[str]) -> Commit:
        trial = MemoryLedger()
        trial._records.update(self.ledger._records)
        at = self.at + self.chance.randrange(3)
        facts: list[Fact] = [LedgerCleared(at=at, by="control")] if self.chance.random() < 0.02 else []
        trial.commit(facts)
        for counter in counters:
            fact = NumberUsed(at=at, counter=counter, value=used(trial.get, counter) + 1)
            trial.commit((fact,))
            facts.append(fact)
        return Commit(self.place.position + 1, self.name, self.number, at, self.wall, tuple(facts))

    async def commit(self) -> None:
        """One batch, until it is taken."""
        counters = self.chance.sample(COUNTERS, self.chance.randint(1, 4))
        await self.catch_up()
        while True:
            self.number += 1
            commit, taken = self.tried(counters), False
            with suppress(StoreLost):
                taken = await self.store.append(self.place, [commit])
            if taken:
                self.fold(commit)
                break
            if commit.place in await self.catch_up():
                break
        if self.number >= self.goal[0]:
            self.goal[1].set()
        self.acknowledged += [(fact.counter, fact.value) for fact in commit.facts if isinstance(fact, NumberUsed)]

    async def reached(self, number: int) -> None:
        """Return once it has made so many attempts."""
        self.goal = (number, asyncio.Event())
        await self.goal[1].wait()

    async def run(self, commits: int) -> None:
        for _ in range(commits):
            await self.commit()
            await breathe()


async def losing(shared: Shared, chance: Random) -> None:
    """Let answers get lost now and then."""
    for _ in range(1_000_000):
        shared.lost = int(chance.random() < 0.3)
        await breathe()


async def check(shared: Shared, writers: list[Writer]) -> list[Commit]:
    """The laws: no gap, no step back in time, nothing twice, nothing lost, and records that are what the facts say."""
    store = shared.process()
    commits = [commit async for commit in commits_of(store)]
    assert [commit.position for commit in commits] == list(range(1, len(commits) + 1))
    assert all(one.at <= other.at and one.wall <= other.wall for one, other in pairwise(commits))
    assert len({commit.place.mark for commit in commits}) == len(commits)
    for writer in writers:
        by = [fact for commit in commits if commit.process == writer.name for fact in commit.facts]
        numbers = [(fact.counter, fact.value) for fact in by if isinstance(fact, NumberUsed)]
        assert numbers[: len(writer.acknowledged)] == writer.acknowledged
    folded = MemoryLedger()
    for commit in commits:
        folded.commit(commit.facts)
    assert list(folded._records.items()) == list((await read_log(store))[0].labs[""].records.items()), (
        "and in the same order"
    )
    return commits


@pytest.mark.parametrize("seed", few_of(range(3), ("0",)))
async def test_writers_that_meet_and_lose_answers_lose_and_double_nothing(shared: Shared, seed: int) -> None:
    chance = Random(seed)
    writers = [Writer(f"w{number}", shared.process(), Random(seed * 10 + number)) for number in range(4)]
    loser = asyncio.create_task(losing(shared, chance))
    await asyncio.gather(*(writer.run(20) for writer in writers))
    loser.cancel()
    shared.lost = 0
    commits = await check(shared, writers)
    assert len(commits) == 80, "each of them once"


async def test_a_writer_that_is_killed_has_committed_what_it_acknowledged(shared: Shared) -> None:
    writers = [Writer(f"w{number}", shared.process(), Random(number)) for number in range(3)]
    killed, *others = [asyncio.create_task(writer.run(40)) for writer in writers]
    await writers[0].reached(10)
    killed.cancel()
    await asyncio.wait((killed, *others))
    commits = await check(shared, writers)
    assert 80 < len(commits) <= 120


async def test_who_loads_while_others_commit_and_keep_snapshots_has_what_folding_gives(shared: Shared) -> None:
    writers = [Writer(f"w{number}", shared.process(), Random(number)) for number in range(3)]
    tasks = [asyncio.create_task(writer.run(10_000)) for writer in writers[1:]]
    store, found = shared.process(), list[Snapshot]()
    for _ in range(12):
        await writers[0].run(5)
        snapshot, _ = await read_log(store)
        await store.keep(snapshot)
        found.append(snapshot)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    commits = [commit async for commit in commits_of(store)]
    for snapshot in found:
        folded = MemoryLedger()
        for commit in commits[: snapshot.place.position]:
            folded.commit(commit.facts)
        assert list(folded._records.items()) == list(snapshot.labs[""].records.items())
    assert len({snapshot.place for snapshot in found}) == len(found)
