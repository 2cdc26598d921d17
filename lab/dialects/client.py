"""The port, client's half: what a dialect gives to whoever calls a server, or looks on.

    request = client.ask(command, nonce)          the words for what the external app wants
    answer  = client.understand(route, response)  what came: a job (Seen), a refusal, or what nobody can read

The server is one that nobody has checked: a pod, a mock with a fault. So answers are read tolerantly: what is missing,
or has another type than it should, is not there; a status that nobody documented is no status, and so never final.
Whatever a wire has no word for, a client does without: the app goes the same way over each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from lab.core.exchange import Request, Response
from lab.core.refusal import Refusal
from lab.dialects.base import Decide, Invoke, Look
from lab.language.document import Status, Verdict

Lines: TypeAlias = tuple[tuple[str, str], ...]
"""Labels as the wire has them, and values, in the order in which they are drawn."""
Sendable: TypeAlias = Invoke | Decide | Look
"""The commands that the external app gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
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
    identity: Lines = ()
    """What tells the job apart beside its id."""
    lines: Lines = ()
    """What its last answer said, in short."""

    @property
    def final(self) -> bool:
        """Whether it has ended; a word that nobody documented is not final."""
        return self.status is not None and self.status.final


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer that holds neither a job nor a refusal; `why` in one sentence."""

    why: str


class DialectClient(Protocol):
    """One vendor's wire, as a client speaks and understands it."""

    @property
    def name(self) -> str:
        """As `--dialect` has it."""

    def ask(self, command: Sendable, nonce: str = "") -> tuple[str, Request]:
        """The name of the route, and the request, without credentials.

        Ids that a client must give to what it sends are made of `nonce`: another one makes others.
        """

    def understand(self, route: str, response: Response) -> Seen | Refusal | Unreadable:
        """What an answer on this route says. A refusal has the HTTP status that fits, and one sentence as its message."""

    def explain(self, response: Response) -> str:
        """What a refusal says, in one sentence, whoever worded it: the API, a gateway, the identity domain."""


ClientDialects: TypeAlias = Mapping[str, DialectClient]
