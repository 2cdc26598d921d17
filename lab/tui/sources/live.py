"""LIVE: our own external app against a server, the mock or a pod: what the person at the keys asks of it."""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from lab.app.effects import Outcome, RunObservation
from lab.clocks import AnyClock
from lab.core.clock import Millis
from lab.core.journal.fact import Fact, LedgerCleared
from lab.core.observe import Noted, Replied
from lab.jobs.gates import Origin
from lab.tui.sources.connection_promise import ConnectionPromise
from lab.tui.sources.fault_setting import set_fault
from lab.tui.sources.pace import FAST, FASTEST, RunPace
from lab.tui.sources.protocol import Connect, Playable
from lab.tui.sources.run_player import RunPlayer, stopped
from lab.tui.sources.run_recording import RunRecording
from lab.tui.sources.run_stops import RunStops
from lab.tui.sources.skip import RunSkip
from lab.tui.state import intents
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.screen import ScenarioChoice, SourceState

if TYPE_CHECKING:
    from lab.client.control import ControlClient

NO_RECORDING = "A run of our own has no recording to go through."


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
        self._promise = ConnectionPromise()
        self._addresses = ("", "")
        """Where the API and the tokens are, once the connection stands."""
        self._pace = RunPace(clock, self._promise.control)
        self._stops = RunStops()
        self._player = RunPlayer(clock, self._pace, self._promise.connection, self._observe, self._stops.may_send)
        self._skip = RunSkip(clock, self._pace, self._queue.put_nowait)
        self.recording = RunRecording(
            recording, self._promise.control, lambda text: self._queue.put_nowait(SourceUpdate(remark=text))
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
            own_decisions=dict(self._player.answers.own),
            skipping=self._skip.active,
        )

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
        connected = self._promise.future
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
            self._promise.fail(error)
            raise

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
        if acts and isinstance(observation, Replied):
            self.recording.check_soon()
        match self._stops.after(observation, self._player.log, acts=acts):
            case "act":
                self._stand()
            case "jump":
                self._stand("on")
            case "pause":
                self._pace.pause()
            case "rest":
                self._pace.rest()

    def _stand(self, jump: str = "") -> None:
        """Stand for an act, until the screen says that it was seen. A pod's clock runs on: only its next call is held back."""
        if "pause" in self.can:
            self._pace.rest()
        self._queue.put_nowait(SourceUpdate(stop=self._stops.stand(), jump=jump))

    async def _go_on(self, factor: str = "") -> str | None:
        """Stand for an act no more; between two turns the clock goes on to stand."""
        self._stops.go_on()
        if self._player.begun and not self._player.over and "pause" in self.can:
            return await self._pace.wake(factor)
        return None

    # What is asked of it

    async def perform(self, intent: intents.Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""
        if self._skip.ended_by(intent):
            return None
        match intent:
            case intents.StartRun():
                self._start()
            case intents.TogglePause():
                return await self._pace.toggle(rests=self._stops.standing)
            case intents.SkipAhead():
                return await self._skip.begin(intent, running=self._player.begun and not self._player.over)
            case intents.StepForward():
                return await self._step()
            case intents.SetSpeed(factor):
                return await self._pace.choose(factor)
            case intents.ResetRun():
                return await self._reset(self._playable)
            case intents.ChooseScenario(name):
                playable = self._playables.get(name)
                return f"Scenario {name} can't be played." if playable is None else await self._reset(playable)
            case intents.AnswerGate():
                return await self._player.answers.decide(intent, self.clock.now(), await self._promise.control())
            case intents.SendTurn(message):
                return await self._say(message)
            case intents.ArmFault() | intents.DisarmFault():
                return await set_fault(intent, await self._promise.control())
            case intents.StandAtActs() | intents.EndHold() | intents.NextAct():
                return await self._perform_act(intent)
            case intents.SeekStage() | intents.SeekAct():
                return await self._go_to(intent)
            case intents.ToggleRecording():
                name = self._playable.choice.name or "demo"
                return await self.recording.toggle(name, begun=self._player.begun)
            case intents.MoveCursor() | intents.SeekInstant():
                return NO_RECORDING
            case _:
                assert_never(intent)
        return None

    async def _perform_act(self, intent: intents.StandAtActs | intents.EndHold | intents.NextAct) -> str | None:
        if isinstance(intent, intents.StandAtActs):
            self._stops.turn(intent.on, self._player.log.observations)
        elif isinstance(intent, intents.NextAct):
            self._start()
            return await self._go_on(FASTEST)
        elif intent.stop == self._stops.number:
            return await self._go_on()
        return None

    async def _step(self) -> str | None:
        self._stops.stepping = True
        self._start()
        return await self._pace.resume()

    def _start(self) -> None:
        if not self._player.begun:
            self._player.begin(self._playable.app_saying(self._message))

    async def _say(self, message: str) -> str | None:
        """The next turn; before the run, its first message."""
        if not self._player.begun:
            self._message = message
        elif not self._player.over:
            return "A job is running; the next message can be sent once it has ended."
        else:
            await self._pace.wake()
            self._player.begin(self._playable.app_saying(message))
        return None

    async def _reset(self, playable: Playable) -> str | None:
        await self._player.clear()
        self._skip.clear()
        self._stops.rebuild(())
        connection = await self._promise.connection()
        if connection.control is not None and (refused := (await connection.control.reset()).refused):
            return refused
        if (name := playable.choice.name) != self._playable.choice.name:
            self._playable = playable if connection.follow is None else connection.follow(name)
            self._message = self._playable.app.message
        self._hand_on_anew(self.clock.now())
        return await self._pace.resume()

    def _hand_on_anew(self, at: Millis) -> None:
        """Have the screen forget all, and be handed what the log holds."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(at, LedgerCleared(at=at, by=Origin.PERSON)), *self._player.log.observations):
            self._queue.put_nowait(observation)

    async def _go_to(self, intent: intents.SeekStage | intents.SeekAct) -> str | None:
        """Back to where a stage showed, or an act began, and stand there: another choice then leads elsewhere. Forward: on."""
        control = await self._promise.control()
        if control is None:
            return "The clock of this server can't be set back."
        if isinstance(intent, intents.SeekAct):
            stage, place = intent.key[1], self._stops.places.get(intent.key)
        else:
            stage, found = intent.stage, self._player.log.place_of(intent.stage)
            place = None if found is None else found + 1
        if place is not None:
            return await self._go_back(control, place)
        if self._player.over:
            return f"This run has no {stage}."
        self._stops.until = stage
        self._start()
        return await self._go_on(FAST)

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
        self._skip.clear()
        self._stops.rebuild(self._player.log.observations)
        self._hand_on_anew(instant)
        if self._stops.on:
            await self._pace.stand()
            self._queue.put_nowait(SourceUpdate(stop=self._stops.stand(), jump="back"))
        self._player.go_back()
        return None
