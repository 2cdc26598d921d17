"""Facts of callbacks: who is told of jobs, what was sent to whom, and what came back.

What is sent follows from a job, its receivers and their answers, as everything derived does; which tries that are says the
plugin that sends them (`Plugin.follows`). Transcript, screen and report know these facts and not the plugin, so they are
the kernel's. No fact holds a signature or an address: a replay has a stand-in for the secret, and signs nothing.
"""

from functools import partial
from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.journal.fact import Changed, Fact, Get, Key, Record, key_of
from lab.program.callbacks import CallbackStrike

GONE = 410
"""The status by which a receiver says that it wants no more."""
Signing: TypeAlias = Literal["good", "bad", "none"]
"""Whether a callback bears the signature of its bytes, another one, or none."""


class Receiver(Struct, frozen=True):
    """Who is told."""

    name: str
    url: str
    secret: str | None
    wire: str
    """Whose body and headers it is sent."""
    since: Millis
    """It is told of changes behind that instant."""
    until: Millis | None = None
    """No try is made behind that instant; None: it still stands."""


class ReceiversRecord(Record, frozen=True, gc=False):
    """All receivers that there were, oldest first."""

    receivers: tuple[Receiver, ...] = ()


RECEIVERS_KEY: Key = b"h"
"""Where the record of receivers lies."""


def receivers_of(get: Get) -> tuple[Receiver, ...]:
    known = get(RECEIVERS_KEY)
    return known.receivers if isinstance(known, ReceiversRecord) else ()


class CallbackRegistered(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """From now on a receiver is told of jobs; one of the same name that stood before is told no more."""

    type: ClassVar[str] = "callback.registered"
    untaped: ClassVar[frozenset[str]] = frozenset({"url"})
    receiver: str
    url: str = ""
    secret: str | None = None
    """Redacted by its name."""
    wire: str = "lab"

    def fold(self, get: Get) -> Changed:
        ended = _ended(get, self.receiver, self.at)
        yield (
            RECEIVERS_KEY,
            ReceiversRecord((*ended, Receiver(self.receiver, self.url, self.secret, self.wire, self.at))),
        )


class CallbackEnded(Fact, frozen=True, kw_only=True):
    """A receiver is told no more: what sends has ended."""

    type: ClassVar[str] = "callback.ended"
    receiver: str

    def fold(self, get: Get) -> Changed:
        yield RECEIVERS_KEY, ReceiversRecord(_ended(get, self.receiver, self.at))


def _ended(get: Get, name: str, at: Millis) -> tuple[Receiver, ...]:
    return tuple(
        replace(each, until=at) if each.name == name and each.until is None else each for each in receivers_of(get)
    )


class CallbackAnswer(Struct, frozen=True, gc=False):
    """What came of one try."""

    receiver: str
    callback: str
    number: int
    at: Millis
    status: int | None
    why: str | None = None
    retry_after: Millis | None = None


class AnswersRecord(Record, frozen=True, gc=False):
    """What came of the callbacks of a job, in the order in which it came."""

    job: str
    answers: tuple[CallbackAnswer, ...] = ()


answers_key = partial(key_of, b"w")
"""Where what came of a job's callbacks lies."""


def answers_of(get: Get, job: str) -> tuple[CallbackAnswer, ...]:
    known = get(answers_key(job))
    return known.answers if isinstance(known, AnswersRecord) else ()


class CallbackAnswered(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver has answered a try, or it is known that no answer comes. How long that really took stands nowhere."""

    type: ClassVar[str] = "callback.answered"
    job: str
    receiver: str
    callback: str
    number: int
    status: int | None = None
    why: str | None = None
    """Without a status what was observed: refused, reset, timeout, unreadable."""
    retry_after: Millis | None = None
    """For how long it asks to be left alone."""

    def fold(self, get: Get) -> Changed:
        one = CallbackAnswer(
            self.receiver, self.callback, self.number, self.at, self.status, self.why, self.retry_after
        )
        yield answers_key(self.job), AnswersRecord(self.job, (*answers_of(get, self.job), one))
        if self.status == GONE:
            yield RECEIVERS_KEY, ReceiversRecord(_ended(get, self.receiver, self.at))


class CallbackSent(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A try to tell a receiver of a job's change."""

    type: ClassVar[str] = "callback.sent"
    kind: ClassVar[str] = "derived"
    job: str
    receiver: str
    callback: str
    """The id that all of its tries bear."""
    number: int
    """Of the try, from 1."""
    status: str
    """What the job became."""
    changed: Millis
    """When it did."""
    timestamp: int
    """In seconds since 1970, as the receiver reads it."""
    whole: str
    """Its body, before it is cut."""
    signature: Signing = "good"
    fault: CallbackStrike | None = None
    """What goes wrong with it."""

    @property
    def body(self) -> bytes:
        """What is sent of the body."""
        whole = self.whole.encode()
        return whole[: len(whole) // 2] if self.fault == "truncated" else whole
