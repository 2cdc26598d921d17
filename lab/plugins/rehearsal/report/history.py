"""All of one client: its calls, the grants and jobs that came of them, and where it stopped."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import islice
from operator import attrgetter

from msgspec import Struct

from lab.core.clock import Epoch, Millis
from lab.core.exchange import retry_after
from lab.core.tolerance import most
from lab.dialects.client import Unreadable
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import Entry
from lab.recording.story import JobHistory

MESSAGE_KEY = "idempotency-key"
"""The header with which a client names a message."""
_FORGOTTEN: Millis = 600_000
"""A message that comes again so long after a failure is a new one."""


class GrantHistory(Struct, frozen=True, kw_only=True):
    """A token that the client was granted."""

    call: RecordedExchange
    token: str
    refresh: str | None
    scope: str
    grant: str
    user: str | None
    life: Millis
    """How long it is good, on the lab's clock."""

    @property
    def until(self) -> Millis:
        """When it ends, on the lab's clock."""
        return self.call.at + self.life


class ConnectionHistory(Struct, frozen=True, kw_only=True):
    """A connection on which the client called."""

    c: int
    calls: tuple[RecordedExchange, ...]
    closed: Millis | None = None
    """When it ended, in the client's time; None: it was open at the recording's end."""
    how: str | None = None
    """How it ended: client, server, reset, idle, deadline, shutdown, fault."""
    line: int = 0
    """Where that stands in the file, from 1."""

    @property
    def ended_by_server(self) -> bool:
        """Whether the server ended it, between two requests and unasked."""
        last = self.calls[-1]
        wished = (last.request.header("connection") or "").lower() == "close"
        return self.how in ("server", "idle", "fault") and last.whole and not wished


class CallbackTry(Struct, frozen=True):
    """A try to tell of a job, and what came of it."""

    sent: Entry
    answer: Entry | None

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(each.n + 1 for each in (self.sent, self.answer) if each is not None)

    @property
    def at(self) -> Millis:
        return self.sent.instant

    @property
    def fault(self) -> str | None:
        return self.sent.text("fault")

    @property
    def signature(self) -> str:
        return self.sent.text("signature") or "good"

    @property
    def status(self) -> int | None:
        """What it was answered; None: it wasn't, or nobody knows."""
        status = self.answer.get("status") if self.answer is not None else None
        return status if isinstance(status, int) else None

    @property
    def why(self) -> str | None:
        return self.answer.text("why") if self.answer is not None else None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def tells_end(self) -> bool:
        return Status(self.sent.text("status") or "RUNNING").final

    @property
    def timed(self) -> bool:
        """Whether a header said when it was sent, which its signature covers."""
        return self.sent.get("timestamp") is not None

    def names(self, job: str | None) -> bool:
        """Whether it names that job, which there may not be."""
        return job is not None and job in (self.sent.text("whole") or "")

    def precedes(self, call: RecordedExchange) -> bool:
        """Whether it was sent before that call was."""
        return self.lines[0] < call.lines[0]

    def follows(self, call: RecordedExchange) -> bool:
        """Whether it was sent once that call was answered."""
        return self.lines[0] > call.lines[-1]

    def answered_behind(self, call: RecordedExchange) -> bool:
        """Whether its answer came once that call was answered."""
        return self.lines[-1] > call.lines[-1]


def untold(job: JobHistory) -> Iterator[Entry]:
    """Where nothing came: callbacks that were lost, and the end of a job of which others told, if none told of it."""
    tries = list(callback_tries(job))
    yield from (each.sent for each in tries if each.fault == "lost")
    if tries and not any(each.tells_end for each in tries):
        yield from (fact for fact in job.facts_of("job.status") if Status(fact.text("to") or "RUNNING").final)


def callback_tries(job: JobHistory) -> Iterator[CallbackTry]:
    """The tries to tell of a job, in their order."""
    answers = {(each.text("callback"), each.get("number")): each for each in job.facts_of("callback.answered")}
    for sent in job.facts_of("callback.sent"):
        yield CallbackTry(sent, answers.get((sent.text("callback"), sent.get("number"))))


class Charge(Struct, frozen=True):
    """A client stopped after this call, or polled on after the job's end."""

    call: RecordedExchange
    """The call whose answer was the last one, or the one that showed the end."""
    rule: str
    """The rule that it is charged to."""
    job: str | None
    later: tuple[RecordedExchange, ...] = ()
    """The polls after the end."""


class ClientHistory(Struct, frozen=True, kw_only=True, dict=True):
    """What one client did."""

    client: str
    calls: tuple[RecordedExchange, ...]
    elsewhere: tuple[RecordedExchange, ...]
    """Its calls at another origin, to which it was redirected."""
    grants: tuple[GrantHistory, ...]
    jobs: tuple[JobHistory, ...]
    connections: tuple[ConnectionHistory, ...]
    """Empty where there were no sockets: the client ran in the lab's own process."""
    foreign: frozenset[int]
    """Connections on which other clients called."""
    concurrent: int | None
    """How many requests at once every scenario of the recording allows; None: one of them names no limit."""
    stops: tuple[Charge, ...]
    facts: tuple[Entry, ...]
    """All of the recording, whoever brought them."""
    exact: bool
    """Whether the client's clock runs as the lab's does: the real one, or the lab's own process."""
    odd_secret: bool
    """Whether the client is one whose secret is known to hold characters that clients encode wrongly."""
    over: bool
    """Whether the client is known to have ended."""
    failed: bool | None
    """Whether it said so by its exit code; None: nobody knows."""
    until: Millis
    """The client's time at the recording's last line."""
    epoch: Epoch

    def of(self, *kinds: CallKind) -> tuple[RecordedExchange, ...]:
        """Its calls of these kinds."""
        return tuple(call for call in self.calls if call.kind in kinds)

    @cached_property
    def operations(self) -> Mapping[Hashable, list[RecordedExchange]]:
        """Its calls by operation: those of one route, polls those of one job."""
        found: dict[Hashable, list[RecordedExchange]] = {}
        for call in self.calls:
            found.setdefault(operation(call), []).append(call)
        return found

    def after(self, call: RecordedExchange) -> Iterator[RecordedExchange]:
        """Its calls that were sent once the answer to `call` had left."""
        first = bisect_right(self.calls, call.x, key=attrgetter("x"))
        return (each for each in islice(self.calls, first, None) if each.sent >= call.left)

    def next_of(self, call: RecordedExchange) -> RecordedExchange | None:
        """The next call of the same operation: of the same route, and of a poll the same job."""
        return next((each for each in self.after(call) if operation(each) == operation(call)), None)

    def next_try(self, call: RecordedExchange) -> RecordedExchange | None:
        """The next call that asks the same."""
        return next((each for each in self.after(call) if each.asks_same(call)), None)

    @cached_property
    def usual_members(self) -> Mapping[str, tuple[str, ...]]:
        """By route, the members in their order that most answers have which show a job."""
        counts: dict[str, Counter[tuple[str, ...]]] = {}
        for call in self.calls:
            if call.seen is not None:
                counts.setdefault(call.route, Counter())[tuple(call.answered)] += 1
        return {route: found.most_common(1)[0][0] for route, found in counts.items()}

    def has_odd_members(self, call: RecordedExchange) -> bool:
        """Whether an answer that shows a job has other members than most on its route, or the same in another order."""
        return call.seen is not None and tuple(call.answered) != self.usual_members.get(call.route)

    def repeats(self, call: RecordedExchange) -> tuple[RecordedExchange, ...]:
        """The calls that repeat this one, to the byte; none where its message was under way elsewhere, too."""
        return () if self.same_under_way(call, call) else tuple(each for each in self.after(call) if each.repeats(call))

    def same_under_way(self, message: RecordedExchange, failure: RecordedExchange) -> bool:
        """Whether the same was under way elsewhere at the failure of a message: what comes later may be of that one."""
        for each in self._messages:
            if each.x != message.x and each.sent < failure.left and each.asks_same(message):
                end = self._ends.get(each.x, each)
                if end is None or end.left > message.sent:
                    return True
        return False

    def again(self, failure: RecordedExchange, message: RecordedExchange) -> RecordedExchange | None:
        """The same message within ten minutes of its failure, and before its job's end was seen; rather that of its key."""
        end, key = self._ends.get(message.x), message.request.header(MESSAGE_KEY)
        others = [
            each
            for each in self._messages
            if each.x > failure.x
            and 0 <= each.sent - failure.left <= most(_FORGOTTEN)
            and (end is None or each.x < end.x)
            and each.asks_same(message)
        ]
        return next((each for each in others if each.request.header(MESSAGE_KEY) == key), others[0] if others else None)

    @cached_property
    def _messages(self) -> tuple[RecordedExchange, ...]:
        return self.of(CallKind.INVOKE)

    @cached_property
    def _ends(self) -> Mapping[int, RecordedExchange | None]:
        """By the calls that began jobs, the answers that showed their ends."""
        return {job.accepted.x: job.end for job in self.jobs if job.accepted.good}

    def pause_wanted(self, call: RecordedExchange) -> Millis | None:
        """What Retry-After asks for, from the answer's end on; None: nothing, or what can't be read or judged here."""
        response = call.response
        if response is None or (text := response.header("retry-after")) is None:
            return None
        if text.isascii() and text.isdigit():
            return retry_after(response)
        # a date is read against the clock of the lab, which only a client on the same clock can wait by
        dated = epoch_millis(text)
        return max(0, dated - self.epoch * 1000 - call.left) if dated is not None and self.exact else None


def operation(call: RecordedExchange) -> Hashable:
    """What tells one operation of a client from another."""
    return call.route, call.job if call.kind is CallKind.POLL else None


def garbled(call: RecordedExchange) -> bool:
    """Whether a good answer doesn't say what it is there for."""
    if call.kind is CallKind.TOKEN:
        return call.good and "access_token" not in call.answered
    return call.good and isinstance(call.answer, Unreadable)


def gave_up(call: RecordedExchange) -> bool:
    """Whether the client ended a call that a fault kept waiting."""
    return call.cut == "client_gone" and call.struck is not None


def readable_pause(call: RecordedExchange) -> bool:
    """Whether an answer has a Retry-After of one of the two forms that RFC 9110 has (§10.2.3)."""
    text = call.response.header("retry-after") or "" if call.response is not None else ""
    return (text.isascii() and text.isdigit()) or epoch_millis(text) is not None


def epoch_millis(text: str) -> int | None:
    """An HTTP date in milliseconds since 1970."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None
