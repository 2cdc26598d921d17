"""The tenants of a shared lab in Redis or Valkey: a hash of all, and keys of its own for each (shared.md)."""

from collections.abc import Mapping, Sequence

from lab.core.journal.shared import Commit, KeptTenant
from lab.stores.codec import encode_commit
from lab.stores.redis_link import RedisLink
from lab.stores.redis_log import NAMELESS, RedisLog, keys_of

_MAKE = """#!lua
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then return kept end
local count = redis.call('HLEN', KEYS[1])
if count >= tonumber(ARGV[3]) then return count end
local called = redis.call('SCARD', KEYS[2])
if ARGV[4] ~= '' and called >= tonumber(ARGV[4]) then return called end
local time = redis.call('TIME')
local wall = time[1] * 1000 + math.floor(time[2] / 1000)
local birth = string.format('%.0f.%.0f', wall, redis.call('INCR', KEYS[3]))
redis.call('HSET', KEYS[1], ARGV[1], birth .. ' ' .. ARGV[2])
if ARGV[4] ~= '' then redis.call('SADD', KEYS[2], ARGV[1]) end
redis.call('XADD', ARGV[5] .. birth .. ':log', '1-0', 'm', birth .. ':0', 'c', ARGV[6])
return birth .. ' ' .. ARGV[2]
"""
"""A tenant, made if it isn't there: its entry; how many there are, in all or made by calls, if there are so many already."""

_END = """#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('INCR', KEYS[3])
redis.call('UNLINK', unpack(KEYS, 4))
return 1
"""
"""End a tenant, if it is still this one."""

_BEGUN = encode_commit(Commit(1, "", 0, 0, 0, ()))
"""The first entry of every tenant's log."""


class RedisTenants:
    """One process's access to them: `SharedTenants`. All of their stores go by one link."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self._link, self._prefix = link, prefix
        names = ("tenants", "called", "changes")
        self._all, self._called, self._counter = self._keys = [f"{prefix}:{NAMELESS}:{name}" for name in names]
        self._changes = b""
        """How often one was made or ended, as of the last look."""

    async def make(self, name: str, document: bytes, most: int, most_called: int | None = None) -> KeptTenant | int:
        """The tenant of that name, made if it isn't there; how many there are, in all or by calls, if they are too many."""
        args = name, document, most, "" if most_called is None else most_called, f"{self._prefix}:{name}:", _BEGUN
        found = await self._link.ask("EVAL", _MAKE, 3, *self._keys, *args)
        return found if isinstance(found, int) else _kept(found)

    async def find(self, name: str) -> KeptTenant | None:
        """The tenant of that name."""
        found = await self._link.ask("HGET", self._all, name)
        return None if found is None else _kept(found)

    async def all(self) -> Mapping[str, KeptTenant]:
        """Every one, in the order of their making."""
        found = await self._link.ask("HGETALL", self._all)
        pairs = zip(found[::2], found[1::2], strict=True)
        kept = sorted(((_kept(value), name.decode()) for name, value in pairs), key=lambda each: _order(each[0]))
        return {name: each for each, name in kept}

    async def end(self, name: str) -> bool:
        """Give one up with all of its keys; False if there is none."""
        if (entry := await self._link.ask("HGET", self._all, name)) is None:
            return False
        keys = *self._keys, *keys_of(self._prefix, name, _kept(entry).birth)
        return bool(await self._link.ask("EVAL", _END, len(keys), *keys, name, entry))

    async def ended(self, births: Mapping[str, str]) -> Sequence[str]:
        """Which of these are there no longer: they are looked at where any was made or ended since the last time."""
        changes = await self._link.ask("GET", self._counter)
        if changes == self._changes or not births:
            return ()
        known = dict(births)  # not before the number of changes was read
        found = await self._link.ask("HMGET", self._all, *known)
        self._changes = changes
        pairs = zip(known.items(), found, strict=True)
        return [name for (name, birth), value in pairs if value is None or _kept(value).birth != birth]

    def store(self, name: str, kept: KeptTenant) -> RedisLog:
        """That of a tenant."""
        return RedisLog(self._link, self._prefix, name, birth=kept.birth)


def _kept(entry: bytes) -> KeptTenant:
    birth, _, document = entry.partition(b" ")
    return KeptTenant(birth.decode(), int(birth.partition(b".")[0]), document)


def _order(kept: KeptTenant) -> int:
    return int(kept.birth.partition(".")[2])
