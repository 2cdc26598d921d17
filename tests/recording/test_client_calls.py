"""The exchanges of a recording, as all who read it look at them, and the jobs that they began."""

from lab.core.clock import Millis
from lab.core.exchange import Headers, Request, Response, json_bytes
from lab.core.observe import Replied, Requested
from lab.dialects import USUAL_CLIENT
from lab.dialects.base import Invoke, Look
from lab.recording.exchange import CallKind, ExchangeReader, RecordedExchange, answered_calls, exchanges_of
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.story import job_histories
from tests.bench.replaying import long_recording
from tests.conftest import each_row
from tests.recording.dialect_sessions import SESSIONS, recorded


def test_polls_that_are_alike_are_kept_once() -> None:
    recording, _ = long_recording(300)
    calls = exchanges_of(recording)[-300:]
    assert [call.at for call in calls] == list(range(0, 30_000, 100))
    assert all(call.whole and call.seen is not None for call in calls)
    assert len({id(call.request) for call in calls}) == 1
    assert len({id(call.response) for call in calls}) == len({id(call.answer) for call in calls}) < 10


@each_row(
    ("name", "wanted"),
    [
        ("invokeStream", {(CallKind.INVOKE, "stream", True), (CallKind.DECIDE, "stream", True)}),
        ("invokeAsync", {(CallKind.INVOKE, "invoke", False), (CallKind.DECIDE, "invoke", False)}),
    ],
)
def test_a_call_is_known_to_be_answered_with_events_by_what_it_asks(name: str, wanted: set[object]) -> None:
    assert calls_that_begin_or_decide(read(recorded(SESSIONS[name])[0], name)) == wanted


def calls_that_begin_or_decide(recording: Recording) -> set[object]:
    """Of each such call its kind, its route, and whether it is answered with events."""
    kinds = (CallKind.INVOKE, CallKind.DECIDE)
    return {(call.kind, call.route, call.follows) for call in exchanges_of(recording) if call.kind in kinds}


def exchange(
    command: Invoke | Look, status: int, body: object, *, at: Millis = 0, cut: str | None = None,
    headers: Headers = (),
) -> RecordedExchange:  # fmt: skip
    """What a client asked at that instant, and what it got a second later."""
    route, request = USUAL_CLIENT.ask(command)
    reader = ExchangeReader()
    call = reader.begin(Requested(at, at + 1, route, request))
    return reader.complete(call, Replied(at + 1_000, at + 1, Response(status, headers, json_bytes(body)), cut=cut))


LOOK = Look(team="T", job="J")
RUNNING = {"jobId": "J", "status": "RUNNING"}


@each_row(
    ("call", "tells"),
    [
        (exchange(LOOK, 200, RUNNING), True),
        (exchange(LOOK, 200, RUNNING, cut="truncated"), False),
        (exchange(LOOK, 0, None, cut="reset"), False),
        (exchange(LOOK, 200, {"no": "job"}), False),
        (exchange(LOOK, 404, {"error": "Job not found."}), False),
        (exchange(LOOK, 302, None), False),
        (exchange(Invoke(team="T", message="Go"), 200, {"no": "job"}), True),
    ],
)
def test_an_answer_tells_how_things_are_if_it_is_whole_good_and_shows_what_a_poll_asked_for(
    call: RecordedExchange, tells: bool
) -> None:
    assert call.tells == tells


def test_a_login_that_leads_on_tells_how_things_are() -> None:
    reader = ExchangeReader()
    call = reader.begin(Requested(0, 1, "authorize", Request("GET", "/oauth2/v1/authorize")))
    assert [reader.complete(call, Replied(9, 1, Response(status))).tells for status in (302, 303, 307)] == [1, 1, 0]


def test_what_whoever_sends_an_answer_makes_anew_is_none_of_it() -> None:
    heads = (("date", "Thu, 01 Jan 2026 10:00:30 GMT"), ("x-own", "a"), ("content-length", "9"), ("etag", "b"))
    calls = [exchange(LOOK, 200, RUNNING, headers=heads)] * 2
    found = [*answered_calls(calls)]
    assert [call.headers for call in found] == [(("x-own", "a"), ("etag", "b"))] * 2
    assert len({id(call.response) for call in found}) == 1 and calls[0].headers == heads


def test_of_a_server_that_is_known_from_outside_answers_tell_which_call_began_a_job() -> None:
    begins = Invoke(team="T", message="Go")
    calls = [
        exchange(LOOK, 200, RUNNING),  # of a job that nobody began here
        exchange(begins, 202, RUNNING, at=10),
        exchange(LOOK, 200, RUNNING, at=20),
        exchange(LOOK, 503, None, at=30),
        exchange(begins, 202, {"jobId": "K", "status": "RUNNING"}, at=40),
    ]
    one, other = job_histories(calls, ())
    assert (one.job, one.accepted, one.at, one.polls) == ("J", calls[1], 1_010, calls[2:4])
    assert [call.at for call in one.looks()] == [20]
    assert (other.job, other.turn, other.polls) == ("K", 2, [])
