"""The stage where a journal is followed: which job shows, and where a recording stands."""

from lab.tui.screens.drawn import DrawnScreen
from lab.tui.sources.intents import AnswerGate, Intent, MoveCursor, SeekInstant, SeekStage

SEEK = "seek:"
"""Begins a hot spot of the scrubber; the instant follows."""


class FollowingScreen(DrawnScreen):
    """What its keys do there; each asks the source, or changes what is looked at."""

    def _choose(self, **changes: object) -> None:
        raise NotImplementedError

    def _ask(self, intent: Intent) -> None:
        raise NotImplementedError

    def decided(self, action: str, content: str | None = None) -> AnswerGate:
        """The answer to the gate that shows; of a journal's jobs it says which one."""
        gate, patience = self.scene.stage.gate, self.scene.stage.patience
        if self.folded.jobs is None or gate is None:
            return AnswerGate(action, content)
        known = patience is not None and patience.job == gate.job and patience.round == gate.round
        name = patience.gate if known and patience is not None else gate.code.lower().replace("_", "-")
        return AnswerGate(action, content, gate.job, name, gate.key)

    def look_at_job(self, by: int) -> None:
        """Look at the job before, or after; after the newest: follow whatever comes."""
        if self.folded.jobs is None:
            return
        self.parts["output"].top = 0
        job = self.folded.jobs.beside(self.scene.look.job, by)
        following = job is None and self.scene.look.job is not None
        self._choose(job=job, said="Follows the newest job again." if following else "", output="rendered")

    def action_move(self, by: int) -> None:
        """One observation back, or on."""
        self._ask(MoveCursor(by))

    def action_mark(self, by: int) -> None:
        """One mark back, or on."""
        self._ask(MoveCursor(by, marks=True))

    def action_ends(self, end: int) -> None:
        """The start of the recording, or its end."""
        cursor = self.scene.show.cursor
        if cursor is not None:
            self._ask(SeekInstant(cursor.start if end < 0 else cursor.until))

    def action_go_to(self, stage: str) -> None:
        """To where a stage shows."""
        self._ask(SeekStage(stage))

    def seek(self, spot: str) -> bool:
        """Whether a hot spot was one of the scrubber's: then there."""
        if not spot.startswith(SEEK):
            return False
        self._ask(SeekInstant(int(spot.removeprefix(SEEK))))
        return True
