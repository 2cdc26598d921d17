"""Facts of callbacks: who is told of jobs, what was sent to whom, and what came back.

What is sent follows from a job, its receivers and their answers, as everything derived does; which tries that are says the
plugin that sends them (`Plugin.follows`). Transcript, screen and report know these facts and not the plugin, so they are
the kernel's. No fact holds a signature or an address: a replay has a stand-in for the secret, and signs nothing.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Changed, Fact, Get, Key, Record, key_of
from lab.program.callbacks import CallbackStrike

GONE = 410
"""The status by which a receiver says that it wants no more."""
Signing: TypeAlias = Literal["good", "bad", "none"]
"""Whether a callback bears the signature of its bytes, another one, or none."""


OWN_WIRE = "lab"
"""The wire of the lab's own callbacks, which is nobody's dialect."""


class Receiver(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is told."""

    name: str
    wire: str = OWN_WIRE
    """Whose body and headers it is sent."""
    url: str
    secret: str | None = None
    """By which it knows the lab: a key that signs, or credentials; its wire knows which."""
    minted: bool = False
    """Whether the lab has given it that."""
    token: str | None = None
    """The same beside, where a wire has two."""
    owner: str | None = None
    """Whose jobs it is told of; None: everybody's."""
    job: str | None = None
    """The only one that it is told of."""
    members: Mapping[str, Json] = {}
    """What else was said of it, by the names of its wire."""
    since: Millis
    """It is told of changes behind that instant."""
    began: Millis = 0
    """The same of the first that had its name, and was changed into it."""
    until: Millis | None = None
    """No try is made behind that instant; None: it still stands."""
    goes_on: bool = False
    """Whether it goes on as the one behind it among them all: the tries that are left go where that listens."""

    @property
    def stream(self) -> str:
        """What names it among all of a job's, in draws and ids."""
        return self.name if self.wire == OWN_WIRE else f"{self.wire}/{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        """By which no two are told at once."""
        return self.wire, self.name


class Registration(Struct, frozen=True, kw_only=True):
    """What a client says of a receiver, read by its wire. Of one that is known already, what isn't said stays."""

    wire: str
    name: str | None = None
    """None: the lab gives it one; where it is told of one job, that job's id."""
    known: bool = False
    """Whether one of that name must be there."""
    url: str | None = None
    secret: str | None = None
    token: str | None = None
    minted: bool = False
    """Whether the lab gives it a secret."""
    members: Mapping[str, Json] = {}


class ReceiversRecord(Record, frozen=True, gc=False):
    """All receivers that there were of a job, or, told of several, of the lab; oldest first, each with what it was changed into."""

    receivers: tuple[Receiver, ...] = ()
    closed: Millis | None = None
    """Of the lab's: who was registered up to then, be it for one job, was told of nothing behind that instant."""


RECEIVERS_KEY: Key = b"h"
"""Where the lab's receivers lie; the record is there once there is any receiver at all."""


def receivers_key(job: str | None) -> Key:
    """Where those of a job lie."""
    return RECEIVERS_KEY if job is None else key_of(RECEIVERS_KEY, job)


def receivers_of(get: Get, job: str | None = None) -> tuple[Receiver, ...]:
    """Those of a job alone; None: those that are told of several."""
    return _record(get, job).receivers


def standing(get: Get, job: str | None = None) -> tuple[Receiver, ...]:
    """The same, without those that are told no more."""
    return tuple(each for each in receivers_of(get, job) if told_until(get, each) is None)


def told_until(get: Get, receiver: Receiver) -> Millis | None:
    """The instant behind which a receiver is told no more; None: it still stands."""
    closed = _record(get, None).closed
    return receiver.until if receiver.until is not None or closed is None or closed < receiver.since else closed


def _record(get: Get, job: str | None) -> ReceiversRecord:
    known = get(receivers_key(job))
    return known if isinstance(known, ReceiversRecord) else ReceiversRecord()


class CallbackRegistered(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """From now on a receiver is told of jobs; one of the same wire and name that stood before goes on as this one."""

    type: ClassVar[str] = "callback.registered"
    secrets: ClassVar[Mapping[str, str]] = {"minted": "signing"}
    receiver: str
    wire: str = OWN_WIRE
    url: str = ""
    """Where it listens."""
    secret: str | None = None
    """Redacted by its name, as is `token`."""
    minted: str | None = None
    """A secret that the lab has given it."""
    token: str | None = None
    owner: str | None = None
    job: str | None = None
    members: Mapping[str, Json] = {}

    @property
    def untaped(self) -> frozenset[str]:
        # that of `--notify` may be another in each run; of one that a client registers the tape has the request, too
        return frozenset({"url"} if self.wire == OWN_WIRE else ())

    def fold(self, get: Get) -> Changed:
        one = Receiver(
            name=self.receiver,
            wire=self.wire,
            url=self.url,
            secret=self.minted or self.secret,
            minted=self.minted is not None,
            token=self.token,
            owner=self.owner,
            job=self.job,
            members=self.members,
            since=self.at,
            began=self.at,
        )
        known = _record(get, self.job)
        before = next((each for each in standing(get, self.job) if each.key == one.key), None)
        if before is None:
            receivers = (*known.receivers, one)
        else:
            place = known.receivers.index(before)
            both = replace(before, until=self.at, goes_on=True), replace(one, began=before.began)
            receivers = (*known.receivers[:place], *both, *known.receivers[place + 1 :])
        yield receivers_key(self.job), replace(known, receivers=receivers)
        if self.job is not None and _record(get, None) == ReceiversRecord():
            yield RECEIVERS_KEY, ReceiversRecord()


class CallbackEnded(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver is told no more; without a name none is: what sends has ended."""

    type: ClassVar[str] = "callback.ended"
    receiver: str | None = None
    wire: str = OWN_WIRE
    job: str | None = None

    def fold(self, get: Get) -> Changed:
        known = _record(get, self.job)
        if self.receiver is None:
            yield receivers_key(self.job), replace(known, closed=self.at)
        else:
            ended = (
                replace(e, until=self.at) if (*e.key, e.until) == (self.wire, self.receiver, None) else e
                for e in known.receivers
            )
            yield receivers_key(self.job), replace(known, receivers=tuple(ended))


class AnswersRecord(Record, frozen=True, gc=False):
    """What came of the callbacks of a job, in the order in which it came."""

    job: str
    answers: "tuple[CallbackAnswered, ...]" = ()


answers_key = partial(key_of, b"w")
"""Where what came of a job's callbacks lies."""


def answers_of(get: Get, job: str) -> "tuple[CallbackAnswered, ...]":
    known = get(answers_key(job))
    return known.answers if isinstance(known, AnswersRecord) else ()


class CallbackAnswered(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver has answered a try, or it is known that no answer comes. How long that really took stands nowhere."""

    type: ClassVar[str] = "callback.answered"
    job: str
    receiver: str
    wire: str = OWN_WIRE
    callback: str
    number: int
    status: int | None = None
    why: str | None = None
    """Without a status what was observed: refused, reset, timeout, unreadable."""
    retry_after: Millis | None = None
    """For how long it asks to be left alone."""

    def fold(self, get: Get) -> Changed:
        yield answers_key(self.job), AnswersRecord(self.job, (*answers_of(get, self.job), self))
        if self.status == GONE:
            own = any(each.key == (self.wire, self.receiver) for each in receivers_of(get, self.job))
            yield from CallbackEnded(
                at=self.at, receiver=self.receiver, wire=self.wire, job=self.job if own else None
            ).fold(get)


class CallbackSent(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A try to tell a receiver of a job's change."""

    type: ClassVar[str] = "callback.sent"
    kind: ClassVar[str] = "derived"
    job: str
    receiver: str
    wire: str = OWN_WIRE
    callback: str
    """The id that all of its tries bear."""
    number: int
    """Of the try, from 1."""
    status: str
    """What the job became."""
    changed: Millis
    """When it did."""
    timestamp: int | None = None
    """In seconds since 1970, as the receiver reads it; None: its wire sends none."""
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
