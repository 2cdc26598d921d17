"""Which tenant behind a listener a request is for: the nameless one, or one that a path prefix or a header names.

Each has a clock and a seed of its own beside ledgers, journals and reports, so that people and test runs that share a
lab don't meet. One is made when it is first called, as far as that is allowed, or by the control plane.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from lab.core.exchange import Headers
from lab.core.journal.fact import Fact
from lab.core.journal.shared import LedgerEnded, StoreLost
from lab.core.journal.shell import ConnectionOpened
from lab.core.refusal import Refusal, bad_request, not_found
from lab.core.seeds import Seed
from lab.mock.config import TENANT_PATH
from lab.server.connection import Connection
from lab.server.mounts import MOUNT_HEADER, Mount, Routed, Tenant, named_in
from lab.server.request_reader import store_refusal

TENANT_HEADER = "x-lab-tenant"
TENANT_NAME = re.compile("[a-z0-9][a-z0-9-]{0,39}")
NAME_RULE = "The name of a tenant has 1 to 40 small letters, digits and hyphens, no hyphen first."
MOST_TENANTS = 1_000
"""With a name, however they are made."""
_FULL_FOR: Headers = (("retry-after", "10"),)
"""None leaves by itself, so a client that comes back every second would only be in the way."""
LONGEST_SHOWN_NAME = 80
"""Characters of a name that are repeated where there is none such."""
_CHOOSING = frozenset((TENANT_HEADER, MOUNT_HEADER))


class TenantWish(Struct, frozen=True):
    """What a tenant is to be; what isn't said is as the lab's."""

    name: str
    seed: Seed | None = None
    scenarios: tuple[str, ...] | None = None

    @classmethod
    def fulfilled(cls, tenant: Tenant) -> "TenantWish":
        """What would have to be wished for to get a tenant like this one."""
        config = tenant.main.service.config
        return cls(tenant.name or "", config.seed, tuple(each.name for each in config.scenarios))


class TenantRefused(Exception):
    """There can be no such tenant, or not now."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class TenantsFull(Exception):
    """There are as many tenants as may be: in all, or made by calls."""

    def __init__(self, count: int) -> None:
        super().__init__(f"There are {count}.")
        self.count = count


class TenantMaker(Protocol):
    """Makes tenants, and ends them. Where other processes serve the lab too, StoreLost if that isn't known."""

    most: int
    """How many that calls have made there may be at once; 0: no call makes any."""

    async def make(self, wish: TenantWish, most_called: int | None) -> Tenant:
        """One that isn't here yet; UsageError if it can't be, TenantsFull if there are `MOST_TENANTS` already.

        With `most_called` a call makes it: TenantsFull too if so many of those that are there were made by calls.
        """

    async def find(self, name: str) -> Tenant | None:
        """One that isn't here yet, and that another process has."""

    async def listed(self) -> Sequence[TenantWish]:
        """Every one, in the order of their making, as it is."""

    async def tokens(self) -> Mapping[str, str]:
        """By name what opens the control plane's part of those that another process may have."""

    async def end(self, name: str) -> bool:
        """Nobody has it from now on; False if nobody had."""

    async def let_go(self, tenant: Tenant) -> None:
        """One that was here is ended."""


class Tenants:
    """The tenants behind one listener."""

    def __init__(self, usual: Tenant) -> None:
        self.usual = usual
        """That without a name."""
        self.watchers: list[Callable[[Tenant], object]] = []
        """Backlog of each that is made, before its first request."""
        self.leavers: list[Callable[[Tenant], object]] = []
        """Backlog of each that is ended."""
        self._named: dict[str, Tenant] = {}
        self._maker: TenantMaker | None = None
        self._making = asyncio.Lock()
        self._used: dict[int, dict[Mount, None]] = {}
        """By connection: where it was used beside the usual mock of the nameless, the latest last."""

    def offer(self, maker: TenantMaker) -> None:
        """Let there be tenants from now on."""
        self._maker = maker

    @property
    def named(self) -> Mapping[str, Tenant]:
        """Those with a name, in the order of their making."""
        return self._named

    def __iter__(self) -> Iterator[Tenant]:
        """The nameless one, and those with a name."""
        return iter((self.usual, *self._named.values()))

    def note(self, fact: Fact) -> None:
        """A fact of this machine, which all live on."""
        for tenant in self:
            for mount in tenant:
                mount.note(fact)

    # Which one

    def route(self, path: str, headers: Headers) -> Routed | None:
        """Which mock a request is for; None: that of a tenant which isn't there, so `admit` says."""
        if self._maker is None:
            return self.usual.route(path, headers)
        choosing = tuple([each for each in headers if each[0] in _CHOOSING])
        if not choosing and TENANT_PATH not in path:
            return self.usual.route(path, ())
        wanted, rest = named_in(path, choosing, TENANT_PATH, TENANT_HEADER)
        if not wanted:
            return self.usual.route(path, choosing)
        if len(wanted) > 1:
            text = f"Path and X-Lab-Tenant name several tenants: {', '.join(map(_shown, sorted(wanted)))}."
            return Routed(self.usual.main, rest, bad_request(text, "Name one of them."))
        tenant = self._named.get(next(iter(wanted)))
        return None if tenant is None else tenant.route(rest, choosing)

    async def admit(self, path: str, headers: Headers) -> Routed:
        """Which mock a request is for whose tenant isn't here: it is looked for, or made, or the request is refused."""
        wanted, rest = named_in(path, headers, TENANT_PATH, TENANT_HEADER)
        try:
            tenant = await self._first_use(next(iter(wanted)))
        except (TenantRefused, StoreLost) as refused:
            refusal = refused.refusal if isinstance(refused, TenantRefused) else store_refusal(refused)
            return Routed(self.usual.main, rest, refusal)
        return tenant.route(rest, headers)

    async def _first_use(self, name: str) -> Tenant:
        if self._maker is not None and self._maker.most and TENANT_NAME.fullmatch(name):
            return await self.make(TenantWish(name), self._maker.most)
        if (found := await self.find(name)) is None:
            raise TenantRefused(self.unknown(name))
        return found

    def unknown(self, name: str) -> Refusal:
        """404: there is no such tenant."""
        may_be = TENANT_NAME.fullmatch(name)
        why = "POST /_lab/tenants, at the control plane, makes one." if may_be else NAME_RULE
        return not_found(f"There is no tenant {_shown(name)} here. {why}")

    # Making and ending

    async def make(self, wish: TenantWish, most_called: int | None = None) -> Tenant:
        """The tenant of that name, made if it isn't there, as the maker says; TenantRefused, 503, if there are too many."""
        if self._maker is None:
            raise TenantRefused(Refusal(409, "This lab has no tenants.", "lab serve of scenarios has some."))
        async with self._making:
            if (known := await self._here(wish.name)) is not None:
                return known
            try:
                return await self._begin(await self._maker.make(wish, most_called))
            except TenantsFull as full:
                raise TenantRefused(_full(full.count)) from None

    async def find(self, name: str) -> Tenant | None:
        """The tenant of that name, whichever process made it; None: there is none."""
        if (known := self._named.get(name)) is not None or self._maker is None or not TENANT_NAME.fullmatch(name):
            return known
        async with self._making:
            known = self._named.get(name) or await self._maker.find(name)
            return known if known is None or name in self._named else await self._begin(known)

    async def _here(self, name: str) -> Tenant | None:
        """The one that is here, unless another process has ended it."""
        if (known := self._named.get(name)) is not None:
            try:
                await known.calls.run(lambda now: None)
            except LedgerEnded:
                await self.let_go(known)
                return None
        return known

    async def _begin(self, tenant: Tenant) -> Tenant:
        for watcher in self.watchers:  # before its ledger is read, which tells observers what was before
            watcher(tenant)
        try:
            await tenant.calls.start(None)
        except BaseException:
            await self._give_up(tenant)
            raise
        assert tenant.name is not None
        self._named[tenant.name] = tenant
        return tenant

    async def listed(self) -> Sequence[TenantWish]:
        """Every one as it is, in the order of their making, whether it is here or not."""
        return await self._maker.listed() if self._maker is not None else ()

    async def tokens(self) -> AsyncIterator[tuple[str, str]]:
        """The name and the control token of each: those that are here at first."""
        for name, tenant in tuple(self._named.items()):
            yield name, tenant.token
        for name, token in (await self._maker.tokens()).items() if self._maker is not None else ():
            yield name, token

    async def end(self, name: str) -> bool:
        """Give one up with all that it holds; False if there is none such."""
        tenant = self._named.get(name)
        existed = self._maker is not None and await self._maker.end(name)
        if tenant is not None:
            await self.let_go(tenant)
        return existed

    async def let_go(self, tenant: Tenant) -> None:
        """It was ended, here or by another process: nothing of it stays here."""
        if tenant.name is not None and self._named.get(tenant.name) is tenant:
            del self._named[tenant.name]
            await self._give_up(tenant)

    async def _give_up(self, tenant: Tenant) -> None:
        for ordinal, used in self._used.items():  # connections may outlive it by far
            self._used[ordinal] = {mount: None for mount in used if mount.tenant is not tenant}
        tenant.clear()
        for leaver in self.leavers:
            leaver(tenant)
        assert self._maker is not None
        await self._maker.let_go(tenant)

    # Connections, which belong to none: of each a journal tells those that were used there

    def enter(self, mount: Mount, connection: Connection) -> None:
        """A request to that mock came over a connection."""
        connection.tenant = mount.tenant
        if mount is self.usual.main:
            return
        used = self._used.setdefault(connection.ordinal, {})
        if mount not in used:
            mount.note(ConnectionOpened(at=0, c=connection.ordinal))
        used.pop(mount, None)  # so that it comes to be the last
        used[mount] = None

    def latest(self, ordinal: int) -> Mount:
        """The mock that a connection was last used for, the usual one of the nameless aside."""
        used = self._used.get(ordinal)
        return next(reversed(used)) if used else self.usual.main

    def leave(self, ordinal: int) -> None:
        """The connection has ended."""
        self._used.pop(ordinal, None)


def _full(count: int) -> Refusal:
    """503: there are so many, in all or made by calls. All stands in the message: OAuth's answers have no place for hints."""
    why = f"There are {count} tenants, as many as a lab has at most"
    if count < MOST_TENANTS:
        why = f"Calls have made {count} tenants, as many as lab serve --tenants N lets them"
    text = f"{why}: DELETE /_lab/tenants/NAME, at the control plane, ends one."
    hint = "Call a tenant that is there, or come again once one was ended."
    return Refusal(503, text, hint, _FULL_FOR, error="temporarily_unavailable")


def _shown(name: str) -> str:
    return repr(name[:LONGEST_SHOWN_NAME])
