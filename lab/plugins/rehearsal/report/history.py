"""All of one client: its calls, the grants and jobs that came of them, and where it stopped."""

from bisect import bisect_right
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from itertools import islice
from operator import attrgetter

from msgspec import Struct

from lab.core.clock import Epoch, Millis
from lab.core.exchange import retry_after
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import Entry
from lab.recording.story import JobHistory


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


class Charge(Struct, frozen=True):
    """A client stopped after this call, or polled on after the job's end."""

    call: RecordedExchange
    """The call whose answer was the last one, or the one that showed the end."""
    rule: str
    """The rule that it is charged to."""
    job: str | None
    later: tuple[RecordedExchange, ...] = ()
    """The polls after the end."""


class ClientHistory(Struct, frozen=True, kw_only=True):
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

    def charged(self, rule: str) -> tuple[Charge, ...]:
        """The stops that are charged to a rule."""
        return tuple(stop for stop in self.stops if stop.rule == rule)

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


def operation(call: RecordedExchange) -> tuple[str, str | None]:
    """What tells one operation of a client from another."""
    return call.route, call.job if call.kind is CallKind.POLL else None


def epoch_millis(text: str) -> int | None:
    """An HTTP date in milliseconds since 1970."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None
