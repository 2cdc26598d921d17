"""What several processes of one lab share: a log of their commits, in one order for all.

The log is that of the lab without a name and of its tenants. Each commit is of one of them, each of which has a whole
replica of its records (a `MemoryLedger`) in every process; a process has one place in the log, up to which it has folded
it. It serves calls in batches:

    sync(after 41)        -> commits 42 and 43 of another process: fold them; the store's clock: the batch's instant
    run the calls         against the replica, as if nobody else were there
    append(after 43, …)   -> True: they are commit 44 and, of a second lab, 45, and replies may leave
                          -> False: another process was faster with 44. Roll back, fold its commit, run the calls again

The store takes a commit only behind the one that the process knows to be the last. So every call sees the state as of
the commit that its own follows, and the order of commits is the order of their instants. A call that commits nothing is
served by `sync` alone: what it reads is at most as old as the call itself. Now and then a process keeps all records as a
snapshot, behind which the log may go. A tenant begins with a commit of the fact `LabMade`, and ends with one of
`LabEnded`; what was tried for it meanwhile comes behind that, so it is refused.

Nothing here does any I/O. `lab.stores` has the store that keeps all this in Redis.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.errors import HostError, RecordingError
from lab.core.journal.fact import Fact, Key, LabMade, Record

LogPosition: TypeAlias = int
"""The number of a commit in the order of all, from 1 and without a gap; 0: before the first."""

LabKey: TypeAlias = str
"""Of a tenant its place and its making, so that one that is made again has another; of the lab without a name nothing."""

Cursor: TypeAlias = str
"""A place in the list of published exchanges; empty: before the oldest that is kept."""

SNAPSHOT_EVERY = 10_000
"""After so many commits the records are kept; the log goes on to hold as many commits before them, for who is behind."""
EXCHANGES_KEPT, EXCHANGE_BYTES = 10_000, 67_108_864
"""So many published exchanges are kept, and so many bytes of them."""
PIECE = 1_000
"""No answer of a store has more commits or exchanges than this: who gets as many asks for more."""
STALE: Millis = 2_000
"""A commit that comes so long after the answer that its calls stand on is refused: its process, or the way, hung."""
PROCESS_LIFETIME: Millis = 15_000
"""For so long after its last heartbeat a process counts as alive."""


class StoreLost(HostError):
    """The store can't be reached, or doesn't answer in time. Of a commit: whether it was taken isn't known."""


class StoreRefused(StoreLost):
    """The store answers, and refuses what it was asked as a whole: it is full, or its user may not. Reads may go on."""


class SetupReplaced(StoreLost):
    """The store lost the lab's setup, and another lab has put its own there: nothing of this one may be served on it."""


class LedgerEnded(StoreLost):
    """What was kept there is gone for good, with the tenant whose it was."""

    def __init__(self) -> None:
        super().__init__("This tenant was ended.")


class StoreUnreadable(RecordingError):
    """What stands in the store wasn't written by a lab, or by another version of it."""


class LogPlace(Struct, frozen=True):
    """A place in the log: right behind a commit, or before the first."""

    position: LogPosition = 0
    mark: str = ""
    """Whose commit it is, and its number there: tells it from another at its position, in a store that was set back."""


class Commit(Struct, frozen=True):
    """Facts of one lab that were taken together."""

    position: LogPosition
    process: str
    """The process whose commit it is."""
    number: int
    """Its number among the proposals of that process, from 1."""
    at: Millis
    """The instant at which its calls were served; never less than that of the commit before."""
    wall: Millis
    """What the store's clock said then, in milliseconds since 1970."""
    facts: tuple[Fact, ...]
    exchanges: tuple[int | None, ...] = ()
    """Of each fact the ordinal of the exchange that brought it, None where no exchange did."""
    lab: LabKey = ""

    @property
    def place(self) -> LogPlace:
        """Right behind it."""
        return LogPlace(self.position, f"{self.process}:{self.number}")


class Synced(Struct, frozen=True):
    """What was committed since."""

    commits: tuple[Commit, ...]
    """The first of the commits after the place that was asked about, oldest first; if they are `PIECE`, there may be more."""
    wall: Millis
    """The store's clock, in milliseconds since 1970."""


class Behind(Struct, frozen=True):
    """The commits after this place can't be given: load the snapshot instead."""

    why: str
    """For the log: they are no longer kept, or the store was set back to a state before them."""
    gone: int | None = None
    """Of a store that was set back: so many acknowledged commits, at least, are gone. None: it has lost nothing."""


class Pace(Struct, frozen=True):
    """How the lab's clock has run since it was paused, or set to another pace."""

    factor: str
    base: Millis
    """The instant at which it began to run so."""
    since: Millis
    """What the store's clock said then."""


class LabState(Struct, frozen=True, omit_defaults=True):
    """One of the labs as folding its commits gives it."""

    records: Mapping[Key, Record] = {}
    """In order of their creation."""
    at: Millis = 0
    """The instant of the last commit."""
    pace: Pace | None = None
    """None: the clock runs as it did when the lab began."""
    birth: LabMade | None = None
    """Of a tenant: what it is."""
    wall: Millis = 0
    """What the store's clock said when it was made."""


class Snapshot(Struct, frozen=True):
    """All records as folding the commits up to a place gives them."""

    place: LogPlace = LogPlace()
    labs: Mapping[LabKey, LabState] = field(default_factory=lambda: {"": LabState()})
    """The one without a name first, the tenants in the order of their making."""


class Published(Struct, frozen=True):
    """What was published, oldest first."""

    lines: tuple[bytes, ...]
    after: Cursor
    """Where to go on."""


class SharedStore(Protocol):
    """One process's access to what is shared. Every method raises `StoreLost` within 2 s if the store doesn't answer.

    It remembers the setup that it gave. A store that lost it is given it again with the next `snapshot` or `heartbeat`;
    SetupReplaced if another one is there.
    """

    async def snapshot(self) -> Snapshot:
        """The last that was kept: for a process that is new, or `Behind`. SetupReplaced if it is of another lab."""

    async def sync(self, after: LogPlace) -> Synced | Behind:
        """What was committed since. A place without a mark is whichever commit stands there."""

    async def append(self, after: LogPlace, commits: Sequence[Commit]) -> bool:
        """Take all right behind that place, or none: False: there is another commit, or these are `STALE`.

        StoreLost: they may be taken yet.
        """

    async def keep(self, snapshot: Snapshot) -> None:
        """Take it in the place of the last one, and let go of old commits; not if the last one is newer."""

    async def wait(self, position: LogPosition, cursor: Cursor | None, timeout: Millis) -> bool:
        """Whether there is a commit after the position, or a line after the place if one is given.

        True once there is one, False after `timeout` real milliseconds. One at a time may wait.
        """

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Let the processes of this lab read these; the oldest go once there are too many, or they are too long."""

    async def published(self, after: Cursor) -> Published:
        """What all processes, this one included, published after a place; at most `PIECE`."""

    async def number(self) -> int:
        """From 1 in turn: no other process of the lab is given the same."""

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The lab's setup: what the first process that came gave for it, or what this one gives if it is to `replace` that."""

    async def heartbeat(self, process: str) -> None:
        """Count as alive for `PROCESS_LIFETIME` from now on."""

    async def processes(self) -> Collection[str]:
        """The processes that are alive."""

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""

    async def close(self) -> None:
        """Give up all connections."""
