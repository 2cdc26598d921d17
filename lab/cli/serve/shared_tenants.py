"""The tenants of a lab that several processes serve: what the store says of each, and what this process serves of it."""

import asyncio
from collections.abc import Sequence

import msgspec

from lab.cli.console import Console
from lab.cli.entropy import control_token, process_name
from lab.cli.serve.hints import client_hints
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.serve.served_labs import LabParts
from lab.cli.serve.shared_lab import instant_zero
from lab.cli.setup import Setup, make_clock
from lab.clocks import SystemClock
from lab.core.clock import Millis
from lab.core.journal.shared import KeptTenant, SharedTenants
from lab.mock.batches import BatchedService
from lab.server.labs import MOST_TENANTS, LabWish, ServedLab, too_many
from lab.server.shared.batch_loop import BatchLoop, loop_turn
from lab.server.shared.lab_time import LabTime

_LOOK: Millis = 1_000
"""So often is looked whether a tenant was ended elsewhere."""


class StoredTenants(LabParts):
    """Those of a shared lab, whichever process has made them."""

    def __init__(
        self, setup: Setup, console: Console, extras: ServeExtras, store: SharedTenants, usual: ServedLab
    ) -> None:
        super().__init__(setup, console, extras, usual)
        assert isinstance(usual.calls, BatchLoop)
        self._store, self._follower = store, usual.calls.follower
        self._births: dict[str, str] = {}
        """Of each tenant that is here what tells it from others of its name."""
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Serve none any more; what they have published leaves."""
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*(_calls(each).stop() for each in self.named.values()))

    async def _look(self) -> None:
        while True:
            await SystemClock().hold(_LOOK)
            with loop_turn():
                await self.let_go_ended()

    async def let_go_ended(self) -> None:
        """Let those go that were ended elsewhere."""
        for name in await self._store.ended(self._births):
            if (tenant := self.named.get(name)) is not None:
                await self.let_go(tenant)

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """The same at whatever process it is wished for: the first wish counts."""
        config = self.config(wish, 0)
        names = tuple(each.name for each in config.scenarios)
        document = msgspec.json.encode(LabWish(wish.name, config.seed, names, control_token()))
        kept = await self._store.make(wish.name, document, MOST_TENANTS, self.most if called else None)
        if isinstance(kept, int):
            raise too_many(kept, called=called)
        return self._tenant(kept)

    async def elsewhere(self, name: str) -> ServedLab | None:
        """That of another process."""
        kept = await self._store.find(name)
        return None if kept is None else self._tenant(kept)

    async def listed(self) -> Sequence[LabWish]:
        """Every one, as the store has it."""
        return [_decoded(kept) for kept in (await self._store.all()).values()]

    async def ended(self, name: str) -> bool:
        """No process has it from now on."""
        return await self._store.end(name)

    async def left(self, lab: ServedLab) -> None:
        """Serve it no more."""
        del self._births[lab.name or ""], self._follower.loops[_calls(lab)]
        await _calls(lab).stop()

    def _tenant(self, kept: KeptTenant) -> ServedLab:
        document = _decoded(kept)
        epoch, began = instant_zero(self._setup, kept.wall)
        clock = make_clock(self._setup.settings.clock)
        service = self._setup.make_service(self.config(document, epoch, kept.birth))
        service.observers += client_hints(self._console, clock.mode, service)
        assert isinstance(service, BatchedService)
        calls = BatchLoop(service, self._store.store(document.name, kept), LabTime(clock, began), process_name())
        lab = ServedLab(service, clock, name=document.name, calls=calls)
        lab.token = document.token
        self._births[document.name], self._follower.loops[calls] = kept.birth, lambda: lab.users
        return lab


def _calls(tenant: ServedLab) -> BatchLoop:
    assert isinstance(tenant.calls, BatchLoop)
    return tenant.calls


def _decoded(kept: KeptTenant) -> LabWish:
    return msgspec.json.decode(kept.document, type=LabWish)
