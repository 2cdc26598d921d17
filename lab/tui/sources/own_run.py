"""A run of our app over a connection, turn after turn; each can be gone back through, and gone on from there.

The way back: the answers that the run had are fed to it again, so it stands where it stood (screen.md §8).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import assert_never

from lab.app.effects import App, Asking, EffectResult, Outcome, Received, Run, RunEnded, RunObservation, Silence
from lab.app.run import run
from lab.clocks import RunClock
from lab.core.clock import Clock, Millis
from lab.core.observe import Lost, Noted, Replied, Requested, Touched, Waiting
from lab.tui.sources.answers import GateAnswers
from lab.tui.sources.protocol import RunConnection
from lab.tui.state.acts import ActKey, story_of
from lab.tui.state.reading import call_request
from lab.tui.state.reduce import reduce
from lab.tui.state.run import RunState

COMMANDS = {"token": "token", "invoke": "invoke", "poll": "status"}
"""The command whose first reply shows a stage."""


class RunLog:
    """What was observed of a run, turn after turn, and what the present turn's run was answered."""

    def __init__(self, observations: Sequence[RunObservation] = (), *, acts: bool = False) -> None:
        self.observations = list(observations)
        self._turn = 0
        """Where the present turn begins in what was observed."""
        self.answers: list[tuple[int, EffectResult]] = []
        """What the present turn's run was answered, in order: how much had been observed by then, and the answer."""
        self.follow_acts(acts)

    @property
    def last_exchange(self) -> int:
        """The ordinal of the last exchange; 0 before the first."""
        return max((each.x for each in self.observations if isinstance(each, Requested)), default=0)

    def begin_turn(self) -> None:
        """What is observed from here on is another turn's."""
        self._turn, self.answers = len(self.observations), []

    def observe(self, observation: RunObservation) -> bool:
        """One more; whether an act begins with it, if acts are followed."""
        self.observations.append(observation)
        return self.acts and self._begins(observation, len(self.observations))

    def follow_acts(self, on: bool) -> None:
        """Know from now on where acts began, or no more: what was observed is gone through only for who asks."""
        self.acts, self._run = on, RunState()
        self.places: dict[ActKey, int] = {}
        """If acts are followed, of each of the present turn how much had been observed when it began."""
        for count, each in enumerate(self.observations if on else (), 1):
            self._begins(each, count)

    def _begins(self, observation: RunObservation, count: int) -> bool:
        """Folds as the screen does, and so knows at once."""
        self._run = reduce(self._run, observation)
        keys = [act.key for act in story_of(self._run) if act.kind != "panes"]
        before, self.places = self.places, {key: self.places.get(key, count) for key in keys}
        return not self.places.keys() <= before.keys()

    def note(self, answer: EffectResult) -> None:
        """The run was answered."""
        self.answers.append((len(self.observations), answer))

    def place_of(self, stage: str) -> int | None:
        """Where a stage of the present turn first shows: after how many observations; None if it doesn't yet."""
        commands: dict[int, str] = {}
        for place, each in enumerate(self.observations[self._turn :], self._turn + 1):
            match each:
                case Requested():
                    commands[each.x] = call_request(each.route, each.request).command
                case Replied() if commands.get(each.x) == COMMANDS.get(stage):
                    return place
                case Asking() if stage == "gate":
                    return place
                case RunEnded() if stage == "output":
                    return place
                case Replied() | Asking() | RunEnded() | Lost() | Noted() | Touched() | Waiting():
                    pass  # it shows no stage, or another one
                case _:
                    assert_never(each)
        return None

    def cut(self, place: int) -> None:
        """Forget what was observed, and answered, from a place on: a reply is observed and given in one."""
        self.observations = self.observations[:place]
        self.answers = [
            (at, answer)
            for at, answer in self.answers
            if at < place or (at == place and isinstance(answer, Received | Silence))
        ]
        self.follow_acts(self.acts)


def resumed(run: Run, answers: Sequence[EffectResult], note: Callable[[EffectResult], None]) -> Run:
    """The run from where these answers bring it; what it is answered then is noted."""
    try:
        effect = next(run)
        for answer in answers:
            effect = run.send(answer)
        while True:
            answer = yield effect
            note(answer)
            effect = run.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


class OwnRun:
    """One run at a time. What it does is handed to `observe`, which also writes it into the log."""

    def __init__(
        self,
        clock: Clock,
        connection: Callable[[], Awaitable[RunConnection]],
        observe: Callable[[RunObservation], None],
        may_send: Callable[[], Awaitable[object]],
    ) -> None:
        """No request goes out before `may_send` returns."""
        self._clock = clock
        self._connection = connection
        self._observe = observe
        self._may_send = may_send
        self._task: asyncio.Task[None] | None = None
        self._app: App | None = None
        self._began: Millis = 0
        self._before: Outcome | None = None
        """The outcome of the turn before the present one: it hands on its token and its conversation."""
        self.log = RunLog()
        self.answers = GateAnswers()
        self.outcome: Outcome | None = None
        self.over = False
        """Whether a run has begun, and ended."""
        self.broken: BaseException | None = None
        """The bug of ours that ended the run."""

    @property
    def begun(self) -> bool:
        """Whether a run has begun, be it over or not."""
        return self._task is not None

    def begin(self, app: App) -> None:
        """The first turn, or the next one."""
        self._began, self._app, self._before = self._clock.now(), app, self.outcome
        self.answers.clear()
        self.log.begin_turn()
        self._start(app)

    def go_back(self) -> None:
        """Stand where the log ends now, and go on from there; the run must have been stopped."""
        assert self._app is not None
        last = self.log.observations[-1]
        self.answers.clear(last.question if isinstance(last, Asking) else None)
        self.outcome = self._before
        self._start(self._app)

    async def stop(self) -> None:
        """Let go of the run."""
        await stopped(self._task)

    async def clear(self) -> None:
        """Forget all: nothing has begun."""
        await self.stop()
        self._task, self.outcome, self.over = None, None, False
        self.answers.clear()
        self.answers.own.clear()
        self.log = RunLog(acts=self.log.acts)

    def _start(self, app: App) -> None:
        self.over = False
        self._task = asyncio.create_task(self._play(app))
        self._task.add_done_callback(self._ended)

    async def _play(self, app: App) -> None:
        # loaded here, after the first paint: aiohttp alone takes 50 ms
        from lab.client.driver import PacedTransport, drive

        connection, before, answers = await self._connection(), self._before, [answer for _, answer in self.log.answers]
        token, conversation = (before.token, before.conversation) if before is not None else (None, None)
        own = connection.control is not None
        with RunClock(self._clock) if own else nullcontext(self._clock) as clock:
            self._began = clock.now() if not answers else self._began
            turn = resumed(run(app, self._began, token=token, conversation=conversation), answers, self.log.note)
            if answers:
                # the clock stands: not even a call that is due goes out before it runs again
                await clock.sleep_until(clock.now() + 1)
            first, answer = self.log.last_exchange + 1, self.answers.answer
            transport = PacedTransport(connection.transport, self._may_send)
            self.outcome = await drive(turn, transport, clock, self._observe, answer, first=first)
            self.over = True

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A bug of ours ends the run, not the show: the screen shows it as any other end."""
        self.over, self.broken = self.over or task is self._task, None if task.cancelled() else task.exception()
        if self.broken is not None:
            why = f"The run broke: {type(self.broken).__name__}: {self.broken}"
            self.outcome = Outcome(None, None, None, None, None, 0, 0, why)
            self._observe(RunEnded(self._clock.now(), self.outcome))


async def stopped(*tasks: "asyncio.Task[None] | None") -> None:
    """Once these tasks have been cancelled, and are over."""
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
