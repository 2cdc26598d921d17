"""What each condition of a rule is there for: a history that is judged otherwise without it."""

from msgspec.structs import replace

from lab.core.exchange import Headers, Request, Response
from lab.dialects.base import Invoke
from lab.dialects.client import ClientCall, Seen
from lab.identity.clients import Grant
from lab.plugins.rehearsal.report.history import ClientHistory
from lab.plugins.rehearsal.report.stops import stops_of
from lab.program.words import Status
from lab.recording.exchange import CallKind, RecordedExchange
from tests.conftest import each_row
from tests.plugins.rehearsal.report.by_hand import call, history, polls, token, verdict

MINUTE, HOUR, DONE = 60_000, 3_600_000, "COMPLETE"
ODD_END = call(20_000, DONE, response=Response(200, (), b'{"quota":1}'))
BEARER = ("authorization", "Bearer T1")
KEY = (BEARER, ("idempotency-key", "k"))
ALL_MEMBERS = (
    b'{"token_type":"Bearer","expires_in":600,"refresh_token":"R","scope":"s","id_token":"i","access_token":"T1"}'
)


def message(sent: int, status: int = 200, headers: Headers = (BEARER,), **more: object) -> RecordedExchange:
    built = call(sent, kind=CallKind.INVOKE, status=status, **more)
    return replace(built, request=Request("POST", "/invoke", "", headers))


def twice(status: int, *, headers: Headers = (BEARER,), again: int = 9_000, **more: object) -> ClientHistory:
    """A message that is answered so, and the same once more."""
    return lone(message(5_000, status, headers, **more), message(5_000 + again, 202, headers))


def lone(*calls: RecordedExchange, **more: object) -> ClientHistory:
    """Calls and no job."""
    alone = tuple(replace(each, x=x) for x, each in enumerate(calls, 1))
    lived = replace(history(*calls, **more), jobs=(), calls=alone)
    return replace(lived, stops=tuple(stops_of(lived)))


def polled(wanted: str, *given: str) -> ClientHistory:
    """A poll for a job, where these ids were given."""
    answers = (call(n, answer=Seen(job=name, word="RUNNING", status=None), job=name) for n, name in enumerate(given))
    return history(*answers, call(9_000, status=404, job=wanted))


def granted(*tokens: RecordedExchange, grant: str = "", bearer: str = "T1", **more: object) -> ClientHistory:
    """Tokens of 600 s, the second while the first is young, and a job that goes on through both."""
    asks = Request("GET", "/status", "", (("authorization", f"Bearer {bearer}"),))
    lived = history(*polls(9_000, 9_000, 9_000), tokens=tokens, life=600_000)
    calls = tuple(each if each.kind is CallKind.TOKEN else replace(each, request=asks) for each in lived.calls)
    return replace(lived, calls=calls, grants=tuple(replace(each, grant=grant) for each in lived.grants), **more)


def unused(body: bytes, **more: object) -> ClientHistory:
    return granted(token(-2, body), bearer="other", **more)


def shown(*, query: str = "", headers: Headers = (), flags: tuple[str, ...] = ()) -> ClientHistory:
    request = Request("POST", "/token", query, headers)
    return lone(replace(token(0), request=request, flags=flags))


def cut(status: int) -> RecordedExchange:
    """A poll of whose answer half came."""
    return call(5_000, cut="reset", response=Response(status, (("location", "/status"),)))


def polled_after(output: str | None) -> ClientHistory:
    """A poll after an end with that output."""
    end = Seen(job="J", word=DONE, status=Status.COMPLETE, output=output)
    return history(call(5_000, DONE, answer=end), call(9_000, DONE, answer=end))


def in_vain(tries: int, status: int = 503) -> list[RecordedExchange]:
    """Requests for a token after 5 s, and one that is granted."""
    return [*(token(5_000 + n, status=status) for n in range(tries)), token(9_000, ALL_MEMBERS)]


def of_bearer(bearer: str, one: RecordedExchange) -> RecordedExchange:
    return replace(one, request=replace(one.request, headers=(("authorization", f"Bearer {bearer}"),)))


def silent(lasted: int) -> ClientHistory:
    """Two polls, 30 s apart, and nothing for so long."""
    return history(*polls(30_000), over=False, until=30_000 + lasted)


def closed(after: int) -> ClientHistory:
    """Two polls, 10 s apart, and so long after the second the server closes their connection."""
    lived = history(*polls(10_000))
    ended = tuple(replace(each, closed=10_000 + after, how="idle") for each in lived.connections)
    lived = replace(lived, connections=ended)
    return replace(lived, stops=tuple(stops_of(lived)))


def hung(lasted: int, **more: object) -> ClientHistory:
    """A poll without an answer, at which the client was stopped."""
    return history(call(5_000, took=lasted, cut="client_gone", struck="hang", **more), over=False, until=5_000 + lasted)


def moved(location: str) -> RecordedExchange:
    return call(5_000, status=307, headers=(("location", location),))


def denied(*pauses: int) -> ClientHistory:
    sent, tries = 0, []
    for pause in (0, *pauses):
        sent += pause
        tries.append(token(sent, b'{"error":"invalid_client"}', status=401))
    return lone(*tries)


FOLLOWED = ClientCall(command=Invoke(team="T", message="go"), follows=True)
EVENTS = (BEARER, ("accept", "text/event-stream"))
CASES = {
    "B2 what takes events alone, where JSON comes": ("B2", lone(message(0, headers=EVENTS)), "fail"),
    "B2 and where events come": ("B2", lone(message(0, headers=EVENTS, asks=FOLLOWED)), "-"),
    "B4 a message that failed in the server": ("B4", twice(500), "fail"),
    "B4 a refusal that was cut says nothing": (
        "B4",
        twice(503, cut="reset", response=Response(503, (("retry-after", "1"),))),
        "fail",
    ),
    "B4 for ten minutes": ("B4", twice(500, again=630_000), "fail"),
    "B4 and no longer": ("B4", twice(500, again=630_001), "pass"),
    "B6 a team that isn't there": ("B6", twice(404), "fail"),
    "B6 a conflict": ("B6", twice(409), "fail"),
    "B6 a conflict of one key may pass": ("B6", twice(409, headers=KEY), "-"),
    "B6 a poll that is wrong": ("B6", history(*polls(9_000, 9_000, status=400)), "fail"),
    "B6 a poll that finds no job is D7's": ("B6", history(*polls(9_000, 9_000, status=404)), "-"),
    "B6 a refusal that was cut": ("B6", twice(400, cut="reset", response=Response(400)), "-"),
    "B6 who shows no token is told that alone": ("B6", twice(400, headers=()), "-"),
    "B9 as it was given": ("B9", polled("abcdefgh-1234", "abcdefgh-1234"), "pass"),
    "B9 cut to eight characters": ("B9", polled("abcdefgh", "abcdefgh-1234"), "fail"),
    "B9 seven characters may be another's": ("B9", polled("abcdefg", "abcdefgh-1234"), "pass"),
    "B9 another one as long": ("B9", polled("zbcdefgh-1234", "abcdefgh-1234"), "pass"),
    "B9 a short one in capitals": ("B9", polled("JOB-7", "job-7"), "fail"),
    "B9 in quotes": ("B9", polled('"abcdefgh-1234"', "abcdefgh-1234"), "fail"),
    "B9 like one of several": ("B9", polled("abcdefgh", "abcdefgh-1234", "other-than-that"), "fail"),
    "C2 not so deep": ("C2", polled_after("[" * 49), "fail"),
    "C2 not so long": ("C2", polled_after("x" * 999_999), "fail"),
    "C14 deep": ("C14", polled_after("[" * 50), "fail"),
    "C14 long": ("C14", polled_after("x" * 1_000_000), "fail"),
    "C14 with a NUL": ("C14", polled_after("a\0b"), "fail"),
    "C14 empty": ("C14", polled_after(""), "fail"),
    "C14 null": ("C14", polled_after(None), "fail"),
    "C4 an end after minutes": ("C4", history(call(0), call(2 * MINUTE, "WAITING")), "fail"),
    "C4 no token was to be had for a while": ("C4", history(call(0, "WAITING"), tokens=in_vain(5)), "-"),
    "C4 it was soon": ("C4", history(call(0, "WAITING"), tokens=in_vain(4)), "fail"),
    "C4 the token was refused": ("C4", history(call(0, "WAITING"), tokens=in_vain(1, 403)), "-"),
    "A4 an end after minutes": ("A4", history(call(0), call(2 * MINUTE, status=401)), "fail"),
    "A4 at the first call": ("A4", history(call(0, status=401)), "fail"),
    "A4 with the next token": ("A4", history(call(0), of_bearer("T2", call(9_000, status=401))), "fail"),
    "A4 twice": ("A4", history(call(0, status=401), of_bearer("T2", call(9_000, status=401))), "pass"),
    "C15 less than a minute of work": ("C15", history(call(0, "WAITING"), call(70_000), call(129_999)), "fail"),
    "C15 a minute": ("C15", history(call(0, "WAITING"), call(70_000), call(130_000)), "-"),
    "D1 no token, and no other try": ("D1", lone(token(0, status=503)), "fail"),
    "D1 nor for a minute": ("D1", lone(token(0, status=503), over=False, until=MINUTE), "fail"),
    "D1 it may come yet": ("D1", lone(token(0, status=503), over=False, until=MINUTE - 1), "-"),
    "D1 no job, and no other try": ("D1", lone(message(0, status=429)), "fail"),
    "D2 a stop at a gateway's time-out": ("D2", history(call(0, status=504)), "fail"),
    "D2 a stop after four failures": (
        "D2",
        history(call(0), *polls(5_000, 6_000, 7_000, first=4_000, status=500)),
        "fail",
    ),
    "D2 after five": ("D2", history(call(0), *polls(5_000, 6_000, 7_000, 8_000, first=4_000, status=500)), "pass"),
    "C3 silent for four of its pauses": ("C3", silent(120_000), "fail"),
    "C3 not yet": ("C3", silent(119_999), "-"),
    "E2 it was closed before the next poll": ("E2", closed(20_000), "fail"),
    "E2 it was closed later": ("E2", closed(20_001), "-"),
    "C3 who saw no work gave none up": (
        "C3",
        history(*polls(70_000, shows="WAITING"), call(99_000, DONE), begins="WAITING"),
        "-",
    ),
    "C6 after a decision one may look at once": (
        "C6",
        history(*polls(5_000, 500), decisions=[call(5_100, kind=CallKind.DECIDE)]),
        "pass",
    ),
    "C6 after a failure D1 says when": ("C6", history(call(0, status=503), call(500)), "-"),
    "C10 it has ended": ("C10", history(call(0), call(60 * HOUR, DONE)), "-"),
    "C10 people may take days": ("C10", history(call(0), call(60 * HOUR, "WAITING")), "-"),
    "C13 an end of its own form": ("C13", history(*polls(5_000, 5_000), ODD_END), "pass"),
    "C13 and polls after it": ("C13", history(*polls(5_000, 5_000), ODD_END, call(30_000, DONE)), "fail"),
    "D1 a refusal that was cut is D3's": ("D1", history(cut(503), call(5_500)), "-"),
    "D2 a gateway's time-out": ("D2", history(call(5_000, status=504), call(9_000)), "pass"),
    "D2 one hurried retry of two": ("D2", history(*polls(50, 9_000, first=5_000, status=500), call(30_000)), "fail"),
    "D2 a message is B4's": ("D2", twice(500, again=10), "-"),
    "D2 a page that was cut": ("D2", history(cut(502), call(5_010)), "-"),
    "D4 half an answer": ("D4", history(cut(200), call(9_000)), "pass"),
    "D5 until the server gives up": ("D5", history(call(0, took=285_000, cut="timeout")), "fail"),
    "D5 that the server gives up sooner is no matter": (
        "D5",
        history(call(0, took=284_999, cut="timeout"), call(HOUR)),
        "-",
    ),
    "D7 three polls after a late 404": (
        "D7",
        history(call(0), *polls(9_000, 9_000, 9_000, first=9_000, status=404)),
        "pass",
    ),
    "D7 the poll that shows the end is a later one": ("D7", history(call(0, status=404), call(9_000, DONE)), "pass"),
    "D7 a 404 after the end is C2's": (
        "D7",
        history(call(0), call(9_000, DONE), *polls(9_000, 9_000, 9_000, 9_000, first=18_000, status=404)),
        "-",
    ),
    "D7 four of them": ("D7", history(call(0), *polls(9_000, 9_000, 9_000, 9_000, first=9_000, status=404)), "fail"),
    "D5 one that was stopped had waited a minute": ("D5", hung(MINUTE), "fail"),
    "D5 and not quite": ("D5", hung(MINUTE - 1), "-"),
    "D5 and had begun to read": ("D5", hung(MINUTE, response=Response(200)), "-"),
    "D8 who calls something else follows nothing": ("D8", lone(moved("/status"), message(9_000)), "-"),
    "D8 who stays away from another origin": ("D8", lone(moved("http://decoy.invalid/status")), "pass"),
    "D8 who stays": ("D8", lone(moved("/status")), "-"),
    "D8 a redirect that was cut": ("D8", history(cut(307), call(9_000)), "-"),
    "A1 too early": ("A1", granted(token(-2), token(9_500)), "fail"),
    "A1 a login by code is a person's": ("A1", granted(token(-2), token(9_500), grant=Grant.CODE), "pass"),
    "A1 and one on a device": ("A1", granted(token(-2), token(9_500), grant=Grant.DEVICE), "pass"),
    "A1 the first never came": ("A1", granted(token(-2, cut="reset"), token(9_500)), "pass"),
    "A1 the first was never used": ("A1", granted(token(-2), token(9_500), bearer="T2"), "pass"),
    "A1 nobody said how long it is good": ("A1", granted(token(-2, b"{}"), token(9_500)), "pass"),
    "A1 of two calls nothing is said": ("A1", history(call(5_000)), "-"),
    "A1 of three it is": ("A1", history(*polls(5_000)), "pass"),
    "A2 nothing was asked for after its end": ("A2", history(call(9_000), tokens=[token(-2)], life=600_000), "-"),
    "A2 at its end": ("A2", history(call(599_998), tokens=[token(-2)], life=600_000), "fail"),
    "A6 nobody showed a token": ("A6", lone(message(0, headers=())), "-"),
    "A7 the secret by its name": ("A7", shown(query="client_secret=x"), "fail"),
    "A7 the secret by another name": ("A7", shown(query="a=b&key=lab-C1-secret"), "fail"),
    "A9 the bearer at the token endpoint": ("A9", shown(flags=("bearer_on_token",)), "fail"),
    "A12 after a second": ("A12", denied(950), "pass"),
    "A12 sooner": ("A12", denied(949), "fail"),
    "A12 three times": ("A12", denied(9_000, 9_000), "pass"),
    "A12 four times": ("A12", denied(9_000, 9_000, 9_000), "fail"),
    "A13 nothing is odd": ("A13", granted(token(-2, ALL_MEMBERS)), "-"),
    "A13 letter case": ("A13", granted(token(-2, ALL_MEMBERS.replace(b"Bearer", b"bearer"))), "pass"),
    "A13 no expires_in": ("A13", granted(token(-2, ALL_MEMBERS.replace(b"expires_in", b"scope"))), "pass"),
    "A13 a new member": ("A13", granted(token(-2, ALL_MEMBERS.replace(b"id_token", b"quota"))), "pass"),
    "A13 it was never used": ("A13", unused(b"{}"), "fail"),
    "A13 it may yet be": ("A13", unused(b"{}", over=False, until=MINUTE - 3), "-"),
    "A13 it won't be": ("A13", unused(b"{}", over=False, until=MINUTE - 2), "fail"),
}


@each_row("name", CASES)
def test_each_condition_counts(name: str) -> None:
    rule, lived, expected = CASES[name]
    assert verdict(rule, lived) == expected
