"""What a run is configured with, asks for, is sent, and returns; and what its observers are notified of."""

from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

from msgspec import Struct, field

from lab.app.pauses import HUNDREDTH, LONGEST_RUNNING, LONGEST_WAITING, TENTH, WAITING_PAUSE
from lab.core.clock import Millis
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Observation
from lab.dialects import USUAL_CLIENT
from lab.dialects.client import DialectClient, Question
from lab.identity.client import AccessToken
from lab.program.words import Status, Verdict

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer, unpacked, that are read; with more it is given up as `ANSWER_TOO_LARGE`."""
ANSWER_TOO_LARGE = "too-large"
NOT_CONNECTED = "refused"
"""Why nothing came where no connection was made: not a byte was sent."""

MOST_TRIES = 5
"""Times in a row that a call may fail, unless somebody says otherwise."""
USUAL_DEADLINE: Millis = 86_400_000
"""For how long a job may be at work, likewise."""


class Backoff(Struct, frozen=True):
    """The growing pause between polls: `first`, then times `percent`/100 each, at most `longest`.

    While one status lasts it grows on: in RUNNING to a twentieth of that time, at most a minute; in WAITING, where a
    person may take days, to a third of it, at most ten seconds, then to a tenth, at most `rarest`, and to a hundredth of
    it after a hundred times that: who waits for years needn't ask every hour.
    """

    first: Millis = 1_000
    percent: int = 130
    longest: Millis = 3_000
    rarest: Millis = LONGEST_WAITING

    def after(self, pause: Millis) -> Millis:
        """The pause that follows `pause`."""
        return min(self.longest, max(1, pause * self.percent // 100))

    def lasting(self, pause: Millis, lasted: Millis, *, waiting: bool) -> Millis:
        """What `pause` becomes once the job has been seen in one status, WAITING or another, for so long."""
        if not waiting:
            return max(pause, min(LONGEST_RUNNING, lasted // 20))
        return max(pause, min(WAITING_PAUSE, lasted // 3), min(self.rarest, lasted // TENTH), lasted // HUNDREDTH)


class App(Struct, frozen=True):
    """What the external app is configured with."""

    team: str
    message: str
    client_id: str
    client_secret: str
    scope: str
    user: str = ""
    """Whose token it asks for, with the `password`; empty: its own."""
    password: str = ""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    backoff: Backoff = Backoff()
    answer_within: Millis = 30_000
    """How long a reply may take, its last byte included."""
    tries: int = MOST_TRIES
    """How often in a row a call may fail (no answer, 429, 5xx, what can't be read) before the run gives up."""
    invited: Millis = 900_000
    """For how long in a row refusals with Retry-After don't count as failures: the server says when to come again."""
    dialect: DialectClient = USUAL_CLIENT
    """The wire that it speaks."""
    deadline: Millis = USUAL_DEADLINE
    """For how long a job may be at work before the run gives up; what it waits for a person isn't counted."""
    cancel_after: Millis | None = None
    """How long after its acceptance a job is cancelled that hasn't ended; None: it never is."""


class Send(Struct, frozen=True):
    """Send a request; the route's name says where to: `token` to the token URL, the others to the API."""

    route: str
    request: Request
    until: Millis | None = None
    """When to give up waiting for the reply."""


class Wait(Struct, frozen=True):
    """Wait until an instant: `why` is poll, retry-after, or retry."""

    until: Millis
    why: str


class Ask(Struct, frozen=True):
    """Wait until an instant, or until a person answers."""

    until: Millis
    question: Question


class Received(Struct, frozen=True):
    """A reply came."""

    at: Millis
    response: Response


class Silence(Struct, frozen=True):
    """No reply came: `why` as in `Lost` of lab.core.observe."""

    at: Millis
    why: str


class Woke(Struct, frozen=True):
    """The wait is over."""

    at: Millis


class Answer(Struct, frozen=True):
    """A person answered: with a verdict (None: the wait ends), and what there is to say with it."""

    at: Millis
    verdict: Verdict | None
    comment: str | None = None


Effect: TypeAlias = Send | Wait | Ask
EffectResult: TypeAlias = Received | Silence | Woke | Answer


class Outcome(Struct, frozen=True):
    """How a run ended. `status` is one of Fusion's words, another wire's own, or None when no job came of it."""

    status: str | None = None
    output: str | None = None
    error: str | None = None
    job: str | None = None
    conversation: str | None = None
    polls: int = 0
    """Requests for the job's status, refused and lost ones too."""
    elapsed: Millis = 0
    """From the first request to the end, in milliseconds."""
    why: str | None = None
    """What ended a run that has no final status: what happened, in one sentence."""
    follow_up: tuple[str, ...] = ()
    token: AccessToken | None = None
    """The token, for the next turn."""
    refused: int | None = None
    """The HTTP status of a refusal that ended the run."""

    @property
    def complete(self) -> bool:
        """Whether the job ended COMPLETE."""
        return self.status == Status.COMPLETE


Run: TypeAlias = Generator[Effect, EffectResult, Outcome]


# What an observer is notified of: what every source tells, and the app's question and its outcome


class Asking(Struct, frozen=True):
    """The external app waits until `until`, and a person may answer meanwhile."""

    at: Millis
    until: Millis
    question: Question


class RunEnded(Struct, frozen=True):
    """The run is over."""

    at: Millis
    outcome: Outcome


RunObservation: TypeAlias = Observation | Asking | RunEnded
RunObserver: TypeAlias = Callable[[RunObservation], None]
