"""What a screen folds: of a run of ours one run, of a journal the jobs of all clients."""

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import RunObservation
from lab.core.observe import Noted
from lab.tui.state.follow import follow
from lab.tui.state.journal import ArmedFaults, JournalState, SourceUpdate, with_fact
from lab.tui.state.reduce import reduce
from lab.tui.state.run import RunState


class ObservedState(Struct, frozen=True):
    """All that was observed so far."""

    run: RunState = RunState()
    journal: JournalState | None = None
    """None where the run is ours."""
    armed: ArmedFaults = ()

    def run_of(self, key: int | None) -> RunState:
        """What the panes draw: of a journal the run that was chosen, else the newest."""
        return self.run if self.journal is None else self.journal.run(key)


def fold(state: ObservedState, event: RunObservation | SourceUpdate) -> ObservedState:
    """The state after one more thing that came from a source."""
    if isinstance(event, SourceUpdate):
        journal = event.journal or state.journal
    elif state.journal is not None:
        journal = follow(state.journal, event)
    else:
        armed = with_fact(state.armed, event.fact) if isinstance(event, Noted) else state.armed
        return replace(state, run=reduce(state.run, event), armed=armed)
    return replace(state, journal=journal, armed=state.armed if journal is None else journal.armed)
