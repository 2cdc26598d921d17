"""Which callbacks are sent when, with which bytes: a function of a job, its receivers and their answers.

    tries up to now = tries_of(receivers and answers, plan, what followed of the job, how answers are written now)

What must hold
    1. A try comes a millisecond after its cause at least, be that a change, an answer or a receiver's end. So what is sent at
       an instant is known before anything else happens at it, and the list of what follows only grows at its end.
    2. A try is due only once the one before it was answered: as long as that is under way, none behind it is.
    3. All chance is drawn by names: a receiver, a fault or a job more moves no draw of another.

    change    first try                      each further try                           none is left
    at t      t + after + pause, 1 ms later  when the answer came + pause of its place,  2xx; the last pause is used up;
              at least                       or Retry-After if that is longer            the receiver has ended, or said 410
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Fact, Get
from lab.core.seeds import digest, draw, uuid4
from lab.dialects.base import WriteContext
from lab.dialects.callbacks import CallbackWire, JobChange
from lab.jobs.callbacks import (
    CallbackAnswer,
    CallbackSent,
    Receiver,
    Signing,
    answers_of,
    receivers_of,
    told_until,
)
from lab.jobs.facts import Derived, JobRecord, JobStatus, job_key
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.plugins.callbacks.wires import callback_wire
from lab.program.callbacks import LATE, CallbackFault, Callbacks, CallbackStrike
from lab.program.callers import Callers
from lab.program.draws import draw_latency
from lab.program.words import MILLION, Status

PAUSES_AGAIN: Millis = 1_000
"""After so long a callback that was taken comes again, and one that was overtaken comes behind the other."""
OLD_BY = 600
"""Seconds by which an old timestamp is older; receivers are to refuse what is older than 300."""
LONGEST_RETRY_AFTER: Millis = 86_400_000
"""A receiver that asks for more is asked again then."""


class _Notice(Struct, frozen=True):
    """A change of the job that is told: its number among all of the job's, and what goes wrong with its callback."""

    number: int
    fact: JobStatus
    due: Millis
    fault: CallbackFault | None


def tries_of(get: Get, plan: Plan, facts: Sequence[Fact], context: WriteContext) -> Derived:
    """The tries up to now, of a job of which `facts` followed so far; and when the next is due, unless something happens."""
    now, tries = context.now, list(all_tries(get, plan, facts, context))
    sent = sorted((each for each in tries if each.at <= now), key=lambda each: each.at)
    return Derived(tuple(sent), min((each.at for each in tries if each.at > now), default=None))


def all_tries(get: Get, plan: Plan, facts: Sequence[Fact], context: WriteContext) -> Iterator[CallbackSent]:
    """The same in any order, and of each callback the try that comes next."""
    invocation, answers = plan.invocation, dict[str, list[CallbackAnswer]]()
    owner = invocation.client if invocation.user is None else invocation.user.name
    for answer in answers_of(get, invocation.job):
        if answer.at <= context.now:
            answers.setdefault(answer.callback, []).append(answer)
    record = get(job_key(invocation.job))
    decisions = record.decisions if isinstance(record, JobRecord) else ()
    for receiver in (*receivers_of(get), *receivers_of(get, invocation.job)):
        if receiver.owner in (None, owner):
            until = told_until(get, receiver)
            for each in _of_receiver(receiver, plan, decisions, facts, answers, context):
                if until is None or each.at <= until:
                    yield each


def _of_receiver(
    receiver: Receiver,
    plan: Plan,
    decisions: tuple[Decision, ...],
    facts: Sequence[Fact],
    answers: dict[str, list[CallbackAnswer]],
    context: WriteContext,
) -> Iterator[CallbackSent]:
    """The tries for one receiver, those that come next among them."""
    callbacks, wire = plan.program.scenario.callbacks, callback_wire(receiver.wire)
    if wire is None or not _includes(callbacks.callers, plan):
        return
    changes = list(_changes(receiver, plan, decisions, facts, wire))
    for change, behind in zip_longest(changes, changes[1:]):
        first = change.due
        if change.fault is not None and change.fault.strike == "reordered" and not _final(change):
            if behind is None:
                continue  # it waits for the one that is to overtake it
            first = max(first, behind.due + PAUSES_AGAIN)
        one = _Callback(receiver, wire, JobChange(plan, decisions, change.fact), change, context)
        yield from one.tries(first, answers.get(one.id, ()))


def _changes(
    receiver: Receiver, plan: Plan, decisions: tuple[Decision, ...], facts: Sequence[Fact], wire: CallbackWire
) -> Iterator[_Notice]:
    callbacks, stream = plan.program.scenario.callbacks, _stream(receiver, plan)
    counted = [0] * len(callbacks.faults)
    step = ""
    for number, fact in enumerate((each for each in facts if isinstance(each, JobStatus)), 1):
        # another question is news, though the job goes on waiting; the escalation of one isn't
        news = fact.to != fact.origin or (fact.to == Status.WAITING and fact.step != step)
        step = fact.step
        if not news or fact.at <= receiver.since or fact.to not in callbacks.on:
            continue
        if not wire.tells(receiver, JobChange(plan, decisions, fact)):
            continue
        fault = _fault(callbacks, counted, fact, number, plan, stream)
        if fault is not None and fault.strike in wire.never:
            fault = None
        late = (fault.delay or LATE) if fault is not None and fault.strike == "late" else 0
        after = draw_latency(plan.seed, f"{stream}/{number}/after", callbacks.after)
        first = _pause(callbacks, 0, plan, f"{stream}/{number}")
        yield _Notice(number, fact, fact.at + max(1, after + first) + late, fault)


def _fault(
    callbacks: Callbacks, counted: list[int], fact: JobStatus, number: int, plan: Plan, stream: str
) -> CallbackFault | None:
    """The first that strikes; each counts the callbacks that fit it, whichever strikes them."""
    struck = None
    for place, fault in enumerate(callbacks.faults):
        if fault.step not in (None, fact.step) or not _includes(fault.callers, plan):
            continue
        counted[place] += 1
        drawn = fault.chance is None or draw(plan.seed, f"{stream}/{number}/fault/{place}", 1, MILLION) <= fault.chance
        if struck is None and fault.numbers.holds(counted[place]) and drawn:
            struck = fault
    return struck


class _Callback(Struct, frozen=True):
    """One callback to one receiver."""

    receiver: Receiver
    wire: CallbackWire
    change: JobChange
    notice: _Notice
    context: WriteContext

    @property
    def id(self) -> str:
        plan = self.change.plan
        name = f"{plan.invocation.job}/callback/{self.receiver.stream}/{self.notice.number}"
        return f"msg_{digest(plan.seed, name).hex()[:24]}"

    def tries(self, first: Millis, answers: Sequence[CallbackAnswer]) -> Iterator[CallbackSent]:
        """Those that were answered, and the one behind them, which is under way or is to come."""
        fault, plan = None if self.notice.fault is None else self.notice.fault.strike, self.change.plan
        yield self._sent(1, first, fault if fault not in ("twice", _pointless(self.notice)) else None)
        if fault == "lost":
            return
        callbacks = plan.program.scenario.callbacks
        stream = f"{_stream(self.receiver, plan)}/{self.notice.number}"
        pauses, taken = len(callbacks.tries), False
        for number, answer in enumerate(answers, 2):
            over = taken
            taken = answer.status is not None and 200 <= answer.status < 300
            if over or (taken and fault != "twice"):
                return  # a second copy is sent once, whatever becomes of it
            if taken:
                yield self._sent(number, answer.at + PAUSES_AGAIN, "twice")
                continue
            if number > pauses:
                return
            pause = max(1, _pause(callbacks, number - 1, plan, stream))
            asked_for = min(answer.retry_after or 0, LONGEST_RETRY_AFTER)
            yield self._sent(number, answer.at + max(pause, asked_for), None)

    def _sent(self, number: int, at: Millis, fault: CallbackStrike | None) -> CallbackSent:
        change, receiver = self.change, self.receiver
        plan, fact = change.plan, change.fact
        if fault == "other-job":
            change = replace(change, plan=replace(plan, alias=uuid4(plan.seed, f"{self.id}/other-job")))
        whole = self.wire.body(receiver, change, self.context).decode()
        seconds = (self.context.epoch * 1_000 + at) // 1_000 - (OLD_BY if fault == "old-timestamp" else 0)
        signature: Signing = "bad" if fault == "bad-signature" else "good"
        if receiver.secret is None and receiver.token is None:
            signature = "none"
        return CallbackSent(
            at=at,
            job=plan.invocation.job,
            receiver=receiver.name,
            wire=receiver.wire,
            callback=self.id,
            number=number,
            status=fact.to,
            changed=fact.at,
            timestamp=seconds if self.wire.timed else None,
            whole=whole,
            signature=signature,
            fault=fault,
        )


def _pointless(change: _Notice) -> CallbackStrike | None:
    """The strike that can't show: nothing comes behind an ending to overtake it."""
    return "reordered" if _final(change) else None


def _final(change: _Notice) -> bool:
    return Status(change.fact.to).final


def _includes(callers: Callers | None, plan: Plan) -> bool:
    user = plan.invocation.user
    return callers is None or callers.include(
        plan.invocation.client, None if user is None else user.name, () if user is None else user.roles
    )


def _stream(receiver: Receiver, plan: Plan) -> str:
    """As a job's other draws are named, so a client's first job is told of alike in every run."""
    return f"{plan.program.name}/{plan.invocation.ordinal}/callback/{receiver.stream}"


def _pause(callbacks: Callbacks, place: int, plan: Plan, stream: str) -> Millis:
    pause = callbacks.tries[place]
    return pause + draw(plan.seed, f"{stream}/pause/{place + 1}", 0, pause // 10)
