"""The tenants of a shared lab in Redis or Valkey: a hash of all, and keys of its own for each (shared.md)."""

from collections.abc import Collection, Mapping, Sequence

from lab.core.clock import Millis
from lab.core.journal.shared import Cursor, KeptTenant, LogPosition
from lab.stores import scripts
from lab.stores.redis_link import ANSWERS_WITHIN, RedisLink
from lab.stores.redis_store import NAMELESS, RedisStore

_KEYS = ("state", "commits", "records", "answers", "exchanges")
"""All that is kept for one."""


class RedisTenants:
    """One process's access to them: `SharedTenants`. All of their stores go by one link."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self._link, self._prefix = link, prefix
        self._lab = [f"{prefix}:{NAMELESS}:{name}" for name in ("tenants", "state")]
        self._make = link.redis.register_script(scripts.MAKE_TENANT_SCRIPT)
        self._end = link.redis.register_script(scripts.END_TENANT_SCRIPT)
        self._changes = b""
        """How often one was made or ended, as of the last look."""

    async def make(self, name: str, document: bytes, most: int, most_called: int | None = None) -> KeptTenant | int:
        """The tenant of that name, made if it isn't there; how many there are, in all or by calls, if they are too many."""
        keys = [*self._lab, f"{self._prefix}:{name}:state"]
        found = await self._link.run(
            self._make, keys, (name, document, most, "" if most_called is None else most_called)
        )
        return found if isinstance(found, int) else _kept(found)

    async def find(self, name: str) -> KeptTenant | None:
        """The tenant of that name."""
        found = await self._link.ask(self._link.redis.hget, self._lab[0], name)
        return None if found is None else _kept(found)

    async def all(self) -> Mapping[str, KeptTenant]:
        """Every one, in the order of their making."""
        found = await self._link.ask(self._link.redis.hgetall, self._lab[0])
        kept = sorted(
            ((_kept(value), name.decode()) for name, value in found.items()), key=lambda each: _order(each[0])
        )
        return {name: each for each, name in kept}

    async def end(self, name: str) -> bool:
        """Give one up with all of its keys; False if there is none."""
        keys = [*self._lab, *(f"{self._prefix}:{name}:{key}" for key in _KEYS)]
        return bool(await self._link.run(self._end, keys, (name,)))

    async def ended(self, births: Mapping[str, str]) -> Sequence[str]:
        """Which of these are there no longer: they are looked at where any was made or ended since the last time."""
        changes = await self._link.ask(self._link.redis.hget, self._lab[1], "tenants")
        if changes == self._changes or not births:
            return ()
        known = dict(births)  # not before the number of changes was read
        found = await self._link.ask(self._link.redis.hmget, self._lab[0], list(known))
        self._changes = changes
        pairs = zip(known.items(), found, strict=True)
        return [name for (name, birth), value in pairs if value is None or _kept(value).birth != birth]

    async def wait(
        self, commits: Mapping[str, LogPosition], lines: Mapping[str, Cursor], timeout: Millis
    ) -> Collection[str]:
        """Those with a commit or a line after these: one connection waits for all."""
        places = {(name, "commits"): f"{max(position, 0)}-0" for name, position in commits.items()}
        places |= {(name, "exchanges"): cursor or "0-0" for name, cursor in lines.items()}
        names = {f"{self._prefix}:{name}:{key}".encode(): name for name, key in places}
        streams = dict(zip(names, places.values(), strict=True))
        read = self._link.redis_once.xread
        found = await self._link.ask_once(timeout + ANSWERS_WITHIN, read, streams, count=1, block=max(timeout, 1))
        return {names[key] for key, _ in found}

    def store(self, name: str, kept: KeptTenant) -> RedisStore:
        """That of a tenant."""
        return RedisStore(self._link, f"{self._prefix}:{name}:", birth=kept.birth)


def _kept(entry: bytes) -> KeptTenant:
    birth, _, document = entry.partition(b" ")
    return KeptTenant(birth.decode(), int(birth.partition(b".")[0]), document)


def _order(kept: KeptTenant) -> int:
    return int(kept.birth.partition(".")[2])
