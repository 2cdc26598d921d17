"""Histories written by hand, for limits that no client comes close enough to: one job, its polls at given instants."""

from collections.abc import Sequence

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Millis
from lab.core.exchange import Headers, Request, Response
from lab.dialects.base import Decide, Invoke, Look
from lab.dialects.client import ClientCall, Seen
from lab.plugins.rehearsal.report.history import ClientHistory, ConnectionHistory, GrantHistory
from lab.plugins.rehearsal.report.judge import RULE_OF
from lab.plugins.rehearsal.report.stops import stops_of
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange
from lab.recording.format.lines import Entry
from lab.recording.story import JobHistory

ROUTES = {
    CallKind.TOKEN: "token",
    CallKind.INVOKE: "invoke",
    CallKind.DECIDE: "invoke",
    CallKind.POLL: "status",
}
COMMANDS = {
    CallKind.INVOKE: Invoke(team="T", message="go"),
    CallKind.DECIDE: Decide(team="T", job="J", opening="", verdict=None),
}


def call(
    sent: Millis,
    shows: str | None = "RUNNING",
    *,
    kind: CallKind = CallKind.POLL,
    status: int = 200,
    headers: Headers = (),
    took: Millis = 0,
    cut: str | None = None,
    struck: str | None = None,
    job: str = "J",
    **more: object,
) -> RecordedExchange:
    """One that was sent then, and its answer."""
    word = shows if shows is not None and status == 200 and cut is None else None
    known = Status(word) if word in {*Status} else None
    command = Look(team="T", job=job) if kind is CallKind.POLL else COMMANDS.get(kind)
    built = RecordedExchange(
        x=0,
        line=0,
        route=ROUTES[kind],
        client="demo",
        connection=1,
        listener=None,
        request=Request("GET", f"/{ROUTES[kind]}", "", (("authorization", "Bearer T1"),)),
        asks=None if command is None else ClientCall(command=command),
        facts=() if struck is None else (Entry(n=0, t=sent, type="fault.struck", x=0, members={"fault": struck}),),
        sent=sent,
        at=sent,
        ended=sent + took,
        response=Response(status, headers, b"{}") if cut is None else None,
        cut=cut,
        answer=None if word is None else Seen(job="J", word=word, status=known, output="Done."),
    )
    return replace(built, **more)


def token(sent: Millis, body: bytes = b'{"expires_in":600}', **more: object) -> RecordedExchange:
    """A request for a token, by Basic, and its answer."""
    asks = Request("POST", "/token", "", (("authorization", "Basic lab-C1-secret"),))
    built = call(sent, kind=CallKind.TOKEN, request=asks, **more)
    return built if built.response is None else replace(built, response=replace(built.response, body=body))


def polls(
    *pauses: Millis, shows: str = "RUNNING", first: Millis = 0, status: int = 200
) -> tuple[RecordedExchange, ...]:
    """The first poll, and one after each pause."""
    sent = first
    found = [call(sent, shows, status=status)]
    for pause in pauses:
        sent += pause
        found.append(call(sent, shows, status=status))
    return tuple(found)


def history(
    *polled: RecordedExchange,
    tokens: Sequence[RecordedExchange] = (),
    life: Millis = 0,
    decisions: Sequence[RecordedExchange] = (),
    begins: str = "RUNNING",
    **more: object,
) -> ClientHistory:
    """A job that was accepted at 0, polled so; before it and between them, tokens that were granted, and decisions."""
    accepted = call(-1, begins, kind=CallKind.INVOKE, took=1)
    calls = sorted((*tokens, accepted, *polled), key=lambda each: each.sent)
    calls = [replace(each, x=x, line=2 * x, reply_line=2 * x + 1) for x, each in enumerate(calls, 1)]
    of_job = [each for each in calls if each.kind is CallKind.POLL]
    started = next(each for each in calls if each.kind is CallKind.INVOKE)
    grants = tuple(
        GrantHistory(call=each, token=f"T{n}", refresh=None, scope="", grant="", user=None, life=life)
        for n, each in enumerate((each for each in calls if each.kind is CallKind.TOKEN), 1)
    )
    built = ClientHistory(
        client="demo",
        calls=tuple(calls),
        elsewhere=(),
        grants=grants,
        jobs=(JobHistory(job="J", accepted=started, conversation=None, turn=1, polls=of_job, decisions=[*decisions]),),
        connections=(ConnectionHistory(c=1, calls=tuple(calls), closed=calls[-1].left, how="client", line=99),),
        foreign=frozenset(),
        concurrent=None,
        stops=(),
        facts=(),
        exact=True,
        odd_secret=True,
        over=True,
        failed=None,
        until=calls[-1].left,
        epoch=INSTANT_EPOCH,
    )
    built = replace(built, **more)
    return replace(built, stops=tuple(stops_of(built)))


def verdict(rule: str, lived: ClientHistory) -> str:
    """`pass`, `fail`, or `-`: not exercised."""
    kept = [each.kept for each in RULE_OF[rule].occasions(lived)]
    return "-" if not kept else "pass" if all(kept) else "fail"
