"""The shared store in Redis or Valkey (shared.md)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from lab.core.clock import Millis
from lab.core.journal.fact import ClockAdvanced, ClockScaled, LedgerCleared
from lab.core.journal.shared import (
    ANSWER_REMEMBERED,
    COMMITS_KEPT,
    EXCHANGES_KEPT,
    PIECE,
    PROCESS_LIFETIME,
    Behind,
    Commit,
    Committed,
    Conflict,
    Cursor,
    LedgerEnded,
    LogPosition,
    Proposal,
    Published,
    SetupReplaced,
    Snapshot,
    StoreRefused,
    Synced,
)
from lab.stores import scripts
from lab.stores.address import StoreAddress, check_prefix
from lab.stores.codec import decode_commit, encode_commit, encode_record
from lab.stores.loading import RecordLoader
from lab.stores.redis_link import ANSWERS_WITHIN, RedisLink, open_link

NAMELESS = "-"
"""Stands for the tenant without a name; no name begins so."""


async def open_store(address: StoreAddress, prefix: str) -> "RedisStore":
    """The store of a lab; HostError if it can't be reached in time, UsageError if it can't be used."""
    check_prefix(prefix)
    return RedisStore(await open_link(address), f"{prefix}:{NAMELESS}:")


class RedisStore:
    """One process's access to what a lab shares: a `SharedStore`."""

    def __init__(
        self,
        link: RedisLink,
        prefix: str,
        *,
        birth: str = "",
        kept: int = COMMITS_KEPT,
        remembered: Millis = ANSWER_REMEMBERED,
    ) -> None:
        """`birth` is that of the tenant; empty: it has no name, and so no end."""
        self.link = link
        self._birth = birth
        self._limits = (PIECE, kept, remembered)
        self._known: tuple[LogPosition, str] = (0, "")
        """The last position that this process learned of, and the mark of its commit."""
        self._log = [prefix + name for name in ("state", "commits")]
        self._all = [*self._log, prefix + "records", prefix + "answers"]
        self._loader = RecordLoader(link, self._all[:3], birth)
        self._exchanges, self._setup = prefix + "exchanges", prefix + "setup"
        self._document: bytes | None = None
        """The setup that this process goes by."""
        self._replaced = False
        """Whether another one was there when this was last looked for."""
        self._processes, self._process = prefix + "processes", prefix + "process:"
        register = link.redis.register_script
        self._look, self._sync = register(scripts.LOOK_SCRIPT), register(scripts.SYNC_SCRIPT)
        self._commit = register(scripts.COMMIT_SCRIPT)
        self._publish = link.redis_once.register_script(scripts.PUBLISH_SCRIPT)

    async def load(self) -> Snapshot:
        """All records, read in pieces while others commit; of a store that lost the setup, once it has that again."""
        if self._document is not None:
            with suppress(StoreRefused):  # it is full: who reads is served, and heartbeats try again
                self._check(await self.link.ask(self.link.redis.set, self._setup, self._document, nx=True, get=True))
        while (loaded := await self._loader.load()) is None:
            pass  # so much was committed meanwhile that the first of it is no longer kept
        snapshot, mark = loaded
        self._known = snapshot.position, mark
        return snapshot

    async def sync(self, after: LogPosition, ordinals: int = 0) -> Synced | Behind:
        """What was committed since, and so many ordinals."""
        if self._replaced:
            return Behind(f"the store at {self.link.address} has another setup")
        args = (after, self._mark(after), ordinals, PIECE, self._birth)
        head, wall, why, entries, first = await self.link.run(self._sync if ordinals else self._look, self._log, args)
        if why:
            return self._behind(after, why, head)
        return Synced(self._commits(entries), head, wall, first)

    async def commit(self, proposal: Proposal) -> Committed | Conflict | Behind:
        """Take facts and records together, or neither."""
        records: list[bytes] = []
        for key, record in proposal.records.items():
            records += key, b"" if record is None else encode_record(record)
        moves_clock = any(isinstance(fact, ClockAdvanced | ClockScaled) for fact in proposal.facts)
        clears = any(isinstance(fact, LedgerCleared) for fact in proposal.facts)
        after, mark = proposal.after, f"{proposal.process}:{proposal.number}"
        args = (
            *(proposal.process, proposal.number, after, self._mark(after), proposal.at, encode_commit(proposal)),
            *(
                *self._limits,
                int(moves_clock),
                int(clears),
                b"".join(b"%d %b" % (len(key), key) for key in proposal.records),
                self._birth,
                *records,
            ),
        )
        head, wall, why, *entries = await self.link.run(self._commit, self._all, args)
        if why == b"taken":
            self._known = head, mark
            return Committed(head, wall)
        return self._behind(after, why, head) if why else Conflict(self._commits(*entries), head, wall)

    async def wait(self, after: LogPosition, timeout: Millis) -> None:
        """Return once there is a commit after that position, or `timeout` real milliseconds have passed."""
        streams = {self._log[1]: f"{after}-0"}
        read = self.link.redis_once.xread
        await self.link.ask_once(timeout + ANSWERS_WITHIN, read, streams, count=1, block=max(timeout, 1))

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Let the processes of this lab read these lines."""
        keys = [self._exchanges, self._log[0]]
        await self.link.ask_once(ANSWERS_WITHIN, self._publish, keys, [EXCHANGES_KEPT, self._birth, *lines])

    async def published(self, after: Cursor) -> Published:
        """Lines of all processes that were published after a place."""
        first = f"({after}" if after else "-"
        entries = await self.link.ask(self.link.redis.xrange, self._exchanges, min=first, count=PIECE)
        lines = tuple(members[b"line"] for _, members in entries)
        return Published(lines, entries[-1][0].decode() if entries else after)

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The setup that came first, or this one if it is to `replace` that."""
        known: bytes | None = await self.link.ask(self.link.redis.set, self._setup, document, nx=not replace, get=True)
        self._document = document if replace or known is None else known
        return self._document

    async def heartbeat(self, process: str, about: str) -> None:
        """Count as alive from now on, and let the setup be there."""
        pipeline = self.link.redis.pipeline(transaction=False)
        pipeline.sadd(self._processes, process)
        pipeline.set(self._process + process, about, px=PROCESS_LIFETIME)
        if self._document is not None:
            pipeline.set(self._setup, self._document, nx=True, get=True)
        answers = await self.link.ask(pipeline.execute)
        if self._document is not None:
            self._check(answers[-1])

    async def processes(self) -> Mapping[str, str]:
        """The processes that are alive, each with what it said about itself."""
        names = sorted(name.decode() for name in await self.link.ask(self.link.redis.smembers, self._processes))
        if not names:
            return {}
        known = await self.link.ask(self.link.redis.mget, [self._process + name for name in names])
        alive = {name: about.decode() for name, about in zip(names, known, strict=True) if about is not None}
        if over := [name for name in names if name not in alive]:
            await self.link.ask(self.link.redis.srem, self._processes, *over)
        return alive

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""
        pipeline = self.link.redis.pipeline(transaction=False)
        pipeline.srem(self._processes, process)
        pipeline.delete(self._process + process)
        await self.link.ask(pipeline.execute)

    async def close(self) -> None:
        """Give up all connections."""
        await self.link.close()

    def _mark(self, after: LogPosition) -> str:
        position, mark = self._known
        return mark if position == after else ""

    def _check(self, known: bytes | None) -> None:
        """SetupReplaced if what the store has for a setup isn't this process's; None: it had none."""
        self._replaced = known not in (None, self._document)
        if self._replaced:
            raise SetupReplaced(
                f"the store at {self.link.address} lost this lab, and another was set up there: restart this process to join that, or give it another prefix",
            )

    def _behind(self, after: LogPosition, why: bytes, head: LogPosition) -> Behind:
        if why == b"ended":
            raise LedgerEnded("This tenant was ended.")
        reasons = {
            b"set back": f"no longer has commit {after}: it was set back to an older state",
            b"trimmed": f"no longer has the commits after {after}: it keeps the last {self._limits[1]:,}",
        }
        gone = max(after - head, 1) if why == b"set back" else None
        return Behind(f"the store at {self.link.address} {reasons[why]}", gone)

    def _commits(self, entries: list[tuple[bytes, list[bytes]]]) -> tuple[Commit, ...]:
        commits = tuple(
            decode_commit(int(name.partition(b"-")[0]), int(members[1]), members[5]) for name, members in entries
        )
        if commits:
            self._known = commits[-1].position, entries[-1][1][3].decode()
        return commits
