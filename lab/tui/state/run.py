"""Milestones: what a run has come to, made by the fold. Acts, stepper, marks of a recording, band and finale read them."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lab.app.effects import Outcome
from lab.core.clock import Millis
from lab.dialects import USUAL_CLIENT
from lab.dialects.client import WireLabels
from lab.tui.state.gate import GateDecision, GateOpening, GateState

MilestoneKind = Literal[
    "token", "invoke", "poll", "status", "step", "gate", "decided", "refused", "fault", "output", "error"
]
"""`poll` is the first answer to a poll, `status` each after it that shows another word; `refused` a call that was."""
MARKED: tuple[MilestoneKind, ...] = ("token", "invoke", "poll", "gate", "decided", "fault", "output", "error")
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


USUAL_LABELS = USUAL_CLIENT.labels
"""What a wire calls things, where no call is in sight that says which wire it is."""

Pairs = tuple[tuple[str, str], ...]
"""Labels and values, in the order in which they are drawn."""

MOST_EXCHANGES = 400
"""How many exchanges the wire drawer keeps; older ones are dropped."""
MOST_STATUSES = 2_000
"""How many changes of status are kept."""
MOST_MILESTONES = 400
"""How many milestones of a turn are kept; of older ones the first stay."""
MOST_TURNS = 32
"""How many turns of a conversation can be looked at."""


class Exchange(Struct, frozen=True):
    """A request and its reply as the wire drawer shows them; `until` None while no reply came."""

    x: int
    at: Millis
    route: str
    method: str
    path: str
    request_headers: Pairs = ()
    request_body: str = ""
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
    command: str = ""
    """What it asks, whatever its route: `token`, `invoke`, `message`, `status`, or nothing that a pane shows."""

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


class TimelineRow(Struct, frozen=True):
    """A row of the timeline: a poll, a decision, or a call that brought nothing."""

    at: Millis
    kind: str
    """`poll`, `decided`, `answer` (a final status in the answer to a decision), `lost`, `struck`, or `folded`; a pane
    adds `said`."""
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
    def shown_at(self) -> Millis:
        """The instant that shows: of a call that of its request, as in the wire; `at` is when it was answered."""
        return self.at if self.x is None else self.at - (self.took or 0)


class NextCall(Struct, frozen=True):
    """The wait until the next call; `why` is `poll`, `retry-after` or `retry`."""

    since: Millis
    until: Millis
    why: str


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
    follow_up_label: str = ""


class RunState(Struct, frozen=True):
    """One run, or of a journal one client's run, as far as it was observed."""

    start: Millis | None = None
    """The instant of the first request; all instants on screen count from it."""
    began: Millis | None = None
    """The instant of this turn's first request; its durations count from it."""
    latest: Millis = 0
    """The instant of the latest observation."""
    token: TokenState | None = None
    job: JobState | None = None
    timeline: tuple[TimelineRow, ...] = ()
    statuses: tuple[tuple[str, Millis], ...] = ()
    """Each status the app has seen, and since when."""
    polls: int = 0
    slowest: Millis = 0
    """The longest latency of a poll."""
    gate: GateState | None = None
    gates: tuple[str, ...] = ()
    """What tells the gates apart that were met so far."""
    opening: GateOpening | None = None
    next_call: NextCall | None = None
    last: LastStatus | None = None
    decisions: int = 0
    decision: GateDecision | None = None
    """The last decision, until a poll that was sent after it brings a status."""
    ended: Millis | None = None
    outcome: Outcome | None = None
    exchanges: tuple[Exchange, ...] = ()
    ending: str | None = None
    """The step in which the job ended, where the mock's journal tells."""
    notes: tuple[str, ...] = ()
    """What a reader should see: remarks of the mock's journal."""
    part: int | None = None
    """Which part of the scenario the job plays, where the journal tells."""
    observed: int = 0
    """How much has been observed."""
    milestones: tuple[Milestone, ...] = ()
    """What this turn has come to, in the order in which it came to be known."""
    past: tuple["RunState", ...] = ()
    """The turns of the conversation before this one, without exchanges: those are kept once, here."""

    def reached(
        self, at: Millis, kind: MilestoneKind, value: str = "", word: str = "", decision: GateDecision | None = None
    ) -> "RunState":
        """The run with one milestone more."""
        kept = self.milestones
        if len(kept) >= MOST_MILESTONES:
            kept = (*kept[: MOST_MILESTONES // 2], *kept[MOST_MILESTONES // 2 + 1 :])
        return replace(self, milestones=(*kept, Milestone(at, self.observed, kind, value, word, decision)))

    def since(self, before: "RunState", *kinds: MilestoneKind) -> tuple[Milestone, ...]:
        """The milestones of these kinds to which it has come since that state."""
        if self.milestones is before.milestones:
            return ()
        known = set(before.milestones)
        return tuple(each for each in self.milestones if each.kind in kinds and each not in known)

    def came_to(self, *kinds: MilestoneKind) -> bool:
        """Whether it has come to a milestone of one of these kinds."""
        return any(each.kind in kinds for each in self.milestones)

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
        return exchange_of(self.exchanges, x)

    @property
    def matched_opening(self) -> GateOpening | None:
        """What the journal tells of the gate that shows; None if it tells of none, or of another."""
        opening, gate = self.opening, self.gate
        named = gate is not None and (not gate.gate or (opening is not None and opening.gate == gate.gate))
        return opening if named else None


def exchange_of(exchanges: tuple[Exchange, ...], x: int) -> Exchange | None:
    """The exchange of this ordinal, if it is among them."""
    return next((exchange for exchange in reversed(exchanges) if exchange.x == x), None)


def put(exchanges: tuple[Exchange, ...], done: Exchange) -> tuple[Exchange, ...]:
    """These with an exchange in the place of what it was before; the same tuple if it wasn't among them."""
    at = next((at for at in range(len(exchanges) - 1, -1, -1) if exchanges[at].x == done.x), None)
    return exchanges if at is None else (*exchanges[:at], done, *exchanges[at + 1 :])
