"""The control plane: its own listener under `/_lab/`, of which the mocked API knows nothing (contract.md §2.7).

Its connections have the mock's limits and deadlines, but are counted and recorded nowhere.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from yarl import URL

from lab.clocks import wall_second
from lab.core.clock import Epoch
from lab.core.errors import LabError, UsageError
from lab.core.exchange import Response
from lab.core.journal.shared import LedgerEnded
from lab.core.refusal import Refusal
from lab.core.routes import CONTROL_ROOT
from lab.mock.config import MOUNT_PATH, TENANT_PATH
from lab.plugin import ControlRoute, resolve
from lab.server.connection import Connection, PeerGone, Shell
from lab.server.control.access import Access
from lab.server.control.journal import Buffer
from lab.server.control.metrics import Meters
from lab.server.control.observed import ObservedLab, RouteContext
from lab.server.control.reading import JSON, CommandRefused, answer_response, command_in
from lab.server.control.routes import routed
from lab.server.labs import LabRefused, ServedLab
from lab.server.listener import Bound, Listener, bind
from lab.server.mock_server import MockServer
from lab.server.recorder import Recorder
from lab.server.request_reader import check_length, shell_refusal

if TYPE_CHECKING:  # no start waits for what commands are made of
    from lab.control import ControlCommand, Health, Ready

_ENDED_WITHIN = 0.5
"""Real seconds that calls under way have, once the plane stops."""


class ControlPlane(Shell):
    """Commands a mock that is being served. `trouble` says what is wrong with the lab, if anything is."""

    def __init__(
        self, server: MockServer, token: str, *, trouble: Callable[[], str | None] = lambda: None,
        recorder: Recorder | None = None, second: Callable[[], Epoch] = wall_second,
    ) -> None:  # fmt: skip
        """`second` gives the wall time of instant 0 whenever a manual clock begins anew."""
        super().__init__(server.limits, server.bugs, server.bodies, server.turn)
        self._server, self._trouble, self._second = server, trouble, second
        self._access = Access(token, server.labs.tokens)
        server.labs.usual.recorder = recorder
        self.meters = Meters(server)
        self._together: dict[ServedLab, list[Buffer]] = {}
        """By the usual one the last exchanges of all that live by its clock."""
        self.observed: dict[ServedLab, ObservedLab] = {}
        for lab in server.labs:
            self._begun(lab)
        server.labs.watchers.append(self._begun)
        server.labs.leavers.append(self._ended)
        self._manager: web.Server | None = None
        self._listener: Listener | None = None

    @property
    def usual(self) -> ObservedLab:
        """The lab of calls that name none."""
        return self.observed[self._server.labs.usual]

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, bound: Bound | None = None
    ) -> str:
        """Listen, perhaps on a port taken before; the origin. `names` are Hosts by which it may be addressed beside its own. HostError and UsageError as the mock's own."""
        self._manager = web.Server(self.handle, handler_cancellation=True)
        self._listener = Listener(bound or bind(host, port), self.factory_for(self._manager))
        self._access.listening(host, int(self._listener.origin.rpartition(":")[2]), names)
        return self._listener.origin

    async def stop(self) -> None:
        """End the streams, and stop listening."""
        if self._listener is not None and self._manager is not None:
            self._listener.close()
            for observed in self.observed.values():
                observed.end_streams()
            self._manager.pre_shutdown()
            await self._manager.shutdown(_ENDED_WITHIN)
            self._listener = None
        for observed in self.observed.values():
            observed.close()
        self.meters.close()

    # What a connection tells

    @property
    def ending(self) -> bool:
        """Whether the mock ends."""
        return self._server.ending

    def turn_away(self, connection: Connection, problem: Refusal) -> None:
        """Refuse in the control plane's words, and close."""
        body = CommandRefused.of(problem).body()
        self._server.write_last(connection, Response(problem.status, tuple(JSON.items()), body))

    # One request

    async def exchange(self, connection: Connection, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request; who can't be obeyed is told why as JSON."""
        # some of those that come at once, so that no client of the mock waits for a thousand of them
        await self.turn.begin()
        try:
            problem = connection.refused_head() or check_length(connection.headers, self.limits.body)
            if problem is not None:
                raise CommandRefused.of(problem, last=True)
            response = await self._answer(request)
        except CommandRefused as refused:
            response = refused.response()
        except LabRefused as refused:
            response = CommandRefused.of(refused.refusal).response()
        except PeerGone:  # nobody will read it
            response = CommandRefused.of(shell_refusal(400, "The body ended early."), last=True).response()
        except UsageError as error:
            response = CommandRefused(400, error.what, error.hint).response()
        except LabError as error:
            # the store is gone, or takes nothing, as clients of the API are told
            response = CommandRefused(503, error.what, error.hint, {"retry-after": "1"}).response()
        if self.ending:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The lab and the route that the path names, whether it may be asked, what is asked, and what comes of it."""
        path, named = request.raw_path, dict[str, str]()
        for prefix in (TENANT_PATH, MOUNT_PATH):
            if path.startswith(start := CONTROL_ROOT + prefix[1:]):
                named[prefix], _, rest = path.removeprefix(start).partition("/")
                path = f"{CONTROL_ROOT}{rest}"
        # aiohttp takes the target of CONNECT for a host
        url = URL(path) if named or request.method == "CONNECT" else request.rel_url
        try:
            row, in_path = routed(request.method, url)
        except CommandRefused:
            await self._access.check(request, named.get(TENANT_PATH))
            raise
        # whoever watches over a container shows no token, and is told a word
        if row.probe and not named and not {"authorization", "origin"} & {each.lower() for each in request.headers}:
            return await self._probed(row, request)
        await self._access.check(request, named.get(TENANT_PATH))
        if row.of_the_lab and TENANT_PATH in named:
            raise CommandRefused(404, "A tenant has no such route.", f"The lab itself has it: {url.path}.")
        labs, tenant = self._server.labs, named.get(TENANT_PATH)
        lab = labs.usual if tenant is None else await labs.find(tenant)
        if lab is None:
            raise LabRefused(labs.unknown(tenant or ""))
        if MOUNT_PATH in named:
            lab = labs.choose(lab, named[MOUNT_PATH])
        try:
            answer = await self._run(row, lab, request, url, in_path)
        except CommandRefused as refused:
            if row.body is not None and refused.status == 400 and not refused.hint:
                refused.hint = f"As {row.body}."
            raise
        return answer if isinstance(answer, web.StreamResponse) else answer_response(answer)

    async def _probed(self, row: ControlRoute, request: web.BaseRequest) -> web.Response:
        """The word for how the lab is, and nothing else."""
        try:
            found = await self._run(row, self._server.labs.usual, request, request.rel_url, {})
        except CommandRefused as refused:
            if "status" not in refused.more:
                raise
            return answer_response({"status": refused.more["status"]}, refused.status)
        return answer_response({"status": cast("Health | Ready", found).status})

    async def _run(
        self, row: ControlRoute, lab: ServedLab, request: web.BaseRequest, url: URL, in_path: Mapping[str, str]
    ) -> object:
        """What the route's function gives for what is asked of that lab."""
        observed = self.observed[lab]
        try:
            if not row.of_the_process:
                await lab.calls.look()
            run = cast("Callable[[RouteContext, ControlCommand[Any]], Awaitable[object]]", resolve(row.run))
            context = RouteContext(self._server, observed, self.observed, self.meters, request)
            answer = await run(context, await command_in(request, row, url.query, in_path))
            if request.method != "GET" and not row.of_the_lab and lab.recorder is not None:
                lab.recorder.flush()  # what a command brought
            return answer
        except LedgerEnded:
            raise LabRefused(self._server.labs.unknown(lab.name or "")) from None

    def _begun(self, lab: ServedLab) -> None:
        trouble = self._trouble if lab.usual is self._server.labs.usual else lambda: lab.calls.trouble
        together = self._together.setdefault(lab.usual, [])
        self.observed[lab] = ObservedLab(self._server, lab, together, trouble, self._second)

    def _ended(self, lab: ServedLab) -> None:
        if (observed := self.observed.pop(lab, None)) is not None:
            observed.end_streams()
            observed.close()
        self._together.pop(lab, None)
