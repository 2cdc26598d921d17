"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7)."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from aiohttp import web
from msgspec import Struct, to_builtins

from lab.clocks import wall_second
from lab.control import CONTROL_ROOT, ControlCommand
from lab.core.clock import Epoch
from lab.core.exchange import Json
from lab.core.journal.shared import LedgerEnded
from lab.plugin import ControlRoute, resolve
from lab.server.connection import connection_factory, request_handler
from lab.server.control.access import CHOSEN, OF_TENANT, Access, ControlConnections
from lab.server.control.last_exchanges import SharedBytes
from lab.server.control.observed import ObservedLab, RouteContext
from lab.server.control.reading import CommandRefused, command_in
from lab.server.control.routes import CONTROL_ROUTES
from lab.server.labs import LabRefused, ServedLab
from lab.server.listener import Bound, Listener, bind
from lab.server.mock_server import MockServer
from lab.server.recorder import Recorder


class ControlPlane:
    """Commands a mock that is being served. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self, server: MockServer, token: str, *, trouble: Callable[[], str | None] = lambda: None,
        recorder: Recorder | None = None, second: Callable[[], Epoch] = wall_second,
    ) -> None:  # fmt: skip
        """`second` gives the wall time of instant 0 whenever a manual clock begins anew."""
        self._server, self._trouble, self._second = server, trouble, second
        self._access = Access(
            token, server.labs.tokens, [CONTROL_ROOT + row.path for row in CONTROL_ROUTES if row.probe]
        )
        server.labs.usual.recorder = recorder
        self._bytes: dict[ServedLab, SharedBytes] = {}
        """By the usual one what the journals of all that live by its clock may take together."""
        self.observed: dict[ServedLab, ObservedLab] = {}
        for lab in server.labs:
            self._begun(lab)
        server.labs.watchers.append(self._begun)
        server.labs.leavers.append(self._ended)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    @property
    def usual(self) -> ObservedLab:
        """The lab of calls that name none."""
        return self.observed[self._server.labs.usual]

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, bound: Bound | None = None
    ) -> str:
        """Listen, perhaps on a port taken before; the origin. `names` are Hosts by which it may be addressed beside its own. HostError and UsageError as the mock's own."""
        app = web.Application(middlewares=[self._access.middleware()])
        for row in CONTROL_ROUTES:
            # the middleware makes responses of documents
            app.router.add_route(row.method, f"{CONTROL_ROOT}{row.path}", self._handler(row))  # type: ignore[arg-type]
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        manager = runner.server
        assert manager is not None
        shell = ControlConnections(self._server, manager.request_handler)
        manager.request_handler = request_handler(shell.exchange)
        self._listener = Listener(bound or bind(host, port), connection_factory(shell, manager))
        self._access.listening(host, int(self._listener.origin.rpartition(":")[2]), names)
        self._runner = runner
        return self._listener.origin

    async def stop(self) -> None:
        """End the streams, and stop listening."""
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for observed in self.observed.values():
                observed.end_streams()
            await self._runner.cleanup()
            self._listener = None
        for observed in self.observed.values():
            observed.close()

    def _handler(self, row: ControlRoute) -> Callable[[web.Request], Awaitable[Json | web.StreamResponse]]:
        """What answers a request to a route: the lab that is meant, the Struct that is asked, the function, its answer."""

        async def handle(request: web.Request) -> Json | web.StreamResponse:
            try:
                answer = await self._answered(row, request)
            except CommandRefused as refused:
                if row.body is not None and refused.status == 400 and not refused.hint:
                    refused.hint = f"As {row.body}."
                raise
            return cast(Json, to_builtins(answer)) if isinstance(answer, Struct) else cast(Json, answer)

        return handle

    async def _answered(self, row: ControlRoute, request: web.Request) -> object:
        if row.of_the_lab and OF_TENANT in request:
            raise CommandRefused(404, "A tenant has no such route.", f"The lab itself has it: {request.path}.")
        lab = await self._lab_of(request)
        observed = self.observed[lab]
        try:
            if not row.of_the_process:
                await lab.calls.look()
            run = cast("Callable[[RouteContext, ControlCommand[Any]], Awaitable[object]]", resolve(row.run))
            context = RouteContext(self._server, observed, self.observed, request)
            answer = await run(context, await command_in(request, row))
            if request.method != "GET" and not row.of_the_lab and lab.recorder is not None:
                lab.recorder.flush()  # what a command brought
            return answer
        except LedgerEnded:
            raise CommandRefused.says(self._server.labs.unknown(lab.name or "")) from None

    async def _lab_of(self, request: web.Request) -> ServedLab:
        """The lab that the path names; CommandRefused if there is none."""
        labs, tenant, scenario = self._server.labs, request.get(OF_TENANT), request.get(CHOSEN)
        lab = labs.usual if tenant is None else await labs.find(tenant)
        if lab is None:
            raise CommandRefused.says(labs.unknown(tenant or ""))
        try:
            return lab if scenario is None else labs.choose(lab, scenario)
        except LabRefused as refused:
            raise CommandRefused.says(refused.refusal) from None

    def _begun(self, lab: ServedLab) -> None:
        trouble = self._trouble if lab.usual is self._server.labs.usual else lambda: lab.calls.trouble
        shared = self._bytes.setdefault(lab.usual, SharedBytes())
        self.observed[lab] = ObservedLab(self._server, lab, shared, trouble, self._second)

    def _ended(self, lab: ServedLab) -> None:
        if (observed := self.observed.pop(lab, None)) is not None:
            observed.end_streams()
            observed.close()
        self._bytes.pop(lab, None)
