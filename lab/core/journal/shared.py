"""What several processes of one lab share: its commits in one order, and the records that folding them gives.

Every process keeps a whole replica of the records (a `MemoryLedger`) and the position up to which it has folded the
store's commits into it. It serves calls in batches:

    sync(after=41)        -> commits 42 and 43 of another process: fold them; the store's clock: the batch's instant
    run the calls         against the replica, as if nobody else were there
    commit(after=43, …)   -> Committed(44): replies may leave
                          -> Conflict: another process was faster with 44. Roll back, fold its commit, run the calls again

A commit takes all its facts and records or none. It is refused if anything was committed since `after`, whatever was
read or changed by it: so every call sees the state as of the position that its commit follows, and the order of commits
is the order of their instants. A call that commits nothing is served by `sync` alone: what it reads is at most as old as
the call itself.

Nothing here does any I/O. `lab.stores` has the store that keeps all this in Redis.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.errors import HostError
from lab.core.journal.fact import Fact, Key, Record

LogPosition: TypeAlias = int
"""The number of a commit in the order of all, from 1 and without a gap; 0: before the first."""

Cursor: TypeAlias = str
"""A place in the list of published lines; empty: before the oldest that is kept."""

COMMITS_KEPT = 100_000
"""So many commits can be read again; who is further behind loads the records."""
EXCHANGES_KEPT = 10_000
"""So many published lines are kept."""
PIECE = 1_000
"""No answer of a store has more commits or lines than this: who gets as many asks for more."""
ANSWER_REMEMBERED: Millis = 3_600_000
"""For so long after it a process may ask what became of its last commit."""
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


class Commit(Struct, frozen=True):
    """Facts that were taken together."""

    position: LogPosition
    process: str
    """The process whose commit it is."""
    number: int
    """Its number among the commits of that process, from 1."""
    at: Millis
    """The instant at which its calls were served; never less than that of the commit before."""
    wall: Millis
    """When the store took it, by the store's clock, in milliseconds since 1970."""
    facts: tuple[Fact, ...]
    exchanges: tuple[int | None, ...] = ()
    """Of each fact the ordinal of the exchange that brought it, None where no exchange did; as it was proposed."""


class Proposal(Struct, frozen=True):
    """What a process wants to commit.

    A process has one commit on its way at a time. If the answer gets lost (`StoreLost`) it sends the same proposal, that
    is the same process and number, again: the store knows whether it was taken, and gives the answer that got lost. A
    number that was refused may be used again.
    """

    process: str
    number: int
    """Greater than that of the last commit of this process that was taken."""
    after: LogPosition
    """Up to where the process had folded the commits when it served the calls."""
    at: Millis
    """The instant at which the calls were served."""
    facts: tuple[Fact, ...]
    records: Mapping[Key, Record | None]
    """What the facts make of every record that they change, in the order in which new ones were made; None: it is gone.

    After a `LedgerCleared` all that isn't named here is gone.
    """
    exchanges: tuple[int | None, ...] = ()
    """Of each fact the ordinal of the exchange that brought it, for the observers of other processes."""


class Committed(Struct, frozen=True):
    """The proposal is the commit at this position, for good."""

    position: LogPosition
    wall: Millis
    """When it was taken, by the store's clock."""


class Conflict(Struct, frozen=True):
    """The proposal wasn't taken: there are commits after the position that it followed, or one of a later instant."""

    commits: tuple[Commit, ...]
    """The first of the commits that it didn't know, oldest first, at most `PIECE`."""
    head: LogPosition
    """The position of the last commit of all: if it isn't among these, `sync` gives the rest."""
    wall: Millis
    """The store's clock."""


class Synced(Struct, frozen=True):
    """What was committed since."""

    commits: tuple[Commit, ...]
    """The first of the commits after the position that was asked about, oldest first, at most `PIECE`."""
    head: LogPosition
    """The position of the last commit of all: while it isn't among these, there is more to ask for."""
    wall: Millis
    """The store's clock, in milliseconds since 1970."""
    first: int
    """The first of the ordinals that were asked for; the others follow it. No process is ever given the same ones."""


class Behind(Struct, frozen=True):
    """The commits after this position can't be given: load the records instead."""

    why: str
    """For the log: they are no longer kept, or the store was set back to a state before them."""
    gone: int | None = None
    """Of a store that was set back: so many acknowledged commits, at least, are gone. None: it has lost nothing."""


class Snapshot(Struct, frozen=True):
    """All records as folding the commits up to a position gives them."""

    position: LogPosition
    records: dict[Key, Record]
    """In order of their creation. The caller may keep and change it."""
    at: Millis
    """The instant of the last commit, 0 before the first."""
    wall: Millis
    """The store's clock."""
    clock: Commit | None
    """The last commit that moved a manual clock or changed the pace of a scaled one."""


class Published(Struct, frozen=True):
    """Lines that were published, oldest first."""

    lines: tuple[bytes, ...]
    after: Cursor
    """Where to go on."""


class SharedStore(Protocol):
    """One process's access to what is shared. Every method raises `StoreLost` within 2 s if the store doesn't answer.

    It remembers the setup that it gave. A store that lost it is given it again with the next `load` or `heartbeat`;
    SetupReplaced if another one is there, and then `sync` gives `Behind`.
    """

    async def load(self) -> Snapshot:
        """All records: for a process that is new, or `Behind`. SetupReplaced if they are of another lab."""

    async def sync(self, after: LogPosition, ordinals: int = 0) -> Synced | Behind:
        """What was committed since, and so many ordinals of exchanges.

        Without ordinals nothing is written. Who asks for many at once, and less often, spares the store's disk.
        """

    async def commit(self, proposal: Proposal) -> Committed | Conflict | Behind:
        """Take facts and records together, or neither."""

    async def wait(self, after: LogPosition, timeout: Millis) -> None:
        """Return once there is a commit after that position, or `timeout` real milliseconds have passed."""

    async def publish(self, lines: Sequence[bytes]) -> None:
        """Let the processes of this lab read these lines; the oldest go once there are too many."""

    async def published(self, after: Cursor) -> Published:
        """Lines of all processes, this one included, that were published after a place; at most `PIECE`."""

    async def setup(self, document: bytes, *, replace: bool = False) -> bytes:
        """The lab's setup: what the first process that came gave for it, or what this one gives if it is to `replace` that."""

    async def heartbeat(self, process: str, about: str) -> None:
        """Count as alive for `PROCESS_LIFETIME` from now on; `about` is for the other processes to read."""

    async def processes(self) -> Mapping[str, str]:
        """The processes that are alive, each with what it said about itself."""

    async def leave(self, process: str) -> None:
        """Count as alive no longer."""

    async def close(self) -> None:
        """Give up all connections."""


class KeptTenant(Struct, frozen=True):
    """A tenant as a store keeps it: every process finds the same."""

    birth: str
    """Tells it from one that had its name before."""
    wall: Millis
    """When it was made, by the store's clock."""
    document: bytes
    """What whoever made it gave for it."""


class SharedTenants(Protocol):
    """One process's access to the tenants of a lab, each of which has a store of its own. Raises what `SharedStore` does."""

    async def make(self, name: str, document: bytes, most: int, most_called: int | None = None) -> KeptTenant | int:
        """The tenant of that name, made if it isn't there; how many there are, if there are `most` already.

        With `most_called` a call makes it: how many of those that are there were made by calls, if they are so many.
        """

    async def find(self, name: str) -> KeptTenant | None:
        """The tenant of that name."""

    async def all(self) -> Mapping[str, KeptTenant]:
        """Every one, in the order of their making."""

    async def end(self, name: str) -> bool:
        """Give one up with all that is kept for it; False if there is none."""

    async def ended(self, births: Mapping[str, str]) -> Sequence[str]:
        """Which of these, of which the births are known, are there no longer; more may be added while this is asked."""

    async def wait(
        self, commits: Mapping[str, LogPosition], lines: Mapping[str, Cursor], timeout: Millis
    ) -> Collection[str]:
        """Those with a commit after their position, or a published line after their place, once there are any.

        None after `timeout` real milliseconds.
        """

    def store(self, name: str, kept: KeptTenant) -> SharedStore:
        """That of a tenant: LedgerEnded once it was ended, and nothing is written then."""
