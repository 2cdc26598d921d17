"""What the screen knows of one run: its token, job, polls, gate and end, cleaned and without secrets."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Outcome
from lab.core.clock import Millis
from lab.core.observe import Waiting
from lab.dialects import USUAL_CLIENT
from lab.dialects.client import WireLabels
from lab.jobs.facts import GateOpened
from lab.program.words import Verdict
from lab.tui.state.gate import GateDecision, GateState

USUAL_LABELS = USUAL_CLIENT.labels
"""What a wire calls things, where no call is in sight that says which wire it is."""

Pairs = tuple[tuple[str, str], ...]
"""Labels and values, in the order in which they are drawn."""

MOST_EXCHANGES = 400
"""How many exchanges the wire drawer keeps; older ones are dropped."""
MOST_MILESTONES = 800
"""How many milestones of a turn are kept; of older ones the first stay."""
MOST_CALLBACKS = 100
"""How many tries to tell of a job are kept, the latest."""
MOST_TURNS = 32
"""How many turns of a conversation can be looked at."""


# Calls

CallCommand = Literal["token", "invoke", "message", "cancel", "status", ""]
"""What a call asks, whatever its route: a token, a job or an answer to its question, nothing that shows, how it is."""


class CallRequest(Struct, frozen=True):
    """What a call asks."""

    command: CallCommand = ""
    team: str = ""
    job: str = ""
    """The job that it is about."""
    message: Pairs = ()
    fields: Pairs = ()
    resumes: bool = False
    """Whether it answers what a job asks."""
    verdict: str = ""
    """Of an answer: the verdict, or the wire's own word for an answer that is none."""
    comment: str | None = None
    """What goes along with an answer."""
    conversation: str = ""
    follows: bool = False
    """Whether the answer is to be a stream of events."""
    labels: WireLabels = USUAL_LABELS


class Exchange(Struct, frozen=True):
    """A request and its reply as the wire drawer shows them; `until` None while no reply came."""

    x: int
    at: Millis
    route: str
    method: str
    path: str
    request_headers: Pairs = ()
    request_body: str = ""
    asks: CallRequest = CallRequest()
    code: int | None = None
    lost: str | None = None
    """Why no reply came."""
    until: Millis | None = None
    reply_headers: Pairs = ()
    reply_body: str = ""
    head: str = ""
    """The beginning of the reply's body, in one row."""
    struck: str = ""
    """The fault that struck it, as the mock's journal names it."""

    @property
    def command(self) -> CallCommand:
        """What it asks, in a word."""
        return self.asks.command

    @property
    def took(self) -> Millis | None:
        """Latency in milliseconds."""
        return None if self.until is None else self.until - self.at


class TokenState(Struct, frozen=True):
    """A grant: the form that was sent at `sent_at`, and what came of it."""

    sent_at: Millis
    path: str
    form: Pairs = ()
    code: int | None = None
    took: Millis | None = None
    token: str | None = None
    """First 8 … last 4."""
    claims: Pairs = ()
    since: Millis = 0
    until: Millis | None = None
    refusal: str | None = None
    reused: bool = False
    """Whether a turn before this one asked for it."""


class JobState(Struct, frozen=True):
    """A job: what was asked for at `sent_at`, and what came back at once."""

    sent_at: Millis
    path: str
    team: str
    message: Pairs = ()
    """What the app says, with its label; nothing where the call isn't in sight."""
    fields: Pairs = ()
    """What else the request says."""
    code: int | None = None
    took: Millis | None = None
    job: str | None = None
    lines: Pairs = ()
    """What tells the job apart, as far as the reply says: its conversation, its trace."""
    status: str | None = None
    refusal: str | None = None
    labels: WireLabels = USUAL_LABELS
    """What its wire calls things."""


class LastStatus(Struct, frozen=True):
    """The last status body, and the reply that brought it."""

    status: str
    output: str | None
    error: str | None
    follow_up: tuple[str, ...]
    progress: str | None
    asks_person: bool
    """Whether the job waits for a person."""
    waits: Pairs
    """What the job waits for, or is at, with its label on the wire."""
    lines: Pairs
    """The members that a reader wants to see, in the wire's own words."""
    code: int
    took: Millis | None
    body: str
    size: int
    """Bytes of the output as UTF-8."""


# What happened

RowKind = Literal["poll", "decided", "answer", "lost", "struck", "folded", "said"]
"""`answer`: a final status in the answer to a decision; `said`: what a pane adds."""


class TimelineRow(Struct, frozen=True):
    """A row of the timeline: a poll, a decision, or a call that brought nothing."""

    at: Millis
    kind: RowKind
    word: str
    """The status, the verdict, what was observed, the fault's name, what was said, or how many polls are folded."""
    code: int | None = None
    took: Millis | None = None
    first: bool = False
    """Whether the status before was another."""
    bad: bool = False
    decision: GateDecision | None = None
    x: int | None = None
    """Of a call, the exchange."""

    @property
    def refused(self) -> bool:
        """Whether a code says no; of other calls that failed there is none, or their reply was cut, or can't be read."""
        return self.kind == "lost" and self.code is not None and self.code >= 400

    @property
    def shown_at(self) -> Millis:
        """The instant that shows: of a call that of its request, as in the wire; `at` is when it was answered."""
        return self.at if self.x is None else self.at - (self.took or 0)


MilestoneKind = Literal[
    "token", "invoke", "poll", "status", "step", "gate", "decided", "refused", "lost", "fault", "output", "error"
]
"""`poll` is the first answer to a poll, `status` any answer that shows another word, `step` what the journal alone
tells; `refused` are calls with the code of an error, `lost` others that brought nothing; a `fault` is one that struck, be it that the call was answered."""

MARKED: tuple[MilestoneKind, ...] = ("token", "invoke", "poll", "gate", "decided", "lost", "fault", "output", "error")
"""The milestones that are marked on the way through a recording, and in a film."""


class Milestone(Struct, frozen=True):
    """One thing that a run has come to."""

    at: Millis
    place: int
    """How much had been observed by then: of a recording its lines."""
    kind: MilestoneKind
    value: str = ""
    """The token's ends, the Job ID, the status word, the step, the gate, the verdict, the fault, or which call."""
    word: str = ""
    """The status that a step brought, or the code of a refusal."""
    decision: GateDecision | None = None


class CallbackShown(Struct, frozen=True):
    """A try to tell a receiver of the job, and what came of it."""

    x: int
    """By which the wire knows it."""
    at: Millis
    receiver: str
    number: int
    word: str
    """The status that it tells."""
    came: str = ""
    """The code of its answer, or why there is none; empty: it is under way."""
    taken: bool = False
    """Whether it was answered 2xx."""


class RunState(Struct, frozen=True):
    """One run, or of a journal one client's run, as far as it was observed."""

    start: Millis | None = None
    """The instant of the first request; all instants on screen count from it."""
    began: Millis | None = None
    """The instant of this turn's first request; its durations count from it."""
    latest: Millis = 0
    """The instant of the latest observation."""
    observed: int = 0
    """How much has been observed."""
    milestones: tuple[Milestone, ...] = ()
    """What this turn has come to, in the order in which it came to be known."""
    timeline: tuple[TimelineRow, ...] = ()
    callbacks: tuple[CallbackShown, ...] = ()
    token: TokenState | None = None
    job: JobState | None = None
    polls: int = 0
    last: LastStatus | None = None
    gate: GateState | None = None
    gates: tuple[str, ...] = ()
    """What tells the gates apart that were met so far."""
    opening: GateOpened | None = None
    """How the gate opened, as the mock's journal tells it: how long it waits isn't on the wire."""
    approved: int = 0
    """How many have approved at that opening."""
    decision: GateDecision | None = None
    """The last decision, until a poll that was sent after it brings a status."""
    next_call: Waiting | None = None
    ended: Millis | None = None
    outcome: Outcome | None = None
    exchanges: tuple[Exchange, ...] = ()
    """The wire, which is that of all runs: where a run is drawn."""
    part: int | None = None
    """Which part of the scenario the job plays, where the journal tells."""
    past: tuple["RunState", ...] = ()
    """The turns of the conversation before this one."""

    def reached(
        self, at: Millis, kind: MilestoneKind, value: str = "", word: str = "", decision: GateDecision | None = None
    ) -> "RunState":
        """The run with one milestone more."""
        kept = self.milestones
        if len(kept) >= MOST_MILESTONES:
            kept = (*kept[: MOST_MILESTONES // 2], *kept[MOST_MILESTONES // 2 + 1 :])
        return replace(self, milestones=(*kept, Milestone(at, self.observed, kind, value, word, decision)))

    def milestone(self, *kinds: MilestoneKind) -> Milestone | None:
        """The last milestone of one of these kinds."""
        return next((each for each in reversed(self.milestones) if each.kind in kinds), None)

    def came_to(self, *kinds: MilestoneKind) -> bool:
        """Whether it has come to a milestone of one of these kinds."""
        return self.milestone(*kinds) is not None

    def since(self, before: "RunState", *kinds: MilestoneKind) -> tuple[Milestone, ...]:
        """The milestones of these kinds to which it has come since that state."""
        if self.milestones is before.milestones:
            return ()
        return tuple(each for each in self.milestones if each.place > before.observed and each.kind in kinds)

    @property
    def statuses(self) -> tuple[tuple[str, Millis], ...]:
        """Each status the app has seen, and since when."""
        return tuple((each.value, each.at) for each in self.milestones if each.kind == "status")

    @property
    def decisions(self) -> int:
        """How often somebody decided."""
        decided = (each.decision for each in self.milestones if each.decision is not None)
        return sum(each.verdict != Verdict.TIMED_OUT for each in decided)

    @property
    def running(self) -> bool:
        """Whether a run has begun and not ended."""
        return self.start is not None and self.ended is None

    def since_start(self, at: Millis) -> Millis:
        """An instant as the screen shows it."""
        return max(0, at - self.start) if self.start is not None else 0

    @property
    def labels(self) -> WireLabels:
        """What the job's wire calls things."""
        return USUAL_LABELS if self.job is None else self.job.labels

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

    def exchange(self, x: int) -> Exchange | None:
        """The exchange of this ordinal, if it is kept."""
        return next((exchange for exchange in reversed(self.exchanges) if exchange.x == x), None)

    @property
    def matched_opening(self) -> GateOpened | None:
        """What the journal tells of the gate that shows; None if it tells of none, or of another."""
        opening, gate = self.opening, self.gate
        named = gate is not None and (not gate.gate or (opening is not None and opening.gate == gate.gate))
        return opening if named else None
