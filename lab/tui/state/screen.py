"""What is drawn: the run, the source, what the person at the keys has chosen, and what stands beside a question."""

from collections.abc import Mapping
from typing import Literal, TypedDict, Unpack

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.dialects.client import WireLabels
from lab.jobs.program import parts_for
from lab.program.scenario import Scenario
from lab.program.steps import Gate
from lab.tui.state.acts import HOLD, ActState
from lab.tui.state.cursor import PlaybackCursor
from lab.tui.state.hands import ArmedFaults, HeldExchange
from lab.tui.state.journal import JournalState
from lab.tui.state.run import USUAL_LABELS, RunState
from lab.tui.state.status import finished


class SidePanel(Struct, frozen=True):
    """What a plugin puts beside the open question, so that others decide it elsewhere."""

    pill: str
    """What the header says, be a question open or not."""
    asks: str = ""
    """What is to be done with it, in a few words; empty: no question is open."""
    picture: tuple[str, ...] = ()
    """Rows as wide as each other, drawn dark on light; nothing where that can't be drawn."""
    address: str = ""
    """Where the question is decided."""
    note: str = ""
    """What there is to know of that address, in a few words."""
    alarming: bool = False
    """Whether that is said in red."""


class ScenarioChoice(Struct, frozen=True):
    """A scenario in the picker."""

    name: str
    title: str
    shows: str = ""
    story: str = ""
    scenario: Scenario | None = None
    """For the path that its plan draws."""
    seed: int = 0
    complaints: tuple[str, ...] = ()
    """Why it doesn't load, each with its place."""


Ability = Literal[
    "pause", "step", "speed", "skip", "seek", "rewind", "reset", "decide", "name", "message", "scenario", "fault", "tape",
    "control", "side", "suspend",
]  # fmt: skip
"""What a source, or the machine that the screen is on, can do; keys that need it are there only then."""
SearchedPane = Literal["output", "wire"]
OutputView = Literal["rendered", "raw", "body"]


class SourceState(Struct, frozen=True):
    """What the source says of itself."""

    pill: str = "LIVE"
    title: str = ""
    team: str = ""
    seed: int | None = None
    scenario: Scenario | None = None
    recording: bool = False
    can: frozenset[Ability] = frozenset()
    scenarios: tuple[ScenarioChoice, ...] = ()
    """What the picker offers."""
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
    """Of a journal: how many exchanges came before the first that is known."""
    cursor: PlaybackCursor | None = None
    trouble: str = ""
    """Why nothing comes at the moment."""
    dead: bool = False
    """Whether the recording that runs is dead: nothing more is written."""
    labels: WireLabels = USUAL_LABELS
    """What the wire that our app speaks calls things."""
    own_decisions: Mapping[str, str] = {}
    """Who decided here without a name, by opening: `GateAnswer.by`."""
    own_pace: str = "1"
    """The pace of its clock before anybody here changed it."""
    skipping: bool = False
    """Whether time runs fast until something happens."""


class UiState(Struct, frozen=True):
    """What the person at the keys has chosen."""

    focus: str = ""
    zoom: str = ""
    """The pane that fills the body, or nothing."""
    wire: bool = False
    output: OutputView = "rendered"
    paused: bool = False
    factor: str = "1"
    name: str = ""
    """Who decided last with a name; the next row begins with it."""
    presenter: bool = False
    """The projector layout at any size: narration on three rows, no key bar, no drawer."""
    side: bool = True
    """Whether what a plugin has for an open question shows beside it."""
    panes: bool = False
    """The four panes instead of an act, or of the finale."""
    stage: bool = False
    """Stage pace: act after act; else the panes show what comes as it comes."""
    hold: Millis = HOLD
    """Real milliseconds for which an act stays; 0: until space."""
    turn: int = 0
    """The turn that is looked at, from 1; 0: the newest."""
    job: int | None = None
    """Of a journal: the job that was chosen, by the exchange that began it; None: whichever is the newest."""
    starting: bool = False
    """Space was pressed, the first request may still be on its way."""
    remark: str = ""
    """A refusal or a remark, in the narration's place for three seconds, at most until the next key."""
    passed: str = ""
    """What a skip let pass, before the narration."""
    broken: str = ""
    """A bug of ours, in one line."""
    scrolled: Mapping[str, int] = {}
    """How many rows of a pane are scrolled away, by its name."""
    query: str = ""
    """What is looked for; `hit` is which of `hits` places is shown, both from 1 on."""
    searched: SearchedPane = "output"
    hit: int = 0
    hits: int = 0
    first: bool = False
    """Whether it may be the first time that the person sees the screen."""

    @property
    def pace(self) -> float:
        """The factor as a number; of a manual clock, which has none, 1."""
        return 1.0 if self.factor == "manual" else float(self.factor)

    @property
    def covers_acts(self) -> bool:
        """Whether something lies over an act, so that its hold isn't counted."""
        return bool(self.zoom or self.focus or (self.wire and not self.presenter))

    @property
    def in_focus(self) -> str:
        """The pane that keys are for: where none is in focus the drawer, if it is open, else the output."""
        return self.focus or ("wire" if self.wire else "output")


class UiChange(TypedDict, total=False):
    """What a key may change of the person's choice, by the names of `UiState`."""

    focus: str
    zoom: str
    wire: bool
    output: OutputView
    factor: str
    name: str
    presenter: bool
    side: bool
    panes: bool
    stage: bool
    turn: int
    job: int | None
    starting: bool
    remark: str
    passed: str
    scrolled: Mapping[str, int]
    query: str
    searched: SearchedPane
    hit: int
    hits: int


class ScreenState(Struct, frozen=True):
    """What is drawn; parts of it that are equal need not be drawn again."""

    run: RunState = RunState()
    ui: UiState = UiState()
    source: SourceState = SourceState()
    armed: ArmedFaults = ()
    """The faults that were armed and haven't struck."""
    holds: tuple[HeldExchange, ...] = ()
    """The exchanges that somebody holds at breakpoints."""
    journal: JournalState | None = None
    """Where a journal is followed: all its jobs."""
    newest_turn: RunState | None = None
    """The newest turn, where `run` is an earlier one."""
    colours: bool = True
    """Whether the terminal has any; else what a colour alone would say has a sign."""
    act: ActState = ActState()
    """What stage pace shows; `run` is the run as that act shows it."""
    side: SidePanel | None = None
    """What a plugin puts beside a question, if one does."""

    @property
    def in_sight(self) -> "ScreenState":
        """The state with the turn that is looked at in the place of the newest."""
        run, turn = self.run, self.ui.turn
        if not 0 < turn < run.turn:
            return self
        earlier = replace(run.past[turn - 1], past=run.past[: turn - 1], exchanges=run.exchanges)
        return replace(self, run=earlier, newest_turn=run)

    @property
    def running(self) -> bool:
        """Whether a run of ours is under way, or about to begin."""
        return self.newest.running or self.ui.starting

    @property
    def moves(self) -> bool:
        """Whether time alone changes what shows."""
        runs = self.run.running if self.source.cursor is None else self.source.cursor.playing
        return bool(self.ui.remark) or (not self.ui.paused and (runs or bool(self.act.left)))

    @property
    def newest(self) -> RunState:
        """The newest turn, whichever is looked at."""
        return self.run if self.newest_turn is None else self.newest_turn

    @property
    def labels(self) -> WireLabels:
        """What the wire of the job that shows calls things, else that of our app."""
        return self.run.job.labels if self.run.job is not None else self.source.labels

    @property
    def part(self) -> int | None:
        """Which part of the scenario the turn that shows plays; None if none does, or no scenario is at hand."""
        scenario, run = self.source.scenario, self.run
        if scenario is None or run.part is not None:
            return run.part
        messages = messages_of(run)
        if run.job is None:
            messages[-1] = self.source.message or scenario.message
        return parts_for(scenario, messages)[-1]

    @property
    def gates(self) -> int | None:
        """How many gates the scenario has in this turn; None if no scenario is at hand."""
        scenario, part = self.source.scenario, self.part
        scripted = None if scenario is None or part is None else scenario.of_turn(part)
        gates = 0 if scripted is None else sum(isinstance(step, Gate) for step in scripted.steps)
        return None if scenario is None else gates

    @property
    def poster(self) -> bool:
        """Whether nothing was called yet, and the person looks at nothing else: the screen says what will be shown."""
        ui = self.ui
        return self.run.start is None and not (self.run.exchanges or ui.zoom or ui.focus or ui.wire)

    @property
    def finale(self) -> bool:
        """Whether the output has the stage: the run has ended, and the person wants nothing else."""
        return finished(self.run) and not (self.ui.panes or self.ui.zoom or self.ui.wire or self.shows_act)

    @property
    def has_act(self) -> bool:
        """Whether there is an act that fills the screen, though a pane or a drawer may cover it."""
        return self.ui.stage and self.act.fills_screen and self.newest_turn is None

    @property
    def presents(self) -> bool:
        """Whether one fact has the whole screen, as large as may be: presenter mode, until the end."""
        return self.ui.presenter and not (finished(self.run) or self.ui.panes or self.ui.zoom or self.ui.focus)

    @property
    def shows_act(self) -> bool:
        """Whether an act has the room of the panes."""
        ui = self.ui
        return self.has_act and not (ui.panes or ui.zoom or ui.wire or ui.focus)

    @property
    def uncalled(self) -> bool:
        """Whether others' clients are awaited at an address that is known, and none has called."""
        source = self.source
        return source.follows and source.cursor is None and bool(source.token_url) and not self.run.exchanges

    def unscrolled(self, *panes: str) -> Mapping[str, int]:
        """How far panes are scrolled once these are at their beginning."""
        return {name: rows for name, rows in self.ui.scrolled.items() if name not in panes}

    def choose(self, **changes: Unpack[UiChange]) -> UiState:
        """Another choice of the person's: the remark of the one before goes."""
        return replace(self.ui, **{"remark": "", "passed": "", **changes})


def messages_of(run: RunState) -> list[str]:
    """What was said in each turn of a conversation, this one's last; empty where the call isn't in sight."""
    jobs = (turn.job for turn in (*run.past, run))
    return [next((text for _, text in job.message), "") if job is not None else "" for job in jobs]


def settled(before: ScreenState, after: ScreenState) -> ScreenState:
    """The state with what follows from a change: what can't be looked at any more is left."""
    run, ui = after.run, after.ui
    another = after.act.act is not None and before.act.act is not None and after.act.act.key != before.act.act.key
    if ui.panes and (run.turn != before.run.turn or another or not (finished(run) or after.has_act)):
        ui = replace(ui, panes=False)
    if run.running and ui.starting:
        ui = replace(ui, starting=False)
    if run.turn != before.run.turn or (run.gate is not None and before.run.gate is None):
        # a turn begins, or a person is needed: whoever looks back is brought there
        ui = replace(ui, turn=0)
    if run.exchanges is not before.run.exchanges and (up := _up_to_chosen(before, after)) is not None:
        ui = replace(ui, scrolled={**after.unscrolled("wire"), "wire": up})
    if ui.passed and ui.passed == before.ui.passed and run.statuses != before.run.statuses:
        ui = replace(ui, passed="")
    if run.outcome is not before.run.outcome:
        ui = replace(ui, scrolled={name: rows for name, rows in ui.scrolled.items() if name != "output"})
    return after if ui is after.ui else replace(after, ui=ui)


def _up_to_chosen(before: ScreenState, after: ScreenState) -> int | None:
    """How far from the newest exchange the chosen one is now; None: the newest is followed, or it is gone.

    Of a wire that was scrolled, or in which something was found, what comes meanwhile moves nothing.
    """
    ui, exchanges = before.ui, before.run.exchanges
    up = ui.scrolled.get("wire", 0)
    if not (up or (ui.query and ui.searched == "wire")) or up >= len(exchanges):
        return None
    x = exchanges[len(exchanges) - 1 - up].x
    return next((at for at, each in enumerate(reversed(after.run.exchanges)) if each.x == x), None)
