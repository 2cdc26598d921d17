"""Each fault as a raw client sees it, and as the recording tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from lab.app.effects import App, RunObservation
from lab.app.run import run
from lab.client.driver import drive
from lab.client.transport import HttpTransport, TransportLost
from lab.clocks import ManualClock, breathe, settle
from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Request, Response
from lab.core.journal.numbers import CallCounted
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Lost, Replied, Requested
from lab.dialects.router import ROUTER
from lab.faults.facts import FaultStruck
from lab.faults.model import GARBAGE
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.facts import TokenGranted
from lab.jobs.facts import JobAccepted
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from tests.conftest import each_row
from tests.memory_transport import InMemoryTransport, advance_while
from tests.server.conftest import SCENARIO, SCOPE, TEAM, Peer, Stage, bearer, invoke, request, serving, status
from tests.shapes import switched


@asynccontextmanager
async def struck(*faults: str, **switches: object) -> AsyncIterator[Stage]:
    """A mock whose scenario plans these faults."""
    text = SCENARIO + "faults:\n" + "".join(f"  - {{{fault}}}\n" for fault in faults)
    program = program_of(parse_scenario(text, "consent.yaml"))
    service = Service(Config((program,), switched(switches), 42, INSTANT_EPOCH))
    async with serving(service, ManualClock()) as stage:
        yield stage


def last(stage: Stage) -> Replied:
    return [each for each in stage.observations if isinstance(each, Replied)][-1]


async def polled(stage: Stage) -> tuple[Peer, str, str]:
    """A peer that has sent a poll, and its token and job."""
    token = await stage.token()
    job = await stage.job(token)
    peer = await stage.peer()
    await peer.send(status(token, job))
    return peer, token, job


async def sound(peer: Peer, token: str, job: str) -> None:
    """The next poll is answered as if nothing had been."""
    got = await peer.ask(status(token, job))
    assert got.status == 200
    assert got.json["status"] == "RUNNING"


async def test_reset_is_a_connection_reset_before_a_byte() -> None:
    async with struck("route: status, strike: reset") as stage:
        peer, token, job = await polled(stage)
        with pytest.raises(ConnectionResetError):
            await peer.rest()
        await sound(await stage.peer(), token, job)
        assert [fact.how for fact in stage.facts(ConnectionClosed)] == ["fault"]
        reply = [each for each in stage.observations if isinstance(each, Replied)][2]
        assert (reply.response.status, reply.cut, reply.sent, reply.latency) == (0, "reset", 0, 80)


async def test_empty_is_a_close_before_a_byte() -> None:
    async with struck("route: status, strike: empty") as stage:
        peer, token, job = await polled(stage)
        assert await peer.rest() == b""
        await sound(await stage.peer(), token, job)


async def test_truncate_is_json_that_ends_too_soon_in_a_frame_that_is_right() -> None:
    async with struck("route: status, strike: truncate") as stage:
        peer, token, job = await polled(stage)
        got = await peer.answer()
        assert got.status == 200
        assert got.body.startswith(b'{"input":')
        with pytest.raises(json.JSONDecodeError):
            json.loads(got.body)
        assert (last(stage).cut, last(stage).response.body) == (None, got.body)
        await sound(peer, token, job)


async def test_garbage_is_no_json() -> None:
    async with struck("route: status, strike: garbage") as stage:
        peer, token, job = await polled(stage)
        got = await peer.answer()
        assert (got.status, got.headers["content-type"], got.body) == (200, "application/json", GARBAGE)
        await sound(peer, token, job)


async def test_wrong_length_closes_before_what_was_promised() -> None:
    async with struck("route: status, strike: wrong-length") as stage:
        peer, *_ = await polled(stage)
        head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
        promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert len(body) == promised // 2
        assert (last(stage).cut, last(stage).sent, last(stage).response.status) == ("truncated", len(body), 200)


async def test_close_is_an_answer_and_then_the_end() -> None:
    async with struck("route: status, strike: close") as stage:
        peer, token, job = await polled(stage)
        got = await peer.answer()
        assert got.headers["connection"] == "close"
        assert got.json["status"] == "RUNNING"
        assert await peer.rest() == b""
        await sound(await stage.peer(), token, job)


async def test_hang_is_silence_until_it_is_cut_after_300_seconds() -> None:
    async with struck("route: status, strike: hang") as stage:
        peer, *_ = await polled(stage)
        rest = asyncio.ensure_future(peer.rest())
        await struck_by(stage)
        await stage.clock.advance_to(stage.clock.now() + 300_079)
        assert not rest.done()
        await stage.clock.advance_to(stage.clock.now() + 1)
        assert await rest == b""
        assert (last(stage).at, last(stage).cut, last(stage).sent) == (300_080, "timeout", 0)


async def test_stall_is_half_a_body_and_then_silence() -> None:
    async with struck("route: status, strike: stall") as stage:
        peer, *_ = await polled(stage)
        head = await peer.reader.readuntil(b"\r\n\r\n")
        promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await peer.reader.readexactly(promised // 2)
        rest = asyncio.ensure_future(peer.rest())
        await stage.clock.advance_to(stage.clock.now() + 300_000)
        assert not rest.done()
        await stage.clock.advance_to(stage.clock.now() + 80)
        assert await rest == b""
        assert (last(stage).cut, last(stage).sent) == ("timeout", promised // 2)


async def test_a_peer_that_gives_up_on_a_hang_is_told_at_once() -> None:
    async with struck("route: status, strike: hang") as stage:
        peer, *_ = await polled(stage)
        await struck_by(stage)
        await peer.close()
        await until(lambda: last(stage).cut is not None)
        assert (last(stage).cut, last(stage).at, last(stage).response.status) == ("client_gone", 0, 0)


async def test_slow_body_is_a_byte_every_100_ms() -> None:
    async with struck("route: status, strike: slow-body") as stage:
        peer, token, job = await polled(stage)
        head = await peer.reader.readuntil(b"\r\n\r\n")
        promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await stage.clock.advance_to(stage.clock.now() + 80)
        assert await peer.reader.readexactly(1) == b"{"
        await stage.clock.advance_to(stage.clock.now() + 99)
        assert peer.reader._buffer == b""  # type: ignore[attr-defined]
        await stage.clock.advance_to(stage.clock.now() + 1)
        assert await peer.reader.readexactly(1) == b'"'
        await stage.clock.advance_to(stage.clock.now() + 100 * promised)
        rest = await peer.reader.readexactly(promised - 2)
        assert json.loads(b'{"' + rest)["status"] == "RUNNING"
        await until(lambda: sum(isinstance(each, Replied) for each in stage.observations) == 3)
        assert (last(stage).at, last(stage).cut) == (80 + 100 * (promised - 1), None)
        assert (await peer.ask(status(token, job))).status == 200


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not come():
            await breathe()


async def struck_by(stage: Stage) -> None:
    await until(lambda: bool(stage.facts(FaultStruck)))
    await settle()


async def test_a_delay_is_silence_and_then_the_answer() -> None:
    async with struck("route: status, delay: 10s") as stage:
        peer, *_ = await polled(stage)
        assert (await peer.answer()).status == 200
        assert last(stage).latency == 10_080


ANSWERS = [
    ("answer: 429", 429, {}, b'{"message":"Too many requests.","status":"FAI-42900"'),
    ("answer: 503, retry_after: 2s", 503, {"retry-after": "2"}, b'{"message":"Service unavailable."'),
    ("answer: 429, retry_after: {date: 2s}", 429, {"retry-after": "Thu, 01 Jan 2026 00:00:03 GMT"}, b"{"),
    ('answer: 429, retry_after: {text: "1.5"}', 429, {"retry-after": "1.5"}, b"{"),
    ("answer: 500", 500, {}, b'{"message":"Internal error.","status":"FAI-50000"'),
    ("answer: 504, body: empty", 504, {"content-length": "0"}, b""),
    ("answer: 502, body: html", 502, {"content-type": "text/html"},
     b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"),
    ("answer: 200, body: html", 200, {"content-type": "text/html"}, b"<html><head><title>Sign In</title>"),
    ("answer: 503, body: problem", 503, {"content-type": "application/problem+json"}, b'{"type":"about:blank"'),
    ("answer: 401", 401, {"www-authenticate":
                          'Bearer realm="lab", error="invalid_token", error_description="The token expired."'}, b"{"),
    ("answer: 403", 403, {}, b'{"message":"Insufficient scope.","status":"FAI-40300"'),
    ("answer: 404", 404, {}, b'{"message":"Job not found."'),
    ("answer: 400", 400, {}, b'{"message":"The request was refused."'),
]  # fmt: skip


@each_row(("fault", "code", "headers", "body"), ANSWERS)
async def test_an_answer_in_place_of_the_answer(fault: str, code: int, headers: dict[str, str], body: bytes) -> None:
    async with struck("route: status, " + fault) as stage:
        peer, token, job = await polled(stage)
        got = await peer.answer()
        assert got.status == code
        assert got.body.startswith(body)
        assert headers.items() <= got.headers.items()
        assert ("retry-after" in got.headers) == ("retry-after" in headers)
        assert ("content-type" in got.headers) == (got.body != b"")
        await sound(peer, token, job)


TOKEN_ANSWERS = [
    ("answer: 401", 401, "invalid_client"),
    ("answer: 400", 400, "invalid_request"),
    ("answer: 400, error: invalid_scope", 400, "invalid_scope"),
    ("answer: 503", 503, None),
]


def credentials() -> bytes:
    sent = token_request(DEMO.id, DEMO.secret, SCOPE)
    return request(sent.method, sent.path, sent.headers, sent.body)


@each_row(("fault", "code", "error"), TOKEN_ANSWERS)
async def test_an_answer_at_the_token_endpoint(fault: str, code: int, error: str | None) -> None:
    async with struck("route: token, " + fault) as stage:
        peer = await stage.peer()
        got = await peer.ask(credentials())
        assert got.status == code
        assert (got.json["error"] if error else got.body) == (error or b"")
        assert not stage.facts(TokenGranted)
        assert (await peer.ask(credentials())).status == 200


async def test_odd_and_lacking_bodies_are_legal() -> None:
    async with struck(
        "route: token, odd_body: true, omit: [expires_in]", "route: status, odd_body: true",
        "route: status, calls: 2, status_word: QUEUED_V2", "route: status, calls: 3, omit: [output, preview]",
    ) as stage:  # fmt: skip
        peer = await stage.peer()
        grant = (await peer.ask(credentials())).json
        assert grant["token_type"] == "bearer" and "expires_in" not in grant and "quota" in grant
        token = str(grant["access_token"])
        job = await stage.job(token)
        odd = (await peer.ask(status(token, job))).json
        assert odd["status"] == "RUNNING" and "quota" in odd and list(odd)[-1] == "input"
        await stage.clock.advance_to(stage.clock.now() + 4_000)
        queued = (await peer.ask(status(token, job))).json
        assert (queued["status"], queued["waitingNodeDetails"], queued["waitingToolCode"]) == ("QUEUED_V2", None, None)
        lacking = (await peer.ask(status(token, job))).json
        assert lacking["status"] == "WAITING" and not {"output", "preview"} & set(lacking)
        assert len(lacking) == 25


async def test_a_token_that_expires_just_before_a_poll_is_good_no_more() -> None:
    async with struck("route: status, expire_token: true") as stage:
        peer, token, job = await polled(stage)
        got = await peer.answer()
        assert (got.status, 'error="invalid_token"' in got.headers["www-authenticate"]) == (401, True)
        assert (await peer.ask(status(token, job))).status == 401
        await sound(peer, await stage.token(), job)


LOST: list[tuple[str, Callable[[bytes], bool]]] = [
    ("lose_reply: true", lambda got: got == b"RESET"),
    ("lose_reply: true, strike: empty", lambda got: got == b""),
    ("lose_reply: true, answer: 504", lambda got: got.startswith(b"HTTP/1.1 504 ")),
]


@each_row(("fault", "seen"), LOST)
async def test_a_lost_reply_hides_a_job_that_was_accepted(fault: str, seen: Callable[[bytes], bool]) -> None:
    async with struck("route: invoke, " + fault) as stage:
        token = await stage.token()
        peer = await stage.peer()
        await peer.send(invoke(token, {"message": "Share it"}))
        try:
            got = await (peer.reader.read(13) if "answer" in fault else peer.rest())
        except ConnectionResetError:
            got = b"RESET"
        assert seen(got)
        assert len(stage.facts(JobAccepted)) == 1


@each_row("fault", ["answer: 503", "strike: reset", "strike: truncate", "strike: wrong-length"])
async def test_a_struck_invoke_brings_no_job_and_takes_no_ordinal(fault: str) -> None:
    async with struck("route: invoke, " + fault) as stage:
        token = await stage.token()
        peer = await stage.peer()
        await peer.send(invoke(token, {"message": "Share it"}))
        await struck_by(stage)
        assert not stage.facts(JobAccepted)
        await stage.job(token)
        (accepted,) = stage.facts(JobAccepted)
        assert isinstance(accepted, JobAccepted) and accepted.ordinal == 1


async def test_refused_requests_are_neither_counted_nor_struck() -> None:
    async with struck("route: invoke, answer: 503", "route: status, answer: 503", "route: token, answer: 503") as stage:
        peer = await stage.peer()
        wrong = request("POST", ROUTER.path("token"), (("content-type", "application/x-www-form-urlencoded"),), b"a=b")
        refusals = [await peer.ask(wrong) for _ in range(2)]
        assert [each.status for each in refusals] == [401, 401]
        assert refusals[0].json["ecid"] != refusals[1].json["ecid"]
        assert not stage.facts(CallCounted)
        assert (await peer.ask(credentials())).status == 503
        token = str((await peer.ask(credentials())).json["access_token"])
        assert (await peer.ask(invoke(token, {"message": ""}))).status == 400
        assert (await peer.ask(status(token, "nope"))).status == 404
        bad = request("GET", ROUTER.path("status", code=TEAM, job="x"), (bearer("nope"),))
        assert (await peer.ask(bad)).status == 401
        assert len(stage.facts(CallCounted)) == 1


async def test_a_fault_that_is_over_counts_no_more() -> None:
    async with struck("route: status, calls: 2, answer: 503") as stage:
        token = await stage.token()
        job = await stage.job(token)
        peer = await stage.peer()
        assert [(await peer.ask(status(token, job))).status for _ in range(4)] == [200, 503, 200, 200]
        counted = [(fact.counter, fact.job, fact.client, fact.value) for fact in stage.facts(CallCounted)]
        assert counted == [("status-503", job, None, 1), ("status-503", job, None, 2)]
        (fact,) = stage.facts(FaultStruck)
        assert (fact.fault, fact.call) == ("status-503", 2)


def stream(token: str) -> bytes:
    headers = (bearer(token), ("content-type", "application/json"))
    path = ROUTER.path("stream", code=TEAM)
    return request("POST", path, headers, json.dumps({"message": "Share it", "conversational": True}).encode())


@each_row(
    ("fault", "whole", "ends"),
    [("strike: truncate", False, True), ("strike: wrong-length", False, False), ("strike: close", True, True)],
)
async def test_a_stream_is_struck_too(fault: str, whole: bool, ends: bool) -> None:
    async with struck("route: stream, " + fault) as stage:
        token = await stage.token()
        peer = await stage.peer()
        await peer.send(stream(token))
        rest = asyncio.ensure_future(peer.reader.readuntil(b"0\r\n\r\n") if ends else peer.rest())
        while not rest.done():
            await stage.clock.advance_to(stage.clock.now() + 1_000)
            await breathe()
        got = await rest
        assert got.startswith(b"HTTP/1.1 200 ")
        assert (b"[DONE]" in got) == whole
        assert got.endswith(b"0\r\n\r\n") == ends
        assert len(stage.facts(JobAccepted)) == (1 if whole else 0)


async def test_a_hang_is_cut_when_the_lab_stops() -> None:
    async with struck("route: status, strike: hang") as stage:
        peer, *_ = await polled(stage)
        await struck_by(stage)
        await stage.server.stop(1)
        assert await peer.rest() == b""
        assert (last(stage).cut, last(stage).response.status) == ("shutdown", 0)


# Joined in memory and over a socket, the external app's transports see the same.

SEEN = [
    ("strike: reset", "reset"), ("strike: empty", "reset"), ("strike: wrong-length", "unreadable"),
    ("strike: hang", "reset"), ("strike: stall", "unreadable"), ("strike: truncate", None),
    ("strike: garbage", None), ("strike: slow-body", None), ("strike: close", None), ("answer: 503", None),
    ("lose_reply: true", "reset"),
]  # fmt: skip


@each_row(("fault", "why"), SEEN)
async def test_both_transports_see_the_same(fault: str, why: str | None) -> None:
    seen = []
    for socket in (True, False):
        async with struck("route: status, " + fault) as stage:
            token = await stage.token()
            job = await stage.job(token)
            poll = Request("GET", ROUTER.path("status", code=TEAM, job=job), "", (bearer(token),))
            origin = stage.server.origin
            clock = stage.clock
            if socket:
                transport = HttpTransport(origin, origin + "/oauth2/v1/token")
                sending = asyncio.ensure_future(transport.send("status", poll))
                await struck_by(stage)
                while not sending.done():
                    await clock.advance_to(clock.now() + 10_000)
                    await breathe()
                outcome = await told_by(sending)
                await transport.close()
            else:
                sending = asyncio.ensure_future(InMemoryTransport(stage.service, clock).send("status", poll))
                await advance_while(asyncio.gather(sending, return_exceptions=True), clock)
                outcome = await told_by(sending)
            seen.append((outcome, last(stage).cut, last(stage).sent, last(stage).response))
    assert seen[0] == seen[1]
    assert seen[0][0][0] == why


async def told_by(sending: "asyncio.Future[Response]") -> tuple[str | None, int, bytes]:
    try:
        got = await sending
    except TransportLost as lost:
        return lost.why, 0, b""
    return None, got.status, got.body


async def test_the_app_gives_up_on_a_hang_by_the_labs_clock_and_asks_again() -> None:
    async with struck("route: status, strike: hang") as stage:
        origin = stage.server.origin
        transport = HttpTransport(origin, origin + "/oauth2/v1/token")
        app = App(TEAM, "Share it", DEMO.id, DEMO.secret, SCOPE)
        observed: list[RunObservation] = []
        driving = asyncio.ensure_future(drive(run(app, 0), transport, stage.clock, observed.append))
        await advance_while(driving, stage.clock, busy=lambda: isinstance(observed[-1], Requested))
        outcome = await driving
        await transport.close()
        (lost,) = [place for place, each in enumerate(observed) if isinstance(each, Lost)]
        assert observed[lost].why == "timeout" and observed[lost].at - observed[lost - 1].at == app.answer_within
        assert outcome.status == "ERROR"  # it asked again, and on until nobody had decided
        cut = [each for each in stage.observations if isinstance(each, Replied) and each.cut]
        assert [(each.cut, each.response.status) for each in cut] == [("client_gone", 0)]
