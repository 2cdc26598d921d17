"""A run of ours as LIVE plays it: over a connection, told observation by observation, answered by a person."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.app import Answer, Outcome, Question, Result, run
from lab.app.observe import Asked, Ended, Noted, Observation, Replied, Requested
from lab.core.clock import Clock, Millis
from lab.core.errors import LabError
from lab.core.exchange import Json
from lab.core.journal.fact import Fact, LedgerCleared
from lab.jobs.facts import GateDecided, GateOpened
from lab.language.document import Scenario
from lab.tui.panes.picker import Choice
from lab.tui.sources.protocol import Connect, Playable, RunConnection
from lab.tui.sources.rewind import place_of, resumed
from lab.tui.state.journal import SourceUpdate

if TYPE_CHECKING:
    from lab.client.control import ControlClient

OpeningKey = tuple[str, str, int]


def opening_of(question: Question) -> OpeningKey:
    """What tells one opening of a gate from the next."""
    return question.job, question.node.code, question.node.round


class Playing:
    """The run, its connection, and what was told of it."""

    journal = None

    def __init__(
        self,
        acts: tuple[Playable, ...],
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
        self._acts: Mapping[str, Playable] = {act.choice.name: act for act in acts}
        self._act = self._acts.get(first, acts[0])
        self._connect = connect
        self.clock = clock
        self.pill = pill
        self.recording = recording
        self.factor = factor
        self.paused = False
        self.outcome: Outcome | None = None
        broken = [Choice(name, "does not load", complaints=told) for name, told in (unloaded or {}).items()]
        self.scenarios = (*(act.choice for act in acts), *broken) if len(acts) + len(broken) > 1 else ()
        able = {"reset", "decide", "message"} | (
            {"pause", "step", "speed", "fault", "tape", "rewind"} if scaled else set()
        )
        self.can = frozenset(able | ({"scenario"} if self.scenarios else set()))
        self._queue: asyncio.Queue[Observation | SourceUpdate] = asyncio.Queue()
        self._link: asyncio.Future[RunConnection] | None = None
        self._run: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._question: Question | None = None
        self._asked: asyncio.Future[Answer] | None = None
        self._decided: OpeningKey | None = None
        self._missing = 0
        self._early: Answer | None = None
        self._stepping = False
        self._until = ""
        """The stage that a run on its way forward stops at."""
        self._told: list[Observation] = []
        self._turn = 0
        """Where the present turn begins in what was told."""
        self._taken: list[tuple[int, Result]] = []
        self._began: Millis = 0
        self._message = ""
        self._before: Outcome | None = None
        self._said: str | None = None
        self._x = 0
        self._pausing: asyncio.Task[None] | None = None
        self.broken: BaseException | None = None
        self.dead = ""
        self._buried: str | None = None
        """What killed the tape before: the mock's health never forgets it."""
        self._checking: asyncio.Task[None] | None = None

    # What the header names

    @property
    def title(self) -> str:
        """The scenario's title."""
        return self._act.choice.title

    @property
    def team(self) -> str:
        """The agent team's code."""
        return self._act.app.team

    @property
    def seed(self) -> int | None:
        """The seed of the mock."""
        return self._act.seed

    @property
    def message(self) -> str:
        """What the run says first: the scenario's ask, or what was typed in its place."""
        return self._act.app.message if self._said is None else self._said

    @property
    def addresses(self) -> tuple[str, str]:
        """The base URL and the token URL, once the connection stands."""
        if self._link is None or not self._link.done() or self._link.exception() is not None:
            return "", ""
        link = self._link.result()
        return link.base, link.token_url

    @property
    def scenario(self) -> Scenario | None:
        """The scenario, if one is at hand."""
        return self._act.scenario

    # What happens

    async def observations(self) -> AsyncIterator[Observation | SourceUpdate]:
        """Connect, then hand on what the run and the mock's journal tell."""
        linked = self._promised()
        try:
            async with self._connect() as link:
                linked.set_result(link)
                if link.control is not None:
                    self._following = asyncio.create_task(self._follow(link.control))
                try:
                    while True:
                        yield await self._queue.get()
                finally:
                    await self._stop(self._run, self._following, self._checking)
        except Exception as error:
            if not linked.done():
                linked.set_exception(error)
                linked.exception()
            raise

    async def _follow(self, control: "ControlClient", after: Millis = -1) -> None:
        """Facts only, and those after an instant: requests and replies are told by our own driver."""
        async for observation in control.follow(replies=False):
            if not isinstance(observation, Noted) or isinstance(observation.fact, LedgerCleared):
                continue
            if observation.fact.at > after:
                self._count(observation.fact)
                # the mock counts the exchanges of all its clients, our run its own
                told = replace(observation, x=None)
                self._told.append(told)
                self._queue.put_nowait(told)

    def _count(self, fact: Fact) -> None:
        """A quorum takes more than one decision at an opening: after each vote the next may be given."""
        match fact:
            case GateOpened():
                self._missing = fact.approvals
            case GateDecided():
                self._missing -= 1
                if self._missing > 0:
                    self._decided = None

    @staticmethod
    async def _stop(*tasks: "asyncio.Task[None] | None") -> None:
        for task in tasks:
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _play(self, message: str, before: Outcome | None, answers: tuple[Result, ...]) -> None:
        """One turn; the one before hands on its token and its conversation, and `answers` it had already."""
        # loaded here, after the first paint: aiohttp alone takes 50 ms
        from lab.client.driver import drive

        link = await self._linked()
        badge, conversation = (before.badge, before.conversation) if before is not None else (None, None)
        app = replace(self._act.app, message=message, parameters=self._parameters(message))
        turn = resumed(run(app, self._began, badge=badge, conversation=conversation), answers, self._note)
        if answers:
            # the clock stands: not even a call that is due goes out before it runs again
            await self.clock.sleep_until(self.clock.now() + 1)
        first = self._x + 1
        self.outcome = await drive(turn, link.transport, self.clock, self._tell, self._answer, first=first)

    def _parameters(self, message: str) -> Mapping[str, Json]:
        """Those that the scenario sends with this message, in whichever turn; else those of the first."""
        asks = self._act.scenario.user_messages if self._act.scenario is not None else ()
        known = next((ask.parameters for ask in asks if ask.message == message), None)
        return self._act.app.parameters if known is None else known

    async def _linked(self) -> RunConnection:
        return await asyncio.shield(self._promised())

    def _promised(self) -> "asyncio.Future[RunConnection]":
        """What a key pressed before the connection stands waits for."""
        if self._link is None:
            self._link = asyncio.get_running_loop().create_future()
        return self._link

    def _tell(self, observation: Observation) -> None:
        if isinstance(observation, Requested):
            self._x = observation.x
        self._told.append(observation)
        self._queue.put_nowait(observation)
        if isinstance(observation, Replied) and self.recording and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check())
        if self._until and self._arrived():
            self._until = ""
            self._stepping = True
        if self._stepping:
            self._stepping = False
            self._soon(self._scale("0"))

    async def _check(self) -> None:
        """Ask how the tape is; one that died is told of once, and the show goes on."""
        control = (await self._linked()).control
        if control is None or self.dead:
            return
        with suppress(LabError):  # a lab that is gone is told of by whoever needs it
            why = (await control.lab()).trouble
        if why is not None and why != self._buried:
            self.dead = why
            self._queue.put_nowait(SourceUpdate(said=f"{why} The show goes on."))

    def _note(self, answer: Result) -> None:
        self._taken.append((len(self._told), answer))

    def _arrived(self) -> bool:
        """Whether the stage that was sought shows; a person who is needed ends the way, too."""
        told = self._told[self._turn :]
        return place_of(told, self._until) is not None or isinstance(told[-1], Asked | Ended)

    def _soon(self, work: "Awaitable[str | None]") -> None:
        async def done() -> None:
            await work

        self._pausing = asyncio.create_task(done())

    async def _answer(self, question: Question) -> Answer:
        """The next answer to this question; cancelled by the driver when the wait is over."""
        early, self._early = self._early, None
        same = self._question is not None and opening_of(self._question) == opening_of(question)
        self._question = question
        if early is not None and same:
            return early
        asked: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked = asked
        try:
            return await asked
        except asyncio.CancelledError:
            # the wait ended in the very turn of the loop in which the key came: the next question takes it
            if asked.done() and not asked.cancelled():
                self._early = asked.result()
            raise
        finally:
            self._asked = None

    def _begin(self, message: str, before: Outcome | None = None, answers: tuple[Result, ...] = ()) -> None:
        if not answers:
            self._began = self.clock.now()
            self._taken = []
        self._message, self._before = message, before
        self._run = asyncio.create_task(self._play(message, before, answers))
        self._run.add_done_callback(self._played)

    def _played(self, task: "asyncio.Task[None]") -> None:
        """A bug of ours ends the run, not the show: the screen tells of it as of any other end."""
        self.broken = None if task.cancelled() else task.exception()
        if self.broken is not None:
            why = f"The run broke: {type(self.broken).__name__}: {self.broken}"
            self.outcome = Outcome(None, None, None, None, None, 0, 0, why)
            self._queue.put_nowait(Ended(self.clock.now(), self.outcome))

    async def _scale(self, factor: str) -> str | None:
        link = await self._linked()
        if link.control is None:
            return "The clock of this server can't be set."
        refused = (await link.control.scale(factor)).refused
        if refused is None:
            self.paused = factor == "0"
        return refused
