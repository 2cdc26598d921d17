"""What a tenant of `lab serve` is made of: the lab's setup, with a clock of its own and what was asked for it."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.serve.chosen_mocks import ChosenMocks
from lab.cli.serve.hints import client_hints
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.setup import Setup, make_clock
from lab.core.clock import Epoch
from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.jobs.program import Program
from lab.mock.config import TENANT_PATH, Config
from lab.mock.service import Service
from lab.program.words import nearest
from lab.server.mounts import Mount, Tenant
from lab.server.tenants import MOST_TENANTS, TenantsFull, TenantWish


class TenantParts:
    """What the tenants of one lab, whose own mock is `service`, are made of."""

    def __init__(self, setup: Setup, service: Service, console: Console, extras: ServeExtras) -> None:
        self.most = extras.tenants
        self._setup, self._service, self._console, self._extras = setup, service, console, extras

    def config(self, wish: TenantWish, epoch: Epoch) -> Config:
        """What its mock is made with; UsageError names a scenario that the lab doesn't serve."""
        usual = self._service.config
        served = {each.name: each for each in usual.scenarios}
        for name in wish.scenarios or ():
            if name not in served:
                raise UsageError(
                    f"The lab serves no scenario {name[:80]!r}.", hint=nearest(name, served) or "GET /_lab/scenarios."
                )
        scenarios = tuple(served[name] for name in wish.scenarios or served)
        seed = usual.seed if wish.seed is None else wish.seed
        return replace(usual.alone(scenarios, seed, f"{TENANT_PATH}{wish.name}"), epoch=epoch)

    def mount(self, config: Config) -> Mount:
        """Its mock, and a clock that begins now."""
        clock = make_clock(self._setup.settings.clock)
        service = self._setup.make_service(config)
        service.observers += client_hints(self._console, clock.mode, service)
        return Mount(service, clock)

    def log(self, tenant: Tenant) -> None:
        """Log what it is asked."""
        for log in self._extras.logs:
            log.follow(tenant)

    def log_end(self, tenant: Tenant) -> None:
        """Log that it is ended."""
        for log in self._extras.logs:
            log.leave(tenant)


class ServedTenants(TenantParts):
    """Makes the tenants of a lab that this process has to itself: `TenantMaker`."""

    def __init__(self, setup: Setup, service: Service, console: Console, extras: ServeExtras) -> None:
        super().__init__(setup, service, console, extras)
        self._served: dict[Tenant, tuple[TenantWish, ChosenMocks]] = {}
        self._called = set[Tenant]()
        """Those that calls have made."""

    async def make(self, wish: TenantWish, most_called: int | None) -> Tenant:
        """With the scenarios as the lab serves them now."""
        if len(self._served) >= MOST_TENANTS:
            raise TenantsFull(len(self._served))
        if most_called is not None and len(self._called) >= most_called:
            raise TenantsFull(len(self._called))
        config = self.config(wish, self._setup.second())
        mount = self.mount(config)
        tenant = Tenant(mount, name=wish.name, token=control_token())
        setup = self._own_setup(wish.seed, config, tenant)
        chosen = ChosenMocks(setup, mount.service, self._console, self._extras.choices, taped=False)
        chosen.offer(tenant)
        self.log(tenant)
        self._served[tenant] = wish, chosen
        if most_called is not None:
            self._called.add(tenant)
        return tenant

    async def find(self, name: str) -> Tenant | None:
        """All that there are are here."""
        return None

    async def listed(self) -> Sequence[TenantWish]:
        """Every one as it is."""
        return [TenantWish.fulfilled(each) for each in self._served]

    async def tokens(self) -> Mapping[str, str]:
        """Nobody else has any."""
        return {}

    async def end(self, name: str) -> bool:
        """Whether there is such a one."""
        return any(each.name == name for each in self._served)

    async def let_go(self, tenant: Tenant) -> None:
        """Take up no edits for it any more."""
        del self._served[tenant]
        self._called.discard(tenant)
        self.log_end(tenant)

    def edited(self, program: Program) -> None:
        """A scenario's file was edited, or is new: who serves it takes it up, a new one whoever serves all."""
        for tenant, (wish, chosen) in self._served.items():
            if wish.scenarios is None or program.name in wish.scenarios:
                tenant.main.service.load(program, tenant.clock.now())
                chosen.edited(program)

    def _own_setup(self, seed: Seed | None, config: Config, tenant: Tenant) -> Setup:
        """The lab's, as if it had been started so: what clients choose there is made of it."""
        settings = self._setup.settings
        seed = settings.seed if seed is None else seed
        return replace(
            self._setup, settings=replace(settings, seed=seed, record=None), config=config, clock=tenant.clock
        )
