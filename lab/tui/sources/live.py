"""LIVE: our own external app against a server, the mock or a pod: what the person at the keys asks of it."""

import asyncio
from collections.abc import AsyncIterator, Container, Mapping

from msgspec import structs

from lab.app.effects import Asking, Outcome, RunEnded, RunObservation
from lab.control import ArmFault, ControlCommand, DisarmFault, ResetLab, RunTape
from lab.core.clock import Clock, Millis
from lab.core.errors import HostError
from lab.core.exchange import Json
from lab.core.journal.fact import ClockScaled, Fact, LedgerCleared
from lab.core.observe import Noted, Replied
from lab.jobs.facts import GateDecided
from lab.jobs.gates import Origin
from lab.tui.sources.own_run import OwnRun, cancelled
from lab.tui.sources.player import FASTEST, Goal, HeldSource, PlayedSource, Player, SettableClock
from lab.tui.sources.protocol import Connect, OwnMock, Playable, RunConnection
from lab.tui.state.acts import ActKey, story_of
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, SourceUpdate
from lab.tui.state.reduce import happens
from lab.tui.state.run import RunState
from lab.tui.state.screen import Ability, SourceState
from lab.tui.state.source import ControlReply, Refused

TAKEN = "exists already"
"""How the refusal of a name that a recording has is worded."""
_MOST_NUMBERS = 1_000
"""Of recordings by one name."""
FAST = "400000"
"""The factor of a skip, and of the way on to a stage: three days in less than a second, beside the calls in them."""


class PodRun(HeldSource):
    """Our run against somebody else's server. Starts idle; what goes out, and what comes back, is observed."""

    refusal = "This server is somebody else's: its clock and its wire can't be set."
    can: frozenset[Ability] = frozenset(("reset", "decide", "message"))

    def __init__(
        self, playable: Playable, connect: Connect, clock: Clock, pill: str, *, recording: bool = False
    ) -> None:
        self.clock = clock
        self.pill = pill
        self.recording = recording
        """Whether a tape runs."""
        self._playable = playable
        self._connect = connect
        self._queue: asyncio.Queue[RunObservation | SourceUpdate] = asyncio.Queue()
        self._link: RunConnection | None = None
        """It comes after the first paint; what was asked before waits for it."""
        self._linked = asyncio.Event()
        self.player = Player(None, self._queue.put_nowait)
        self.run = self._new_run()
        self._message = playable.app.message
        """What the run says first: the scenario's ask, or what was typed in its place."""

    def _new_run(self) -> OwnRun:
        return OwnRun(self.clock, self._connection, self._observe, lambda: self.player.may_go())

    def describe(self, journal: JournalState | None = None, chosen: int | None = None) -> SourceState:
        """The scenario, if one is at hand, and the addresses, once the connection stands."""
        playable, link = self._playable, self._link
        mock = None if link is None else link.mock
        return SourceState(
            self.pill,
            playable.choice.title,
            playable.app.team,
            playable.seed,
            playable.scenario,
            self.recording,
            self.can,
            () if mock is None else mock.choices,
            message=self._message,
            base="" if link is None else link.base,
            token_url="" if link is None else link.token_url,
            dead=mock is not None and mock.dead() is not None,
            labels=playable.app.dialect.labels,
            own_decisions=dict(self.run.answers.own),
            skipping=self.player.skipping,
        )

    @property
    def outcome(self) -> Outcome | None:  # type: ignore[override]  # it comes with the run's end
        """How the run ended."""
        return self.run.outcome

    # What happens

    async def observations(self) -> AsyncIterator[RunObservation | SourceUpdate]:
        """Connect, then hand on what is observed."""
        async with self._connect() as self._link:
            self._linked.set()
            self._met()
            try:
                while True:
                    yield await self._queue.get()
            finally:
                await self._leave()

    def _met(self) -> None:
        """The connection stands."""

    async def _leave(self) -> None:
        await self.run.stop()

    async def _connection(self) -> RunConnection:
        await self._linked.wait()
        assert self._link is not None
        return self._link

    def _observe(self, observation: RunObservation, *, ours: bool = True) -> None:
        """Note what the run itself does, or what the journal tells, and hand it on; time may have to stand now."""
        before, after = self.run.note(observation)
        self._queue.put_nowait(observation)
        player, goal = self.player, self.player.goal
        if isinstance(observation, RunEnded):
            player.rest()
        # a person who is needed ends the way forward, too
        needed = isinstance(observation, Asking | RunEnded)
        player.saw(
            step=ours,
            happens=happens(observation, before, after),
            arrives=ours and goal is not None and (needed or self.run.place_of(goal.stage) is not None),
            act=player.at_acts and not _acts(after) <= _acts(before),
        )

    # The run; of a server that is not ours only the next call is held back

    async def next_act(self) -> Refused:
        await self.begin()
        if self.run.under_way:
            self.player.run_to(Goal("act", FASTEST))
        self.player.end_hold()
        return None

    async def begin(self) -> Refused:
        if not self.run.begun:
            self.run.begin(self._playable.app_saying(self._message))
        return None

    async def say(self, message: str) -> Refused:
        if not self.run.begun:
            self._message = message or self._playable.app.message
        elif not self.run.over:
            return "A job is running; the next message can be sent once it has ended."
        else:
            self.player.rest(False)
            self.run.begin(self._playable.app_saying(message))
        return None

    async def reset(self) -> Refused:
        """At the pace that the lab had at first."""
        await self.run.stop()
        self.run = self._new_run()
        self.player.restart()
        self._hand_on_anew(self.clock.now())
        return None

    def _hand_on_anew(self, at: Millis) -> None:
        """Have the screen forget all, and be handed what was observed."""
        while not self._queue.empty():
            self._queue.get_nowait()
        for observation in (Noted(at, LedgerCleared(at=at, by=Origin.PERSON)), *self.run.observations):
            self._queue.put_nowait(observation)

    async def answer(self, answer: GateAnswer) -> Refused:
        """In the chat as our app does, else over the control plane."""
        mock = (await self._connection()).mock
        return await self.run.answers.decide(answer, self.clock.now(), None if mock is None else mock.control)


class Live(PlayedSource, PodRun):
    """Our run against the lab's own mock, whose journal is observed too, and whose clock is ours.

    A skip costs no time of the lab's: calls go out at the instants at which they would have, so a run that is skipped
    through has the same facts as one that isn't, beside those about the clock.
    """

    refusal = "A run of our own has no recording to go through."

    def __init__(self, playable: Playable, connect: Connect, clock: SettableClock, *, recording: bool = False) -> None:
        super().__init__(playable, connect, clock, "LIVE", recording=recording)
        self._own_clock = clock
        self.player = Player(clock, self._queue.put_nowait, self._tell_tape)
        self._following: asyncio.Task[None] | None = None
        self._warned = False
        """Whether it was said what killed the tape that runs."""

    @property
    def can(self) -> frozenset[Ability]:  # type: ignore[override]  # the scenarios come with the mock
        """All; another scenario only where there is one."""
        more: set[Ability] = {"pause", "step", "speed", "skip", "fault", "control", "tape", "rewind", "name"}
        one = self._link is not None and len(self._mock.choices) == 1
        return PodRun.can | more if one else PodRun.can | more | {"scenario"}

    @property
    def _mock(self) -> OwnMock:
        """HostError as long as it isn't there."""
        if self._link is None or self._link.mock is None:
            raise HostError("The lab's mock is still starting; press the key once more.")
        return self._link.mock

    # What happens

    def _met(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def _leave(self) -> None:
        await cancelled(self._following)
        await super()._leave()

    def _tell_tape(self, factor: str) -> None:
        if self._link is not None:
            self._mock.paced(factor)

    async def _follow(self, known: Container[Fact] = ()) -> None:
        """Facts only, and those that aren't known: our own driver observes requests and replies."""
        async for observation in self._mock.control.follow(replies=False):
            if not isinstance(observation, Noted) or isinstance(observation.fact, LedgerCleared):
                continue
            if isinstance(observation.fact, ClockScaled):
                self.player.adopt()
            if observation.fact not in known:
                # the mock counts the exchanges of all its clients, our run its own
                self._observe(structs.replace(observation, x=None), ours=False)

    def _observe(self, observation: RunObservation, *, ours: bool = True) -> None:
        goal = self.player.goal
        super()._observe(observation, ours=ours)
        if isinstance(observation, RunEnded) and goal is not None and goal.kind == "stage":
            if self.run.place_of(goal.stage) is None:
                self._queue.put_nowait(SourceUpdate(remark=self._without(goal.stage)))
        if isinstance(observation, Replied) and self.recording and not self._warned and (why := self._mock.dead()):
            self._warned = True
            self._queue.put_nowait(SourceUpdate(remark=f"{why} The show goes on."))

    # Its time

    async def step(self) -> Refused:
        await self.begin()
        self.player.run_to(Goal("step"))
        return None

    async def skip(self, until: Millis | None = None, limit: str = "") -> Refused:
        now = self.clock.now()
        if self.player.skipping:
            self.player.end_skip()
        elif not self.run.under_way:
            return "Nothing runs that could be skipped."
        elif until is not None and until <= now and limit:
            return limit
        else:
            ahead = until if until is not None and until > now else None
            self.player.run_to(Goal("skip", FAST, until=ahead, limit=limit))
        return None

    async def go_to(self, stage: str) -> Refused:
        """Back to where it showed, and stand there: another choice then leads elsewhere. Forward: on."""
        place = self.run.place_of(stage)
        if place is not None:
            return await self._go_back(place)
        if self.run.over:
            return self._without(stage)
        await self.begin()
        self.player.run_to(Goal("stage", FAST, stage))
        return None

    def _without(self, stage: str) -> str:
        return f"This {'turn' if self.run.state.past else 'run'} has no {stage}."

    async def go_to_act(self, key: ActKey) -> Refused:
        place = next((act.place for act in story_of(self.run.state) if act.key == key), None)
        return "This act is no more." if place is None else await self._go_back(place)

    async def _go_back(self, place: int) -> Refused:
        run, instant, clock = self.run, self.run.observations[place - 1].at, self._own_clock
        later = (each.fact for each in run.observations[place:] if isinstance(each, Noted))
        # a decision at that very instant, be it taken outside, came after what showed its gate
        undone = any(isinstance(fact, GateDecided) and fact.at == instant for fact in later)
        with self.player.withholding():
            if refused := (await self._mock.control.ask(ResetLab(instant - undone))).refused:
                return refused
            await run.stop()
            await cancelled(self._following)
            clock.set(instant)
            run.cut(place)
            known = [each.fact for each in run.observations if isinstance(each, Noted)]
            self._following = asyncio.create_task(self._follow(known))
            self._hand_on_anew(instant)
            self.player.go_back()
            run.go_on()
        return None

    # The run

    async def answer(self, answer: GateAnswer) -> Refused:
        """Later than the gate was seen, also where the clock stands: at its very instant a way back would keep it."""
        if self.run.under_way and self.clock.now() <= self.run.observations[-1].at:
            self.player.pass_moment()
        return await super().answer(answer)

    async def reset(self) -> Refused:
        return await self._play(self._playable.choice.name)

    async def choose(self, scenario: str) -> Refused:
        """With its own message, and its own seed where the mock can follow it."""
        if not any(each.name == scenario and not each.complaints for each in self._mock.choices):
            return f"Scenario {scenario} can't be played."
        refused = await self._play(scenario)
        if refused is None:
            self._message = self._playable.app.message
        return refused

    async def _play(self, scenario: str) -> Refused:
        mock = self._mock
        with self.player.withholding():
            if refused := (await mock.control.ask(ResetLab())).refused:
                return refused
            if scenario != self._playable.choice.name:
                self._playable = mock.follow(scenario)
            return await super().reset()

    async def arm(self, fault: Mapping[str, Json]) -> Refused:
        return (await self._mock.control.ask(ArmFault(dict(fault)))).refused

    async def disarm(self, name: str) -> Refused:
        return (await self._mock.control.ask(DisarmFault(name))).refused

    async def ask(self, command: ControlCommand[ControlReply]) -> ControlReply:
        return (await self._mock.control.ask(command)).obeyed

    # The tape, which the mock writes

    async def record(self) -> Refused:
        """What came of it is said, too."""
        control, ending, dead = self._mock.control, self.recording, self._mock.dead()
        name = self._playable.choice.name
        answer = await control.ask(RunTape() if ending else RunTape(name))
        for number in range(2, _MOST_NUMBERS):
            if answer.done or ending or TAKEN not in answer.why:
                break
            answer = await control.ask(RunTape(f"{name}-{number}"))
        if answer.refused is not None:
            return answer.refused
        self.recording, self._warned = not ending, False
        if not ending:
            since = ", from now on: the run so far isn't in it" if self.run.begun else ""
            return f"Recording to {answer.value.file}{since}."
        if dead:
            return f"The recording in {answer.value.file} ends early."
        return f"The recording is in {answer.value.file}: lab play shows it."


def _acts(run: RunState) -> set[ActKey]:
    return {act.key for act in story_of(run) if act.kind != "panes"}
