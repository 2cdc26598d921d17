"""What the control plane keeps of one lab, and what a route is handed (contract.md §2.7, plugins.md)."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from aiohttp import web
from msgspec import Struct

from lab.clocks import ManualClock, ScaledClock, apart, wall_second
from lab.core.clock import Epoch
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Noted, Observation, Requested
from lab.core.version import __version__
from lab.mock.history import BEFORE, History
from lab.program.scenario import Scenario
from lab.server.control.followers import JournalFollower, JournalFollowers
from lab.server.control.journal import Buffer, Subscriber
from lab.server.control.metrics import Meters
from lab.server.control.shared import SharedBuffer, SharedSubscriber
from lab.server.labs import ServedLab
from lab.server.mock_server import MockServer

JOURNAL = "journal"
"""The name of what is read, where evidence names its lines."""
MOST_FACTS = 50_000
"""Facts that are kept for a way back."""


class ObservedLab:
    """One lab: its last exchanges, who follows its journal, its counts, and the facts for a way back.

    On a clock that can be set back the usual one keeps the facts since the start; one that was chosen goes on by the
    clock of all, so it can be cleared alone.
    """

    def __init__(
        self,
        server: MockServer,
        lab: ServedLab,
        together: list[Buffer],
        trouble: Callable[[], str | None],
        second: Callable[[], Epoch] = wall_second,
    ) -> None:
        """`trouble` and `second` are the control plane's; `together` are the last exchanges of all labs that have the bytes together."""
        self.lab, self.service, self.choice = lab, lab.service, lab.choice
        self.trouble, self.second = trouble, second
        # our own app lives by the lab's clock
        self._outside = lab.recorder is None or lab.recorder.outside
        relay = lab.calls.relay
        self.buffer = (Buffer if relay is None else SharedBuffer)(self.service, server.limits, together)
        self._followers: set[JournalFollowers] = set()
        self.buffer.followers = self.buffer.backlog.urgent = self._followers
        if relay is not None and isinstance(self.buffer, SharedBuffer):
            relay.followers = self._followers
            relay.onlookers.append(self.buffer.relay)
        self._turn = server.turn.begin
        self.cleared = 0
        """How many exchanges the journal told of before the last time that a ledger of several processes was cleared."""
        self.history: History | None = History()
        """None: too much has happened since the start."""
        if lab.calls.shared:
            # before any other, so that the journal begins with it
            self.service.observers.insert(0, self._clear)
        elif self.choice is None and isinstance(lab.clock, ManualClock | ScaledClock):
            self._keep(lab.past)
            self.service.journals.append(self._keep)
        self.driven: object = None
        """What moves the clock for a client that lives by it, once one does."""
        self.begin_anew(lab.past)

    def _keep(self, facts: Sequence[Fact]) -> None:
        if self.history is not None:
            self.history.add(facts)
            if len(self.history.facts) > MOST_FACTS:
                self.history = None

    def _clear(self, observation: Observation) -> None:
        if type(observation) is Noted and isinstance(observation.fact, LedgerCleared):
            self.cleared = self.begin_anew(None)

    @property
    def name(self) -> str:
        """By which it was chosen, or that of the usual one."""
        return JOURNAL if self.choice is None else self.choice.name

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is played there."""
        return tuple(each.scenario for each in self.service.config.scenarios)

    async def lines(self) -> list[bytes]:
        """All of its journal so far."""
        return [line async for lines in self.subscriber().so_far() for line in lines]

    def subscriber(self, *, replies: bool = True) -> Subscriber:
        """Who gets the lines of the journal."""
        from lab.recording.tape.header import recording_header  # no start waits for it

        clock, kind = self.lab.clock, Subscriber if self.lab.calls.relay is None else SharedSubscriber
        header = recording_header(self.service.config, lab=__version__, clock=clock)
        walled = self._outside and apart(clock)
        return kind(self.service, clock, header, self.buffer.exchanges(), replies=replies, walled=walled)

    async def follow(self, follower: JournalFollower, *, replies: bool) -> None:
        """Tell a follower all that is kept, and what comes about, until either is at its end; ConnectionError if it is gone."""
        alike = (each for each in self._followers if each.begins and each.subscriber.replies == replies)
        known = next(alike, None) or JournalFollowers(self.subscriber(replies=replies), self._turn, self._followers)
        await known.tell(follower)

    def begin_anew(self, facts: Sequence[Fact] | None) -> int:
        """The lab begins, or its clock was set back: the journal is what these facts tell, and who follows it must come again.

        None: it is empty, but whoever follows it goes on. How many exchanges it told of before.
        """
        for followers in self._followers:
            followers.begins = False
        before = sum(isinstance(each.observation, Requested) for each in self.buffer.exchanges())
        if facts is not None:
            self.end_streams()
        now = self.lab.clock.now()
        # an edit from before the clock began stands in the header
        shown = (fact for fact in facts or () if not isinstance(fact, NumberUsed) and fact.at > BEFORE)
        self.buffer.restart(Noted(now, fact) for fact in shown)
        return before

    def end_streams(self) -> None:
        """Whoever follows the journal is at its end."""
        for followers in tuple(self._followers):
            followers.close()

    def close(self) -> None:
        """Observe no more."""
        self.buffer.close()


class RouteContext(Struct, frozen=True):
    """What a route is handed beside what is asked: the lab that the path means, and what else is served."""

    server: MockServer
    observed: ObservedLab
    all: Mapping[ServedLab, ObservedLab]
    meters: Meters
    request: web.BaseRequest

    @property
    def lab(self) -> ServedLab:
        return self.observed.lab

    def others(self) -> Iterator[ObservedLab]:
        """Of the usual lab: those that were chosen, and called."""
        return (self.all[each] for each in self.lab.used())
