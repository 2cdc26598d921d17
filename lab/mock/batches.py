"""A service whose calls are tried in batches, and count only once a store has taken their facts.

Several processes may serve one lab. Each tries its calls against its own replica of the records, and asks the store
whether the facts still hold; until then nobody may be told of them:

    attempt(calls, now)   the calls run as ever, one after the other; the replica is then as it was before
    accept(batch)         the store took the facts: they are folded, and observers are told, in the order of the calls
    refuse(batch)         another process was faster: nothing has happened. Its facts are folded, then the calls run again

Calls are functions of ledger, request and instant, so running them again is safe, and they see one another's changes.
What observers are told is kept until `accept`, for an observer looks at the ledger as it is at that moment: a job's
derived facts belong before the fact that changes what follows. So facts and observations are replayed in turn there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, Key, LedgerCleared, Record
from lab.core.journal.numbers import is_told
from lab.core.journal.shared import LogPosition
from lab.core.observe import Noted, Observation
from lab.mock.service import Service

BatchCall: TypeAlias = Callable[[Millis], object]
"""One call on the service, at the instant of its batch."""


class CallFacts(Struct, frozen=True):
    """What one call committed, and the exchange that brought it."""

    facts: tuple[Fact, ...]
    x: int | None


class Batch(Struct, frozen=True):
    """What trying some calls came to."""

    results: tuple[object, ...]
    """What each call gave, an exception if it raised one."""
    before: int
    """The last ordinal of an exchange that was used before."""
    last: int
    """The last one that it uses. Until it is accepted or refused nobody else is given these."""
    steps: tuple[Observation | CallFacts, ...]
    """What was told and committed, in order."""
    strikes: Counter[tuple[str | None, str]]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that was committed."""
        return tuple(fact for step in self.steps if isinstance(step, CallFacts) for fact in step.facts)

    @property
    def exchanges(self) -> tuple[int | None, ...]:
        """Of each fact the exchange that brought it."""
        return tuple(step.x for step in self.steps if isinstance(step, CallFacts) for _ in step.facts)


class BatchedService(Service):
    """A service that commits nothing but what `accept` and `fold` are given."""

    _steps: list[Observation | CallFacts] | None = None
    """What the batch that is being tried has told and committed; None: none is."""

    def attempt(self, calls: Iterable[BatchCall], now: Millis) -> Batch:
        """Try the calls."""
        steps: list[Observation | CallFacts] = []
        strikes, before = self.strikes, self.exchanges
        self._steps, self.strikes = steps, Counter()
        self.ledger.begin()
        try:
            results = tuple(_result(call, now) for call in calls)
        finally:
            struck = self.strikes
            self._steps, self.strikes = None, strikes
            self.ledger.roll_back()
        return Batch(results, before, self.exchanges, tuple(steps), struck)

    def accept(self, batch: Batch) -> None:
        """The facts of the batch count: fold them, and tell the observers what came of each call."""
        for step in batch.steps:
            if isinstance(step, CallFacts):
                self._folded(step.facts, step.x)
            else:
                self.tell(step)
        self.strikes.update(batch.strikes)

    def refuse(self, batch: Batch) -> None:
        """The batch never was: memos that saw it are no longer trusted."""
        self._doubt(batch.facts)
        if self.exchanges == batch.last:  # else others were answered without the mock meanwhile
            self.exchanges = batch.before

    def fold(self, facts: Sequence[Fact], exchanges: Sequence[int | None]) -> None:
        """Take what another process committed, and which exchange brought each of the facts."""
        for fact, x in zip(facts, exchanges, strict=True):
            job = getattr(fact, "job", None) if fact.kind == "input" else None
            self._touch(job, fact.at)
            self._let_go((fact,))
            self._folded((fact,), x)
            self._touch(job, fact.at)

    def recall(self, facts: Sequence[Fact], exchanges: Sequence[int | None], position: LogPosition) -> None:
        """Tell observers of facts that were folded before they looked on: those of the commit at a position."""
        self.position = position
        for fact, x in zip(facts, exchanges, strict=True):
            if is_told(fact, x):
                self.tell(Noted(fact.at, fact, x))

    def struck_elsewhere(self, fault: str) -> None:
        """A fault of that name struck a call of another process."""
        for planned in self.faults():
            if planned.name == fault:
                self.strikes[planned.scenario, fault] += 1
                return

    def replicate(self, records: Mapping[Key, Record]) -> None:
        """Hold these records in the place of all others."""
        self.ledger.replace(records)
        self._mock.forget()

    def tell(self, observation: Observation) -> None:
        """Tell every observer; of a batch that is being tried, once it is accepted."""
        if self._steps is None:
            super().tell(observation)
        else:
            self._steps.append(observation)

    def _folded(self, facts: tuple[Fact, ...], x: int | None) -> None:
        if any(isinstance(fact, LedgerCleared) for fact in facts):
            self._mock.forget()
            self.strikes.clear()
        super()._commit(facts, x)

    def _commit(self, facts: tuple[Fact, ...], x: int | None) -> None:
        if self._steps is None:
            # what happened to sockets and files changes no record, so no store is asked
            assert not any(fact.kind == "input" for fact in facts)
            super()._commit(facts, x)
        else:
            self.ledger.commit(facts)
            self._mock.index.note(facts)
            self._steps.append(CallFacts(facts, x))


def _result(call: BatchCall, now: Millis) -> object:
    try:
        return call(now)
    except Exception as fault:  # noqa: BLE001 - whoever made the call is given it
        return fault
