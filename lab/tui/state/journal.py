"""A journal folded for the screen: whose exchange is whose, and what the panes would show of each job.

A journal knows no run: it has the exchanges and facts of all clients. Every call that starts a job begins a `ClientRun`,
and the calls that belong to it are known by the job in their path, their reply or their fact. What a run of our own
would have observed besides, its waits and its end, follows from the replies: the next poll is due after the pause
between the last two.
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Epoch, Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.observe import Requested
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.tui.state import clean
from lab.tui.state.run import MOST_EXCHANGES, Exchange, Pairs, RunState, put

MOST_CLIENT_RUNS = 1_000
"""How many jobs can be looked at; the oldest are given up."""
MOST_TOKENS = 1_000
MOST_ARMED = 32
"""How many armed faults the screen keeps."""

_Kept = TypeVar("_Kept")
_Name = TypeVar("_Name")


class ArmedFault(Struct, frozen=True):
    """An armed fault: it stands in the header until it strikes, or for as long as it goes on striking."""

    name: str
    route: str
    once: bool


ArmedFaults = tuple[ArmedFault, ...]


def with_fact(armed: ArmedFaults, fact: Fact) -> ArmedFaults:
    """What is armed after one more fact."""
    match fact:
        case FaultArmed(fault=name, where=where):
            route = clean.line(str(where.get("route", "")), 40)
            once = str(where.get("calls", 1)).isdigit() and "chance" not in where
            return (*armed, ArmedFault(clean.line(name, 80), route, once))[-MOST_ARMED:]
        case FaultDisarmed(fault=name):
            return tuple(each for each in armed if each.name != name)
        case FaultStruck(fault=name):
            return tuple(each for each in armed if each.name != name or not each.once)
        case LedgerCleared():
            return ()
        case _:
            return armed


class ClientRun(Struct, frozen=True):
    """One client's way from its token to an output, as far as the journal has it."""

    run: RunState = RunState()
    bearer: str | None = None
    """The token that its last call bore, as the journal names it."""
    polled_at: Millis | None = None
    """When the reply to its last poll left."""
    scenario: str | None = None
    conversation: str | None = None

    @property
    def has_job(self) -> bool:
        """Whether it has come further than its token."""
        return self.run.job is not None


class IssuedToken(Struct, frozen=True):
    """A token that somebody was given: the run as it was then, and the exchange that brought it."""

    run: RunState
    x: int
    used: bool = False


class PendingExchange(Struct, frozen=True):
    """An exchange that waits for its reply, and whose it is; `client_run` None: nobody's."""

    client_run: int | None
    route: str
    command: str
    resumes: bool = False
    follows: bool = False
    """Whether the answer is to be a stream of events."""
    struck: str | None = None
    claims: Pairs = ()
    bearer: str = ""
    """The token that it bears, as the journal names it."""
    message: Requested | None = None
    """A message, which starts a job or goes to one that is known; while nothing told which, it is nobody's."""


class JournalState(Struct, frozen=True):
    """All that a journal has held so far. Instants of the tokens' claims count from `epoch`."""

    epoch: Epoch = 0
    client_runs: Mapping[int, ClientRun] = {}
    """By the exchange that began each, oldest first; below zero where no such exchange is in sight."""
    run_of_job: Mapping[str, int] = {}
    tokens: Mapping[str, IssuedToken] = {}
    in_flight: Mapping[int, PendingExchange] = {}
    unassigned: RunState = RunState()
    """Exchanges that belong to no job."""
    exchanges: tuple[Exchange, ...] = ()
    """The wire: the exchanges of all clients."""
    armed: ArmedFaults = ()
    """The faults that were armed from outside and haven't struck."""
    missed: int | None = None
    """How many exchanges came before the first one that is known; None: none is known yet."""

    def keys(self) -> tuple[int, ...]:
        """The runs that a person can choose, oldest first."""
        return tuple(key for key, client_run in self.client_runs.items() if client_run.has_job)

    def chosen(self, key: int | None) -> ClientRun:
        """The run that shows: the one chosen, else the newest. A mere token comes first once no job is at work."""
        if key is not None and key in self.client_runs:
            return self.client_runs[key]
        newest = list(self.client_runs.values())[::-1]
        last = newest[0] if newest else ClientRun(self.unassigned)
        job = next((each for each in newest if each.has_job), None)
        return last if job is None or job.run.ended is not None else job

    def run(self, key: int | None = None) -> RunState:
        """What the panes draw: one run, and the wire of all."""
        return replace(self.chosen(key).run, exchanges=self.exchanges, notes=self.unassigned.notes)

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

    def change(self, key: int, **changes: object) -> "JournalState":
        """With these changes of a run that is there."""
        return replace(self, client_runs={**self.client_runs, key: replace(self.client_runs[key], **changes)})

    def begin(self, key: int, client_run: ClientRun) -> "JournalState":
        """A new run. Tokens that came to nothing yet give way, and the oldest where there are too many."""
        busy = {pending.client_run for pending in self.in_flight.values()}
        kept = {at: each for at, each in self.client_runs.items() if each.has_job or at in busy}
        jobs = self.run_of_job
        if len(kept) >= MOST_CLIENT_RUNS:
            del kept[next(iter(kept))]
            jobs = {job: at for job, at in jobs.items() if at in kept}
        return replace(self, client_runs={**kept, key: client_run}, run_of_job=jobs)

    def without(self, key: int) -> "JournalState":
        """A run that another one has taken up."""
        if key not in self.client_runs:
            return self
        return replace(self, client_runs={at: each for at, each in self.client_runs.items() if at != key})

    def with_job(self, job: str, key: int) -> "JournalState":
        """The run has this job."""
        return self if self.run_of_job.get(job) == key else replace(self, run_of_job={**self.run_of_job, job: key})

    def with_token(self, token: str, issued: IssuedToken) -> "JournalState":
        """A token that calls may bear from now on."""
        return replace(self, tokens={**_newest(self.tokens, MOST_TOKENS - 1), token: issued})

    def sent(self, x: int, pending: PendingExchange) -> "JournalState":
        """An exchange has begun, or is known better."""
        return replace(self, in_flight={**_newest(self.in_flight, MOST_CLIENT_RUNS), x: pending})

    def landed(self, x: int) -> "JournalState":
        """An exchange is over."""
        return replace(self, in_flight={at: pending for at, pending in self.in_flight.items() if at != x})

    def on_wire(self, exchange: Exchange) -> "JournalState":
        """The wire with an exchange as it is now."""
        exchanges = put(self.exchanges, exchange)
        if exchanges is self.exchanges:
            exchanges = (*exchanges, exchange)[-MOST_EXCHANGES:]
        return replace(self, exchanges=exchanges)


def _newest(kept: Mapping[_Name, _Kept], most: int) -> Mapping[_Name, _Kept]:
    return kept if len(kept) <= most else dict(list(kept.items())[-most:])


class SourceUpdate(Struct, frozen=True):
    """From a source beside its observations: the state to go on from, or (None) that something of itself changed."""

    journal: JournalState | None = None
    remark: str = ""
    """A remark, until the next key."""
    passed: str = ""
    """What a skip let pass: beside the narration until the next key, or until something happens."""
    another_journal: bool = False
    """Whether it is another journal: what was chosen in the one before is no more."""
    stop: int = 0
    """Which stop this is, from 1, if the run stands where an act begins until it is let go on."""
    jump: str = ""
    """`on` or `back`, if the run has come here in another way than by what happened before."""
