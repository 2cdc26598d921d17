"""All records of a store, read in pieces while others commit.

    1. the position of the last commit is noted
    2. every record is read, a piece at a time: some as they were then, some as later commits left them
    3. what the commits after the noted position changed is read again, a piece of these commits at a time, until one
       reaches the head: a script runs alone, so all that was read is now as the last commit left it

A record comes with its version: the position of the commit that created it, its place among the records of that one,
and the position of the commit that changed it last. The first two give the order in which folding the facts would have
made the records. The last says which were read before the ledger was cleared: those are gone.
"""

from typing import Any, TypeAlias

from lab.core.clock import Millis
from lab.core.journal.fact import Key, Record
from lab.core.journal.shared import PIECE, Commit, LedgerEnded, LogPosition, Snapshot
from lab.stores.codec import decode_commit, decode_record
from lab.stores.redis_link import RedisLink
from lab.stores.scripts import CHANGES_SCRIPT

_Versioned: TypeAlias = tuple[LogPosition, int, LogPosition, Record]
SCANNED = 500
"""So many records are read at a time: few enough for the loop to go round in between."""


class RecordLoader:
    """Reads the records of one tenant; `keys` are those of the state, the commits and the records."""

    def __init__(self, link: RedisLink, keys: list[str], birth: str = "") -> None:
        self._link = link
        self._keys = keys
        self._birth = birth
        self._changes = link.redis.register_script(CHANGES_SCRIPT)

    async def load(self) -> tuple[Snapshot, str] | None:
        """All records, and the mark of the last commit.

        None: so much was committed meanwhile that it is no longer kept, or the store was set back. It is to be tried again.
        LedgerEnded: the tenant is gone.
        """
        state = self._keys[0]
        found: dict[Key, _Versioned] = {}
        position, mark = await self._link.ask(self._link.redis.hmget, state, ["position", "mark"])
        position, mark = int(position or 0), mark or b""
        await self._scan(found)
        while True:
            answer = await self._link.run(self._changes, self._keys, (position, mark, PIECE, self._birth))
            head, wall, why, position, changed, last = answer
            if why == b"ended":
                raise LedgerEnded("This tenant was ended.")
            if why:
                return None
            for key, value in zip(changed[::2], changed[1::2], strict=True):
                if value:
                    found[key] = _versioned(value)
                else:
                    found.pop(key, None)
            if position == head:
                return _snapshot(found, head, wall, last), (last[0] or b"").decode()
            mark = b""

    async def _scan(self, found: dict[Key, _Versioned]) -> None:
        cursor = 0
        while True:
            cursor, piece = await self._link.ask(self._link.redis.hscan, self._keys[2], cursor, count=SCANNED)
            found.update((key, _versioned(value)) for key, value in piece.items())
            if cursor == 0:
                return


def _versioned(value: bytes) -> _Versioned:
    created, changed, record = value.split(b" ", 2)
    position, _, place = created.partition(b".")
    return int(position), int(place), int(changed), decode_record(record)


def _snapshot(found: dict[Key, _Versioned], head: LogPosition, wall: Millis, last: list[Any]) -> Snapshot:
    _, at, cleared, clock_position, clock_wall, clock = last
    oldest = int(cleared or 0)
    alive = sorted((each[:2], key) for key, each in found.items() if each[2] >= oldest)
    moved: Commit | None = clock and decode_commit(int(clock_position), int(clock_wall), clock)
    return Snapshot(head, {key: found[key][3] for _, key in alive}, int(at or 0), wall, moved)
