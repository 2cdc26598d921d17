"""Plays runs of our app, turn after turn, over a connection: each can be gone back through, and gone on from there."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress

from lab.app.effects import App, Asking, Outcome, RunEnded, RunObservation
from lab.app.run import run
from lab.core.clock import Clock, Millis
from lab.tui.sources.answers import GateAnswers
from lab.tui.sources.pace import RunPace, SteppedClock
from lab.tui.sources.protocol import RunConnection
from lab.tui.sources.rewind import RunLog, resumed


class RunPlayer:
    """One run at a time. What it does is handed to `observe`, which also writes it into the log."""

    def __init__(
        self,
        clock: Clock,
        pace: RunPace,
        connection: Callable[[], Awaitable[RunConnection]],
        observe: Callable[[RunObservation], None],
        may_send: Callable[[], Awaitable[object]],
    ) -> None:
        """No request goes out before `may_send` returns."""
        self._clock = clock
        self._pace = pace
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
        self.log = RunLog()

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
        with SteppedClock(self._clock, self._pace) if own else nullcontext(self._clock) as clock:
            self._began = clock.now() if not answers else self._began
            turn = resumed(run(app, self._began, token=token, conversation=conversation), answers, self.log.note)
            if answers:
                # the clock stands: not even a call that is due goes out before it runs again
                await clock.sleep_until(clock.now() + 1)
            first, answer = self.log.last_exchange + 1, self.answers.answer
            transport = PacedTransport(connection.transport, self._may_send)
            self.outcome = await drive(turn, transport, clock, self._observe, answer, first=first)
            self.over = True
            await self._pace.is_set()

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
