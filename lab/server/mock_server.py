"""The mocked API's listener: bytes to a Request, the service's Reply to bytes, the latency slept in between.

No job waits here: one exchange costs one pass through the service, and a reply that is withheld one timer of its own.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from lab.clocks import AnyClock, real_micros
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
from lab.server.call_totals import CallTotals
from lab.server.connection import SENT_LAST, Connection, Sent
from lab.server.limits import LONG_BODY, ServerLimits
from lab.server.listener import Bound, Listener
from lab.server.listening_server import ListeningServer
from lab.server.long_calls import LongCalls
from lab.server.mounts import Mount, Routed, Tenant
from lab.server.response_writer import CLOSE
from lab.server.shared.calls import CallResult, LedgerCalls
from lab.server.shared.worker_links import WorkerLinks
from lab.server.tenants import Tenants

MOST_HEAVY = 2
"""Calls that are prepared at once: long ones, held to patterns, and the first of all."""


class MockServer(ListeningServer):
    """The mock on a socket."""

    def __init__(
        self,
        service: Service,
        clock: AnyClock,
        limits: ServerLimits | None = None,
        calls: LedgerCalls | None = None,
    ) -> None:
        """`calls` is how calls reach a ledger that other processes share; None: it is this one's alone."""
        super().__init__(clock, limits or ServerLimits())
        self.tenants = Tenants(Tenant(Mount(service, clock), calls))
        self.tenants.leavers.append(self.drop)
        self.workers: WorkerLinks | None = None
        """The way to the other workers of the lab, if this process is the first of them."""
        self.totals: dict[str, CallTotals] = {}
        """What the control plane counts of all tenants, also of those that were ended, by the names of mocks."""
        self._preparing = 0
        """Calls that other threads prepare, or soon will."""
        self.heavy = asyncio.Semaphore(MOST_HEAVY)
        """Taken while a call is prepared in other threads."""
        self._long_calls = LongCalls()
        self._asking: set[Connection] = set()
        """Those whose call waits for a ledger that other processes share."""

    @property
    def service(self) -> Service:
        """The usual mock: that of a request which chooses none."""
        return self.tenants.usual.main.service

    @service.setter
    def service(self, service: Service) -> None:
        self.tenants.usual.main.service = service

    @property
    def preparing(self) -> bool:
        """Whether a call, or a reply of those that live by the lab's clock, waits for other threads."""
        return self._preparing > 0 or any(mount.sender.preparing for mount in self.tenants.usual)

    @property
    def public_origin(self) -> str:
        """The origin at which clients are to call: the public one that was given, or where this process listens."""
        return self.service.config.base or self.origin

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, bound: Bound | None = None) -> str:
        """Listen, once the ledger is at hand; StoreLost if it is shared, and can't be reached."""
        await self.tenants.usual.calls.start("" if bound is None else bound.origin)
        return await super().start(host, port, bound=bound)

    def start_decoy(self, bound: Bound) -> None:
        """Listen at another origin too, once `start` was called: nothing is there, but what is sent to it is told."""
        factory = self.factory()

        def elsewhere() -> Connection:
            connection = factory()
            connection.listener = DECOY
            return connection

        self.others.append(Listener(bound, elsewhere))

    def drop(self, tenant: Tenant) -> None:
        """Cut the connections whose reply isn't out: what was asked there never happened."""
        for connection in tuple(self.peers):
            # who waits for the ledger learns of it there, and may call the next tenant of that name
            if (
                connection.busy
                and (connection.tenant or self.tenants.usual) is tenant
                and connection not in self._asking
            ):
                connection.cut("reset")

    # What a connection tells

    def note(self, fact: Fact) -> None:
        """Tell of the main mock's connections and of the server."""
        self.service.note(fact)

    def left(self, fact: ConnectionClosed) -> None:
        """One that went on elsewhere wasn't left open where it was before."""
        if (latest := self.tenants.latest(fact.c)) is not self.tenants.usual.main:
            latest.note(fact)
        self.tenants.leave(fact.c)

    def note_of(self, connection: Connection, fact: Fact) -> None:
        """Tell of it where the connection was used last."""
        self.tenants.latest(connection.ordinal).note(fact)

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse in the server's words, and close."""
        self.write_last(connection, self.service.word(problem, ""))

    # One exchange

    async def exchange(self, connection: Connection, incoming: web.BaseRequest) -> Sent:
        """Serve one request; a bug of ours is 500, and the exchange is told all the same."""
        headers = connection.headers
        path, query = reader.target_of(incoming.raw_path)
        routed = self.tenants.route(path, headers) or await self.tenants.admit(path, headers)
        since = routed.mount.clock.now()
        self.tenants.enter(routed.mount, connection)
        body: bytes | Refusal = routed.refusal or connection.refused_head() or b""
        if not body and incoming.body_exists:
            body = await connection.body(self._most_of(routed.path))
        if connection.listener is not None:
            body = reader.shell_refusal(404, "This is another origin than the API's.")
        came = real_micros()
        while True:
            if isinstance(body, Refusal):
                now = routed.mount.clock.now()
                return self._refuse(connection, routed, body, now, now - since)
            tenant, request = routed.mount.tenant, Request(incoming.method, routed.path, query, headers, body)
            tenant.users += 1
            try:
                return await self._answer(connection, routed, request, since, came)
            except LedgerEnded:  # at another process: this call is the first one after it
                pass
            finally:
                tenant.users -= 1
            routed = self.tenants.route(path, headers) or await self.tenants.admit(path, headers)
            since, body = routed.mount.clock.now(), routed.refusal or body
            self.tenants.enter(routed.mount, connection)

    def _most_of(self, path: str) -> int:
        """Bytes that the body of a request to that path may have."""
        limits, route = self.limits, ROUTER.name("POST", path)
        return limits.token_body if route in FORM_ROUTES else limits.upload_body if route in UPLOADS else limits.body

    async def _answer(self, connection: Connection, routed: Routed, request: Request, since: Millis, came: int) -> Sent:
        """What the service says to a request that began to come at `since`, and was whole at `came`, in real microseconds; LedgerEnded: its tenant is there no longer."""
        mount, service = routed.mount, routed.mount.service
        calls, now, before = mount.tenant.calls, mount.clock.now(), service.exchanges
        try:
            prepare = service.preparation(request, now) if request.body else None
            if prepare is not None or len(request.body) > LONG_BODY or self._long_calls.among(request):
                request = await self._prepare(mount, request, prepare)
                if connection.how == "reset":  # the lab was set back meanwhile
                    return SENT_LAST
                now, before = mount.clock.now(), service.exchanges
            if calls.shared:
                call = partial(service.serve, request, c=connection.ordinal, took=now - since, came=came)
                now, reply = await self._ask(mount.tenant, connection, lambda at: (at, call(at)))
            else:
                reply = service.serve(request, now, c=connection.ordinal, took=now - since, came=came)
            self._long_calls.note(request, reply)
        except LedgerEnded:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the client gets an answer and the record is whole
            problem = self._problem(fault, connection)
            x = service.exchanges if service.exchanges != before and not calls.shared else None
            return self._refuse(connection, routed, problem, now, now - since, x)
        return await mount.sender.send(connection, request, reply, now)

    async def _ask(self, tenant: Tenant, connection: Connection, call: Callable[[Millis], CallResult]) -> CallResult:
        """What the call gives once a ledger that other processes share has taken it; LedgerEnded: the tenant is let go."""
        self._asking.add(connection)
        try:
            return await tenant.calls.run(call)
        except LedgerEnded:
            await self.tenants.let_go(tenant)
            raise
        finally:
            self._asking.discard(connection)

    def _problem(self, fault: Exception, connection: Connection) -> Refusal:
        """What a client is told where there is no answer: the store is gone, or there is a bug."""
        if isinstance(fault, StoreLost):
            return reader.store_refusal(fault)
        return self.bugs.found(fault, connection.ordinal)

    async def _prepare(self, mount: Mount, request: Request, prepare: Callable[[], None] | None) -> Request:
        """Do it in other threads, few at a time, and wait for a long call's turn: others are answered meanwhile.

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
                    if mount.recorder is not None:
                        await mount.recorder.prepare(request, partial(mount.service.said, request))
            if self._long_calls.among(request):
                await self._long_calls.turn()
            return request
        finally:
            self._preparing -= 1

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
        service, method = routed.mount.service, connection.request.method
        form = ROUTER.name(method, routed.path) in FORM_ROUTES
        response = reader.identity_refusal(problem) if form else service.word(problem, routed.path)
        if x is None and (x := service.next_exchange()):
            whole, query = reader.target_of(connection.request.raw_path)
            path = routed.path if routed.refusal is None else whole
            request, listener = Request(method, path, query, connection.headers), connection.listener
            route = ROUTER.name(method, path) if listener is None else UNKNOWN_ROUTE
            service.tell(Requested(now, x, route, request, c=connection.ordinal, took=took, listener=listener))
        routed.mount.sender.write(connection, response, method, CLOSE)
        if x:
            service.tell(Replied(routed.mount.clock.now(), x, response, by="shell"))
        return connection.over("server")

    def write_last(self, connection: Connection, response: Response) -> None:
        """Send the last response of a connection, to whatever was asked."""
        self.tenants.usual.main.sender.write(connection, response, "GET", CLOSE)
        connection.over("server")
