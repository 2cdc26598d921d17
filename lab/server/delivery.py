"""A reply is delivered: withheld, written whole or piece by piece, or spoilt as a fault wants it (clients.md §4).

What leaves of a struck reply was settled by the core; here it leaves, on the lab's clock. A manual clock withholds no
reply unless a client drives it, but a hang, a stall and a slow body last until it has been advanced past them.

A peer that gives up while its reply is withheld ends the exchange then and there: nothing of it leaves any more, so no
observer is told that it did, and what the peer sends next is a call after it.
"""

import asyncio
from collections.abc import Collection
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from lab.clocks import AnyClock, ManualClock, ScaledClock, breathe, first_of, real_millis
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.observe import Noted, Replied
from lab.core.reply import Making, Reply, gathered
from lab.mock.service import Service
from lab.server.connection import BEHIND, LONGEST_PIECE, SENT, SENT_LAST, Connection, Sent, reset
from lab.server.holds import Holds
from lab.server.limits import LONG_BODY
from lab.server.recorder import Recorder
from lab.server.response_writer import CLOSE, KEEP, ResponseWriter

_NOTHING = Response(0)
"""A reply of which no status line left."""


class Awaited:
    """While a peer waits for its reply: ConnectionResetError as soon as it has given up.

    Who is gone has. Who only ended its side may still read, as `nc -N` does, if that came right behind the request; of one
    that has waited first, its time-out is over. How long it waited is told by its own clock.
    """

    __slots__ = ("_clock", "_connection", "_ended", "_since", "_task")

    def __init__(self, connection: Connection, clock: AnyClock) -> None:
        self._connection = connection
        self._clock = clock if isinstance(clock, ManualClock) and clock.shared else None
        """That of a client which lives by the lab's; None: it lives by the wall's."""
        self._since = self._now()
        self._task: asyncio.Task[Any] | None = None
        self._ended = False

    def _now(self) -> Millis:
        return real_millis() if self._clock is None else self._clock.now()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._connection.at_end = self._end
        if self._connection.lost.is_set():
            self._end()

    def _end(self) -> None:
        waited = self._now() - self._since
        still_reads = not self._connection.lost.is_set() and waited < (BEHIND if self._clock is None else 1)
        if self._task is not None and not self._ended and not still_reads:
            self._ended = True
            self._task.cancel()

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.at_end = None
        # who else has cancelled it ends the lab, and that goes first
        if self._ended and self._task is not None and not self._task.uncancel():
            raise ConnectionResetError("The peer has given up.") from error


class ReplySender:
    """Delivers the replies of one service, and tells its observers what of each has left."""

    def __init__(self, service: Service, clock: AnyClock, recorder: Recorder | None = None) -> None:
        self.service = service
        self.clock = clock
        self.recorder = recorder
        self.holds = Holds(service, clock)
        self.preparing = 0
        """Replies that a tape isn't ready for."""
        self._watching: dict[str, set[asyncio.Event]] = {}
        """By job, of whom what follows of it is awaited."""
        self.writer = ResponseWriter(service.config.epoch)

    def write(self, connection: Connection, response: Response, method: str, line: bytes) -> bool:
        """Send a whole response at once, with one more header line; False if the peer is gone."""
        data = self.writer.bytes_of(response, self.clock.now(), method=method, last=line)
        return connection.write(data)

    async def send(self, connection: Connection, request: Request, reply: Reply, since: Millis) -> Sent:
        """Let the reply to a request that was complete at `since` leave."""
        if due := self.holds.choose is not None:
            passed = await self._passed(connection, request, reply)
            if passed is None:
                return SENT_LAST
            reply = passed
        if (reply.strike is not None or reply.parts is not None) and reply.settles is None:
            return await _Piecemeal(self, connection, request, reply, since, due=due).send()
        try:
            if not due and (reply.facts or len(reply.response.body) > LONG_BODY):
                await self.ready(reply, request)
            if not due and (reply.latency or reply.settles is not None):
                with Awaited(connection, self.clock):
                    if reply.latency:
                        await self.withhold(connection, reply.latency)
                    reply = await self._settled(reply)
            last = connection.last()
            line = CLOSE if last else KEEP if connection.request.version < (1, 1) else b""
            # of a long body no copy waits for each client
            long = b"" if len(reply.response.body) <= LONGEST_PIECE or request.method == "HEAD" else reply.response.body
            left = self.write(connection, reply.response, "HEAD" if long else request.method, line)
            if not left or connection.rejected:
                self._tell_cut(reply, "client_gone")
                return SENT_LAST
            first = self.clock.now() - since
            if long:
                await connection.write_long(long)
            elif connection.writing_paused:
                await connection.drain()
        except asyncio.CancelledError:
            self._tell_cut(reply, "shutdown")
            raise
        except ConnectionError:
            self._tell_cut(reply, "client_gone")
            return SENT_LAST
        shown = first if first != reply.latency else None
        replied = Replied(self.clock.now(), reply.x, reply.response, reply.latency, shown)
        if len(reply.response.body) > LONG_BODY:
            await self.tell(replied)
        else:
            self.service.tell(replied)
        return connection.over("server") if last else SENT

    async def _passed(self, connection: Connection, request: Request, reply: Reply) -> Reply | None:
        """The reply as it leaves, once it is due and nobody holds it; None: its peer has given up."""
        try:
            await self.ready(reply, request)
            with Awaited(connection, self.clock):
                if reply.latency:
                    await self.withhold(connection, reply.latency)
                return await self.holds.pass_reply(connection.ordinal, request, await self._settled(reply))
        except asyncio.CancelledError:
            self._tell_cut(reply, "shutdown")
            raise
        except ConnectionError:
            self._tell_cut(reply, "client_gone")
            return None

    async def withhold(self, connection: Connection, latency: Millis) -> None:
        """Let a latency pass; where a run has the clock stand, nobody else waits for it."""
        if isinstance(self.clock, ScaledClock) and connection.outlasts_pauses:
            await self.clock.hold_while_it_runs(latency)
        else:
            await self.clock.hold(latency)

    async def _settled(self, reply: Reply) -> Reply:
        """The reply as it leaves once its job has come to rest, whatever becomes of that meanwhile."""
        while reply.settles is not None:
            when, response = reply.settles()
            if when <= self.clock.now():
                return replace(reply, response=response, settles=None)
            await self.until(when, reply.watched)
        return reply

    async def until(self, when: Millis, watched: Collection[str]) -> bool:
        """Return at an instant, or, True, as soon as somebody has acted on one of these jobs."""
        if not watched:
            await self.clock.hold_until(when)
            return False
        acted = asyncio.Event()
        if not self._watching:
            self.service.fact_observers.append(self._noted)
        for job in watched:
            self._watching.setdefault(job, set()).add(acted)
        try:
            await first_of(self.clock.hold_until(when), acted.wait())
        finally:
            for job in watched:
                self._watching[job].discard(acted)
                if not self._watching[job]:
                    del self._watching[job]
            if not self._watching:
                self.service.fact_observers.remove(self._noted)
        return acted.is_set()

    def _noted(self, noted: Noted) -> None:
        for acted in self._watching.get(getattr(noted.fact, "job", ""), ()):
            acted.set()

    async def ready(self, reply: Reply, request: Request) -> None:
        """Return once what the call brought is written, and its answer, if that is long, redacted.

        So a client that was answered finds all of it on the tape, in order, and nobody waits but itself.
        """
        long = len(reply.response.body) > LONG_BODY
        if self.recorder is not None and (long or reply.facts):
            self.preparing += 1
            try:
                if long or len(request.body) > LONG_BODY:
                    await breathe()  # the call took its turn, and what is written of it takes another
                self.recorder.flush()
                if long:
                    await self.recorder.redact(Replied(0, reply.x, reply.response))
            finally:
                self.preparing -= 1

    async def tell(self, replied: Replied) -> None:
        """Tell of a reply that has left: of a long one that wasn't known before once it is redacted."""
        self.preparing += 1
        try:
            if self.recorder is not None and len(replied.response.body) > LONG_BODY:
                await self.recorder.redact(replied)
        finally:
            self.preparing -= 1
            self.service.tell(replied)

    def _tell_cut(self, reply: Reply, cut: str) -> None:
        self.service.tell(Replied(self.clock.now(), reply.x, _NOTHING, reply.latency, cut=cut, sent=0))


class _Piecemeal:
    """A reply that is streamed, struck by a fault, or both."""

    def __init__(
        self,
        sender: ReplySender,
        connection: Connection,
        request: Request,
        reply: Reply,
        since: Millis,
        *,
        due: bool = False,
    ) -> None:
        """`due`: its latency has passed."""
        self.sender = sender
        self.clock = sender.clock
        self.connection = connection
        self.request = request
        self.reply = reply
        self.strike = reply.strike
        self.since = since
        self.due = due
        self.length = reply.strike.length if reply.strike is not None else None
        """What the head says of the body's length, where it says anything."""
        self.chunked = self.length is None and connection.request.version >= (1, 1)
        self.last = True
        """Whether the connection ends with this reply."""
        self.body: list[tuple[Millis, bytes]] = []
        """What of the body has left, without its framing, and when it was due."""
        self.head = _NOTHING
        self.first: Millis | None = None

    async def send(self) -> Sent:
        cut: str | None = "client_gone"
        try:
            await self.sender.ready(self.reply, self.request)
            with Awaited(self.connection, self.clock):
                if self.reply.latency and not self.due:
                    await self.sender.withhold(self.connection, self.reply.latency)
                left = await self._send()
            if left and await self._wait():
                cut = self.strike.cut if self.strike is not None else None
        except asyncio.CancelledError:
            cut = "shutdown"
            raise
        except ConnectionError:
            pass
        finally:
            await self.sender.tell(self._left(cut))
        return self._end(cut)

    async def _send(self) -> bool:
        """Send what leaves of it; False once the peer is gone."""
        response, strike = self.reply.response, self.strike
        # without a length or chunks nothing but the end of the connection tells where the body ends
        framed = self.chunked or self.length is not None
        self.last = not framed or (strike is not None and strike.how == "close") or self.connection.last()
        if response.status == 0:
            return not self.connection.lost.is_set()
        line = CLOSE if self.last else b""
        if self.length is not None:
            line = b"content-length: %d\r\n%b" % (self.length, line)
        at = self.clock.now()
        if not self.connection.write(self.sender.writer.bytes_of(response, at, last=line, chunked=self.chunked)):
            return False
        self.head, self.first = response, at - self.since
        return await self._send_body(self.reply.parts or partial(iter, ((at, response.body),)))

    async def _send_body(self, making: Making) -> bool:
        await self.connection.shell.turn.begin()
        pieces = making()
        while (part := next(pieces, None)) is not None:
            when, piece = part
            if self.clock.now() < when and await self.sender.until(when, self.reply.watched):
                # somebody has acted: what was still to come is another now
                pieces = islice(making(), len(self.body), None)
                continue
            await self.connection.write_long(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
            self.body.append((when, piece))
            await self.connection.shell.turn.begin()
        whole = self.strike is None or self.strike.cut is None
        return self.connection.write(b"0\r\n\r\n" if self.chunked and whole else b"")

    async def _wait(self) -> bool:
        """Keep the peer waiting where the fault does; False if it had enough of that."""
        if self.strike is None or not self.strike.lasts:
            return True
        gone = asyncio.Event()
        until = max(self.clock.now(), self.since + self.reply.latency) + self.strike.lasts
        # no answer is to come, so a peer that ends its side now has given up
        self.connection.at_end = gone.set
        try:
            await first_of(self.clock.hold_until(until), gone.wait())
        finally:
            self.connection.at_end = None
        return not gone.is_set()

    def _left(self, cut: str | None) -> Replied:
        """What has left of it."""
        latency, head = self.reply.latency, gathered(self.head, self.body, self.since)
        first = self.first if self.first != latency else None
        sent = len(head.body) if cut else None
        return Replied(self.clock.now(), self.reply.x, head, latency, first, cut=cut, sent=sent)

    def _end(self, cut: str | None) -> Sent:
        if cut is None and not self.last:
            return SENT
        connection, wire = self.connection, self.connection.wire
        if self.strike is None:
            return connection.over("server")
        over = connection.over("client" if cut == "client_gone" else "fault")
        if cut is not None and self.strike.how == "reset":
            reset(wire)
        elif cut is not None:
            wire.close()
        return over
