"""The single things that the screen knows: an exchange, a grant, a job, a row of the timeline, a gate, a reply."""

from dataclasses import dataclass

from lab.core.clock import Millis

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange as the wire drawer shows it; `until` None while it is in flight."""

    x: int
    at: Millis
    route: str
    method: str
    path: str
    request_headers: Pairs = ()
    request_body: str = ""
    code: int | None = None
    lost: str | None = None
    until: Millis | None = None
    reply_headers: Pairs = ()
    reply_body: str = ""
    head: str = ""
    """The beginning of the reply's body, in one row."""
    struck: str = ""
    """The fault that struck it, as the mock's journal names it."""

    @property
    def took(self) -> Millis | None:
        """Latency in milliseconds."""
        return None if self.until is None else self.until - self.at


@dataclass(frozen=True, slots=True)
class TokenState:
    """The grant in sight: the form that was sent, and what came of it."""

    asked: Millis
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


@dataclass(frozen=True, slots=True)
class JobState:
    """The job in sight: what invokeAsync was asked, and what it answered."""

    asked: Millis
    path: str
    team: str
    fields: Pairs = ()
    code: int | None = None
    took: Millis | None = None
    job: str | None = None
    conversation: str | None = None
    trace: str | None = None
    status: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """A row of the timeline: a poll, a decision, or a call that brought nothing."""

    at: Millis
    kind: str
    """`poll`, `decided`, `lost`, `struck`, or `folded`."""
    word: str
    """The status, the verdict, what was observed, the fault's name, or how many polls are folded."""
    code: int | None = None
    took: Millis | None = None
    first: bool = False
    """Whether the status before was another."""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class GateOpening:
    """A gate's opening as the mock's journal tells it: it isn't on the wire."""

    job: str
    gate: str
    round: int
    opened: Millis
    until: Millis
    then_at: Millis
    verdict: str
    by: str | None
    to: str
    approvals: int = 1
    """How many must approve."""
    approved: int = 0
    """How many have."""


@dataclass(frozen=True, slots=True)
class GateState:
    """The gate that the last status body shows."""

    job: str
    code: str
    channel: str
    question: str
    round: int
    rounds: int | None
    actions: Pairs
    number: int
    """Which of the run's gates, from 1."""
    changes: bool
    prompt: str = ""
    key: str = ""
    """Tells one opening from the next."""
    seen: Millis = 0
    sent: str | None = None
    """The action that our resume call carries, while no answer to it came."""
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class NextCall:
    """The wait until the next call."""

    since: Millis
    until: Millis
    why: str


@dataclass(frozen=True, slots=True)
class LastStatus:
    """The last status body, and the reply that brought it."""

    status: str
    output: str | None
    error: str | None
    waiting_code: str | None
    follow_up: tuple[str, ...]
    progress: str | None
    node_type: str | None
    code: int
    took: Millis | None
    body: str
    size: int
    """Bytes of the output as UTF-8."""
