"""The port, client's half: what a dialect gives to whoever calls a server, or looks on.

    request = client.ask(command, nonce)          the words for what the external app wants
    answer  = client.understand(route, response)  what came: a job (Seen), a refusal, or what nobody can read
    call    = client.identify(request)            what a request asks that somebody sent: for screens and reports

The server is one that nobody has checked: a pod, a mock with a fault. So answers are read tolerantly: what is missing,
or has another type than it should, is not there; a status that nobody documented is no status, and so never final.
Whatever a wire has no word for, a client does without: the app goes the same way over each of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct

from lab.core.exchange import Json, Request, Response
from lab.core.refusal import Refusal
from lab.dialects.base import Cancel, Decide, Invoke, Look
from lab.program.words import Status, Verdict

Lines: TypeAlias = tuple[tuple[str, str], ...]
"""Labels as the wire has them, and values, in the order in which they are drawn."""
Sendable: TypeAlias = Invoke | Decide | Look | Cancel
"""The commands that the external app gives."""


class Question(Struct, frozen=True, kw_only=True):
    """What a job waits for. A wire that tells less leaves the rest as it is by default."""

    job: str
    text: str = ""
    verdicts: tuple[tuple[Verdict, str], ...] = ()
    """The answers that are offered, each with its label, in the order of buttons."""
    opening: str | None = None
    """The opaque token that an answer sends back; None: it can't be answered over this wire."""
    human: bool = True
    """Whether a person is asked; else the job waits for time, or for another system."""
    kind: str = ""
    """The same in the wire's own word."""
    channel: str | None = None
    """Where it is answered: CHAT means over this wire; None: the wire doesn't say."""
    code: str = ""
    """Which gate asks, as the wire has it."""
    gate: str = ""
    """The same as its scenario names it, as far as the wire tells."""
    round: int = 0
    """How often it has been answered by a request for changes."""
    rounds: int | None = None
    """How often it may be; None: the wire doesn't say."""
    prompt: str = ""
    """What is asked of somebody who wants changes."""
    minutes: int | None = None
    """How long a wait lasts."""
    free: bool = False
    """Whether the answer is a text, and no choice."""

    @property
    def key(self) -> tuple[str, str, int, str | None]:
        """What tells one opening from the next."""
        return self.job, self.code, self.round, self.opening


class Seen(Struct, frozen=True, kw_only=True):
    """A job as an answer shows it."""

    job: str
    word: str
    """The status as the wire has it."""
    status: Status | None
    """None: the word is one that nobody documented."""
    conversation: str | None = None
    output: str | None = None
    error: str | None = None
    progress: str | None = None
    trace: str | None = None
    follow_up: tuple[str, ...] = ()
    question: Question | None = None
    lines: Lines = ()
    """What the answer says, in short: the members that a reader wants to see."""

    @property
    def final(self) -> bool:
        """Whether it has ended; a word that nobody documented is not final."""
        return self.status is not None and self.status.final


class Unreadable(Struct, frozen=True):
    """An answer that holds neither a job nor a refusal; `why` in one sentence."""

    why: str


class Acknowledged(Struct, frozen=True):
    """The server took what it was told, and says nothing of the job: the next poll does."""


Understood: TypeAlias = Seen | Refusal | Acknowledged | Unreadable


class ClientCall(Struct, frozen=True, kw_only=True):
    """What a request asks that somebody sent: a command, as far as it can be made out, and its members as they stand."""

    command: Sendable
    message: tuple[tuple[str, Json], ...] = ()
    """What is said, with its label; nothing where nothing is said."""
    fields: tuple[tuple[str, Json], ...] = ()
    """What the request says besides."""
    verdict: str = ""
    """Of a decision: the verdict, or the wire's own word where it asks for none."""
    follows: bool = False
    """Whether the answer is to be a stream of events."""


class WireLabels(Struct, frozen=True, kw_only=True):
    """What a wire calls the things that screens and transcripts name; empty: it has no such thing."""

    start: str
    """The call that starts a job."""
    job: str
    conversation: str
    question: str
    progress: str
    trace: str = ""
    follow_up: str = ""
    answer: tuple[str, ...] = ()
    """In the body of a call that decides, the members that lead to the verdict."""
    poll: tuple[str, str, str]
    """A poll's method, what all of them have in common, and what differs."""
    root: str
    """What all its paths begin with."""
    before_job: str = ""
    """What stands before a job's id in a path; empty: ids stand in bodies."""


class DialectClient(Protocol):
    """One vendor's wire, as a client speaks and understands it."""

    @property
    def name(self) -> str:
        """As `--dialect` has it."""

    @property
    def calls(self) -> frozenset[str]:
        """The names of the routes on which a request asks something of a job."""

    @property
    def streams(self) -> frozenset[str]:
        """Those of them that may be answered with events: `ClientCall.follows` says which call is."""

    @property
    def call_id(self) -> str:
        """The member by which a client names each of its calls, and which the answer repeats; empty: there is none."""

    @property
    def statuses(self) -> Mapping[str, Status]:
        """Its status words, and what each means."""

    @property
    def labels(self) -> WireLabels:
        """What it calls things."""

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """The name of the route, and the request, without credentials; UsageError where the wire has no such call.

        Ids that a client must give to what it sends are made of `nonce`: another one makes others.
        """

    def understand(self, route: str, response: Response) -> Understood:
        """What an answer on this route says; of a stream, what all of its events come to.

        A refusal has the HTTP status that fits, and one sentence as its message.
        """

    def explain(self, response: Response) -> str:
        """What a refusal says, in one sentence, whoever worded it: the API, a gateway, the identity domain."""

    def identify(self, request: Request) -> ClientCall | None:
        """What a request on one of `calls` asks; None: nothing that can be made out."""

    def job_in(self, document: Json) -> Seen | None:
        """The job of a body that was parsed; None if it holds none, or not the whole of one."""

    def bodies_in(self, events: Iterable[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """For each event of a stream the body with which a look at the job would be answered then, as far as events tell.

        `job_in` finds no job in it where they don't.
        """

    def gist(self, document: Json) -> dict[str, Json]:
        """Of a body, or of an event, what tells one from the next; nothing of what the wire doesn't know."""
