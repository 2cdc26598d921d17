"""Act after act on the screen: how long each stays, counted in real time, and when the run may go on."""

from collections.abc import Callable

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.tui.state.acts import ActSource, ActState, advanced, current_act
from lab.tui.state.journal import SourceUpdate
from lab.tui.state.run import RunState
from lab.tui.state.screen import SourceState, UiState


class ActHolds:
    """What stage pace shows, and at which stop of the source. `real` is the instant in real milliseconds."""

    def __init__(self, real: Callable[[], Millis]) -> None:
        self._real = real
        self._counted = real()
        self._fresh = False
        """Whether an act has begun since the last count: its hold begins with its first frame."""
        self._stop = 0
        """The stop at which the source stands; 0: at none."""
        self._jump = ""
        self._joins = False
        self.shown = ActState()
        self.commands = {"end hold": self.end_hold, "next act": self.go_on, "join act": self.join}
        """What keys lead to, by its name."""

    def note(self, update: SourceUpdate) -> None:
        """The source stands at an act, or has come to one by a jump."""
        self._stop, self._jump = update.stop or self._stop, update.jump or self._jump

    def join(self) -> None:
        """Show the act that the run is in, without a hold."""
        self._joins = True

    def end_hold(self) -> None:
        """The act has been seen."""
        self.shown = replace(self.shown, left=0)

    def go_on(self) -> None:
        """The act has been seen, and the source goes on by itself."""
        self.end_hold()
        self._stop = 0

    def count(self, ui: UiState, *, covered: bool) -> None:
        """Take the time since the last count from the hold; not while something covers the act, or the person has it stand."""
        now = self._real()
        passed, self._counted = now - self._counted, now
        covered, self._fresh = covered or self._fresh, False
        covered = covered or ui.paused or ui.covers_acts
        if not covered and self.shown.left:
            self.shown = replace(self.shown, left=max(0, self.shown.left - passed))

    def show(self, run: RunState, ui: UiState, source: SourceState) -> ActState:
        """What shows of this run."""
        before = self.shown.act
        if not ui.stage:
            self.shown = ActState()
        elif self._jump or self._joins or (source.cursor is not None and not source.cursor.playing):
            self.shown = current_act(run, {"back": None, "on": ui.hold or None}.get(self._jump, 0))
        else:
            whose: ActSource = "own" if not source.follows else "watched" if source.cursor is None else "recorded"
            self.shown = advanced(self.shown, run, ui.hold, whose)
        self._jump, self._joins = "", False
        self._fresh = self._fresh or self.shown.act != before
        return self.shown

    def freed(self) -> int | None:
        """What has the source go on, once nothing it stands for is held any more; which stop that was, told once."""
        if not self._stop or self.shown.waits:
            return None
        stop, self._stop = self._stop, 0
        return stop
