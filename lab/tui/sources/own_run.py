"""A run of our app over a connection, turn after turn; each can be gone back through, and gone on from there.

The way back: the answers that the run had are fed to it again, so it stands where it stood (screen.md §8).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from functools import reduce
from typing import TYPE_CHECKING

from lab.app.effects import Answer, App, Asking, EffectResult, Outcome, Received, Run, RunEnded, RunObservation, Silence
from lab.app.run import run
from lab.clocks import RunClock
from lab.control import DecideGate
from lab.core.clock import Clock, Millis
from lab.core.observe import Requested
from lab.dialects.client import Question
from lab.program.words import Verdict
from lab.tui.sources.protocol import RunConnection
from lab.tui.state.gate import GateAnswer
from lab.tui.state.journal import JournalState, follow
from lab.tui.state.run import RunState

if TYPE_CHECKING:
    from lab.client.control import ControlClient

TOO_LATE = "Somebody was faster."


class OwnRun:
    """One run at a time. What it does is handed to `observe`, which notes it here."""

    def __init__(
        self,
        clock: Clock,
        connection: Callable[[], Awaitable[RunConnection]],
        observe: Callable[[RunObservation], None],
        may_send: Callable[[], Awaitable[object]],
    ) -> None:
        """No request goes out before `may_send` returns."""
        self._clock, self._connection, self._observe, self._may_send = clock, connection, observe, may_send
        self._task: asyncio.Task[None] | None = None
        self._app: App | None = None
        self._began: Millis = 0
        self._before: Outcome | None = None
        """The outcome of the turn before the present one: it hands on its token and its conversation."""
        self.answers = GateAnswers()
        self.outcome: Outcome | None = None
        self.over = False
        """Whether a run has begun, and ended."""
        self.observations: list[RunObservation] = []
        self._observed = JournalState(own=True)
        """Folded as the screen folds it: its milestones and acts say where they began."""
        self._turn = 0
        """Where the present turn begins in what was observed."""
        self._fed: list[tuple[int, EffectResult]] = []
        """What the present turn's run was answered, in order: how much had been observed by then, and the answer."""

    @property
    def begun(self) -> bool:
        """Whether a run has begun, be it over or not."""
        return self._task is not None

    @property
    def under_way(self) -> bool:
        """Whether one has begun and not ended."""
        return self.begun and not self.over

    def note(self, observation: RunObservation) -> tuple[RunState, RunState]:
        """One more thing was observed; the state before it, and after."""
        before = self.state
        self.observations.append(observation)
        self._observed = follow(self._observed, observation)
        decision = self.state.decision
        if decision is not None and decision is not before.decision and not decision.ends:
            self.answers.take_next()
        return before, self.state

    @property
    def state(self) -> RunState:
        """What it has come to."""
        return self._observed.run()

    def place_of(self, stage: str) -> int | None:
        """How much had been observed when the present turn came to a stage; None if it hasn't yet."""
        kinds = ("output", "error") if stage == "output" else (stage,)
        places = (each.place for each in self.state.milestones if each.kind in kinds and each.place > self._turn)
        return next(places, None)

    def begin(self, app: App) -> None:
        """The first turn, or the next one."""
        self._began, self._app, self._before = self._clock.now(), app, self.outcome
        self._turn, self._fed = len(self.observations), []
        self.answers.clear()
        self._start(app)

    async def stop(self) -> None:
        """Let go of the run."""
        await cancelled(self._task)

    def cut(self, place: int) -> None:
        """Forget what was observed, and answered, from a place on: a reply is observed and given in one, and so is what the
        run asks then."""
        asks = place < len(self.observations) and isinstance(self.observations[place], Asking)
        place += asks
        self.observations = self.observations[:place]
        self._observed = reduce(follow, self.observations, JournalState(own=True))
        self._fed = [
            (at, answer)
            for at, answer in self._fed
            if at < place or (at == place and isinstance(answer, Received | Silence))
        ]

    def go_on(self) -> None:
        """Stand where what was observed ends now, and go on from there; the run must have been stopped."""
        assert self._app is not None
        last = self.observations[-1]
        self.answers.clear(last.question if isinstance(last, Asking) else None)
        self.outcome = self._before
        self._start(self._app, last.at + 1)

    def _start(self, app: App, since: Millis = 0) -> None:
        self.over = False
        self._task = asyncio.create_task(self._play(app, since))
        self._task.add_done_callback(self._ended)

    async def _play(self, app: App, since: Millis) -> None:
        # loaded here, after the first paint: aiohttp alone takes 50 ms
        from lab.client.driver import PacedTransport, drive

        connection, before, answers = await self._connection(), self._before, [answer for _, answer in self._fed]
        token, conversation = (before.token, before.conversation) if before is not None else (None, None)
        with RunClock(self._clock) if connection.mock is not None else nullcontext(self._clock) as clock:
            self._began = clock.now() if not answers else self._began
            turn = self._resumed(run(app, self._began, token=token, conversation=conversation), answers)
            if answers:
                # the clock stands: not even a call that is due goes out before it runs again, or a person decides
                await clock.sleep_until(since)
            first = 1 + max((each.x for each in self.observations if isinstance(each, Requested)), default=0)
            transport = PacedTransport(connection.transport, self._may_send)
            self.outcome = await drive(turn, transport, clock, self._observe, self.answers.answer, first=first)
            self.over = True

    def _resumed(self, run: Run, answers: Sequence[EffectResult]) -> Run:
        """The run from where these answers bring it; what it is answered then is noted."""
        try:
            effect = next(run)
            for answer in answers:
                effect = run.send(answer)
            while True:
                answer = yield effect
                self._fed.append((len(self.observations), answer))
                effect = run.send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A bug of ours ends the run, not the show: the screen shows it as any other end."""
        self.over = self.over or task is self._task
        if not task.cancelled() and (error := task.exception()) is not None:
            why = f"The run broke: {type(error).__name__}: {error}"
            self.outcome = Outcome(why=why)
            self._observe(RunEnded(self._clock.now(), self.outcome))


class GateAnswers:
    """The question that is open, and a person's answer to it: a key may come while a poll is under way, too."""

    def __init__(self) -> None:
        self.own: dict[str, str] = {}
        """Who decided here, as `GateAnswer.by`, by the opening as the screen names it; a chat's own answers are `you` anyway."""
        self._given = asyncio.Event()
        self.clear()

    def clear(self, question: Question | None = None) -> None:
        """Forget all but this question."""
        self._question, self._decided = question, False
        self._answer: Answer | None = None
        self._given.clear()

    async def decide(self, given: GateAnswer, now: Millis, control: "ControlClient | None") -> str | None:
        """Decide what is asked; why not, if it was refused. A second key changes nothing.

        In the chat our app answers; elsewhere, and where a name goes along, which no wire has, the control plane does.
        """
        question = self._question
        if question is None:
            return "No gate is open."
        if self._decided:
            return TOO_LATE if given.by != "you" else None
        self._decided, refused = True, None
        if question.channel == "CHAT" and given.name is None:
            self._answer = Answer(now, Verdict(given.verdict), given.content)
            self._given.set()
        elif control is None:
            refused = "This approval is given outside the API."
        else:
            gate = question.gate or given.gate
            answer = await control.ask(DecideGate(question.job, gate, given.verdict, given.name, comment=given.content))
            refused = answer.refused
        if refused is not None:
            self._decided = False
        else:
            self.own[given.opening] = given.by
        return refused

    def take_next(self) -> None:
        """A quorum takes more than one decision at an opening: after each vote the next may be given."""
        self._decided = False

    async def answer(self, question: Question) -> Answer:
        """The next answer to this question. The driver cancels it when the wait is over: asked anew, it has what came."""
        if self._question is None or self._question.key != question.key:
            self.clear()
        self._question = question
        await self._given.wait()
        self._given.clear()
        assert self._answer is not None
        return self._answer


async def cancelled(task: "asyncio.Task[None] | None") -> None:
    """Once this task has been cancelled, and is over."""
    if task is not None and not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
