"""The control plane: who may speak, what it commands, and what a follower is told, on time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import jsonschema
import pytest
from msgspec import to_builtins

from lab.clocks import ManualClock, ScaledClock, settle
from lab.control import EndTokens, ListJobs
from lab.core.errors import HostError, ProtocolError
from lab.core.exchange import Json
from lab.core.journal.fact import ClockAdvanced
from lab.core.observe import Noted, Observation, Replied, Requested
from lab.faults.facts import FaultArmed
from lab.identity.facts import KeyRotated
from lab.identity.testkey import KEY_ID, SECOND_KEY_ID
from lab.jobs.facts import GateDecided, GateOpened, JobAccepted, JobStatus
from lab.server.control import jobs as job_routes
from lab.server.control.jobs import shown
from lab.server.control.plane import ControlPlane
from lab.server.control.routes import CONTROL_ROUTES, description
from lab.server.mock_server import MockServer
from tests import wire_peer
from tests.server.conftest import TOKEN, Answer, Peer, Stage, ask_once, lines_in, make_service, request, status
from tests.steering import Steering
from tests.wire_peer import service, token


@dataclass
class Plane:
    port: int
    client: Steering
    stage: Stage

    async def raw(self, data: bytes) -> Answer:
        return await ask_once(self.port, data)

    async def ask(self, method: str, path: str, document: Json = None, **headers: str) -> Answer:
        sent = {"authorization": f"Bearer {TOKEN}", **{key.replace("_", "-"): value for key, value in headers.items()}}
        body = b"" if document is None else json.dumps(document).encode()
        if document is not None:
            sent.setdefault("content-type", "application/json")
        return await self.raw(request(method, f"/_lab/{path}", tuple(sent.items()), body, port=self.port))

    def follow(self, *, replies: bool = True) -> tuple[list[Observation], asyncio.Task[None]]:
        """What somebody observes who follows the journal from now on, and that it is followed."""
        observed: list[Observation] = []

        async def follow() -> None:
            async for each in self.client.follow(replies=replies):
                observed.append(each)

        return observed, asyncio.create_task(follow())


@asynccontextmanager
async def steering(stage: Stage, control: ControlPlane | None = None) -> AsyncIterator[Plane]:
    """A control plane of the mock at work, and its client."""
    control = control or ControlPlane(stage.server, TOKEN)
    origin = await control.start()
    client = Steering(origin, TOKEN)
    try:
        yield Plane(int(origin.rpartition(":")[2]), client, stage)
    finally:
        await client.close()
        await control.stop()


@pytest.fixture
async def plane(stage: Stage) -> AsyncIterator[Plane]:
    async with steering(stage) as plane:
        yield plane


async def until_gate(plane: Plane) -> str:
    job = await plane.stage.job(await plane.stage.token())
    await plane.client.advance(3_000)
    return job


async def test_its_routes_are_listed_with_calls_to_its_own_origin(plane: Plane) -> None:
    got = await plane.ask("GET", "")
    calls = {each["path"]: each["curl"] for each in got.json["routes"]}
    head = 'curl -s -H "Authorization: Bearer $LAB_CONTROL_TOKEN"'
    assert calls["/_lab/clock"].startswith(f'{head} -H "Content-Type: application/json" "http://127.0.0.1:')
    assert calls["/_lab/health"] == f'{head} "http://127.0.0.1:{plane.port}/_lab/health"'
    assert TOKEN not in got.body.decode()
    assert (await plane.ask("GET", "scenario/nowhere/")).status == 404
    assert "GET /_lab/ lists" in (await plane.ask("GET", "nowhere")).json["hint"]


async def test_each_openapi_document_names_the_other(plane: Plane) -> None:
    own, mocked = await plane.ask("GET", "openapi.json"), await plane.ask("GET", "openapi")
    assert "GET /_lab/openapi." in own.json["info"]["description"]
    assert own.json["servers"] == [{"url": f"http://127.0.0.1:{plane.port}"}]
    assert "GET /_lab/openapi.json." in mocked.json["info"]["description"]


async def test_the_document_says_which_routes_need_no_token(plane: Plane) -> None:
    paths = (await plane.ask("GET", "openapi.json")).json["paths"]
    for row in CONTROL_ROUTES:
        if row.method == "GET" and "{" not in row.path:
            data, host = request("GET", f"/_lab/{row.path}"), b"Host: 127.0.0.1"
            answer = await plane.raw(data.replace(host, host + b":%d" % plane.port))
            free = {} in paths[f"/_lab/{row.path}"]["get"].get("security", [])
            assert (answer.status == 200) == free == (row.name in ("look_health", "ask_ready")), row


@pytest.mark.parametrize("path", ["health", "ready"])
async def test_who_shows_no_token_is_told_what_a_probe_does_not_take(plane: Plane, path: str) -> None:
    data, host = request("GET", f"/_lab/{path}?x=1"), b"Host: 127.0.0.1"
    got = await plane.raw(data.replace(host, host + b":%d" % plane.port))
    assert (got.status, got.json["error"]) == (400, 'There is no member "x" here.')


async def test_the_document_knows_the_members_that_the_routes_take(plane: Plane) -> None:
    document = description("1.2.3", "http://127.0.0.1:8081")
    job = await until_gate(plane)
    for row in CONTROL_ROUTES:
        if row.body is None:
            continue
        content = document["paths"][f"/_lab/{row.path}"]["post"]["requestBody"]["content"]
        schema = {**content["application/json"]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(json.loads(row.body), schema)
        refused = await plane.ask("POST", row.path.replace("{job}", job), {"zzzzzz": 1})
        known = refused.json["hint"].removeprefix("Known: ").rstrip(".").split(", ")
        if row.name != "arm_fault":  # of which the scenario's language knows all members
            assert (refused.status, known) == (400, list(schema["properties"])), row


async def test_decided_over_the_plane_a_job_completes(plane: Plane) -> None:
    job = await until_gate(plane)
    shown = (await plane.client.job(job)).document
    assert (shown["status"], shown["step"]) == ("WAITING", "consent")
    assert shown["gate"]["until"] == 3_000 + 15 * 60_000
    ruled = await plane.client.decide(job, "consent", "approved", name="Rivera", comment="fine")
    assert ruled.done
    body = (await plane.client.job(job)).document["body"]
    assert (body["status"], body["output"]) == ("COMPLETE", "Shared.")
    (fact,) = plane.stage.facts(GateDecided)
    assert (fact.by, fact.name, fact.comment) == ("person", "Rivera", "fine")


async def test_row_75_refused_decisions_leave_the_journal_as_it_was(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    early = await plane.client.decide(job, "consent", "approved")
    await plane.client.advance(3_000)
    nowhere = await plane.client.decide(job, "other", "approved")
    nobody = await plane.client.decide("no-such-job", "consent", "approved")
    wrong = await plane.client.decide(job, "consent", "maybe")
    assert (await plane.client.decide(job, "consent", "rejected")).done
    twice = await plane.client.decide(job, "consent", "approved")
    assert [each.status for each in (early, nowhere, nobody, wrong, twice)] == [409, 404, 404, 400, 409]
    assert all(each.why for each in (early, nowhere, nobody, wrong, twice))
    assert len(plane.stage.facts(GateDecided)) == 1


async def test_row_75_after_patience_ran_out(plane: Plane) -> None:
    job = await until_gate(plane)
    await plane.client.advance(15 * 60_000)
    assert (await plane.client.decide(job, "consent", "approved")).status == 409


async def test_row_76_a_hundred_decisions_at_once_have_one_winner(plane: Plane) -> None:
    job = await until_gate(plane)
    ruled = await asyncio.gather(*(plane.client.decide(job, "consent", "approved") for _ in range(100)))
    assert sorted(each.status for each in ruled) == [200] + [409] * 99
    assert len(plane.stage.facts(GateDecided)) == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /_lab/clock HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n", 401),
        (b"GET /_lab/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer no\r\n\r\n", 401),
        (b"GET /_lab/health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Basic TOKEN\r\n\r\n", 401),
        (b"GET /_lab/health HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer TOKEN\r\n\r\n", 403),
        (b"GET /_lab/health HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer TOKEN\r\n\r\n", 403),
        (
            b"GET /_lab/health HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: http://localhost:PORT\r\n"
            b"Authorization: Bearer TOKEN\r\n\r\n",
            403,
        ),
        (b"GET /_lab/health HTTP/1.1\r\nHost: LOCALHOST:PORT\r\nAuthorization: bearer TOKEN\r\n\r\n", 200),
        (b"GET /health HTTP/1.1\r\nHost: localhost:PORT\r\nAuthorization: bearer TOKEN\r\n\r\n", 404),
    ],
)
async def test_who_may_speak(plane: Plane, data: bytes, expected: int) -> None:
    got = await plane.raw(data.replace(b"PORT", b"%d" % plane.port).replace(b"TOKEN", TOKEN.encode()))
    assert got.status == expected
    assert expected == 200 or set(got.json) == {"error", "hint"}
    assert got.headers["server"] == "lab"


HEALTH = b"GET /_lab/health HTTP/1.1\r\nHost: "
READY = HEALTH.replace(b"health", b"ready")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HEALTH + b"127.0.0.1:PORT\r\n\r\n", 200),
        (HEALTH + b"10.1.2.3\r\n\r\n", 200),
        (HEALTH + b"10.1.2.3\r\nOrigin: http://evil.example\r\n\r\n", 403),
        (HEALTH + b"127.0.0.1:PORT\r\nAuthorization: Bearer no\r\n\r\n", 401),
        (HEALTH.replace(b"GET", b"POST") + b"10.1.2.3\r\n\r\n", 403),
        (HEALTH.replace(b"health", b"scenario/consent/health") + b"127.0.0.1:PORT\r\n\r\n", 401),
        (HEALTH.replace(b"health", b"healthy") + b"127.0.0.1:PORT\r\n\r\n", 401),
        (READY + b"10.1.2.3\r\n\r\n", 200),
        (READY + b"10.1.2.3\r\nOrigin: http://evil.example\r\n\r\n", 403),
        (READY + b"127.0.0.1:PORT\r\nAuthorization: Bearer no\r\n\r\n", 401),
    ],
)
async def test_who_watches_over_a_container_learns_whether_it_is_well_and_nothing_else(
    plane: Plane, data: bytes, expected: int
) -> None:
    got = await plane.raw(data.replace(b"PORT", b"%d" % plane.port))
    assert got.status == expected
    assert expected != 200 or got.json == {"status": "ready" if b"ready" in data else "ok"}


async def test_a_lab_that_is_to_end_serves_on_unready_and_keeps_no_connection(plane: Plane) -> None:
    before, hurry = await plane.stage.peer(), asyncio.Event()
    assert "connection" not in (await before.ask(request("GET", "/x"))).headers
    draining = asyncio.create_task(plane.stage.server.drain(60_000, hurry))
    await settle()
    ready = await plane.ask("GET", "ready")
    assert (ready.status, ready.json["status"], ready.json["error"]) == (503, "ending", "The lab ends.")
    assert ready.headers["connection"] == "close"
    stranger = await plane.raw(READY + b"10.1.2.3\r\n\r\n")
    assert (stranger.status, stranger.json) == (503, {"status": "ending"})
    document = description("1.2.3", "http://127.0.0.1:8081")
    said = document["paths"]["/_lab/ready"]["get"]["responses"]["503"]["content"]["application/json"]["schema"]
    for answer in (ready, stranger):
        jsonschema.validate(answer.json, {**said, "components": document["components"]})
    assert (await plane.raw(HEALTH + b"10.1.2.3\r\n\r\n")).json == {"status": "ok"}
    for peer in (before, await plane.stage.peer()):
        assert (await peer.ask(request("GET", "/x"))).headers["connection"] == "close"
    assert not draining.done()
    hurry.set()
    await draining


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("lab", 200), ("LAB:81", 200), ("lab.example:PORT", 200), ("localhost:PORT", 200),
        ("lab.example.evil", 403), ("lab:", 403), ("lab:81:81", 403), ("localhost:81", 403), ("", 403),
    ],
)  # fmt: skip
async def test_a_name_that_is_allowed_is_so_at_every_port(stage: Stage, host: str, expected: int) -> None:
    control = ControlPlane(stage.server, TOKEN)
    port = (await control.start(names=("Lab", "lab.example"))).rpartition(":")[2]
    peer = Peer(*await asyncio.open_connection("127.0.0.1", int(port)))
    head = f"Host: {host.replace('PORT', port)}\r\nAuthorization: Bearer {TOKEN}\r\n"
    got = await peer.ask(f"GET /_lab/clock HTTP/1.1\r\n{head}\r\n".encode())
    await peer.close()
    await control.stop()
    assert got.status == expected
    assert expected == 200 or "Through a proxy at another: lab serve --control-name HOST." in got.json["hint"]


@pytest.mark.parametrize(
    ("method", "path", "document", "headers", "expected"),
    [
        ("DELETE", "clock", None, {}, 405),
        ("GET", "reset", None, {}, 405),
        ("POST", "reset", {}, {"content_type": "text/plain"}, 415),
        ("POST", "reset", {}, {"content_type": "application/json; charset=latin-1"}, 415),
        ("POST", "reset", {}, {"content_type": "application/json; charset=zlib"}, 415),
        ("POST", "reset", {}, {"content_type": 'application/json; charset="UTF-8"'}, 200),
        ("CONNECT", "reset", None, {}, 405),
        ("CONNECT", "nothing", None, {}, 404),
        ("POST", "clock", {"advance": "1h1h"}, {}, 400),
        ("POST", "reset", {"to": 1}, {}, 400),
        ("POST", "reset", [], {}, 400),
        ("POST", "clock", {}, {}, 400),
        ("POST", "clock", {"advance": "1h", "factor": "2"}, {}, 400),
        ("POST", "clock", {"advance": "-1h"}, {}, 400),
        ("POST", "clock", {"advance": 5}, {}, 400),
        ("POST", "clock", {"factor": "2"}, {}, 409),
        ("POST", "tokens", {"client": "nobody", "do": "expire"}, {}, 404),
        ("POST", "tokens", {"client": "demo", "do": "steal"}, {}, 400),
        ("POST", "tokens", {"client": "demo", "do": "revoke"}, {}, 200),
        ("POST", "tokens", {"client": "demo", "do": "rotate"}, {}, 400),
        ("POST", "tokens", {"do": "revoke"}, {}, 400),
        ("POST", "tokens", {"do": "rotate"}, {}, 200),
        ("GET", "jobs/none", None, {}, 404),
        ("GET", "jobs?limit=0", None, {}, 400),
        ("GET", f"jobs?limit={'1' * 5_000}", None, {}, 400),
        ("GET", "jobs?limit=100000", None, {}, 200),
        ("POST", "clock", {"advance": "9" * 5_000 + "s"}, {}, 400),
        ("POST", "faults", {"route": "status", "answer": 503, "name": "\ud800"}, {}, 400),
        ("GET", "jobs/none?until=DONE", None, {}, 400),
        ("GET", "jobs/none?until=WAITING", None, {}, 404),
        ("GET", "nothing", None, {}, 404),
        ("GET", "faults", None, {}, 200),
        ("DELETE", "faults", None, {}, 405),
        ("DELETE", "faults/none", None, {}, 404),
        ("POST", "faults", [], {}, 400),
    ],
)
async def test_commands_and_their_refusals(
    plane: Plane, method: str, path: str, document: Json, headers: dict[str, str], expected: int
) -> None:
    got = await plane.ask(method, path, document, **headers)
    assert got.status == expected, got.body
    if expected != 200:
        assert got.json["error"] and "sys." not in str(got.json["error"])


async def test_a_key_is_rotated_over_the_plane_and_older_tokens_stay_good(plane: Plane) -> None:
    old = await plane.stage.token()
    rotated = await plane.client.ask(EndTokens("rotate"))
    assert rotated.done and rotated.why == SECOND_KEY_ID
    (fact,) = plane.stage.facts(KeyRotated)
    assert (fact.by, fact.key, fact.until) == ("control", SECOND_KEY_ID, 3_600_000)
    assert f"{SECOND_KEY_ID}" in (await plane.ask("GET", "journal")).body.decode()
    peer = await plane.stage.peer()
    for bearer, kids in ((old, [SECOND_KEY_ID, KEY_ID]), (await plane.stage.token(), [SECOND_KEY_ID, KEY_ID])):
        got = await peer.ask(request("GET", "/admin/v1/SigningCert/jwk", (("authorization", f"Bearer {bearer}"),)))
        assert [key["kid"] for key in got.json["keys"]] == kids


@pytest.mark.parametrize(
    ("path", "document", "hint"),
    [
        ("clock", {"advanc": "1h"}, "did you mean advance?"),
        ("clock", {"advance": 10}, '{"advance":"1h"}'),
        ("clock", {"job": "JOB", "until": "waiting"}, '"until":"WAITING"'),
        ("faults", {"route": "token", "answer": 503, "count": 2}, 'calls: "1-2"'),
        ("faults", {"route": "token", "status": 503}, "Send answer"),
        ("jobs/JOB/decisions", {"verdict": "approved"}, "tells the open gate"),
        ("jobs/JOB/decisions", {"gate": "consent", "verdict": "approve"}, '"verdict":"approved"'),
        ("jobs/JOB/decisions", {"gate": "consent", "verdict": "approved"}, "?until=WAITING"),
        ("tokens", {"client": 7}, '"do":"expire"'),
    ],
)
async def test_a_refusal_says_what_to_send(plane: Plane, path: str, document: Json, hint: str) -> None:
    job = await plane.stage.job(await plane.stage.token())
    got = await plane.ask("POST", path.replace("JOB", job), document)
    assert got.status in (400, 409) and hint in got.json["hint"]


async def test_a_command_without_a_body_is_shown_one(plane: Plane) -> None:
    got = await plane.raw(
        request("POST", "/_lab/reset", (("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json")))
        .replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1:%d" % plane.port)
    )  # fmt: skip
    assert (got.status, got.json["error"].partition(";")[0], got.json["hint"]) == (400, "The body is empty", "As {}.")


async def test_the_mocked_api_knows_nothing_of_it(plane: Plane) -> None:
    peer = await plane.stage.peer()
    assert (await peer.ask(request("GET", "/_lab/health"))).status == 404


async def test_a_body_that_is_too_long_is_not_asked_for(plane: Plane) -> None:
    headers = (("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json"), ("expect", "100-continue"))
    for length in (1_048_577, 10**13):
        data = request("POST", "/_lab/reset", (*headers, ("content-length", str(length))))
        got = await plane.raw(data.replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1:%d" % plane.port))
        assert (got.status, got.headers["connection"]) == (413, "close")


async def test_health_tells_the_clock_and_the_address(plane: Plane) -> None:
    health = await plane.client.look("health")
    assert health["status"] == "ok"
    assert health["base_url"] == plane.stage.server.origin
    assert health["clock"] == {
        "mode": "manual", "factor": "0", "now": 0, "epoch": 1_767_225_600, "wall": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


async def test_advances_at_once_all_count_and_each_stops_at_what_is_due(plane: Plane) -> None:
    clock, woken = plane.stage.clock, []

    async def sleep(instant: int) -> None:
        await clock.sleep_until(instant)
        woken.append(clock.now())

    sleepers = [asyncio.create_task(sleep(instant)) for instant in (3_000, 13_000)]
    await asyncio.gather(*(plane.client.advance(10_000) for _ in range(2)), *sleepers)
    assert (clock.now(), woken) == (20_000, [3_000, 13_000])
    facts = [(fact.origin, fact.at) for fact in plane.stage.facts(ClockAdvanced)]  # type: ignore[attr-defined]
    assert facts == [(0, 10_000), (10_000, 20_000)]


async def test_an_advance_is_a_fact(plane: Plane) -> None:
    await plane.client.advance(3_600_000)
    (fact,) = plane.stage.facts(ClockAdvanced)
    assert (fact.origin, fact.at, fact.by) == (0, 3_600_000, "control")
    assert (await plane.client.look("clock"))["now"] == 3_600_000


async def test_a_reset_forgets_jobs_and_tokens(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    assert [each["job"] for each in (await plane.client.look("jobs"))["jobs"]] == [job]
    assert (await plane.client.reset()).done
    assert (await plane.client.look("jobs"))["jobs"] == []
    peer = await plane.stage.peer()
    assert (await peer.ask(status(token, job))).status == 401


async def test_a_wait_for_a_status_ends_when_it_comes(plane: Plane) -> None:
    job = await plane.stage.job(await plane.stage.token())
    waiting = asyncio.create_task(plane.client.job(job, until="WAITING"))
    done = asyncio.create_task(plane.client.job(job, until="COMPLETE"))
    await asyncio.wait({waiting}, timeout=0.02)
    assert not waiting.done()
    await plane.client.advance(3_000)
    assert (await waiting).document["status"] == "WAITING"
    await plane.client.decide(job, "consent", "approved")
    assert (await done).document["status"] == "COMPLETE"


async def test_a_wait_for_a_status_that_does_not_come_is_408(plane: Plane) -> None:
    job = await plane.stage.job(await plane.stage.token())
    assert (await plane.client.job(job, until="WAITING", timeout=5)).status == 408


async def test_a_follower_is_told_the_past_and_then_every_thing_on_time(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    observed, following = plane.follow()
    while not any(isinstance(each, Replied) and each.x == 2 for each in observed):
        await asyncio.wait({following}, timeout=0.005)
    assert [each.route for each in observed if isinstance(each, Requested)] == ["token", "invoke"]
    await plane.client.advance(3_000)
    while not any(isinstance(each, Noted) and isinstance(each.fact, GateOpened) for each in observed):
        await asyncio.wait({following}, timeout=0.005)
    (opened,) = [each for each in observed if isinstance(each, Noted) and isinstance(each.fact, GateOpened)]
    assert (opened.at, opened.fact.at) == (3_000, 3_000)
    await plane.client.decide(job, "consent", "approved")
    while not any(isinstance(each, Noted) and isinstance(each.fact, GateDecided) for each in observed):
        await asyncio.wait({following}, timeout=0.005)
    facts = [each.fact for each in observed if isinstance(each, Noted)]
    assert [fact.job for fact in facts if isinstance(fact, JobAccepted)] == [job]
    assert [fact.to for fact in facts if isinstance(fact, JobStatus)][:1] == ["WAITING"]
    assert plane.client.header is not None and plane.client.header.seed == 42
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_follower_that_has_the_replies_is_told_all_else(plane: Plane) -> None:
    token = await plane.stage.token()
    observed, following = plane.follow(replies=False)
    for accepted in (1, 2):
        # the first job is told from the past if the follower is slow, the second as it comes
        await plane.stage.job(token)
        while sum(isinstance(each, Noted) and isinstance(each.fact, JobAccepted) for each in observed) < accepted:
            await asyncio.wait({following}, timeout=0.005)
    await plane.client.advance(3_000)
    while not any(isinstance(each, Noted) and isinstance(each.fact, GateOpened) for each in observed):
        await asyncio.wait({following}, timeout=0.005)
    assert [each.route for each in observed if isinstance(each, Requested)] == ["token", "invoke", "invoke"]
    assert not any(isinstance(each, Replied) for each in observed)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_the_journal_holds_no_secret_and_looking_adds_nothing_to_it(plane: Plane) -> None:
    token = await plane.stage.token()
    await plane.stage.job(token)
    first = await plane.ask("GET", "journal")
    again = await plane.ask("GET", "journal")
    assert first.body == again.body
    assert token.encode() not in first.body
    assert TOKEN.encode() not in first.body
    lines = [json.loads(line) for line in first.body.splitlines()]
    assert lines[0]["k"] == "header"
    assert [line["n"] for line in lines] == list(range(len(lines)))
    facts = [(line["type"], line.get("x")) for line in lines_in(first.body) if line["k"] == "fact"]
    assert [fact for fact in facts if not fact[0].startswith("con")] == [("token.granted", 1), ("job.accepted", 2)]


async def test_a_stop_ends_the_streams() -> None:
    server = MockServer(make_service(), ManualClock())
    await server.start()
    control = ControlPlane(server, TOKEN)
    client = Steering(await control.start(), TOKEN)

    async def follow() -> None:
        async for _ in client.follow():
            pass

    following = asyncio.create_task(follow())
    while client.header is None:
        await asyncio.wait({following}, timeout=0.005)
    await control.stop()
    await following
    with pytest.raises(HostError):
        await client.look("health")
    await client.close()
    await server.stop()


async def test_a_scaled_clock_takes_another_pace() -> None:
    clock = ScaledClock("20")
    server = MockServer(make_service(), clock)
    control = ControlPlane(server, TOKEN, trouble=lambda: "the disk is full")
    origin = await control.start()
    client, stranger = Steering(origin, TOKEN), Steering(origin, "wrong")
    assert (await client.scale("0")).done
    assert (await client.look("clock"))["factor"] == "0"
    assert (await client.scale("-1")).status == 400
    assert (await client.advance(5)).status == 409
    assert (await client.look("health"))["status"] == "red"
    peer = Peer(*await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2])))
    assert (await peer.ask(HEALTH + b"any\r\n\r\n")).json == {"status": "red"}
    await peer.close()
    with pytest.raises(ProtocolError, match="401"):
        await stranger.look("health")
    await settle()
    await client.close()
    await stranger.close()
    await control.stop()


async def test_a_fault_that_is_armed_strikes_the_next_call_and_is_listed_with_its_strikes(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    armed = await plane.client.arm({"route": "status", "answer": 503, "retry_after": "2s"})
    assert armed.document == {"ok": True, "name": "status-503"}
    peer = await plane.stage.peer()
    struck = await peer.ask(status(token, job))
    assert (struck.status, struck.headers["retry-after"]) == (503, "2")
    assert (await peer.ask(status(token, job))).status == 200
    (listed,) = (await plane.client.look("faults"))["faults"]  # type: ignore[misc]
    assert listed == {
        "name": "status-503", "armed": True, "scenario": None, "struck": 1,
        "fault": {"name": "status-503", "route": "status", "answer": 503, "retry_after": "2s"},
    }  # fmt: skip
    assert [(fact.by, fact.fault) for fact in plane.stage.facts(FaultArmed)] == [("control", "status-503")]


async def test_a_delay_on_a_manual_clock_is_said_to_be_waited_for_by_nobody(plane: Plane) -> None:
    armed = await plane.client.arm({"route": "status", "delay": "5s"})
    assert "leaves at once" in str(armed.document["why"])
    plane.stage.clock.withhold()  # a client drives it
    assert (await plane.client.arm({"route": "status", "delay": "5s"})).document == {
        "ok": True,
        "name": "status-delay-2",
    }


async def test_a_fault_that_is_disarmed_strikes_no_more_and_its_name_is_not_given_again(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    for name in ("status-reset", "status-reset-2"):
        assert (await plane.client.arm({"route": "status", "strike": "reset"})).document["name"] == name
        assert (await plane.client.disarm(name)).done
    assert (await plane.client.arm({"route": "status", "strike": "reset", "name": "mine"})).document["name"] == "mine"
    assert (await plane.client.disarm("mine")).done
    assert (await plane.client.arm({"route": "token", "answer": 500, "name": "mine"})).document["name"] == "token-500"
    assert (await (await plane.stage.peer()).ask(status(token, job))).status == 200
    assert (await plane.client.disarm("status-reset")).status == 404


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"route": "status"}, "This is no fault: a fault says what goes wrong: one of answer, strike, "),
        ({"route": "status", "anwser": 503}, 'There is no member "anwser" here. did you mean answer?'),
        ({"route": "stauts", "answer": 503}, "This is no fault: route: takes none of that name (did you mean status?)"),
        ({"route": "relais", "answer": 503}, "This is no fault: route: takes none of that name (did you mean relay?)"),
        ({"route": "relay", "status_word": "X"}, "This is no fault: an answer of relay has no status: "),
        ({"route": "status", "strike": "reset", "answer": 503}, "This is no fault: a fault does one thing; "),
        ({}, "This is no fault: route is missing."),
    ],
)  # fmt: skip
async def test_what_is_no_fault_is_refused_with_the_reason(plane: Plane, fault: dict[str, Json], why: str) -> None:
    ruled = await plane.client.arm(fault)
    assert ruled.status == 400
    assert ruled.why.startswith(why)
    assert not plane.stage.facts(FaultArmed)


def test_a_job_tells_of_the_votes_of_its_quorum() -> None:
    gate = {"gate": "board", "asks": "Go on?", "channel": "EMAIL", "approvals": 2, "patience": "60s"}
    mock = service({
        "lab": 1, "name": "a", "title": "A", "agent": {"code": "EXPENSES"}, "ask": "x",
        "steps": [gate, {"complete": "done", "output": None}],
    })  # fmt: skip
    job = str(json.loads(mock.serve(wire_peer.invoke(token(mock), {"message": "x"}), 0).response.body)["jobId"])

    def observed(now: int) -> Json:
        look = mock.look(job, now)
        assert look is not None
        return cast(Json, to_builtins(shown(job, look, now, mock.config.epoch).gate))

    assert isinstance(before := observed(1_000), dict)
    assert (before["asks"], before["approvals"], before["votes"]) == ("Go on?", 2, [])
    assert mock.decide(job, "board", "approved", 2_000, name="ann").why == "1 of 2"
    assert isinstance(after := observed(3_000), dict)
    assert after["votes"] == [{"at": 2_000, "verdict": "approved", "by": "ann"}]
    mock.decide(job, "board", "approved", 4_000)
    assert observed(4_000) is None


async def test_following_ends_quietly_when_the_follower_closes(stage: Stage) -> None:
    control = ControlPlane(stage.server, TOKEN)
    client = Steering(await control.start(), TOKEN)
    await stage.token()
    observed = 0
    async with asyncio.timeout(5):
        async for _ in client.follow():
            observed += 1
            await client.close()
    assert observed > 0
    await control.stop()


async def test_the_newest_jobs_are_listed_oldest_first_and_the_mock_has_its_turn_between(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, turns = await plane.stage.token(), []

    async def breathe() -> None:
        turns.append(1)

    monkeypatch.setattr(job_routes, "breathe", breathe)
    monkeypatch.setattr(job_routes, "_SLICE", 2)
    accepted = [await plane.stage.job(token) for _ in range(5)]
    for most, slices in ((5, 2), (4, 2), (1, 0)):
        turns.clear()
        shown = (await plane.client.ask(ListJobs(most))).document
        assert shown["now"] == plane.stage.clock.now() and len(turns) == slices
        assert [each["job"] for each in shown["jobs"]] == accepted[-most:]
