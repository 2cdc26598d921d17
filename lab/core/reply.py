"""A reply: what the lab answers to one request, when, with what facts; and what of it reaches the peer.

Latency is data. A reply says how long it is withheld, in which parts a stream's body is due, and what a fault does to
it at the socket; only a shell sleeps and cuts. So a peer in the same process, a socket and a replay meet the same.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Response
from lab.core.journal.fact import Fact

Parts: TypeAlias = Iterator[tuple[Millis, bytes]]
"""A body that leaves bit by bit: each part with the instant at which it is due. It can be gone through once."""
Making: TypeAlias = Callable[[], Parts]
"""Makes the parts of a body, all of them, as they are to be if nobody acts any more.

Made again after somebody has, they begin with those that were due before: what is past doesn't change. So a shell that has
sent n of them goes on with the next, and a replay makes them once, when the exchange is over.
"""
Settling: TypeAlias = Callable[[], tuple[Millis, Response]]
"""When a reply that waits for a job leaves, if nobody acts any more, and what it is then."""
END_OF_EVENT = b"\n\n"
"""What each event of a stream ends with (WHATWG HTML §9.2.5; contract.md §8)."""


def gathered(response: Response, parts: Iterable[tuple[Millis, bytes]], since: Millis) -> Response:
    """The response with what left of its body; of a stream, for a request of `since`, also when each event was due."""
    found, times = tuple(parts), list[Millis]()
    body = b"".join(part for _, part in found)
    if (response.header("content-type") or "").startswith("text/event-stream"):
        left, end = 0, body.find(END_OF_EVENT)
        for when, part in found:
            left += len(part)
            while 0 <= end <= left - len(END_OF_EVENT):
                times.append(when - since)
                end = body.find(END_OF_EVENT, end + len(END_OF_EVENT))
    return replace(response, body=body, times=tuple(times))


class Strike(Struct, frozen=True):
    """What a fault does to a reply at the socket."""

    how: str
    """The word of the scenario: reset, empty, hang, stall, slow-body, wrong-length, close."""
    length: int | None = None
    """The Content-Length that was promised, in bytes; None: of a stream."""
    cut: str | None = None
    """How a recording says that the reply didn't leave whole."""
    lasts: Millis = 0
    """How long the peer is kept waiting after the last byte."""

    @property
    def loss(self) -> str | None:
        """What the peer makes of it, as a transport names it; None: a whole reply arrives."""
        if self.how in ("reset", "empty", "hang"):
            return "reset"
        return "unreadable" if self.cut else None


class Struck(Struct, frozen=True):
    """Which fault struck an exchange, and at which of the calls that it counts."""

    fault: str
    scenario: str | None
    """Whose fault it is; None: it was armed from outside."""
    call: int


class Reply(Struct, frozen=True):
    """The answer to one request. The facts are not yet accepted: whoever called commits them."""

    response: Response
    latency: Millis = 0
    """How long it is withheld."""
    route: str = "unknown"
    job: str | None = None
    """The job that was looked at or changed: its due facts may be written first."""
    facts: tuple[Fact, ...] = ()
    flags: tuple[str, ...] = ()
    """What is noted of the request (recordings.md §2.2)."""
    parts: Making | None = None
    """Of a stream: its body, in place of the response's."""
    settles: Settling | None = None
    """Of a call that is answered once its job has come to rest: the response, in place of this one's."""
    watched: tuple[str, ...] = ()
    """The jobs of which it depends what these two make."""
    judged: tuple[Json, ...] = ()
    """What was decided by the bytes of secrets in it, in order."""
    client: str | None = None
    """Of a token request: to whom was granted; None: it was refused."""
    struck: Struck | None = None
    strike: Strike | None = None
    """What is done to it at the socket; the response is what leaves of it."""
    x: int = 0
    """The ordinal of its exchange, from 1; 0: none was given yet."""
    long: bool = False
    """Whether it took much work: a shell serves others before the next such call."""

    def whole(self, now: Millis) -> tuple[Response, Millis]:
        """The response with all of its body, and the instant at which it is over for a request of `now`."""
        if self.settles is not None:
            return self.settled(now).whole(now)
        return self._joined(self.pieces(), now)

    def settled(self, now: Millis) -> "Reply":
        """The same to a request of `now` as a plain reply: withheld until it settles, if nobody acts any more."""
        if self.settles is None:
            return self
        when, response = self.settles()
        return replace(self, response=response, latency=max(self.latency, when - now), settles=None)

    def edited(self, names: Collection[str], hand: Response) -> "Reply":
        """The same with those of status, headers and body that these names mean as somebody wrote them by hand.

        If what it says is another than a fault has left of it, the fault does nothing more to it.
        """
        own = self.response
        response = Response(
            hand.status if "status" in names else own.status,
            hand.headers if "headers" in names else own.headers,
            hand.body if "body" in names else own.body,
        )
        parts = None if "body" in names else self.parts
        return replace(
            self, response=response, parts=parts, strike=None if {"status", "body"} & {*names} else self.strike
        )

    def deliver(self, now: Millis, until: Millis | None = None) -> "Delivery":
        """What reaches a peer in this process that asked at `now`, and waits until `until`."""
        if self.settles is not None:
            return self.settled(now).deliver(now, until)
        parts = self.pieces()
        response, at = self._joined(parts, now)
        if until is None or at <= until:
            cut, loss = (self.strike.cut, self.strike.loss) if self.strike else (None, None)
            return Delivery(response, at, cut, loss)
        if until < now + self.latency or response.status == 0:
            response = Response(0)
        elif parts is not None:
            response = gathered(self.response, [(when, part) for when, part in parts if when <= until], now)
        return Delivery(response, until, "client_gone", "timeout")

    def pieces(self) -> tuple[tuple[Millis, bytes], ...] | None:
        """The parts of a stream, as they are to be if nobody acts any more; None: it is none."""
        return None if self.parts is None else tuple(self.parts())

    def _joined(self, parts: tuple[tuple[Millis, bytes], ...] | None, now: Millis) -> tuple[Response, Millis]:
        more = self.strike.lasts if self.strike else 0
        if parts is None:
            return self.response, now + self.latency + more
        last = max((when for when, _ in parts), default=now)
        return gathered(self.response, parts, now), max(last, now + self.latency) + more


class Delivery(Struct, frozen=True):
    """What of a reply reached its peer, and when the exchange was over."""

    response: Response
    """Status 0: not even a status line."""
    at: Millis
    cut: str | None
    """How a recording says that it didn't arrive whole; None: it did."""
    loss: str | None
    """Why the peer has nothing of it, as a transport names it; None: it has an answer."""

    @property
    def sent(self) -> int | None:
        """Bytes of the body that left, where it was cut."""
        return len(self.response.body) if self.cut else None
