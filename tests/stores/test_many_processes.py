"""Processes that commit all at once, lose answers and are killed: what is shared stays whole."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import pytest

from lab.clocks import breathe
from lab.core.journal.fact import Fact, Key, LedgerCleared, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import NumberUsed, counter_key, used
from lab.core.journal.shared import (
    Behind,
    Commit,
    Committed,
    LogPosition,
    Proposal,
    SharedStore,
    Snapshot,
    StoreLost,
    Synced,
)
from lab.stores import loading
from tests.conftest import few_of
from tests.stores.conftest import Shared

COUNTERS = [f"c{number}" for number in range(40)]


async def commits_of(store: SharedStore) -> AsyncIterator[Commit]:
    """All commits from the first on."""
    at = 0
    while True:
        synced = await store.sync(at)
        assert isinstance(synced, Synced)
        for commit in synced.commits:
            yield commit
        at += len(synced.commits)
        if at == synced.head:
            return


class Writer:
    """A process that uses numbers of counters as the lab does: on a replica, and again after each conflict."""

    def __init__(self, name: str, store: SharedStore, chance: Random) -> None:
        self.name = name
        self.store = store
        self.chance = chance
        self.ledger = MemoryLedger()
        self.position: LogPosition = 0
        self.at = 0
        self.number = 0
        self.goal = (0, asyncio.Event())
        self.acknowledged: list[tuple[str, int]] = []
        """What it would have answered its clients: which number of which counter was theirs."""

    def fold(self, commits: tuple[Commit, ...]) -> None:
        for commit in commits:
            assert commit.position == self.position + 1 and commit.at >= self.at
            self.position, self.at = commit.position, commit.at
            self.ledger.commit(commit.facts)

    async def catch_up(self) -> None:
        while True:
            try:
                synced = await self.store.sync(self.position)
            except StoreLost:
                continue
            assert isinstance(synced, Synced)
            self.fold(synced.commits)
            if self.position == synced.head:
                return

    def proposal(self, counters: list[str]) -> tuple[Proposal, MemoryLedger]:
        trial = MemoryLedger()
        trial._records.update(self.ledger._records)
        at = self.at + self.chance.randrange(3)
        facts: list[Fact] = [LedgerCleared(at=at, by="control")] if self.chance.random() < 0.02 else []
        trial.commit(facts)
        for counter in counters:
            fact = NumberUsed(at=at, counter=counter, value=used(trial.get, counter) + 1)
            trial.commit((fact,))
            facts.append(fact)
        records: dict[Key, Record | None] = {
            counter_key(counter): trial.get(counter_key(counter)) for counter in counters
        }
        return Proposal(self.name, self.number, self.position, at, tuple(facts), records), trial

    async def commit(self) -> None:
        """One batch, until it is taken."""
        self.number += 1
        counters = self.chance.sample(COUNTERS, self.chance.randint(1, 4))
        while True:
            await self.catch_up()
            proposal, trial = self.proposal(counters)
            done = await self.answer(proposal)
            if isinstance(done, Committed):
                assert done.position == self.position + 1
                self.position, self.at, self.ledger = done.position, proposal.at, trial
                if self.number == self.goal[0]:
                    self.goal[1].set()
                self.acknowledged += [
                    (fact.counter, fact.value) for fact in proposal.facts if isinstance(fact, NumberUsed)
                ]
                return
            assert not isinstance(done, Behind)
            self.fold(done.commits)

    async def answer(self, proposal: Proposal) -> object:
        while True:
            try:
                return await self.store.commit(proposal)
            except StoreLost:
                await breathe()

    async def reached(self, number: int) -> None:
        """Return once it has made so many commits."""
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
    marks = [(commit.process, commit.number) for commit in commits]
    assert len(set(marks)) == len(marks)
    for writer in writers:
        by = [fact for commit in commits if commit.process == writer.name for fact in commit.facts]
        numbers = [(fact.counter, fact.value) for fact in by if isinstance(fact, NumberUsed)]
        assert numbers[: len(writer.acknowledged)] == writer.acknowledged
    folded = MemoryLedger()
    for commit in commits:
        folded.commit(commit.facts)
    assert list(folded._records.items()) == list((await store.load()).records.items()), "and in the same order"
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
    assert 90 <= len(commits) <= 93


async def test_who_loads_while_others_commit_has_what_folding_gives(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SCANNED", 5)
    writers = [Writer(f"w{number}", shared.process(), Random(number)) for number in range(3)]
    tasks = [asyncio.create_task(writer.run(10_000)) for writer in writers[1:]]
    store, found = shared.process(), list[Snapshot]()
    for _ in range(12):
        await writers[0].run(5)
        found.append(await store.load())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    commits = [commit async for commit in commits_of(store)]
    for snapshot in found:
        folded = MemoryLedger()
        for commit in commits[: snapshot.position]:
            folded.commit(commit.facts)
        assert list(folded._records.items()) == list(snapshot.records.items())
    assert len({snapshot.position for snapshot in found}) == len(found)
