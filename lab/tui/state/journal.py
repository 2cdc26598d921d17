"""A journal folded for the screen: whose exchange is whose, and what the panes would show of each job.

A journal knows no run: it has the exchanges and facts of all clients. Every invokeAsync begins a `Passage`, and the
calls that belong to it are told by the job in their path, their reply or their fact. What a run of our own would have
told besides, its waits and its end, follows from the replies: the next poll is due after the pause between the last two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lab.core.clock import Epoch, Millis
from lab.tui.state.faults import ArmedFaults
from lab.tui.state.screen import MOST_CALLS, RunState
from lab.tui.state.values import Exchange, Pairs

MOST_CLIENT_RUNS = 1_000
"""How many jobs can be looked at; the oldest are given up."""
MOST_TOKENS = 1_000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class ClientRun:
    """One client's way from its token to an output, as far as the journal tells it."""

    stage: RunState = field(default_factory=RunState)
    bearer: str | None = None
    """The token that its last call bore, as the journal names it."""
    rested: Millis | None = None
    """When the reply to its last poll left."""
    scenario: str | None = None
    conversation: str | None = None

    @property
    def begun(self) -> bool:
        """Whether it has come further than its token."""
        return self.stage.job is not None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that somebody was given: the stage as it was then."""

    stage: RunState
    x: int
    used: bool = False


@dataclass(frozen=True, slots=True)
class PendingExchange:
    """An exchange that waits for its reply, and whose it is; `passage` None: nobody's."""

    client_run: int | None
    route: str
    resumes: bool = False
    struck: str | None = None
    claims: Pairs = ()
    bearer: str = ""
    """The token that it bears, as the journal names it."""


@dataclass(frozen=True, slots=True)
class JournalState:
    """All that a journal has told so far. Instants of the tokens' claims count from `epoch`."""

    epoch: Epoch = 0
    client_runs: Mapping[int, ClientRun] = field(default_factory=dict)
    """By the exchange that began each, oldest first; below zero where no such exchange is in sight."""
    of: Mapping[str, int] = field(default_factory=dict)
    """The passage of each job."""
    grants: Mapping[str, IssuedToken] = field(default_factory=dict)
    in_flight: Mapping[int, PendingExchange] = field(default_factory=dict)
    unassigned: RunState = field(default_factory=RunState)
    """Exchanges that belong to no job."""
    calls: tuple[Exchange, ...] = ()
    """The wire: the exchanges of all clients."""
    armed: ArmedFaults = ()
    """The faults that were armed from outside and haven't struck."""
    missed: int | None = None
    """How many exchanges came before the first one that is told; None: none is told yet."""

    def keys(self) -> tuple[int, ...]:
        """The passages that a person can choose, oldest first."""
        return tuple(key for key, client_run in self.client_runs.items() if client_run.begun)

    def chosen(self, key: int | None) -> ClientRun:
        """The passage that shows: the one chosen, else the newest. A mere token comes first once no job is at work."""
        if key is not None and key in self.client_runs:
            return self.client_runs[key]
        newest = list(self.client_runs.values())[::-1]
        last = newest[0] if newest else ClientRun(self.unassigned)
        job = next((each for each in newest if each.begun), None)
        return last if job is None or job.stage.ended is not None else job

    def stage(self, key: int | None = None) -> RunState:
        """What the panes draw: one passage, and the wire of all."""
        return replace(self.chosen(key).stage, calls=self.calls, notes=self.unassigned.notes)

    def place(self, key: int | None) -> tuple[int, int]:
        """Which of how many jobs shows, from 1."""
        keys = self.keys()
        return (keys.index(key) + 1 if key in keys else len(keys)), len(keys)

    def beside(self, key: int | None, by: int) -> int | None:
        """The job before (-1) or after (1) the one that shows; None after the newest: follow whatever comes."""
        keys = self.keys()
        if not keys:
            return None
        at = (keys.index(key) if key in keys else len(keys) - 1) + by
        return None if at >= len(keys) else keys[max(0, at)]

    # What the fold changes

    def with_client_run(self, key: int, client_run: ClientRun) -> "JournalState":
        """Another state of a passage that is there."""
        return replace(self, client_runs={**self.client_runs, key: client_run})

    def begin(self, key: int, client_run: ClientRun) -> "JournalState":
        """A new passage. Tokens that came to nothing yet give way, and the oldest where there are too many."""
        busy = {pending.client_run for pending in self.in_flight.values()}
        kept = {at: each for at, each in self.client_runs.items() if each.begun or at in busy}
        of = self.of
        if len(kept) >= MOST_CLIENT_RUNS:
            del kept[next(iter(kept))]
            of = {job: at for job, at in of.items() if at in kept}
        return replace(self, client_runs={**kept, key: client_run}, of=of)

    def without(self, key: int) -> "JournalState":
        """A passage that another one has taken up."""
        if key not in self.client_runs:
            return self
        return replace(self, client_runs={at: each for at, each in self.client_runs.items() if at != key})

    def named(self, job: str, key: int) -> "JournalState":
        """The passage has this job."""
        return self if self.of.get(job) == key else replace(self, of={**self.of, job: key})

    def granted(self, token: str, grant: IssuedToken) -> "JournalState":
        """A token that calls may bear from now on."""
        return replace(self, grants={**_newest(self.grants, MOST_TOKENS - 1), token: grant})

    def fly(self, x: int, pending: PendingExchange) -> "JournalState":
        """An exchange has begun."""
        return replace(self, in_flight={**_newest(self.in_flight, MOST_CLIENT_RUNS), x: pending})

    def landed(self, x: int) -> "JournalState":
        """An exchange is over."""
        return replace(self, in_flight={at: pending for at, pending in self.in_flight.items() if at != x})

    def wire(self, call: Exchange) -> "JournalState":
        """The wire with an exchange as it is now."""
        for at in range(len(self.calls) - 1, -1, -1):
            if self.calls[at].x == call.x:
                return replace(self, calls=(*self.calls[:at], call, *self.calls[at + 1 :]))
        return replace(self, calls=(*self.calls, call)[-MOST_CALLS:])


def _newest(kept: Mapping[_Key, _Value], most: int) -> Mapping[_Key, _Value]:
    return kept if len(kept) <= most else dict(list(kept.items())[-most:])


@dataclass(frozen=True, slots=True)
class SourceUpdate:
    """Told by a source beside its observations: the state to go on from, or (None) that something of itself changed."""

    jobs: JournalState | None = None
    said: str = ""
    """A remark, until the next key."""
    anew: bool = False
    """Whether it is another journal: what was chosen in the one before is no more."""
