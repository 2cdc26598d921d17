"""What the screen knows: the fold of the observations so far, cleaned, without secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lab.app import Outcome
from lab.core.clock import Millis
from lab.language.document import Gate as GateStep
from lab.language.document import Scenario
from lab.tui.state.faults import ArmedFaults
from lab.tui.state.values import (
    Exchange,
    GateOpening,
    GateState,
    JobState,
    LastStatus,
    NextCall,
    TimelineRow,
    TokenState,
)

MOST_CALLS = 400
"""How many exchanges the wire drawer keeps; older ones are dropped."""
MOST_MARKS = 1_000
"""How many rows of a timeline are kept; of older ones those that changed nothing are only counted."""
MOST_SPANS = 2_000
"""How many changes of status are kept."""
MOST_TURNS = 32
"""How many turns of a conversation can be looked at."""


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything the panes draw from."""

    start: Millis | None = None
    """The instant of the first request; all instants on screen count from it."""
    began: Millis | None = None
    """The instant of this turn's first request; its durations count from it."""
    seen: Millis = 0
    """The instant of the latest observation."""
    token: TokenState | None = None
    job: JobState | None = None
    marks: tuple[TimelineRow, ...] = ()
    spans: tuple[tuple[str, Millis], ...] = ()
    """Each status the app has seen, and since when."""
    polls: int = 0
    slowest: Millis = 0
    """The longest latency of a poll."""
    gate: GateState | None = None
    gates: tuple[str, ...] = ()
    """The codes of the gates met so far."""
    patience: GateOpening | None = None
    pending: NextCall | None = None
    last: LastStatus | None = None
    decisions: int = 0
    ended: Millis | None = None
    outcome: Outcome | None = None
    calls: tuple[Exchange, ...] = ()
    ending: str | None = None
    """The step in which the job ended, where the mock's journal tells."""
    notes: tuple[str, ...] = field(default=())
    """What a reader should see: remarks of the mock's journal."""
    past: tuple["RunState", ...] = ()
    """The turns of the conversation before this one, without exchanges: those are kept once, here."""

    @property
    def running(self) -> bool:
        """Whether a run has begun and not ended."""
        return self.start is not None and self.ended is None

    def since_start(self, at: Millis) -> Millis:
        """An instant as the screen shows it."""
        return max(0, at - self.start) if self.start is not None else 0

    @property
    def turn(self) -> int:
        """Which turn of the conversation this is, from 1."""
        return len(self.past) + 1

    def elapsed(self, now: Millis) -> Millis:
        """How long this turn has taken so far, or took."""
        return 0 if self.began is None else max(0, (now if self.ended is None else self.ended) - self.began)

    def reading(self, now: Millis) -> Millis:
        """What the clock in the header shows."""
        return self.since_start(now if self.ended is None else self.ended)


@dataclass(frozen=True, slots=True)
class RecordingMark:
    """A mark on the way through a recording: after so many lines, at this instant."""

    place: int
    at: Millis
    kind: str
    """`token invoke poll gate decided fault output error`."""


RecordedDecisions = Mapping[tuple[str, str, int], tuple[Millis, str]]
"""When each opening of a gate was decided, and how: by job, gate and round."""


@dataclass(frozen=True, slots=True)
class PlaybackCursor:
    """Where PLAYBACK stands."""

    start: Millis
    until: Millis
    line: int
    """The line told last, as people count them."""
    lines: int
    playing: bool = False
    notches: tuple[RecordingMark, ...] = ()
    decisions: RecordedDecisions = field(default_factory=dict)
    state: str = ""
    """What a reader should know of the file: that it is open or torn."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the source says of itself."""

    pill: str = "LIVE"
    title: str = ""
    team: str = ""
    seed: int | None = None
    scenario: Scenario | None = None
    recording: bool = False
    can: frozenset[str] = frozenset()
    message: str = ""
    """What a run would say first."""
    base: str = ""
    token_url: str = ""
    """Where the API and the tokens are; empty where nobody knows yet."""
    follows: bool = False
    """Whether it follows a journal: of others' clients, or of a recording."""
    place: tuple[int, int] = (0, 0)
    """Of a journal: which of how many jobs shows."""
    missed: int = 0
    """Of a journal: how many exchanges came before those that are told."""
    cursor: PlaybackCursor | None = None
    trouble: str = ""
    """Why nothing comes at the moment."""
    armed: ArmedFaults = ()
    """The faults that were armed and haven't struck."""
    dead: bool = False
    """Whether the tape that runs is dead: nothing more is written."""


@dataclass(frozen=True, slots=True)
class UiState:
    """What the person at the keys has chosen."""

    focus: str = ""
    zoom: str = ""
    """The pane that fills the body, or nothing."""
    wire: bool = False
    output: str = "rendered"
    """`rendered`, `raw`, or `body`."""
    paused: bool = False
    factor: str = "1"
    typing: str = ""
    """What the input row is for: `changes`, `approve`, `reject` (with a comment), `message`, or nothing."""
    presenter: bool = False
    """The projector layout at any size: narration on three rows, no key bar, no drawer."""
    turn: int = 0
    """The turn that is looked at, from 1; 0: the newest."""
    job: int | None = None
    """Of a journal: the job that was chosen, by the exchange that began it; None: whichever is the newest."""
    started: bool = False
    """Space was pressed, the first request may still be on its way."""
    said: str = ""
    """A refusal or a remark, in the narration's place until the next key."""
    broken: str = ""
    """A bug of ours, told in one line."""


@dataclass(frozen=True, slots=True)
class ScreenState:
    """All that drawing needs but size and instant."""

    stage: RunState = RunState()
    look: UiState = UiState()
    show: SourceState = SourceState()
    latest: RunState | None = None
    """The newest turn, where `stage` is an earlier one."""

    @property
    def in_sight(self) -> "ScreenState":
        """The scene with the turn that is looked at in the place of the newest."""
        stage, turn = self.stage, self.look.turn
        if not 0 < turn < stage.turn:
            return self
        seen = replace(stage.past[turn - 1], past=stage.past[: turn - 1], calls=stage.calls)
        return replace(self, stage=seen, latest=stage)

    @property
    def gates(self) -> int | None:
        """How many gates the scenario has in this turn; None if no scenario is at hand."""
        told = self.show.scenario
        if told is None:
            return None
        answered = told.of_turn(self.stage.turn)
        return 0 if answered is None else sum(isinstance(step, GateStep) for step in answered.steps)

    @property
    def newest(self) -> RunState:
        """The stage of the newest turn, whichever is looked at."""
        return self.stage if self.latest is None else self.latest

    @property
    def turns(self) -> int:
        """How many turns the conversation has so far."""
        return self.newest.turn
