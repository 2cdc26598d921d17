"""A skip of a run of ours: time runs fast until something happens, and the screen is told how much passed."""

from collections.abc import Callable

from lab.app.effects import RunObservation
from lab.core.clock import Clock, Millis, passed_text
from lab.tui.sources.pace import RunPace
from lab.tui.state.happenings import Happenings
from lab.tui.state.intents import (
    ChooseScenario,
    Intent,
    ResetRun,
    SeekStage,
    SkipAhead,
    StepForward,
    TogglePause,
)
from lab.tui.state.journal import SourceUpdate


class RunSkip:
    """Begins and ends a skip; `tell` is handed what the screen says of it.

    Calls go out at the instants at which they would have, and cost no time of the lab's but their latency: a run that
    is skipped through has the same facts as one that isn't, beside those about the clock.
    """

    def __init__(self, clock: Clock, pace: RunPace, tell: Callable[[SourceUpdate], object]) -> None:
        self._clock = clock
        self._pace = pace
        self._tell = tell
        self._happenings = Happenings()
        self._began: Millis = 0
        pace.at_limit = self.end

    @property
    def active(self) -> bool:
        """Whether time runs fast."""
        return self._pace.skip is not None

    def ended_by(self, intent: Intent) -> bool:
        """End the skip if the intent does; whether it asks for nothing else."""
        if not self.active:
            return False
        only = isinstance(intent, SkipAhead | TogglePause)
        if only or isinstance(intent, StepForward | SeekStage | ResetRun | ChooseScenario):
            self.end()
        return only

    def clear(self) -> None:
        """What was observed is forgotten; what is observed next happens."""
        self._happenings = Happenings()

    def note(self, observation: RunObservation) -> None:
        """An observation; if something happens by it, the skip is over."""
        if self._happenings.happens(observation) and self.active:
            self.end()

    async def begin(self, intent: SkipAhead, *, running: bool) -> str | None:
        """Begin one; why not, if there is nothing to skip."""
        if not running:
            return "Nothing runs that could be skipped."
        self._began = self._clock.now()
        if intent.until is not None and intent.until <= self._began:
            if intent.limit:
                return intent.limit
            intent = SkipAhead()
        return await self._pace.run_fast(intent)

    def end(self) -> None:
        """Go on, or stand, as before, and say what passed."""
        skip, now = self._pace.skip, self._clock.now()
        if skip is not None:
            self._pace.end_fast()
            at_limit = skip.until is not None and now >= skip.until
            text = passed_text(now - self._began)
            limited = at_limit and skip.limit
            self._tell(SourceUpdate(remark=f"{text} {skip.limit}".strip()) if limited else SourceUpdate(passed=text))
