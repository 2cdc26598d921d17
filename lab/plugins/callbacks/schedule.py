"""Which callbacks are sent when, with which bytes: a function of a job, its receivers and their answers.

    tries up to now = tries_of(receivers and answers, plan, what followed of the job, how answers are written now)

What must hold
    1. A try comes a millisecond after its cause at least, be that a change, an answer or a receiver's end. So what is sent at
       an instant is known before anything else happens at it, and the list of what follows only grows at its end.
    2. A try is due only once the one before it was answered: as long as that is under way, none behind it is.
    3. A receiver that is changed goes on: what it was at a change says whether that is told, and in which words; what it is at
       a try, where and with which secret.
    4. All chance is drawn by names: a receiver, a fault or a job more moves no draw of another.

    change    first try                      each further try                           none is left
    at t      t + after + pause, 1 ms later  when the answer came + pause of its place,  2xx; the last pause is used up;
              at least                       or Retry-After if that is longer            the receiver has ended, or said 410
"""

from collections import Counter
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
    CallbackAnswered,
    CallbackSent,
    Receiver,
    Signing,
    answers_of,
    receivers_of,
    told_until,
)
from lab.jobs.facts import Derived, JobRecord, JobStatus, job_key
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
    """A change of the job that is told: its number among all of the job's, to whom, and what goes wrong with its callback."""

    number: int
    change: JobChange
    receiver: Receiver
    due: Millis
    fault: CallbackFault | None

    @property
    def final(self) -> bool:
        """Whether nothing comes behind it, which could overtake it."""
        return Status(self.change.fact.to).final


def tries_of(get: Get, plan: Plan, facts: Sequence[Fact], context: WriteContext) -> Derived:
    """The tries up to now, of a job of which `facts` followed so far; and when the next is due, unless something happens."""
    now, tries = context.now, list(all_tries(get, plan, facts, context))
    sent = sorted((each for each in tries if each.at <= now), key=lambda each: each.at)
    return Derived(tuple(sent), min((each.at for each in tries if each.at > now), default=None))


def all_tries(
    get: Get, plan: Plan, facts: Sequence[Fact], context: WriteContext, *, but_for: Millis | None = None
) -> Iterator[CallbackSent]:
    """The same in any order, and of each callback the try that comes next; `but_for`: as if nobody's end were at that instant."""
    invocation, answers = plan.invocation, dict[str, list[CallbackAnswered]]()
    owner = invocation.client if invocation.user is None else invocation.user.name
    for answer in answers_of(get, invocation.job):
        if answer.at <= context.now:
            answers.setdefault(answer.callback, []).append(answer)
    record = get(job_key(invocation.job))
    decisions, accepted = (record.decisions, record.input) if isinstance(record, JobRecord) else ((), "{}")
    changes = [JobChange(plan, decisions, accepted, each) for each in facts if isinstance(each, JobStatus)]
    if not _includes(plan.program.scenario.callbacks.callers, plan):
        return
    for chain in _chains((*receivers_of(get), *receivers_of(get, invocation.job))):
        until = told_until(get, chain[-1])
        if chain[-1].owner in (None, owner):
            for each in _of_chain(chain, changes, answers, context):
                if until in (None, but_for) or each.at <= until:
                    yield each


def _chains(receivers: Sequence[Receiver]) -> Iterator[list[Receiver]]:
    """Each receiver with those into which it was changed."""
    chain: list[Receiver] = []
    for each in receivers:
        chain.append(each)
        if not each.goes_on:
            yield chain
            chain = []


def _of_chain(
    chain: list[Receiver], changes: list[JobChange], answers: dict[str, list[CallbackAnswered]], context: WriteContext
) -> Iterator[CallbackSent]:
    """The tries for one receiver, those that come next among them."""
    wire = callback_wire(chain[-1].wire)
    if wire is None:
        return
    notices = list(_notices(chain, changes, wire))
    for notice, behind in zip_longest(notices, notices[1:]):
        first = notice.due
        if notice.fault is not None and notice.fault.strike == "reordered" and not notice.final:
            if behind is None:
                continue  # it waits for the one that is to overtake it
            first = max(first, behind.due + PAUSES_AGAIN)
        callback = _Callback(wire, notice, context)
        yield from callback.tries(first, answers.get(callback.id, ()))


def _notices(chain: list[Receiver], changes: list[JobChange], wire: CallbackWire) -> Iterator[_Notice]:
    """What is told, each to whom the receiver was at the change: that says what it wants to know, and in which words."""
    counted: Counter[int] = Counter()
    step = ""
    for number, change in enumerate(changes, 1):
        fact, plan = change.fact, change.plan
        callbacks = plan.program.scenario.callbacks
        # another question is news, though the job goes on waiting; the escalation of one isn't
        news = fact.to != fact.origin or (fact.to == Status.WAITING and fact.step != step)
        step = fact.step
        receiver = next((each for each in reversed(chain) if each.since < fact.at), None)
        if not news or receiver is None or fact.to not in callbacks.on or not wire.tells(receiver, change):
            continue
        stream = _stream(receiver, plan)
        fault = _fault(change, number, counted, stream)
        if fault is not None and fault.strike in wire.never:
            fault = None
        late = (fault.delay or LATE) if fault is not None and fault.strike == "late" else 0
        after = draw_latency(plan.seed, f"{stream}/{number}/after", callbacks.after)
        first = _pause(callbacks, 0, plan, f"{stream}/{number}")
        yield _Notice(number, change, receiver, fact.at + max(1, after + first) + late, fault)


def _fault(change: JobChange, number: int, counted: Counter[int], stream: str) -> CallbackFault | None:
    """The first that strikes; each counts the callbacks that fit it, whichever strikes them."""
    plan, struck = change.plan, None
    for place, fault in enumerate(plan.program.scenario.callbacks.faults):
        if fault.step not in (None, change.fact.step) or not _includes(fault.callers, plan):
            continue
        counted[place] += 1
        drawn = fault.chance is None or draw(plan.seed, f"{stream}/{number}/fault/{place}", 1, MILLION) <= fault.chance
        if struck is None and fault.numbers.holds(counted[place]) and drawn:
            struck = fault
    return struck


class _Callback(Struct, frozen=True):
    """One callback to one receiver."""

    wire: CallbackWire
    notice: _Notice
    context: WriteContext

    @property
    def id(self) -> str:
        plan = self.notice.change.plan
        name = f"{plan.invocation.job}/callback/{self.notice.receiver.stream}/{self.notice.number}"
        return f"msg_{digest(plan.seed, name).hex()[:24]}"

    def tries(self, first: Millis, answers: Sequence[CallbackAnswered]) -> Iterator[CallbackSent]:
        """Those that were answered, and the one behind them, which is under way or is to come."""
        notice = self.notice
        fault, plan = None if notice.fault is None else notice.fault.strike, notice.change.plan
        shows_later = fault == "twice" or (fault == "reordered" and notice.final)  # nothing can overtake an ending
        yield self._sent(1, first, None if shows_later else fault)
        if fault == "lost":
            return
        callbacks = plan.program.scenario.callbacks
        stream = f"{_stream(notice.receiver, plan)}/{notice.number}"
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
        change, receiver = self.notice.change, self.notice.receiver
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
