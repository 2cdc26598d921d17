"""LIVE: our own external app against a server, the mock or a pod: what the person at the keys asks of it."""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.observe import Noted, Replied
from lab.jobs.gates import Origin
from lab.tui.sources.pace import RunPace
from lab.tui.sources.protocol import Connect, Playable, RunConnection
from lab.tui.sources.run_player import RunPlayer, stopped
from lab.tui.sources.run_recording import RunRecording
from lab.tui.sources.skip import RunSkip
from lab.tui.state import intents
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.screen import ScenarioChoice, SourceState

if TYPE_CHECKING:
    from lab.client.control import ControlClient

FASTEST = "20"
"""How fast a run goes forward to a stage."""
NO_FAULTS = "The wire of this server is its own."


class Live:
    """Our run. Starts idle; what goes out, and what the mock's journal holds of it, is observed."""

    follows = False

    def __init__(
        self,
        playables: tuple[Playable, ...],
        connect: Connect,
        clock: AnyClock,
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
        able = {"reset", "decide", "message", *(("scenario",) if self.scenarios else ())}
        paced = ("pause", "step", "speed", "skip", "fault", "tape", "rewind", "name") if not pod else ()
        self.can = frozenset((*able, *paced))
        self._queue: asyncio.Queue[RunObservation | SourceUpdate] = asyncio.Queue()
        self._connected: asyncio.Future[RunConnection] | None = None
        self._addresses = ("", "")
        """Where the API and the tokens are, once the connection stands."""
        self._pace = RunPace(clock.factor, self._control)
        self._player = RunPlayer(clock, self._pace, self._connection, self._observe)
        self._skip = RunSkip(clock, self._pace, self._queue.put_nowait)
        self.recording = RunRecording(
            recording, self._control, lambda text: self._queue.put_nowait(SourceUpdate(remark=text))
        )
        self._following: asyncio.Task[None] | None = None
        self._stepping = False
        self._until = ""
        """The stage that a run on its way forward stops at."""
        self._typed_message: str | None = None
        """What was typed in the place of the scenario's ask."""

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
            self._message_first,
            *self._addresses,
            dead=bool(self.recording.dead),
            labels=playable.app.dialect.labels,
            own_decisions=frozenset(self._player.answers.own),
            skipping=self._skip.active,
        )

    @property
    def _message_first(self) -> str:
        """What the run says first: the scenario's ask, or what was typed in its place."""
        return self._playable.app.message if self._typed_message is None else self._typed_message

    @property
    def paused(self) -> bool:
        """Whether the person has the clock stand."""
        return self._pace.paused

    @property
    def factor(self) -> str:
        """The pace of the clock."""
        return self._pace.factor

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended."""
        return self._player.outcome

    # What happens

    async def observations(self) -> AsyncIterator[RunObservation | SourceUpdate]:
        """Connect, then hand on what the run does and the mock's journal holds."""
        connected = self._promise()
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
                    await self._player.stop()
        except Exception as error:
            if not connected.done():
                connected.set_exception(error)
                connected.exception()
            raise

    def _promise(self) -> "asyncio.Future[RunConnection]":
        """What a key pressed before the connection stands waits for."""
        if self._connected is None:
            self._connected = asyncio.get_running_loop().create_future()
        return self._connected

    async def _connection(self) -> RunConnection:
        return await asyncio.shield(self._promise())

    async def _control(self) -> "ControlClient | None":
        return (await self._connection()).control

    async def _follow(self, control: "ControlClient", known: Container[Fact] = ()) -> None:
        """Facts only, and those that aren't known: our own driver observes requests and replies."""
        async for observation in control.follow(replies=False):
            if not isinstance(observation, Noted) or isinstance(observation.fact, LedgerCleared):
                continue
            if observation.fact not in known:
                self._player.answers.count(observation.fact)
                # the mock counts the exchanges of all its clients, our run its own
                self._observe(structs.replace(observation, x=None), acts=False)

    def _observe(self, observation: RunObservation, *, acts: bool = True) -> None:
        """Hand it on; with what the run itself does (`acts`), a step or a way forward may be at its end."""
        self._player.log.observations.append(observation)
        self._queue.put_nowait(observation)
        self._skip.note(observation)
        if not acts:
            return
        if isinstance(observation, Replied):
            self.recording.check_soon()
        # a person who is needed ends the way forward, too
        arrived = self._until and (
            self._player.log.place_of(self._until) is not None or isinstance(observation, Asking | RunEnded)
        )
        if arrived or self._stepping:
            self._until = "" if arrived else self._until
            self._stepping = False
            self._pace.pause()
        elif isinstance(observation, RunEnded):
            self._pace.rest()

    # What is asked of it

    async def perform(self, intent: intents.Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""
        if self._skip.ended_by(intent):
            return None
        match intent:
            case intents.StartRun():
                self._start()
                return None
            case intents.TogglePause():
                return await self._pace.toggle()
            case intents.SkipAhead():
                return await self._skip.begin(intent, running=self._player.begun and not self._player.over)
            case intents.StepForward():
                self._stepping = True
                self._start()
                return await self._pace.resume()
            case intents.SetSpeed(factor):
                return await self._pace.choose(factor)
            case intents.ResetRun():
                return await self._reset(self._playable)
            case intents.ChooseScenario(name):
                playable = self._playables.get(name)
                return f"Scenario {name} can't be played." if playable is None else await self._reset(playable)
            case intents.AnswerGate():
                return await self._player.answers.decide(intent, self.clock.now(), await self._control())
            case intents.SendTurn(message):
                return await self._say(message)
            case intents.ArmFault() | intents.DisarmFault():
                return await self._change_faults(intent)
            case intents.SeekStage(stage):
                return await self._go_to(stage)
            case intents.ToggleRecording():
                return await self.recording.toggle(self._playable.choice.name or "demo")
            case intents.MoveCursor() | intents.SeekInstant():
                return "A run of our own has no recording to go through."
            case intents.JudgeClients():
                return "The client is the lab's own; record it, and lab report judges it."
            case _:
                assert_never(intent)

    async def _change_faults(self, intent: intents.ArmFault | intents.DisarmFault) -> str | None:
        control = await self._control()
        if control is None:
            return NO_FAULTS
        if isinstance(intent, intents.ArmFault):
            return (await control.arm(intent.fault)).refused
        return (await control.disarm(intent.name)).refused

    def _start(self) -> None:
        if not self._player.begun:
            self._player.begin(self._playable.app_saying(self._message_first))

    async def _say(self, message: str) -> str | None:
        """The next turn; before the run, its first message."""
        if not self._player.begun:
            self._typed_message = message
        elif not self._player.over:
            return "A job is running; the next message can be sent once it has ended."
        else:
            await self._pace.wake()
            self._player.begin(self._playable.app_saying(message))
        return None

    async def _reset(self, playable: Playable) -> str | None:
        await self._player.clear()
        self._skip.clear()
        self._stepping, self._until = False, ""
        connection = await self._connection()
        if connection.control is not None and (refused := (await connection.control.reset()).refused):
            return refused
        if (name := playable.choice.name) != self._playable.choice.name:
            self._playable = playable if connection.follow is None else connection.follow(name)
            self._typed_message = None
        self._hand_on_anew(self.clock.now())
        return await self._pace.resume()

    def _hand_on_anew(self, at: Millis) -> None:
        """Have the screen forget all, and be handed what the log holds."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(at, LedgerCleared(at=at, by=Origin.PERSON)), *self._player.log.observations):
            self._queue.put_nowait(observation)

    async def _go_to(self, stage: str) -> str | None:
        """Back to where a stage showed, and stand there: another choice then leads elsewhere. Forward: run on to it."""
        control = await self._control()
        if control is None:
            return "The clock of this server can't be set back."
        place = self._player.log.place_of(stage)
        if place is not None:
            return await self._go_back(control, place + 1)
        if self._player.over:
            return f"This run has no {stage}."
        self._until = stage
        self._start()
        return await self._pace.scale(FASTEST)

    async def _go_back(self, control: "ControlClient", place: int) -> str | None:
        instant = self._player.log.observations[place - 1].at
        await self._pace.scale("0")
        await self._player.stop()
        await stopped(self._following)
        refused = (await control.reset(instant)).refused
        self._player.log.cut(place if refused is None else len(self._player.log.observations))
        known = [each.fact for each in self._player.log.observations if isinstance(each, Noted)]
        self._following = asyncio.create_task(self._follow(control, known))
        if refused is not None:
            return refused
        self._until = ""
        self._skip.clear()
        self._hand_on_anew(instant)
        self._player.go_back()
        return None
