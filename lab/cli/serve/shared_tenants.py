"""The tenants of a lab that several processes serve: what the store says of each, and what this process serves of it."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from lab.cli.console import Console
from lab.cli.entropy import control_token, process_name
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.serve.shared_lab import instant_zero
from lab.cli.serve.tenant_maker import TenantParts
from lab.cli.setup import Setup
from lab.core.journal.shared import KeptTenant, SharedTenants
from lab.core.seeds import Seed
from lab.mock.batches import BatchedService
from lab.mock.service import Service
from lab.server.mounts import Tenant
from lab.server.shared.batch_loop import BatchLoop
from lab.server.shared.lab_time import LabTime
from lab.server.tenant_follower import TenantFollower
from lab.server.tenants import MOST_TENANTS, Tenants, TenantsFull, TenantWish


class TenantDocument(Struct, frozen=True):
    """What all processes know of a tenant. Its token is as secret as the others that a store keeps."""

    seed: Seed
    scenarios: tuple[str, ...]
    token: str
    """What opens the control plane's part of it."""


class StoredTenants(TenantParts):
    """Makes the tenants of a shared lab, and serves those that others have made: `TenantMaker`."""

    def __init__(
        self, setup: Setup, service: Service, console: Console, extras: ServeExtras, store: SharedTenants
    ) -> None:
        super().__init__(setup, service, console, extras)
        self._store = store
        self._follower: TenantFollower | None = None
        self._following: asyncio.Task[None] | None = None

    def serve(self, tenants: Tenants) -> None:
        """Make them from now on, and follow those that are here."""
        tenants.offer(self)
        self._follower = TenantFollower(tenants, self._store)
        self._following = asyncio.create_task(self._follower.run())

    async def close(self) -> None:
        """Serve none any more; what they have published leaves."""
        if self._follower is None or self._following is None:
            return
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await asyncio.gather(*map(_stop, self._follower.here.values()))

    async def make(self, wish: TenantWish, most_called: int | None) -> Tenant:
        """The same at whatever process it is wished for: the first wish counts."""
        config = self.config(wish, 0)
        names = tuple(each.name for each in config.scenarios)
        document = msgspec.json.encode(TenantDocument(config.seed, names, control_token()))
        kept = await self._store.make(wish.name, document, MOST_TENANTS, most_called)
        if isinstance(kept, int):
            raise TenantsFull(kept)
        return self._tenant(wish.name, kept)

    async def find(self, name: str) -> Tenant | None:
        """That of another process."""
        kept = await self._store.find(name)
        return None if kept is None else self._tenant(name, kept)

    async def listed(self) -> Sequence[TenantWish]:
        """Every one, as the store has it."""
        return [_wish(name, _decoded(kept)) for name, kept in (await self._store.all()).items()]

    async def tokens(self) -> Mapping[str, str]:
        """What opens each of them."""
        return {name: _decoded(kept).token for name, kept in (await self._store.all()).items()}

    async def end(self, name: str) -> bool:
        """No process has it from now on."""
        return await self._store.end(name)

    async def let_go(self, tenant: Tenant) -> None:
        """Serve it no more."""
        assert self._follower is not None
        self._follower.leave(tenant.name or "")
        self.log_end(tenant)
        await _stop(tenant)

    def _tenant(self, name: str, kept: KeptTenant) -> Tenant:
        assert self._follower is not None
        document = _decoded(kept)
        epoch, began = instant_zero(self._setup, kept.wall)
        mount = self.mount(self.config(_wish(name, document), epoch))
        assert isinstance(mount.service, BatchedService)
        time, store = LabTime(mount.clock, began), self._store.store(name, kept)
        tenant = Tenant(mount, BatchLoop(mount.service, store, time, process_name()), name, document.token)
        self.log(tenant)
        self._follower.enter(name, tenant, kept.birth)
        return tenant


async def _stop(tenant: Tenant) -> None:
    assert isinstance(tenant.calls, BatchLoop)
    await tenant.calls.stop()


def _wish(name: str, document: TenantDocument) -> TenantWish:
    return TenantWish(name, document.seed, document.scenarios)


def _decoded(kept: KeptTenant) -> TenantDocument:
    return msgspec.json.decode(kept.document, type=TenantDocument)
