"""The job reader: from records to plans and views, recomputed each time; nothing here is state."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import cast

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Key
from lab.core.journal.ledger import Ledger
from lab.dialects import read_input
from lab.jobs.facts import ConversationRecord, Derived, JobRecord, JobView, derived, forgotten_at, id_of, job_named
from lab.jobs.gates import Decision
from lab.jobs.plan import Drawn, Input, Invocation, Plan, plan
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import at
from lab.mock.catalog import Catalog
from lab.mock.config import Config


@lru_cache(maxsize=4096)
def input_of(text: str) -> Input:
    """The invocation that a record's `input` tells of."""
    return read_input(cast("dict[str, Json]", json.loads(text)))


RECENT = 10_000
"""Jobs that keep the plan with which they were accepted, for they are polled soon."""


def _accepted_alike(known: JobRecord, record: JobRecord) -> bool:
    """Whether a record is of the same acceptance, which is folded twice; a plan knows no decisions."""
    return known == (replace(record, decisions=()) if record.decisions else record)


class JobReader:
    """Reads jobs for one configuration."""

    def __init__(self, config: Config, catalog: Catalog) -> None:
        self._config = config
        self._catalog = catalog
        self._recent: dict[str, tuple[JobRecord, Plan]] = {}
        """A memo: the same record has the same plan, whoever makes it."""

    def accept(self, ledger: Ledger, job: str, record: JobRecord, drawn: Drawn) -> Plan:
        """The plan of a new job for which all this was drawn, remembered for a while."""
        planned = self._planned(ledger, job, record, drawn)
        # one of a later turn looks at what the ledger says of those before
        if record.turn == 1:
            self._recent[job] = record, planned
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
        return planned

    def plan_of(self, ledger: Ledger, job: str, record: JobRecord, shown: str | None = None) -> Plan:
        """The plan of a job; `shown` is the id under which it is asked for, if it may be another."""
        known = self._recent.get(job)
        if known is not None and (known[0] is record or _accepted_alike(known[0], record)):
            planned = known[1]
        else:
            recorded = self._config.recorded or {}
            drawn = recorded.get((record.client, self._catalog.scenario_of(record).name, record.ordinal))
            planned = self._planned(ledger, job, record, record.drawn if drawn is None else drawn)
        return planned if shown is None or shown == job else replace(planned, alias=shown)

    def forget(self) -> None:
        """Drop what is remembered."""
        self._recent.clear()

    def _planned(self, ledger: Ledger, job: str, record: JobRecord, drawn: Drawn) -> Plan:
        program, config = self._catalog.scenario_of(record), self._config
        invocation = Invocation(
            job, record.client, record.team, program.name, record.ordinal, record.at, input_of(record.input),
            record.conversation, record.turn, self._kept(ledger, record),
            self._catalog.user(record.user),
        )  # fmt: skip
        return plan(
            program, invocation, config.seed, drawn, scripted=config.scripted, earlier=self._earlier(ledger, record)
        )

    def _kept(self, ledger: Ledger, record: JobRecord) -> Mapping[str, Json]:
        """The parameters of the conversation's first turn."""
        thread = record.thread
        known = ledger.get(thread) if thread is not None and record.turn > 1 else None
        first = ledger.get(known.jobs[0]) if isinstance(known, ConversationRecord) else None
        return input_of(first.input).parameters if isinstance(first, JobRecord) else {}

    def _earlier(self, ledger: Ledger, record: JobRecord) -> Callable[[], Sequence[object]]:
        thread = record.thread
        if thread is None or record.turn == 1:
            return tuple

        def turns() -> Sequence[object]:
            known = ledger.get(thread)
            jobs = known.jobs[: record.turn - 1] if isinstance(known, ConversationRecord) else ()
            planned = (self.planned(ledger, key) for key in jobs)
            return earlier_turns([each for each in planned if each is not None], record.at, self._config.epoch)

        return turns

    def planned(self, ledger: Ledger, key: Key) -> tuple[Plan, tuple[Decision, ...]] | None:
        """The plan of the job under a key, and what was decided so far, forgotten or not; None if there is no such job."""
        record = ledger.get(key)
        return (self.plan_of(ledger, id_of(key), record), record.decisions) if isinstance(record, JobRecord) else None

    def view(self, ledger: Ledger, job: str, now: Millis) -> JobView | None:
        """The job at `now`, or None if it isn't known or was forgotten."""
        found = job_named(ledger, job)
        return None if found is None else self.view_of(ledger, *found, now, shown=job)

    def view_of(self, ledger: Ledger, job: str, record: JobRecord, now: Millis, shown: str) -> JobView | None:
        """The job of a record at `now`, asked for as `shown`; None if it was forgotten."""
        planned = self.plan_of(ledger, job, record, shown)
        span = at(planned, record.decisions, now)
        forgotten = forgotten_at(planned, span)
        return JobView(record, planned, span) if forgotten is None or now < forgotten else None

    def derived(self, ledger: Ledger, job: str, now: Millis) -> Derived | None:
        """The derived facts of a job up to `now`, or None if it isn't known."""
        found = job_named(ledger, job)
        if found is None:
            return None
        own, record = found
        return derived(self.plan_of(ledger, own, record), record.decisions, now)
