"""From records to views: plan, span and body of a job, recomputed; the span last seen is a memo, never state."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from lab.core.clock import Millis
from lab.core.exchange import JSON_HEADERS, Json, Response, json_bytes
from lab.core.journal.fact import Key
from lab.core.journal.ledger import Ledger
from lab.dialects.fusion import chat_events, framed, fusion_path, job_body, job_events, nodes, read_input
from lab.jobs.derived import Derived, derived, forgotten_at
from lab.jobs.gates import Decision
from lab.jobs.plan import CompiledScenario, Input, Invocation, Plan, plan
from lab.jobs.records import ConversationRecord, JobRecord, id_of, job_named
from lab.jobs.texts import earlier_turns
from lab.jobs.timeline import Span, at
from lab.jobs.view import JobView
from lab.language.document import Switches
from lab.mock.config import Config as Config
from lab.mock.crowd import Crowd
from lab.mock.played import UNMATCHED as UNMATCHED
from lab.mock.played import refused

MOST_REMEMBERED = 131_072
"""Jobs whose last look is remembered."""


@lru_cache(maxsize=4096)
def _input_of(text: str) -> Input:
    return read_input(cast("dict[str, Json]", json.loads(text)))


@dataclass(frozen=True, slots=True)
class _Glance:
    record: JobRecord
    since: Millis
    until: Millis | None
    response: Response


class Views:
    """Computes views for one configuration; scenarios with switches of their own have views of their own."""

    def __init__(self, config: Config, root: "Views | None" = None) -> None:
        self.config = config
        self._root = root or self
        self._others: dict[str, Views] = {}
        self.crowd: Crowd = root.crowd if root else Crowd(self._span)
        self.by_name = {each.name: each for each in config.scenarios}
        self.by_team: dict[str, tuple[CompiledScenario, ...]] = {}
        for each in sorted(config.scenarios, key=lambda each: each.name):  # of those that fit, the first by file name
            code = each.scenario.agent.code
            self.by_team[code] = (*self.by_team.get(code, ()), each)
        self._glances: dict[str, _Glance] = {}
        self._refused: dict[tuple[str, str], CompiledScenario] = {}
        for each in () if root else config.scenarios:
            own = config.switches_of(each.scenario)
            if own != config.switches:
                self._others[each.name] = Views(replace(config, switches=own, layers=None), self)

    def of(self, made: CompiledScenario) -> "Views":
        """The views for jobs of a scenario, by its own switches; one that fits nothing has those of its team."""
        return self._root._others.get(made.name, self if made is UNMATCHED else self._root)

    def of_team(self, code: str) -> "Views":
        """The views for what is asked of a team before its scenario is chosen: those of its first scenario."""
        team = self._root.by_team.get(code)
        return self._root.of(team[0]) if team else self._root

    def admits(self, made: CompiledScenario, user: str | None) -> bool:
        """Whether a user has one of the roles that the scenario asks for."""
        roles = made.scenario.agent.roles
        account = self.config.identity.account(user) if roles and user is not None else None
        return not roles or (account is not None and not set(roles).isdisjoint(account.roles))

    def plays(self, chosen: CompiledScenario | None, user: str | None, turn: int) -> CompiledScenario:
        """What a job plays: its scenario, the turn's entry of it, or the refusal of a user without the role."""
        if chosen is None:
            return UNMATCHED
        if not self.admits(chosen, user):
            key = chosen.name, chosen.digest
            if key not in self._refused:
                self._refused[key] = refused(chosen)
            return self._refused[key]
        entry = chosen.of_turn(turn)
        assert entry is not None
        return entry

    def chosen_for(self, record: JobRecord) -> CompiledScenario | None:
        """The scenario of a job as it was when the job was accepted; None: none fits its message."""
        name = record.scenario
        if name is None:
            return None
        for until, made in self.config.former:
            if record.at < until and made.name == name:
                return made
        return self.by_name[name]

    def made_of(self, record: JobRecord) -> CompiledScenario:
        """What the job of a record plays."""
        return self.plays(self.chosen_for(record), record.user, record.turn)

    def plan_of(self, ledger: Ledger, job: str, record: JobRecord, shown: str | None = None) -> Plan:
        """The plan of a job; `shown` is the id under which it is asked for, if it may be another."""
        made = self.made_of(record)
        invocation = Invocation(
            job, record.client, record.team, made.name, record.ordinal, record.at, _input_of(record.input),
            record.conversation, record.turn, self._kept(ledger, record),
        )  # fmt: skip
        config = self.config
        recorded = (config.recorded or {}).get((record.client, made.name, record.ordinal))
        made_of = plan(
            made, invocation, config.seed, record.drawn if recorded is None else recorded, scripted=config.scripted,
            earlier=self._earlier(ledger, record),
        )  # fmt: skip
        return made_of if shown is None or shown == job else replace(made_of, alias=shown)

    def _kept(self, ledger: Ledger, record: JobRecord) -> Mapping[str, Json]:
        """The parameters of the conversation's first turn."""
        thread = record.thread
        known = ledger.get(thread) if thread is not None and record.turn > 1 else None
        first = ledger.get(known.jobs[0]) if isinstance(known, ConversationRecord) else None
        return _input_of(first.input).parameters if isinstance(first, JobRecord) else {}

    def _earlier(self, ledger: Ledger, record: JobRecord) -> Callable[[], Sequence[object]]:
        thread = record.thread
        if thread is None or record.turn == 1:
            return tuple

        def turns() -> Sequence[object]:
            known = ledger.get(thread)
            jobs = known.jobs[: record.turn - 1] if isinstance(known, ConversationRecord) else ()
            planned = (self._planned(ledger, key) for key in jobs)
            return earlier_turns([each for each in planned if each is not None], record.at, self.config.epoch)

        return turns

    def _planned(self, ledger: Ledger, key: Key) -> tuple[Plan, tuple[Decision, ...]] | None:
        record = ledger.get(key)
        return (self.plan_of(ledger, id_of(key), record), record.decisions) if isinstance(record, JobRecord) else None

    def look(self, ledger: Ledger, job: str, now: Millis) -> JobView | None:
        """The job at `now`, or None if it isn't known or was forgotten."""
        found = job_named(ledger, job)
        if found is None:
            return None
        own, record = found
        planned = self.plan_of(ledger, own, record, shown=job)
        span = at(planned, record.decisions, now)
        forgotten = forgotten_at(planned, span)
        return JobView(record, planned, span) if forgotten is None or now < forgotten else None

    def _span(self, ledger: Ledger, job: str, now: Millis) -> Span | None:
        look = self.look(ledger, job, now)
        return look.span if look else None

    def derived(self, ledger: Ledger, job: str, now: Millis) -> Derived | None:
        """The derived facts of a job up to `now`, or None if it isn't known."""
        found = job_named(ledger, job)
        if found is None:
            return None
        own, record = found
        return derived(self.plan_of(ledger, own, record), record.decisions, now)

    def forgets(self, record: JobRecord) -> bool:
        """Whether the job is one that is forgotten some time after its end."""
        chosen = self.chosen_for(record)
        return chosen is not None and chosen.scenario.retention is not None

    def status(
        self, ledger: Ledger, job: str, record: JobRecord, now: Millis, mode: str | None = None,
        *, shown: str | None = None,
    ) -> Response:  # fmt: skip
        """The status answer: constant within a span, so the last one made is kept for a while.

        `mode` is the query's invocationMode; the invocation's own is meant without one. `shown` is the id asked for.
        """
        asked = shown or job
        if mode is not None and mode != _input_of(record.input).invocation_mode:
            planned = self.plan_of(ledger, job, record, shown)
            span = at(planned, record.decisions, now)
            return self.answer(planned, span, record.decisions, invoked=False, status=200, mode=mode)
        glance = self._glances.get(asked)
        if (
            glance is not None
            and glance.record is record
            and glance.since <= now
            and (glance.until is None or now < glance.until)
        ):
            return glance.response
        planned = self.plan_of(ledger, job, record, shown)
        span = at(planned, record.decisions, now)
        response = self.answer(planned, span, record.decisions, invoked=False, status=200)
        if len(self._glances) >= MOST_REMEMBERED and asked not in self._glances:
            del self._glances[next(iter(self._glances))]
        self._glances[asked] = _Glance(record, span.since, span.until, response)
        return response

    def answer(
        self, planned: Plan, span: Span, decisions: tuple[Decision, ...],
        *, invoked: bool, status: int, mode: str | None = None, older: bool = False,
    ) -> Response:  # fmt: skip
        """The job body as a reply; `older`: it was asked for on the path of version 1."""
        switches = self.switches_for(planned)
        admin = switches.admin_nodes and (mode or planned.invocation.input.invocation_mode) == "ADMIN"
        body = job_body(
            planned, span, self.config.epoch, switches, invoked=invoked,
            passed=nodes(planned, span, decisions) if admin else [],
        )  # fmt: skip
        headers = JSON_HEADERS
        if status == 202 and switches.location_header:
            where = fusion_path("status", code=planned.invocation.team, job=planned.shown, older=older)
            headers = (*headers, ("location", where), ("retry-after", "2"))
        return Response(status, headers, json_bytes(body))

    def stream(
        self, route: str, planned: Plan, decisions: tuple[Decision, ...], now: Millis
    ) -> Iterator[tuple[Millis, bytes]]:
        """The body of an SSE reply that begins at `now`, piece by piece."""
        switches, epoch = self.switches_for(planned), self.config.epoch
        if route == "stream":
            admin = switches.admin_nodes and planned.invocation.input.invocation_mode == "ADMIN"
            events = job_events(planned, decisions, now, epoch, switches, admin=admin)
        else:
            events = chat_events(planned, decisions, now, epoch, switches)
        return framed(events, switches, now)

    def switches_for(self, planned: Plan) -> Switches:
        """The switches that a job's bodies follow."""
        made = planned.compiled
        return (self.of_team(planned.invocation.team) if made is UNMATCHED else self.of(made)).config.switches

    def forget(self) -> None:
        """Drop what is remembered."""
        self.crowd.forget()
        for views in (self._root, *self._root._others.values()):
            views._glances.clear()


def decided_before(span: Span, step: str) -> Decision | None:
    """The last decision that ended `step` before this span."""
    for end in reversed(span.settled):
        if end.step == step:
            return end
    return None
