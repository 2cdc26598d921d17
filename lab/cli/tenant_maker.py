"""What a tenant of `lab serve` is made of: the lab's setup, with a clock of its own and what was asked for it."""

from msgspec.structs import replace

from lab.cli.chosen_mocks import ChosenMocks
from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.hints import client_hints
from lab.cli.serve_extras import ServeExtras
from lab.cli.setup import Setup, make_clock
from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.jobs.compiled import CompiledScenario
from lab.language.document import nearest
from lab.mock.config import TENANT_PATH, Config
from lab.mock.service import Service
from lab.server.mounts import Mount, Tenant
from lab.server.tenants import TenantWish


class ServedTenants:
    """Makes the tenants of one lab, whose own mock is `service`: `TenantMaker`."""

    def __init__(self, setup: Setup, service: Service, console: Console, extras: ServeExtras) -> None:
        self.most = extras.tenants
        self._setup, self._service, self._console, self._extras = setup, service, console, extras
        self._served: dict[Tenant, tuple[TenantWish, ChosenMocks]] = {}

    async def make(self, wish: TenantWish) -> Tenant:
        """With the scenarios as the lab serves them now."""
        return self._tenant(wish, self.config(wish))

    async def end(self, tenant: Tenant) -> None:
        """Take up no edits for it any more."""
        del self._served[tenant]

    def edited(self, compiled: CompiledScenario) -> None:
        """A scenario's file was edited, or is new: who serves it takes it up, a new one whoever serves all."""
        for tenant, (wish, chosen) in self._served.items():
            if wish.scenarios is None or compiled.name in wish.scenarios:
                tenant.main.service.load(compiled, tenant.clock.now())
                chosen.edited(compiled)

    def config(self, wish: TenantWish) -> Config:
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
        alone = usual.alone(scenarios, seed, f"{TENANT_PATH}{wish.name}")
        return replace(alone, epoch=self._setup.second())

    def _tenant(self, wish: TenantWish, config: Config) -> Tenant:
        clock = make_clock(self._setup.settings.clock)
        service = self._setup.make_service(config)
        tenant = Tenant(Mount(service, clock), name=wish.name, token=control_token())
        service.observers += client_hints(self._console, clock.mode, service)
        setup = self._own_setup(wish.seed, config, tenant)
        chosen = ChosenMocks(setup, service, self._console, self._extras.drills, taped=False)
        chosen.offer(tenant)
        if self._extras.log is not None:
            self._extras.log.follow(tenant)
        self._served[tenant] = wish, chosen
        return tenant

    def _own_setup(self, seed: Seed | None, config: Config, tenant: Tenant) -> Setup:
        """The lab's, as if it had been started so: what clients choose there is made of it."""
        settings = self._setup.settings
        seed = settings.seed if seed is None else seed
        return replace(
            self._setup, settings=replace(settings, seed=seed, record=None), config=config, clock=tenant.clock
        )
