"""LIVE: our own external app against a server, the mock or a pod: what the person at the keys asks of it."""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping
from typing import TYPE_CHECKING

from msgspec import structs

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import ClockScaled, Fact, LedgerCleared
from lab.core.observe import Noted, Replied
from lab.jobs.gates import Origin
from lab.tui.sources.own_run import OwnRun, stopped
from lab.tui.sources.player import FASTEST, Goal, PlayedSource, Player, SettableClock
from lab.tui.sources.protocol import Connect, Playable, RunConnection
from lab.tui.sources.run_recording import RunRecording
from lab.tui.state.acts import ActKey
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.reduce import Happenings
from lab.tui.state.screen import Ability, ScenarioChoice, SourceState
from lab.tui.state.source import Refused

if TYPE_CHECKING:
    from lab.client.control import ControlClient

FAST = "400000"
"""The factor of a skip, and of the way on to a stage: three days in less than a second, beside the calls in them."""
NOT_OURS = "The clock of this server can't be set."
NO_WAY_BACK = "The clock of this server can't be set back."
OWN_WIRE = "The wire of this server is its own."


class Live(PlayedSource):
    """Our run. Starts idle; what goes out, and what the mock's journal holds of it, is observed.

    A skip costs no time of the lab's: calls go out at the instants at which they would have, so a run that is skipped
    through has the same facts as one that isn't, beside those about the clock.
    """

    refusal = "A run of our own has no recording to go through."

    def __init__(
        self,
        playables: tuple[Playable, ...],
        connect: Connect,
        clock: AnyClock | SettableClock,
        *,
        pod: str = "",
        recording: bool = False,
        unloaded: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """The first playable begins. `pod` is the host of a server that isn't our mock: its clock and wire are its own;
        `unloaded` are the complaints about scenarios that can't be played, by name, for the picker."""
        self._playables = {playable.choice.name: playable for playable in playables}
        self._playable = playables[0]
        self._connect = connect
        self.clock = clock
        self.pill = f"POD {pod}" if pod else "LIVE"
        broken = [ScenarioChoice(name, "does not load", complaints=why) for name, why in (unloaded or {}).items()]
        choices = (*(playable.choice for playable in playables), *broken)
        self.scenarios = choices if len(choices) > 1 else ()
        able: set[Ability] = {"reset", "decide", "message", *(("scenario",) if self.scenarios else ())}
        paced: tuple[Ability, ...] = (
            ("pause", "step", "speed", "skip", "fault", "tape", "rewind", "name") if not pod else ()
        )
        self.can = frozenset[Ability]((*able, *paced))
        self._queue: asyncio.Queue[RunObservation | SourceUpdate] = asyncio.Queue()
        self._connected: asyncio.Future[RunConnection] | None = None
        """It comes after the first paint; what was asked before waits for it, or is told why it never will."""
        self._addresses = ("", "")
        """Where the API and the tokens are, once the connection stands."""
        ours = clock if isinstance(clock, SettableClock) and not pod else None
        self.player = Player(ours, self._queue.put_nowait, self._tell_tape)
        self._first_pace = self.player.factor
        self._run = OwnRun(clock, self._connection, self._observe, self.player.may_go)
        self._happenings = Happenings()
        self.recording = RunRecording(
            recording, self._control, lambda text: self._queue.put_nowait(SourceUpdate(remark=text))
        )
        self._following: asyncio.Task[None] | None = None
        self._message = playables[0].app.message
        """What the run says first: the scenario's ask, or what was typed in its place."""

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The scenario, if one is at hand, and the addresses, once the connection stands."""
        playable = self._playable
        return SourceState(
            self.pill,
            playable.choice.title,
            playable.app.team,
            playable.seed,
            playable.scenario,
            self.recording.running,
            self.can,
            self.scenarios,
            self._message,
            *self._addresses,
            dead=bool(self.recording.dead),
            labels=playable.app.dialect.labels,
            own_decisions=dict(self._run.answers.own),
            skipping=self.player.skipping,
        )

    @property
    def outcome(self) -> Outcome | None:  # type: ignore[override]  # it comes with the run's end
        """How the run ended."""
        return self._run.outcome

    @property
    def _under_way(self) -> bool:
        return self._run.begun and not self._run.over

    # What happens

    async def observations(self) -> AsyncIterator[RunObservation | SourceUpdate]:
        """Connect, then hand on what the run does and the mock's journal holds."""
        connected = self._connected = self._connected or asyncio.get_running_loop().create_future()
        try:
            async with self._connect() as connection:
                connected.set_result(connection)
                self._addresses = (connection.base, connection.token_url)
                if connection.control is not None:
                    self._following = asyncio.create_task(self._follow(connection.control))
                try:
                    while True:
                        yield await self._queue.get()
                finally:
                    self.recording.stop()
                    await stopped(self._following)
                    await self._run.stop()
        except Exception as error:
            if not connected.done():
                connected.set_exception(error)
                connected.exception()  # nobody may have waited
            raise

    async def _connection(self) -> RunConnection:
        if self._connected is None:
            self._connected = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._connected)

    async def _control(self) -> "ControlClient | None":
        """The mock's control plane; None where there is none."""
        return (await self._connection()).control

    def _tell_tape(self, factor: str) -> None:
        """Our clock runs at that pace."""
        connected = self._connected
        if connected is not None and connected.done() and not connected.cancelled() and connected.exception() is None:
            connected.result().paced(factor)

    async def _follow(self, control: "ControlClient", known: Container[Fact] = ()) -> None:
        """Facts only, and those that aren't known: our own driver observes requests and replies."""
        async for observation in control.follow(replies=False):
            if not isinstance(observation, Noted) or isinstance(observation.fact, LedgerCleared):
                continue
            if isinstance(observation.fact, ClockScaled):
                self.player.adopt()
            if observation.fact not in known:
                self._run.answers.count(observation.fact)
                # the mock counts the exchanges of all its clients, our run its own
                self._observe(structs.replace(observation, x=None), acts=False)

    def _observe(self, observation: RunObservation, *, acts: bool = True) -> None:
        """Hand it on; with what the run itself does (`acts`), a step or a way forward may be at its end."""
        begins, player, goal = self._run.log.observe(observation), self.player, self.player.goal
        self._queue.put_nowait(observation)
        if acts and isinstance(observation, RunEnded):
            player.rest()
        if self._happenings.happens(observation):
            player.come_to("skip")
        if acts:
            player.come_to("step")
            # a person who is needed ends the way forward, too
            needed = isinstance(observation, Asking | RunEnded)
            if goal is not None and goal.stage and (needed or self._run.log.place_of(goal.stage) is not None):
                player.come_to("stage")
            if isinstance(observation, Replied):
                self.recording.check_soon()
        if begins and not player.holds and not (goal is not None and goal.kind == "stage"):
            player.hold()

    # Its time

    async def pause(self) -> Refused:
        """A skip ends; else the clock stands, or goes on."""
        if "pause" not in self.can:
            return NOT_OURS
        self.player.pause()
        return None

    async def scale(self, factor: str) -> Refused:
        if "speed" not in self.can:
            return NOT_OURS
        self.player.scale(factor)
        return None

    async def step(self) -> Refused:
        if "step" not in self.can:
            return NOT_OURS
        await self.begin()
        self.player.run_to(Goal("step"))
        return None

    async def skip(self, until: Millis | None = None, limit: str = "") -> Refused:
        now = self.clock.now()
        if self.player.skipping:
            self.player.end_skip()
        elif "skip" not in self.can:
            return NOT_OURS
        elif not self._under_way:
            return "Nothing runs that could be skipped."
        elif until is not None and until <= now and limit:
            return limit
        else:
            ahead = until if until is not None and until > now else None
            self.player.run_to(Goal("skip", FAST, began=now, until=ahead, limit=limit if ahead is not None else ""))
        return None

    async def go_to(self, stage: str) -> Refused:
        """Back to where it showed, and stand there: another choice then leads elsewhere. Forward: on."""
        if "rewind" not in self.can:
            return NO_WAY_BACK
        place = self._run.log.place_of(stage)
        if place is not None:
            return await self._go_back(place)
        if self._run.over:
            return f"This run has no {stage}."
        await self.begin()
        self.player.run_to(Goal("stage", FAST, stage))
        return None

    # Act by act

    async def stand_at_acts(self, on: bool) -> Refused:
        """Of a run that is not ours to pace, only the next call is held back."""
        self._run.log.follow_acts(on)
        return await super().stand_at_acts(on)

    async def next_act(self) -> Refused:
        await self.begin()
        if self._under_way:
            self.player.run_to(Goal("act", FASTEST))
        self.player.end_hold()
        return None

    async def go_to_act(self, key: ActKey) -> Refused:
        if "rewind" not in self.can:
            return NO_WAY_BACK
        place = self._run.log.places.get(key)
        return "This act is no more." if place is None else await self._go_back(place)

    # The run

    async def begin(self) -> Refused:
        if not self._run.begun:
            self._run.begin(self._playable.app_saying(self._message))
        return None

    async def say(self, message: str) -> Refused:
        if not self._run.begun:
            self._message = message
        elif not self._run.over:
            return "A job is running; the next message can be sent once it has ended."
        else:
            self.player.rest(False)
            self._run.begin(self._playable.app_saying(message))
        return None

    async def reset(self) -> Refused:
        """At the pace that the lab had at first."""
        return await self._reset(self._playable)

    async def choose(self, scenario: str) -> Refused:
        """Where the mock can follow it, with its own seed."""
        playable = self._playables.get(scenario)
        return f"Scenario {scenario} can't be played." if playable is None else await self._reset(playable)

    async def _reset(self, playable: Playable) -> Refused:
        await self._run.clear()
        self._happenings = Happenings()
        connection = await self._connection()
        if connection.control is not None and (refused := (await connection.control.reset()).refused):
            return refused
        if (name := playable.choice.name) != self._playable.choice.name:
            self._playable = playable if connection.follow is None else connection.follow(name)
            self._message = self._playable.app.message
        self.player.restart(self._first_pace)
        self._hand_on_anew(self.clock.now())
        return None

    def _hand_on_anew(self, at: Millis) -> None:
        """Have the screen forget all, and be handed what the log holds."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(at, LedgerCleared(at=at, by=Origin.PERSON)), *self._run.log.observations):
            self._queue.put_nowait(observation)

    async def _go_back(self, place: int) -> Refused:
        control = await self._control()
        assert control is not None
        log = self._run.log
        instant = log.observations[place - 1].at
        self.player.pause(True)
        await self._run.stop()
        await stopped(self._following)
        refused = (await control.reset(instant)).refused
        log.cut(place if refused is None else len(log.observations))
        known = [each.fact for each in log.observations if isinstance(each, Noted)]
        self._following = asyncio.create_task(self._follow(control, known))
        if refused is not None:
            return refused
        self._happenings = Happenings()
        self._hand_on_anew(instant)
        self.player.go_back()
        self._run.go_back()
        return None

    async def answer(self, answer: GateAnswer) -> Refused:
        """In the chat as our app does, else over the control plane."""
        return await self._run.answers.decide(answer, self.clock.now(), await self._control())

    async def arm(self, fault: Mapping[str, Json]) -> Refused:
        control = await self._control()
        return OWN_WIRE if control is None else (await control.arm(fault)).refused

    async def disarm(self, name: str) -> Refused:
        control = await self._control()
        return OWN_WIRE if control is None else (await control.disarm(name)).refused

    async def record(self) -> Refused:
        """What came of it is said, too."""
        return await self.recording.toggle(self._playable.choice.name or "demo", begun=self._run.begun)
