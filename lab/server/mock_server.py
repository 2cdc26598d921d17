"""The mocked API's listener: bytes to a Request, the service's Reply to bytes, the latency slept in between.

No job waits here: one exchange costs one pass through the service, and a reply that is withheld one timer of its own.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from lab.clocks import AnyClock, breathe, real_micros
from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.journal.fact import Fact
from lab.core.journal.shared import LedgerEnded, StoreLost
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import DECOY, Replied, Requested
from lab.core.refusal import Refusal
from lab.dialects.fusion.routes import UPLOADS
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE, lightened
from lab.identity.routes import FORM_ROUTES
from lab.mock.service import Service
from lab.server import request_reader as reader
from lab.server.connection import SENT_LAST, TURNS, Connection, Sent, reset
from lab.server.delivery import Awaited
from lab.server.fair_shares import LongWork
from lab.server.labs import Labs, Routed, ServedLab
from lab.server.limits import LONG_BODY, ServerLimits
from lab.server.listener import Bound, Listener
from lab.server.listening_server import ListeningServer
from lab.server.response_writer import CLOSE
from lab.server.shared.calls import CallResult, LedgerCalls

if TYPE_CHECKING:  # a lab of one process has no others
    from lab.server.shared.worker_links import WorkerLinks


class MockServer(ListeningServer):
    """The mock on a socket."""

    def __init__(
        self,
        service: Service,
        clock: AnyClock,
        limits: ServerLimits | None = None,
        calls: LedgerCalls | None = None,
        *,
        labs: Callable[[ServedLab], Labs] = Labs,
    ) -> None:
        """`calls` is how calls reach a ledger that other processes share; None: it is this one's alone.

        `labs` makes of the nameless lab those that stand behind the listener.
        """
        super().__init__(clock, limits or ServerLimits())
        self.labs = labs(ServedLab(service, clock, calls=calls))
        self.labs.leavers.append(self.drop)
        self.workers: WorkerLinks | None = None
        """The way to the other workers of the lab, if this process is the first of them."""
        self._preparing = 0
        """Calls that other threads prepare, or soon will."""
        self.heavy = LongWork()
        """Held while a call is prepared: a long one, one that is held to patterns, the first of all."""
        self._long_teams: set[str] = set()
        """Those of which a call took long, as their texts do much work: a dozen at once would be a dozen times that to others."""
        self._long_turn = asyncio.Lock()
        self._asking: set[Connection] = set()
        """Those whose call waits for a ledger that other processes share."""

    @property
    def service(self) -> Service:
        """The usual mock: that of a request which chooses none."""
        return self.labs.usual.service

    @service.setter
    def service(self, service: Service) -> None:
        self.labs.usual.service = service

    @property
    def preparing(self) -> bool:
        """Whether a call, or a reply of those that live by the lab's clock, waits for other threads."""
        return self._preparing > 0 or any(each.sender.preparing for each in self.labs.usual)

    @property
    def holding(self) -> bool:
        """Whether somebody holds an exchange of those that live by the lab's clock."""
        return any(each.sender.holds.under_way for each in self.labs.usual)

    @property
    def public_origin(self) -> str:
        """The origin at which clients are to call: the public one that was given, or where this process listens."""
        return self.service.config.base or self.origin

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, once the ledger is at hand; StoreLost if it is shared, and can't be reached."""
        await self.labs.usual.calls.start()
        return await super().start(host, port, bound=bound)

    async def stop(self, grace: Millis = 5_000, hurry: asyncio.Event | None = None) -> None:
        for lab in self.labs:
            lab.sender.holds.end()
        await super().stop(grace, hurry)

    def start_decoy(self, bound: Bound) -> None:
        """Listen at another origin too, once `start` was called: nothing is there, but what is sent to it is told."""
        factory = self.factory()

        def elsewhere() -> Connection:
            connection = factory()
            connection.listener = DECOY
            return connection

        self.listeners.append(Listener(bound, elsewhere))

    def drop(self, lab: ServedLab) -> None:
        """Cut the connections whose reply isn't out: what was asked there never happened."""
        for connection in tuple(self.peers):
            # who waits for the ledger learns of it there, and may call the next tenant of that name
            if connection.busy and (connection.tenant or self.labs.usual) is lab and connection not in self._asking:
                connection.cut("reset")

    # What a connection tells

    def note(self, fact: Fact) -> None:
        """Tell of the main mock's connections and of the server."""
        self.service.note(fact)

    def left(self, fact: ConnectionClosed) -> None:
        """One that went on elsewhere wasn't left open where it was before."""
        if (latest := self.labs.latest(fact.c)) is not self.labs.usual:
            latest.note(fact)
        self.labs.leave(fact.c)

    def note_of(self, connection: Connection, fact: Fact) -> None:
        """Tell of it where the connection was used last."""
        self.labs.latest(connection.ordinal).note(fact)

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse in the server's words, and close."""
        self.write_last(connection, self.service.word(problem, ""))

    # One exchange

    async def exchange(self, connection: Connection, incoming: web.BaseRequest) -> Sent:
        """Serve one request; a bug of ours is 500, and the exchange is told all the same."""
        headers = connection.headers
        path, query = reader.target_of(incoming.raw_path)
        routed = self._arrived(connection, path)
        since = routed.lab.clock.now()
        body: bytes | Refusal = connection.refused_head() or b""
        if routed.refusal is not None and routed.absent is None:
            body = routed.refusal
        if not body and incoming.body_exists:
            body = await connection.body(self._most_of(routed.path))
        if connection.listener is not None:
            body = reader.shell_refusal(404, "This is another origin than the API's.")
        came = real_micros()
        while True:
            request = Request(incoming.method, routed.path, query, headers, b"" if isinstance(body, Refusal) else body)
            if routed.absent is not None and not isinstance(body, Refusal):
                routed = await self.labs.admit(routed, request, path)
                self.labs.arrive(routed.lab, connection)
                since = routed.lab.clock.now()
            problem = body if isinstance(body, Refusal) else routed.refusal
            if problem is not None:
                now = routed.lab.clock.now()
                return self._refuse(connection, routed, problem, now, now - since)
            with suppress(LedgerEnded):  # at another process: then this call is the first one after it
                return await self._answer(connection, routed, request, since, came)
            routed = self._arrived(connection, path)
            since = routed.lab.clock.now()

    def _arrived(self, connection: Connection, path: str) -> Routed:
        """Which lab the request is for that came over a connection."""
        routed = self.labs.route(path, connection.headers)
        self.labs.arrive(routed.lab, connection)
        return routed

    def _most_of(self, path: str) -> int:
        """Bytes that the body of a request to that path may have."""
        limits, route = self.limits, ROUTER.name("POST", path)
        return limits.token_body if route in FORM_ROUTES else limits.upload_body if route in UPLOADS else limits.body

    async def _answer(self, connection: Connection, routed: Routed, request: Request, since: Millis, came: int) -> Sent:
        """What the service says to a request that began to come at `since`, and was whole at `came`, in real microseconds; LedgerEnded: its tenant is there no longer."""
        lab, service = routed.lab, routed.lab.service
        calls, now, before = lab.calls, lab.clock.now(), service.exchanges
        if lab.sender.holds.choose is not None:
            connection.leave_room()  # while one is held others need it
            try:
                with Awaited(connection, lab.clock):
                    read = await lab.sender.holds.pass_request(connection.ordinal, request)
            except asyncio.CancelledError:
                self._cut_unread(connection, routed, request, now - since, "shutdown")
                raise
            except ConnectionError:
                return self._cut_unread(connection, routed, request, now - since, "client_gone")
            if not isinstance(read, Request):
                return self._cut_unread(connection, routed, request, now - since, read)
            # it is answered as of the instant at which it goes on
            passed = lab.clock.now() - now
            request, since, now, before = read, since + passed, now + passed, service.exchanges
        try:
            prepare = service.preparation(request, now) if request.body else None
            if prepare is not None or len(request.body) > LONG_BODY or self._takes_long(request):
                request = await self._prepare(lab, request, prepare)
                if connection.how == "reset":  # the lab was set back meanwhile
                    return SENT_LAST
                now, before = lab.clock.now(), service.exchanges
            if calls.shared:
                call = partial(service.serve, request, c=connection.ordinal, took=now - since, came=came)
                now, reply = await self._ask(lab.usual, connection, lambda at: (at, call(at)))
            else:
                reply = service.serve(request, now, c=connection.ordinal, took=now - since, came=came)
            if reply.long:
                self._long_teams.add(_team(request))
            connection.leave_room()
        except LedgerEnded:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the client gets an answer and the record is whole
            problem = self._problem(fault, connection)
            x = service.exchanges if service.exchanges != before and not calls.shared else None
            return self._refuse(connection, routed, problem, now, now - since, x)
        return await lab.sender.send(connection, request, reply, now)

    async def _ask(self, lab: ServedLab, connection: Connection, call: Callable[[Millis], CallResult]) -> CallResult:
        """What the call gives once a ledger that other processes share has taken it; LedgerEnded: the tenant is gone."""
        self._asking.add(connection)
        try:
            return await lab.calls.run(call)
        finally:
            self._asking.discard(connection)

    def _problem(self, fault: Exception, connection: Connection) -> Refusal:
        """What a client is told where there is no answer: the store is gone, or there is a bug."""
        if isinstance(fault, StoreLost):
            return reader.store_refusal(fault)
        return self.bugs.found(fault, connection.ordinal)

    async def _prepare(self, lab: ServedLab, request: Request, prepare: Callable[[], None] | None) -> Request:
        """Do it in other threads, one at a time, and wait for a long call's turn: others are answered meanwhile.

        The request without files.

        Nothing is awaited between the last of it and the call: what was prepared is as it was then.
        """
        self._preparing += 1
        try:
            if prepare is not None or len(request.body) > LONG_BODY:
                async with self.heavy:
                    if prepare is not None:
                        await asyncio.to_thread(prepare)
                    request = await asyncio.to_thread(lightened, request)
                    if lab.recorder is not None:
                        await lab.recorder.redact(Requested(0, 0, "", request))
            if self._takes_long(request):
                # until whoever has asked for something else since the last of these calls is answered
                async with self._long_turn:
                    for _ in range(TURNS):
                        await breathe()
            return request
        finally:
            self._preparing -= 1

    def _takes_long(self, request: Request) -> bool:
        return bool(self._long_teams) and _team(request) in self._long_teams

    def _refuse(
        self,
        connection: Connection,
        routed: Routed,
        problem: Refusal,
        now: Millis,
        took: Millis,
        x: int | None = None,
    ) -> Sent:
        """Answer without the service; the exchange is told all the same, its request too unless `x` is its ordinal already."""
        service, method = routed.lab.service, connection.request.method
        form = ROUTER.name(method, routed.path) in FORM_ROUTES
        response = reader.identity_refusal(problem) if form else service.word(problem, routed.path)
        if x is None and (x := service.next_exchange()):
            whole, query = reader.target_of(connection.request.raw_path)
            path = routed.path if routed.refusal is None else whole
            request, listener = Request(method, path, query, connection.headers), connection.listener
            route = ROUTER.name(method, path) if listener is None else UNKNOWN_ROUTE
            service.tell(Requested(now, x, route, request, c=connection.ordinal, took=took, listener=listener))
        routed.lab.sender.write(connection, response, method, CLOSE)
        if x:
            service.tell(Replied(routed.lab.clock.now(), x, response, by="shell"))
        return connection.over("server")

    def _cut_unread(self, connection: Connection, routed: Routed, request: Request, took: Millis, ends: str) -> Sent:
        """End the connection of a request that was held, and that the mock doesn't read any more."""
        service, now, cut = routed.lab.service, routed.lab.clock.now(), "truncated" if ends == "empty" else ends
        # one that the lab was set back in never was
        if connection.how != "reset" and (x := service.next_exchange()):
            route = ROUTER.name(request.method, request.path)
            service.tell(Requested(now, x, route, request, c=connection.ordinal, took=took))
            service.tell(Replied(now, x, Response(0), by="shell", cut=cut, sent=0))
        if ends == "reset":
            reset(connection.wire)
        elif ends == "empty":
            connection.wire.close()
        return connection.over("client" if ends == "client_gone" else "server")

    def write_last(self, connection: Connection, response: Response) -> None:
        """Send the last response of a connection, to whatever was asked."""
        self.labs.usual.sender.write(connection, response, "GET", CLOSE)
        connection.over("server")


def _team(request: Request) -> str:
    match = ROUTER.at(request.path)
    return "" if match is None else match.code
