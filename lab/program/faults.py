"""`faults`: what goes wrong on the wire, and at which calls (contract.md §6.3)."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from lab.core.clock import Millis
from lab.program.routes import (
    FAULT_ROUTES,
    OF_A_FORM,
    OF_A_JOB,
    WITHOUT_BEARER,
    WITHOUT_CLIENT,
    WITHOUT_JSON,
    RouteName,
)
from lab.program.steps import StepId
from lab.program.words import (
    DURATION_PATTERN,
    NAME,
    STEP_ID,
    Chance,
    Duration,
    Form,
    FormOf,
    Part,
    Spelt,
    Status,
    duration,
    duration_text,
)


class Calls(Struct, frozen=True):
    """Which calls are meant: the `first` to the `last` (None: without end), and of these each `every`-th."""

    first: int = 1
    last: int | None = 1
    every: int = 1

    def holds(self, call: int) -> bool:
        """Whether call number `call`, from 1, is one of them."""
        return call >= self.first and not self.over(call - 1) and call % self.every == 0

    def over(self, counted: int) -> bool:
        """Whether none is left once `counted` calls have been."""
        return self.last is not None and counted >= self.last


_CALLS = r"^(?:([1-9][0-9]{0,5})(?:-([1-9][0-9]{0,5}))?|every ([1-9][0-9]{0,5}))$"


def _calls(value: object) -> Calls:
    text = str(value) if type(value) is int else value
    found = re.fullmatch(_CALLS, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("is written 2, 2-4 or every 3")
    first, last, every = (None if part is None else int(part) for part in found.groups())
    if every is not None:
        return Calls(1, None, every)
    assert first is not None
    if last is not None and last < first:
        raise ValueError(f"the smaller number comes first: write {last}-{first}")
    return Calls(first, last or first)


def _calls_text(calls: Calls) -> str | int:
    if calls.last is None:
        return f"every {calls.every}"
    return calls.first if calls.first == calls.last else f"{calls.first}-{calls.last}"


CallNumbers: TypeAlias = Annotated[
    Calls,
    Spelt(
        _calls,
        _calls_text,
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 999_999}, {"type": "string", "pattern": _CALLS}]},
        Calls(),
    ),
]


class RetryText(Form, frozen=True, tag="text"):
    """Retry-After as this very text, nonsense too."""

    text: Annotated[str, Meta(pattern=r"^[ -~]{1,80}$")]


class RetryDate(Form, frozen=True, tag="date"):
    """Retry-After as an HTTP-date, so long after the answer."""

    date: Duration


def _whole_seconds(value: object) -> Millis:
    millis = duration(value)
    if millis % 1000:
        raise ValueError('takes whole seconds, as 2s; {text: "1.5"} sends that very text')
    return millis


RetryAfter: TypeAlias = Annotated[
    Annotated[Millis, Spelt(_whole_seconds, duration_text, {"type": "string", "pattern": DURATION_PATTERN}, 0)]
    | RetryText
    | RetryDate,
    FormOf(mapping="date"),
]

StrikeKind: TypeAlias = Literal[
    "reset", "empty", "truncate", "garbage", "stall", "slow-body", "hang", "wrong-length", "close"
]


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError("takes true")
    return True


OnlyTrue: TypeAlias = Annotated[bool, Spelt(_true, bool, {"const": True, "type": "boolean"}, True)]
_KINDS = ("answer", "strike", "redirect", "status_word", "odd_body", "omit", "expire_token", "lose_reply", "delay")
"""What a fault may do; one of these is there."""
_ALONE = ("answer", "strike", "redirect", "status_word", "odd_body", "omit")
"""Of these one at most, but odd_body and omit go together."""


class Fault(Part, frozen=True):
    """A planned failure of the wire, named by what the peer observes: where, when, and what."""

    route: RouteName
    """a route of the wire, by its name; stream strikes chat and debug too"""
    name: Annotated[str, Meta(pattern=STEP_ID)] | None = None
    """by default route and what, as status-503"""
    calls: CallNumbers | None = None
    """2, 2-4 or every 3: counted among the calls that fit step, after and turn, per job on status, else per client;
    1 if absent, with chance all"""
    after: Duration | None = None
    """on status: only calls from this job time on count"""
    step: StepId | None = None
    """on status: only calls while the job is in this step count"""
    turn: Annotated[int, Meta(ge=1)] | None = None
    """on status: only calls for a job of this turn count, from 1"""
    client: Annotated[str, Meta(pattern=NAME)] | None = None
    """only calls of this client count, by its id"""
    user: Annotated[str, Meta(pattern=NAME)] | None = None
    """only calls with a token of this user count"""
    scenario: StepId | None = None
    """only calls about a job of this scenario count; in a file it can be that file's own alone"""
    chance: Chance | None = None
    """5%: drawn by the call's number"""
    answer: Literal[200, 400, 401, 403, 404, 429, 500, 502, 503, 504] | None = None
    """the status that comes in place of the answer; the request is not processed"""
    retry_after: RetryAfter | None = None
    """2s, {date: 2s}, or {text: nonsense}"""
    error: Annotated[str, Meta(pattern="^[!#-\\[\\]-~]{1,80}$")] | None = None
    """on token, device, introspect, revoke, with 400 or 401: the error code of RFC 6749"""
    body: Literal["default", "html", "empty", "problem"] = "default"
    strike: StrikeKind | None = None
    """what becomes of the reply at the socket"""
    redirect: Literal["same", "other"] | None = None
    """307 to the same URL, or to its path at another origin; the request is not processed"""
    delay: Annotated[Duration, Meta(gt=0)] | None = None
    """silence, and then the answer"""
    status_word: Annotated[str, Meta(pattern="^[ -~]{1,80}$")] | None = None
    """this word in status, the rest as RUNNING"""
    odd_body: OnlyTrue | None = None
    """unknown members, another order"""
    omit: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    """members that are left out"""
    expire_token: OnlyTrue | None = None
    """the token expires just before this call"""
    lose_reply: OnlyTrue | None = None
    """accepted, but the answer never arrives; alone: reset, else as strike or answer say"""

    @property
    def numbers(self) -> Calls:
        """Which calls are meant: the first, or with a chance all, unless said otherwise."""
        if self.calls is not None:
            return self.calls
        return Calls() if self.chance is None else Calls(1, None)

    @property
    def what(self) -> str:
        """What it does, in the word that its default name ends in."""
        if self.lose_reply:
            return "lose-reply"
        if self.answer is not None or self.strike:
            return self.strike or str(self.answer)
        if self.redirect is not None:
            return f"redirect-{self.redirect}"
        return next((name.replace("_", "-") for name in _KINDS if getattr(self, name)), "delay")

    def flaws(self) -> Iterator[str]:
        return _flaws(self)


class JobFault(Fault, frozen=True):
    """A fault as the control plane takes it: it may also name a job."""

    job: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """on status: only calls about this job count"""

    def flaws(self) -> Iterator[str]:
        yield from _flaws(self)
        if self.job is not None and self.route != "status":
            yield "job is of a poll: it needs route: status"


def _flaws(fault: Fault) -> Iterator[str]:
    present = [kind for kind in _KINDS if getattr(fault, kind) is not None]
    alone = [kind for kind in present if kind in _ALONE and kind != "omit"]
    if not present:
        yield f"a fault says what goes wrong: one of {', '.join(_KINDS)}"
    if len(alone) > 1 or (fault.omit and alone not in ([], ["odd_body"])):
        yield f"a fault does one thing; this one has {' and '.join(k for k in present if k in _ALONE)}"
    if fault.route != "status" and any(each is not None for each in (fault.step, fault.after, fault.turn)):
        yield "step, after and turn are of a job: they need route: status"
    # who calls
    if fault.client is not None and fault.route in WITHOUT_CLIENT:
        yield f"nobody says which client calls {fault.route}: client needs another route"
    if fault.user is not None and fault.route in WITHOUT_BEARER | WITHOUT_CLIENT:
        yield f"user is whose token comes: it needs another route than {fault.route}, one that takes a bearer"
    if fault.scenario is not None and fault.route not in OF_A_JOB:
        yield f"scenario is whose job it is: it needs a route of jobs: {', '.join(each for each in FAULT_ROUTES if each in OF_A_JOB)}"
    # what is answered
    if fault.answer == 200 and fault.body != "html":
        yield "answer: 200 is a login page in place of the answer: add body: html"
    if fault.answer is None and fault.body != "default":
        yield "body is of an answer: add answer: 503, or whichever"
    if fault.retry_after is not None and (fault.answer is None or fault.answer < 400):
        yield "retry_after is of a refusal: add answer: 429 or 503"
    if fault.error is not None and (fault.route not in OF_A_FORM or fault.answer not in (400, 401)):
        yield "error is the code of an OAuth refusal: it needs route: token, device, introspect or revoke with answer: 400 or 401"
    # what the answer holds, and what goes together
    if fault.status_word is not None and fault.route not in OF_A_JOB:
        yield f"an answer of {fault.route} has no status: status_word needs another route"
    if fault.route in WITHOUT_JSON and (fault.odd_body or fault.omit):
        yield f"an answer of {fault.route} has no members: odd_body and omit need another route"
    if fault.status_word in set(Status):
        yield f"status_word takes an unknown word; {fault.status_word} is one of the wire's own"
    if fault.expire_token and fault.route in WITHOUT_BEARER:
        bare = ", ".join(each for each in FAULT_ROUTES if each in WITHOUT_BEARER)
        yield f"expire_token needs a route that takes a bearer, as invoke or status do; none is taken by {bare}"
    if fault.expire_token and (fault.answer not in (None, 401) or set(present) - {"expire_token", "answer", "delay"}):
        yield "expire_token answers 401 by itself, and does nothing else"
    if fault.lose_reply and (
        fault.strike in ("slow-body", "close") or {"redirect", "status_word", "odd_body", "omit"} & set(present)
    ):
        yield "a lost reply never arrives: lose_reply goes alone, or with answer or another strike"


def fault_names(faults: Iterable[Fault], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """The name of each: its own, else route and what, numbered from the second on; none of those `taken`."""
    listed = tuple(faults)
    used = {*taken, *(fault.name for fault in listed if fault.name is not None)}
    names: list[str] = []
    for fault in listed:
        base = f"{fault.route}-{fault.what}"
        numbered = (base, *(f"{base}-{number}" for number in range(2, len(used) + 3)))
        names.append(fault.name or next(name for name in numbered if name not in used))
        used.add(names[-1])
    return tuple(names)
