"""LIVE: our own external app against a server, the mock or a pod: what the person at the keys asks of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from lab.app import Answer, Outcome, Result, run
from lab.app.observe import Asked, Ended, Noted, Observation, Replied
from lab.core.clock import Clock, Millis
from lab.core.errors import LabError
from lab.core.exchange import Json
from lab.core.journal.fact import LedgerCleared
from lab.jobs.gates import Origin
from lab.tui.sources.answers import GateAnswers
from lab.tui.sources.protocol import Connect, Playable, RunConnection
from lab.tui.sources.rewind import RunLog, resumed
from lab.tui.state import intents
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.reading import ANSWER_OF, gate_name
from lab.tui.state.screen import ScenarioChoice, SourceState

if TYPE_CHECKING:
    from lab.client.control import ControlClient

FASTEST = "20"
"""How fast a run goes forward to a stage: faster, and calls that take real time would run into time-outs of the lab's."""
NO_FAULTS = "The wire of this server is its own."


class Live:
    """Our run. Starts idle; what goes out, and what the mock's journal holds of it, is observed."""

    follows = False

    def __init__(
        self,
        playables: tuple[Playable, ...],
        connect: Connect,
        clock: Clock,
        *,
        first: str = "",
        factor: str = "1",
        pill: str = "LIVE",
        recording: bool = False,
        scaled: bool = True,
        unloaded: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`unloaded`: the complaints about scenarios that can't be played, by name, for the picker."""
        self._playables = {playable.choice.name: playable for playable in playables}
        self._playable = self._playables.get(first, playables[0])
        self._connect = connect
        self.clock = clock
        self.pill = pill
        self.recording = recording
        self.factor = factor
        self.paused = False
        self.outcome: Outcome | None = None
        broken = [ScenarioChoice(name, "does not load", complaints=why) for name, why in (unloaded or {}).items()]
        choices = (*(playable.choice for playable in playables), *broken)
        self.scenarios = choices if len(choices) > 1 else ()
        able = {"reset", "decide", "message", *(("scenario",) if self.scenarios else ())}
        paced = ("pause", "step", "speed", "fault", "tape", "rewind") if scaled else ()
        self.can = frozenset((*able, *paced))
        self.dead = ""
        self.broken: BaseException | None = None
        """The bug of ours that ended the run."""
        self._queue: asyncio.Queue[Observation | SourceUpdate] = asyncio.Queue()
        self._connected: asyncio.Future[RunConnection] | None = None
        self._run: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._pausing: asyncio.Task[str | None] | None = None
        self._answers = GateAnswers()
        self._log = RunLog()
        self._stepping = False
        self._until = ""
        """The stage that a run on its way forward stops at."""
        self._began: Millis = 0
        self._message = ""
        self._before: Outcome | None = None
        """The outcome of the turn before the present one."""
        self._typed_message: str | None = None
        """What was typed in the place of the scenario's ask."""
        self._dead_before: str | None = None
        """What killed the recording before: the mock's health never forgets it."""

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The scenario, if one is at hand, and the addresses, once the connection stands."""
        playable, connected = self._playable, self._connected
        stands = connected is not None and connected.done() and connected.exception() is None
        connection = connected.result() if connected is not None and stands else None
        return SourceState(
            self.pill,
            playable.choice.title,
            playable.app.team,
            playable.seed,
            playable.scenario,
            self.recording,
            self.can,
            self.scenarios,
            self._message_first,
            connection.base if connection is not None else "",
            connection.token_url if connection is not None else "",
            dead=bool(self.dead),
        )

    @property
    def _message_first(self) -> str:
        """What the run says first: the scenario's ask, or what was typed in its place."""
        return self._playable.app.message if self._typed_message is None else self._typed_message

    # What happens

    async def observations(self) -> AsyncIterator[Observation | SourceUpdate]:
        """Connect, then hand on what the run does and the mock's journal holds."""
        connected = self._promise()
        try:
            async with self._connect() as connection:
                connected.set_result(connection)
                if connection.control is not None:
                    self._following = asyncio.create_task(self._follow(connection.control))
                try:
                    while True:
                        yield await self._queue.get()
                finally:
                    await _stop(self._run, self._following, self._checking)
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

    async def _follow(self, control: "ControlClient", after: Millis = -1) -> None:
        """Facts only, and those after an instant: our own driver observes requests and replies."""
        async for observation in control.follow(replies=False):
            if not isinstance(observation, Noted) or isinstance(observation.fact, LedgerCleared):
                continue
            if observation.fact.at > after:
                self._answers.count(observation.fact)
                # the mock counts the exchanges of all its clients, our run its own
                self._observe(structs.replace(observation, x=None), acts=False)

    def _observe(self, observation: Observation, *, acts: bool = True) -> None:
        """Hand it on; with what the run itself does (`acts`), a step or a way forward may be at its end."""
        self._log.observations.append(observation)
        self._queue.put_nowait(observation)
        if not acts:
            return
        if isinstance(observation, Replied) and self.recording and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check())
        # a person who is needed ends the way forward, too
        arrived = self._until and (
            self._log.place_of(self._until) is not None or isinstance(observation, Asked | Ended)
        )
        if arrived or self._stepping:
            self._until = "" if arrived else self._until
            self._stepping = False
            self._pausing = asyncio.create_task(self._scale("0"))

    async def _check(self) -> None:
        """Ask how the recording is; one that died is named once, and the show goes on."""
        control = await self._control()
        if control is None or self.dead:
            return
        why = None
        with suppress(LabError):  # a lab that is gone is named by whoever needs it
            why = (await control.lab()).trouble
        if why is not None and why != self._dead_before:
            self.dead = why
            self._queue.put_nowait(SourceUpdate(remark=f"{why} The show goes on."))

    # The run

    def _begin(self, message: str, before: Outcome | None = None, answers: tuple[Result, ...] = ()) -> None:
        """One turn; the one before hands on its token and its conversation, and `answers` it had already."""
        if not answers:
            self._began = self.clock.now()
            self._log.begin_turn()
        self._message, self._before = message, before
        self._run = asyncio.create_task(self._play(message, before, answers))
        self._run.add_done_callback(self._ended)

    async def _play(self, message: str, before: Outcome | None, answers: tuple[Result, ...]) -> None:
        # loaded here, after the first paint: aiohttp alone takes 50 ms
        from lab.client.driver import drive

        connection = await self._connection()
        badge, conversation = (before.badge, before.conversation) if before is not None else (None, None)
        app = replace(self._playable.app, message=message, parameters=self._parameters(message))
        turn = resumed(run(app, self._began, badge=badge, conversation=conversation), answers, self._log.note)
        if answers:
            # the clock stands: not even a call that is due goes out before it runs again
            await self.clock.sleep_until(self.clock.now() + 1)
        first = self._log.last_exchange + 1
        answer = self._answers.answer
        self.outcome = await drive(turn, connection.transport, self.clock, self._observe, answer, first=first)

    def _parameters(self, message: str) -> Mapping[str, Json]:
        """Those that the scenario sends with this message, in whichever turn; else those of the first."""
        scenario = self._playable.scenario
        messages = scenario.user_messages if scenario is not None else ()
        known = next((ask.parameters for ask in messages if ask.message == message), None)
        return self._playable.app.parameters if known is None else known

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A bug of ours ends the run, not the show: the screen shows it as any other end."""
        self.broken = None if task.cancelled() else task.exception()
        if self.broken is not None:
            why = f"The run broke: {type(self.broken).__name__}: {self.broken}"
            self.outcome = Outcome(None, None, None, None, None, 0, 0, why)
            self._queue.put_nowait(Ended(self.clock.now(), self.outcome))

    # What is asked of it

    async def perform(self, intent: intents.Intent) -> str | None:
        """Do what was asked; the reason if it was refused."""
        match intent:
            case intents.StartRun():
                self._start()
                return None
            case intents.TogglePause():
                return await self._scale(self.factor if self.paused else "0")
            case intents.StepForward():
                self._stepping = True
                self._start()
                return await self._scale(self.factor) if self.paused else None
            case intents.SetSpeed(factor):
                self.factor = factor
                return None if self.paused else await self._scale(factor)
            case intents.ResetRun():
                return await self._reset(self._playable)
            case intents.ChooseScenario(name):
                playable = self._playables.get(name)
                return f"Scenario {name} can't be played." if playable is None else await self._reset(playable)
            case intents.AnswerGate(verdict, content):
                return await self._decide(verdict, content)
            case intents.SendTurn(message):
                return self._say(message)
            case intents.ArmFault(fault):
                control = await self._control()
                return NO_FAULTS if control is None else (await control.arm(fault)).refused
            case intents.DisarmFault(name):
                control = await self._control()
                return NO_FAULTS if control is None else (await control.disarm(name)).refused
            case intents.SeekStage(stage):
                return await self._go_to(stage)
            case intents.ToggleRecording():
                return await self._record()
            case intents.MoveCursor() | intents.SeekInstant():
                return "A run of our own has no recording to go through."
            case _:
                assert_never(intent)

    def _start(self) -> None:
        if self._run is None:
            self._begin(self._message_first)

    def _say(self, message: str) -> str | None:
        """The next turn; before the run, its first message."""
        if self._run is None:
            self._typed_message = message
        elif not self._run.done():
            return "A job is running; the next message can be sent once it has ended."
        else:
            self._answers.clear()
            self._begin(message, self.outcome)
        return None

    async def _scale(self, factor: str) -> str | None:
        control = await self._control()
        if control is None:
            return "The clock of this server can't be set."
        refused = (await control.scale(factor)).refused
        if refused is None:
            self.paused = factor == "0"
        return refused

    async def _reset(self, playable: Playable) -> str | None:
        await _stop(self._run)
        self._run, self._stepping, self.outcome = None, False, None
        self._answers.clear()
        connection = await self._connection()
        if connection.control is not None and (refused := (await connection.control.reset()).refused):
            return refused
        if (name := playable.choice.name) != self._playable.choice.name:
            self._playable = playable if connection.follow is None else connection.follow(name)
            self._typed_message = None
        self._log, self._until = RunLog(), ""
        self._hand_on_anew(self.clock.now())
        return await self._scale(self.factor) if self.paused else None

    def _hand_on_anew(self, at: Millis) -> None:
        """Have the screen forget all, and be handed what the log holds."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(at, LedgerCleared(at=at, by=Origin.PERSON)), *self._log.observations):
            self._queue.put_nowait(observation)

    async def _go_to(self, stage: str) -> str | None:
        """Back to where a stage showed, and stand there: another choice then leads elsewhere. Forward: run on to it."""
        control = await self._control()
        if control is None:
            return "The clock of this server can't be set back."
        place = self._log.place_of(stage)
        if place is not None:
            return await self._go_back(control, place + 1)
        if self._run is not None and self._run.done():
            return f"This run has no {stage}."
        self._until = stage
        self._start()
        return await self._scale(FASTEST)

    async def _go_back(self, control: "ControlClient", place: int) -> str | None:
        last = self._log.observations[place - 1]
        await self._scale("0")
        await _stop(self._run, self._following)
        refused = (await control.reset(last.at)).refused
        self._following = asyncio.create_task(self._follow(control, last.at))
        if refused is not None:
            return refused
        self._log.cut(place)
        self._answers.clear(last.question if isinstance(last, Asked) else None)
        self._until, self.outcome = "", self._before
        self._hand_on_anew(last.at)
        self._begin(self._message, self._before, self._log.answers)
        return None

    async def _record(self) -> str:
        """What came of it, in one sentence: the screen shows it."""
        control = await self._control()
        if control is None:
            return "Only the lab's own mock can be recorded."
        ending, name = self.recording, self._playable.choice.name or "demo"
        answer = await (control.end_tape() if ending else control.begin_tape(name, numbered=True))
        if answer.refused is not None:
            return answer.refused
        self.recording = not ending
        if ending and self.dead:
            self._dead_before, self.dead = self.dead, ""
            return f"The recording in {answer.file} ends early."
        return f"The recording is in {answer.file}." if ending else f"Recording to {answer.file}."

    async def _decide(self, verdict: str, content: str | None) -> str | None:
        question = self._answers.question
        if question is None:
            return "No gate is open."
        if self._answers.is_decided(question):
            return None
        if question.node.channel == "CHAT":
            self._answers.give(question, Answer(self.clock.now(), ANSWER_OF.get(verdict, verdict), content))
            return None
        control = await self._control()
        if control is None:
            return "This approval is given outside the API."
        self._answers.mark(question)
        gate = gate_name(question.node.code)
        refused = (await control.decide(question.job, gate, verdict, comment=content)).refused
        if refused is not None:
            self._answers.mark(None)
        return refused


async def _stop(*tasks: "asyncio.Task[None] | None") -> None:
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
