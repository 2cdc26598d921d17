"""The control plane's routes about one tenant: its usual mock, and those that clients chose."""

from collections.abc import Callable, Iterable, Sequence

from aiohttp import web

from lab.clocks import wall_second
from lab.core.clock import Epoch
from lab.core.journal.fact import Fact
from lab.server.control.access import CHOSEN, CommandRefused
from lab.server.control.last_exchanges import SharedBytes
from lab.server.control.mock_routes import MockRoutes
from lab.server.mock_server import MockServer
from lab.server.mounts import Mount, Tenant


class TenantRoutes:
    """Handlers about the mocks of one tenant, whose journals share one limit."""

    def __init__(
        self,
        server: MockServer,
        tenant: Tenant,
        trouble: Callable[[], str | None],
        past: Sequence[Fact] = (),
        second: Callable[[], Epoch] = wall_second,
    ) -> None:
        """As the control plane's."""
        self.tenant = tenant
        self._server, self._trouble = server, trouble
        self._shared = SharedBytes()
        self.usual = MockRoutes(server, tenant.main, self._shared, trouble, past, second)
        """Those about the mock of calls that choose none."""
        self.usual.others = self._used
        self._chosen: dict[str, MockRoutes] = {}
        tenant.watchers.append(self._mounted)
        tenant.leavers.append(self._left)

    def of(self, request: web.Request) -> MockRoutes:
        """Those about the mock that the path names; CommandRefused if there is none."""
        name = request.get(CHOSEN)
        if name is None:
            return self.usual
        if self.tenant.get(name) is None:
            problem = self.tenant.unknown(name)
            raise CommandRefused(problem.status, problem.message)
        return self._chosen[name]

    def end_streams(self) -> None:
        """Whoever follows a journal is at its end."""
        for routes in (self.usual, *self._chosen.values()):
            routes.end_streams()

    def close(self) -> None:
        """Observe no more."""
        for routes in (self.usual, *self._chosen.values()):
            routes.close()

    def _used(self) -> Iterable[MockRoutes]:
        return [self._chosen[mount.name] for mount in self.tenant.used() if mount.name is not None]

    def _mounted(self, mount: Mount) -> None:
        """A scenario is chosen for the first time."""
        assert mount.name is not None
        self._chosen[mount.name] = MockRoutes(self._server, mount, self._shared, self._trouble)

    def _left(self, mount: Mount) -> None:
        if (routes := self._chosen.pop(mount.name or "", None)) is not None:
            routes.end_streams()
            routes.close()
