"""The shared store in Redis or Valkey: a log, and now and then all records (shared.md).

PREFIX:log        stream: an entry a commit, its id is `POSITION-0`; m mark, c commit
PREFIX:snapshot   list: a place and the labs at first, then records in pieces, each of one lab, which its first line names
PREFIX:exchanges  stream: an entry an exchange that a process served
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Key, Record
from lab.core.journal.shared import (
    EXCHANGE_BYTES,
    EXCHANGES_KEPT,
    PIECE,
    PROCESS_LIFETIME,
    SNAPSHOT_EVERY,
    STALE,
    Behind,
    Commit,
    Cursor,
    LabKey,
    LogPlace,
    LogPosition,
    Published,
    SetupReplaced,
    Snapshot,
    StoreRefused,
    Synced,
)
from lab.stores.address import StoreAddress, check_prefix
from lab.stores.codec import decode_commit, decode_records, encode_commit, encode_records
from lab.stores.redis_link import RedisCommand, RedisLink, open_link

_AT_ONCE = 10
"""Pieces of a snapshot, of `PIECE` records each, that are read at a time."""

_APPEND = """#!lua
local top, time = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1], redis.call('TIME')
if (top and top[1] .. top[2][2] or '') ~= ARGV[1] then return 0 end
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[2]) then return 0 end
for place = 3, #ARGV, 3 do
    redis.call('XADD', KEYS[1], ARGV[place], 'm', ARGV[place + 1], 'c', ARGV[place + 2])
end
return 1
"""
"""Take commits if the last one is that which their process knows, and they aren't late."""

_KEEP = """#!lua
local last = redis.call('LINDEX', KEYS[2], 0)
local newer = last and cjson.decode(last).place.position >= tonumber(ARGV[1])
if newer or redis.call('EXISTS', KEYS[3]) == 0 then return redis.call('UNLINK', KEYS[1]) end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('XTRIM', KEYS[3], 'MINID', ARGV[2])
"""
"""Put a snapshot that was written in pieces in the place of the last one, and shorten the log; not if that is newer, or all is gone."""

_PUBLISH = """#!lua
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local bytes = last and tonumber(last[2][2]) or 0
for place = 3, #ARGV do
    bytes = bytes + #ARGV[place]
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'b', string.format('%.0f', bytes), 'e', ARGV[place])
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
while first and bytes - first[2][2] + #first[2][4] > tonumber(ARGV[2]) do
    redis.call('XDEL', KEYS[1], first[1])
    first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
end
"""
"""Publish exchanges; each says how many bytes were published with it."""


async def open_store(address: StoreAddress, prefix: str) -> "RedisLog":
    """The store of a lab; HostError if it can't be reached in time, UsageError if it can't be used."""
    check_prefix(prefix)
    return RedisLog(await open_link(address), prefix)


class RedisLog:
    """One process's access to what a lab shares: a `SharedStore`."""

    def __init__(self, link: RedisLink, prefix: str, *, kept: int = SNAPSHOT_EVERY) -> None:
        """So many commits are `kept` before a snapshot."""
        self.link, self.prefix = link, prefix
        names = ("log", "snapshot", "exchanges", "setup", "processes", "numbers")
        self._log, self._snapshot, self._exchanges, self._setup, self._processes, self._numbers = (
            f"{prefix}:{name}" for name in names
        )
        self._kept = kept
        self._document: bytes | None = None
        """The setup that this process goes by."""

    # The log

    async def sync(self, after: LogPlace) -> Synced | Behind:
        """What was committed since; the last one that is known comes along, so that one sees whether it is still there."""
        first = f"{after.position}-0" if after.position else "-"
        (seconds, micros), entries = await self.link.ask_all(
            ("TIME",), ("XRANGE", self._log, first, "+", "COUNT", PIECE + bool(after.position))
        )
        wall = int(seconds) * 1_000 + int(micros) // 1_000
        try:
            if after.position == 0:
                stands = not entries or entries[0][0] == b"1-0"
            else:
                stands = bool(entries) and _place(entries[0]).position == after.position
                stands = stands and after.mark in ("", _place(entries.pop(0)).mark)
            if stands:
                return Synced(tuple(decode_commit(_place(entry), entry[1][3]) for entry in entries), wall)
        except (ValueError, LookupError, RecursionError) as fault:
            raise self.link.unreadable(f"a commit in {self._log}: {fault}") from None
        return await self._behind(after, entries)

    async def _behind(self, after: LogPlace, entries: list[Any]) -> Behind:
        if entries and _place(entries[0]).position > after.position:
            return Behind(f"the store at {self.link.address} no longer has the commits after {after.position}")
        last = await self.link.ask("XREVRANGE", self._log, "+", "-", "COUNT", 1)
        head = _place(last[0]).position if last else 0
        why = f"no longer has commit {after.position}: it was set back to an older state"
        return Behind(f"the store at {self.link.address} {why}", max(after.position - head, 1))

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        """Take them right behind that place."""
        last = f"{after.position}-0{after.mark}" if after.position else ""
        args: list[str | bytes | int] = [last, commits[0].wall + STALE]
        for each in commits:
            args += (f"{each.position}-0", each.place.mark, encode_commit(each))
        return bool(await self.link.ask("EVAL", _APPEND, 1, self._log, *args))

    async def wait(self, position: LogPosition, cursor: Cursor | None, timeout: Millis) -> bool:
        """Whether there is news; not before `timeout` real milliseconds if there is none."""
        streams = {self._log: f"{position}-0"} | ({} if cursor is None else {self._exchanges: cursor or "0-0"})
        within = max(timeout, 1)
        read: RedisCommand = ("XREAD", "COUNT", 1, "BLOCK", within, "STREAMS", *streams, *streams.values())
        (found,) = await self.link.ask_all(read, waits=within)
        return bool(found)

    # Snapshots

    async def snapshot(self) -> Snapshot:
        """The last that was kept; of a store that lost the setup, once it has that again."""
        if self._document is not None:
            with suppress(StoreRefused):  # it is full: who reads is served, and heartbeats try again
                self._check(await self.link.ask("SET", self._setup, self._document, "NX", "GET"))
        head: bytes | None = await self.link.ask("LINDEX", self._snapshot, 0)
        if head is None:
            return Snapshot()
        try:
            snapshot, place = msgspec.json.decode(head, type=Snapshot), 1
            records: dict[LabKey, dict[Key, Record]] = {lab: {} for lab in snapshot.labs}
            while True:
                first, pieces = await self.link.ask_all(
                    ("LINDEX", self._snapshot, 0), ("LRANGE", self._snapshot, place, place + _AT_ONCE - 1)
                )
                if first != head:  # another one took its place meanwhile
                    return await self.snapshot()
                for lab, key, record in chain.from_iterable(map(decode_records, pieces)):
                    records[lab][key] = record
                if len(pieces) < _AT_ONCE:
                    break
                place += _AT_ONCE
            labs = {lab: replace(state, records=records[lab]) for lab, state in snapshot.labs.items()}
            return replace(snapshot, labs={"": labs.pop(""), **labs})
        except (ValueError, LookupError, TypeError, RecursionError) as fault:
            raise self.link.unreadable(f"{self._snapshot}: {fault}") from None

    async def keep(self, snapshot: Snapshot) -> None:
        """Take it in the place of the last one, and let go of the commits before those that are kept."""
        new = f"{self._snapshot}:{snapshot.place.mark}"
        head = replace(snapshot, labs={lab: replace(state, records={}) for lab, state in snapshot.labs.items()})
        await self.link.ask_all(("RPUSH", new, msgspec.json.encode(head)), ("EXPIRE", new, 60))
        records = ((lab, *each) for lab, state in snapshot.labs.items() for each in state.records.items())
        while piece := encode_records(islice(records, PIECE)):
            await self.link.ask_all(("RPUSH", new, piece), ("EXPIRE", new, 60))
        position = snapshot.place.position
        oldest = f"{max(position - self._kept, 0)}-0"
        await self.link.ask("EVAL", _KEEP, 3, new, self._snapshot, self._log, position, oldest)

    # Exchanges

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Let the processes of this lab read these."""
        await self.link.ask("EVAL", _PUBLISH, 1, self._exchanges, EXCHANGES_KEPT, EXCHANGE_BYTES, *lines)

    async def published(self, after: Cursor) -> Published:
        """What all processes published after a place."""
        first = f"({after}" if after else "-"
        entries = await self.link.ask("XRANGE", self._exchanges, first, "+", "COUNT", PIECE)
        lines = tuple(members[3] for _, members in entries)
        return Published(lines, entries[-1][0].decode() if entries else after)

    # Processes

    async def number(self) -> int:
        """From 1 in turn."""
        return int(await self.link.ask("INCR", self._numbers))

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The setup that came first, or this one if it is to `replace` that."""
        known: bytes | None = await self.link.ask("SET", self._setup, document, *(() if replace else ("NX",)), "GET")
        self._document = document if replace or known is None else known
        return self._document

    async def heartbeat(self, process: str) -> None:
        """Count as alive from now on, and let the setup be there."""
        seconds, _ = await self.link.ask("TIME")
        beat = ("ZADD", self._processes, int(seconds), process)
        if self._document is None:
            await self.link.ask(*beat)
        else:
            self._check((await self.link.ask_all(beat, ("SET", self._setup, self._document, "NX", "GET")))[1])

    def _check(self, known: bytes | None) -> None:
        """SetupReplaced if what the store has for a setup isn't this process's; None: it had none."""
        if known not in (None, self._document):
            raise SetupReplaced(
                f"the store at {self.link.address} lost this lab, and another was set up there: restart this process to join that, or give it another prefix",
            )

    async def processes(self) -> Collection[str]:
        """The processes that are alive; those that are not are let go."""
        seconds, _ = await self.link.ask("TIME")
        late = ("ZREMRANGEBYSCORE", self._processes, "-inf", int(seconds) - PROCESS_LIFETIME // 1_000)
        _, alive = await self.link.ask_all(late, ("ZRANGE", self._processes, 0, -1))
        return [name.decode() for name in alive]

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""
        await self.link.ask("ZREM", self._processes, process)

    async def close(self) -> None:
        """Give up all connections."""
        await self.link.close()


def _place(entry: list[Any]) -> LogPlace:
    name, members = entry
    return LogPlace(int(name.partition(b"-")[0]), members[1].decode())
