"""What fails, and which call it strikes (contract.md §6.3).

A fault counts the calls that fit it, per job on status, else per client, or for all together where it was armed for the
next call; of those that fit a call, the first in the list strikes. Nothing here knows the journal: how often a fault has counted before is handed in, how far it has counted
now is handed back.

A call fits a fault that is of its route, caller, scenario, job, turn and step, and not before `after`, in the job's time.
A worked example:

    faults:
    - {route: status, calls: 2, answer: 503}                A
    - {route: status, calls: 1-3, strike: reset}            B
    - {route: status, calls: 1, step: reason, delay: 5s}    C

    poll    in step    counted            strikes
    1st     fetch      A 1, B 1           B
    2nd     fetch      A 2, B 2           A: it stands first; B has counted all the same, and its turn is gone
    3rd     reason     B 3, C 1           B; C loses its only call to it. A has none left, so it counts no further
    4th     reason                        none

So a fault's numbers don't depend on what else strikes: taking one out of the list moves no other. And a fault that can't
strike any more costs nothing: no count, no fact, and in the end no look (`Calls.over`).
A lot (`chance`) is drawn by the call's number, at a call that the numbers hold: how often somebody polled before decides
nothing but which number this is.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Response
from lab.core.journal.holds import ExchangeReleased
from lab.core.reply import END_OF_EVENT, Parts, Reply, Strike
from lab.core.seeds import Seed, draw
from lab.jobs.program import Program
from lab.program.faults import Calls, Fault, JobFault, fault_names
from lab.program.words import MILLION

CUT_AFTER: Millis = 300_000
"""How long a reply that is struck by hang or stall keeps its peer waiting."""
PER_BYTE: Millis = 100
"""The pace of slow-body."""
GARBAGE = b"\x1f\x8b\x08 {]<html>\x00\xff\xfe not the answer \x80\x81}{\r\n"
"""What comes where JSON is due: neither JSON, nor UTF-8."""


class Rule(Struct, frozen=True):
    """A fault with its name, and the name under which its calls are counted."""

    name: str
    fault: Fault
    counter: str
    numbers: Calls
    scenario: str | None = None
    """Whose it is; None: it was armed from outside."""
    job: str | None = None
    """The one job that it is about."""


def rules_of_scenario(program: Program) -> tuple[Rule, ...]:
    """The faults of a scenario, in their order."""
    scenario = program.scenario
    named = zip(fault_names(scenario.faults), scenario.faults, strict=True)
    # a job is of one scenario; a client calls several
    return tuple(
        Rule(name, each, name if each.route == "status" else f"{scenario.name}/{name}", each.numbers, scenario.name)
        for name, each in named
    )


@lru_cache(maxsize=4096)
def rules_on(program: Program, routes: tuple[str, ...]) -> tuple[Rule, ...]:
    """Those of them that may strike a call which goes by these names; kept, since each poll asks."""
    return tuple(rule for rule in rules_of_scenario(program) if rule.fault.route in routes)


def armed_rule(name: str, fault: JobFault) -> Rule:
    """A fault that was armed from outside; its name is never given twice, so it counts from 1."""
    return Rule(name, fault, name, fault.numbers, job=fault.job)


class Place(Struct, frozen=True):
    """Where a call stands: who calls (empty: nobody says), and of a poll the job, its time, steps and turn."""

    client: str
    passed: Millis = 0
    turn: int | None = None
    steps: tuple[str, ...] = ()
    """The step that the job is in; in a parallel also the children that are at work."""
    job: str | None = None
    user: str | None = None
    """Whose token it is; None: a client's own, or none."""
    scenario: str | None = None
    """Which one the job that it is about plays."""

    def counts_by(self, rule: Rule) -> tuple[str | None, str | None]:
        """By which job or which client a fault counts the call, and draws its lots: on status by the job. One that was armed
        for the next call is over with that, whose it may be."""
        if rule.scenario is None and rule.fault.calls is None and rule.fault.chance is None:
            return None, None
        if self.job is not None and rule.fault.route == "status":
            return self.job, None
        return None, self.client or None


class Judgement(Struct, frozen=True):
    """What became of a call: which faults counted it and how far, and which strikes, at which of its calls."""

    counted: tuple[tuple[Rule, int], ...] = ()
    struck: Rule | None = None
    call: int = 0


def judge(rules: Iterable[Rule], counted: Callable[[Rule], int], place: Place, seed: Seed) -> Judgement:
    """Judge one call; a fault that can't strike any more counts no further."""
    counts: list[tuple[Rule, int]] = []
    struck: tuple[Rule, int] | None = None
    for rule in rules:
        before = counted(rule)
        # one that is over isn't counted: a number that can change nothing would be a fact for nothing
        if rule.numbers.over(before) or not _there(rule, place):
            continue
        call = before + 1
        counts.append((rule, call))
        # the first that may strikes; a lot that is not drawn moves no other one, for a draw is a hash of its name
        if struck is None and rule.numbers.holds(call) and _lot(rule, call, place, seed):
            struck = rule, call
    return Judgement(tuple(counts), *(struck or (None, 0)))


def _there(rule: Rule, place: Place) -> bool:
    fault = rule.fault
    return (
        place.passed >= (fault.after or 0)
        and fault.turn in (None, place.turn)
        and (fault.step is None or fault.step in place.steps)
        and fault.client in (None, place.client)
        and fault.user in (None, place.user)
        and fault.scenario in (None, place.scenario)
        and rule.job in (None, place.job)
    )


def _lot(rule: Rule, call: int, place: Place, seed: Seed) -> bool:
    chance = rule.fault.chance
    if chance is None:
        return True
    job, client = place.counts_by(rule)
    return draw(seed, f"{job or client or rule.fault.route}/{rule.counter}#{call}", 1, MILLION) <= chance


def processed(fault: Fault) -> bool:
    """Whether a request that is struck is served all the same, and only its answer suffers.

    What slow-body delivers, late as it is, is a whole answer; so it has to be true.
    """
    if fault.lose_reply:
        return True
    if fault.answer is not None or fault.redirect is not None or fault.expire_token:
        return False
    return fault.strike in (None, "close", "slow-body")


class _Effect(Struct, frozen=True):
    """What a strike leaves of a reply, and what it does beside."""

    leaves: Literal["nothing", "half", "garbage", "slowly", "all"]
    cut: str | None = None
    lasts: Millis = 0
    at_socket: bool = True
    """Whether the socket has something to do; else a reply leaves that is whole by the rules of HTTP."""


_EFFECTS: Mapping[str, _Effect] = {
    "reset": _Effect("nothing", "reset"),
    "empty": _Effect("nothing", "truncated"),
    "hang": _Effect("nothing", "timeout", CUT_AFTER),
    "truncate": _Effect("half", at_socket=False),
    "garbage": _Effect("garbage", at_socket=False),
    "wrong-length": _Effect("half", "truncated"),
    "stall": _Effect("half", "timeout", CUT_AFTER),
    "slow-body": _Effect("slowly"),
    "close": _Effect("all"),
}
"""By the word of the scenario."""


def strike(how: str, reply: Reply, since: Millis) -> Reply:
    """What leaves of a reply that would begin to leave at `since`; status 0: not even a status line."""
    effect, body = _EFFECTS[how], reply.response.body
    pieces = reply.pieces()
    length = len(body) if pieces is None and effect.leaves != "nothing" else None
    beside = Strike(how, length, effect.cut, effect.lasts) if effect.at_socket else None
    parts = ((since, body),) if pieces is None else pieces
    match effect.leaves:
        case "nothing":
            return replace(reply, response=Response(0), parts=None, strike=beside)
        case "slowly":
            # the body of a plain answer leaves in parts as well
            response = replace(reply.response, body=b"")
            return replace(reply, response=response, parts=partial(_slowly, parts, since), strike=beside)
        case "half":
            body, left = _half(body), tuple(_first(parts, sum(len(part) for _, part in parts) // 2))
        case "garbage":
            body, left = GARBAGE, ((since, GARBAGE),)
        case "all":
            left = parts
        case _:
            assert_never(effect.leaves)
    if pieces is None:
        return replace(reply, response=replace(reply.response, body=body), strike=beside)
    return replace(reply, parts=partial(iter, left), strike=beside)


def _half(body: bytes) -> bytes:
    """The first half of a text, cut between two letters."""
    return body[: len(body) // 2].decode("utf-8", "ignore").encode()


def _first(parts: Iterable[tuple[Millis, bytes]], size: int) -> Parts:
    for when, part in parts:
        if size <= 0:
            return
        yield when, part[:size]
        size -= len(part)


def _slowly(parts: Iterable[tuple[Millis, bytes]], since: Millis) -> Parts:
    due = since
    for when, part in parts:
        for place in range(len(part)):
            due = max(when, due)
            yield due, part[place : place + 1]
            due += PER_BYTE


def released(reply: Reply, fact: ExchangeReleased, hand: Response, now: Millis) -> Reply:
    """What leaves of a reply that was held, as it was let go: edited by `hand`, or, dropped or reset, as a fault has it.

    The planned latency stays what it was: for how long somebody held the reply is no plan of the mock's.
    """
    settled = replace(reply.settled(now), latency=reply.latency)
    if fact.how in ("drop", "reset"):
        return strike("empty" if fact.how == "drop" else "reset", settled, now)
    return settled.edited(fact.edited, hand) if fact.edited else reply


def left_of(reply: Response, status: int, sent: int | None) -> Response:
    """What of a reply has left when it was cut after `sent` bytes of its body; status 0: nothing at all."""
    if status == 0:
        return Response(0)
    body = reply.body[: sent or 0]
    return replace(reply, body=body, times=reply.times[: body.count(END_OF_EVENT)])
