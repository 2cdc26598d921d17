"""What a run is configured with, asks for, is sent, and returns."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.dialects import fusion as wire
from lab.language.document import Status


@dataclass(frozen=True, slots=True)
class Backoff:
    """The growing pause between polls: `first`, then times `percent`/100 each, at most `longest`.

    A person may take days, so in WAITING the pause grows on: to a tenth of the time waited, at most `rarest`.
    """

    first: Millis = 1_000
    percent: int = 130
    longest: Millis = 3_000
    rarest: Millis = 3_600_000

    def after(self, pause: Millis) -> Millis:
        """The pause that follows `pause`."""
        return min(self.longest, max(1, pause * self.percent // 100))

    def waiting(self, pause: Millis, waited: Millis) -> Millis:
        """`pause`, or what it becomes once the job has been seen WAITING for so long."""
        return max(pause, min(self.rarest, waited // 10))


@dataclass(frozen=True, slots=True)
class App:
    """What the external app is configured with."""

    team: str
    message: str
    client_id: str
    client_secret: str
    scope: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    backoff: Backoff = Backoff()
    answer_within: Millis = 30_000
    """How long a reply may take, its last byte included."""
    attempts: int = 5
    """How often in a row a call may fail (no answer, 429, 5xx, what can't be read) before the run gives up."""
    patience: Millis | None = None
    """How long a job may take before the run gives up; None: for ever."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A token at hand, good until `until` by the answer's `expires_in`."""

    token: str
    since: Millis
    until: Millis

    def fresh(self, now: Millis) -> bool:
        """Whether it is worth using: not within a tenth of its life, or a minute, of its end."""
        margin = min(60_000, (self.until - self.since) // 10)
        return now < self.until - margin


@dataclass(frozen=True, slots=True)
class Question:
    """What a job waits for, as the status body tells it (contract.md §4.3)."""

    job: str
    conversation: str | None
    node: wire.WaitingNode


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the route says where to: `token` to the token URL, the others to the API."""

    route: str
    request: Request
    until: Millis | None = None
    """When to give up waiting for the reply."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until an instant: `why` is poll, retry-after, or retry."""

    until: Millis
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Wait until an instant, or until a person answers."""

    until: Millis
    question: Question


@dataclass(frozen=True, slots=True)
class Received:
    """A reply came."""

    at: Millis
    response: Response


@dataclass(frozen=True, slots=True)
class Silence:
    """No reply came: `why` as in `observe.Lost`."""

    at: Millis
    why: str


@dataclass(frozen=True, slots=True)
class Woke:
    """The wait is over."""

    at: Millis


@dataclass(frozen=True, slots=True)
class Answer:
    """A person answered: `action` is APPROVE_ACTION, REJECT_ACTION, RFI_ACTION, or ORA_TIMEOUT."""

    at: Millis
    action: str
    content: str | None = None


Effect: TypeAlias = Send | Wait | Ask
Result: TypeAlias = Received | Silence | Woke | Answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `status` is the wire's word, or None when no job came of it."""

    status: str | None
    output: str | None
    error: str | None
    job: str | None
    conversation: str | None
    polls: int
    """Requests for the job's status, refused and lost ones too."""
    elapsed: Millis
    """From the first request to the end, in milliseconds."""
    why: str | None = None
    """What ended a run that has no final status: what happened, in one sentence."""
    follow_up: tuple[str, ...] = ()
    badge: Badge | None = None
    """The token, for the next turn."""

    @property
    def complete(self) -> bool:
        """Whether the job ended COMPLETE."""
        return self.status == Status.COMPLETE

    def document(self) -> dict[str, Json]:
        """The outcome as `lab run --json` prints it."""
        return {
            "status": self.status, "output": self.output, "error": self.error, "jobId": self.job,
            "conversationId": self.conversation, "polls": self.polls, "elapsed_ms": self.elapsed,
            "followUpQuestions": list(self.follow_up), "why": self.why,
        }  # fmt: skip


Run: TypeAlias = Generator[Effect, Result, Outcome]
