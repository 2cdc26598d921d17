"""Keeps the tenants of a process up with what the other processes of a shared lab do to them.

A tenant that is called is up to date with each call, and most lie idle. So one wait for all that are in use, over one
connection, does for a thousand of them: those whose reply is withheld, that are followed or waited for. And once a
second it is looked whether any of those that are here was ended elsewhere.
"""

import asyncio
from contextlib import suppress

from lab.clocks import SystemClock, real_millis
from lab.core.clock import Millis
from lab.core.journal.shared import SharedTenants, StoreLost
from lab.server.labs import Labs, ServedLab
from lab.server.shared.batch_loop import BatchLoop
from lab.server.shared.loop_turn import loop_turn

_LOOK: Millis = 250
"""So often is looked which are in use; so long a wait lasts for those that are."""
_BUSY: Millis = 50
"""So long it waits for no commits after there was one: calls of this process make some, too."""
_ENDED: Millis = 1_000
"""So often is looked whether one was ended."""


class TenantFollower:
    """Follows the tenants of one process."""

    def __init__(self, tenants: Labs, store: SharedTenants) -> None:
        self.here: dict[str, ServedLab] = {}
        """Those that this process has, by name."""
        self._births: dict[str, str] = {}
        self._tenants, self._store = tenants, store
        self._looked: Millis = 0

    def enter(self, name: str, tenant: ServedLab, birth: str) -> None:
        """Follow one that this process has from now on; `birth` tells it from others of its name."""
        self.here[name], self._births[name] = tenant, birth

    def leave(self, name: str) -> None:
        """Follow it no more."""
        del self.here[name], self._births[name]

    async def run(self) -> None:
        """Follow until it is cancelled."""
        while True:
            with loop_turn():
                if real_millis() - self._looked >= _ENDED:
                    self._looked = real_millis()
                    await self.let_go_ended()
                in_use = {name: tenant for name, tenant in self.here.items() if tenant.users}
                if in_use:
                    await SystemClock().hold(_BUSY if await self.follow(in_use, _LOOK) else 0)
                    continue
            await SystemClock().hold(_LOOK)

    async def follow(self, in_use: dict[str, ServedLab], within: Millis) -> int:
        """Fold what others commit to these `within` real milliseconds, and tell those who follow; for how many there was news."""
        loops = {name: each.calls for name, each in in_use.items() if isinstance(each.calls, BatchLoop)}
        named = {name: (name, self._births[name]) for name in loops}
        commits = {named[name]: loop.service.position for name, loop in loops.items()}
        lines = {named[name]: loop.relay.cursor for name, loop in loops.items() if loop.relay.followed.is_set()}
        news = await self._store.wait(commits, lines, within)
        await asyncio.gather(*(_catch_up(loops[name]) for name in news))
        return len(news)

    async def let_go_ended(self) -> None:
        """Let those go that were ended."""
        for name in await self._store.ended(self._births) if self.here else ():
            if (tenant := self.here.get(name)) is not None:
                await self._tenants.let_go(tenant)


async def _catch_up(loop: BatchLoop) -> None:
    with suppress(StoreLost):  # or ended: it is looked for that
        await loop.fresh()
        if loop.relay.followed.is_set():
            await loop.relay.catch_up()
