"""The control plane's devices, document, tapes and way back, with the recordings that come of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.setup import Setup
from lab.cli.tapes.tape_recorder import TapeRecorder
from lab.clocks import AnyClock, ManualClock, ScaledClock, SystemClock, breathe
from lab.core.exchange import Json, Response
from lab.dialects.openapi import openapi
from lab.identity.clients import DEMO
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.recording.format.lines import Recording, Res
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from lab.server.control.plane import ControlPlane
from lab.server.limits import ServerLimits
from lab.settings import MockSettings
from tests.server.conftest import SCOPE, Answer, Stage, lines_in, make_service, request, serving, status
from tests.server.test_control import TOKEN, Plane, steering
from tests.wire_peer import basic

DEVICE = {"client_id": DEMO.id, "client_secret": DEMO.secret}
FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.fixture
def clock() -> AnyClock:
    return ManualClock()


@pytest.fixture
def longest() -> int:
    """Bytes of a recording."""
    return ServerLimits().recording


@pytest.fixture
async def plane(clock: AnyClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: int) -> AsyncIterator[Plane]:
    """A lab as `serve` makes one, in a folder of its own: recordings go to disk."""
    monkeypatch.chdir(tmp_path)
    first = make_service(scripted=False)
    service = Service(replace(first.config, switches=Switches(authorize="page")))
    setup = Setup(MockSettings(), service.config, clock, ServerLimits(recording=longest))
    taping = TapeRecorder(setup, service, Console(StringIO(), StringIO()), outside=True)
    async with serving(service, clock) as stage:
        control = ControlPlane(stage.server, TOKEN, trouble=lambda: taping.trouble, recorder=taping)
        async with steering(stage, control) as plane:
            yield plane
    taping.close("closed")


async def form(plane: Plane, path: str, **fields: str) -> Answer:
    from urllib.parse import urlencode

    peer = await plane.stage.peer()
    login = ("authorization", basic(DEMO.id, DEMO.secret)) if "client_id" not in fields else ("accept", "*/*")
    return await peer.ask(request("POST", path, (FORM, login), urlencode(fields).encode()))


def recording(name: str, folder: Path) -> Recording:
    file = folder / "recordings" / f"{name}.rec.jsonl"
    return read(file.read_bytes(), name)


def replays(found: Recording, plane: Plane) -> None:
    result = replay(found, plane.stage.service.config.scenarios)
    assert result.passed, result.text()


# Devices and the document


@pytest.mark.parametrize(("answer", "error"), [("approve", None), ("deny", "access_denied")])
async def test_a_device_is_answered_over_the_plane(plane: Plane, answer: str, error: str | None) -> None:
    codes = (await form(plane, "/oauth2/v1/device", **DEVICE, scope=SCOPE, response_type="device_code")).json
    poll = {
        **DEVICE, "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": codes["device_code"],
    }  # fmt: skip
    assert (await form(plane, "/oauth2/v1/token", **poll)).json["error"] == "authorization_pending"
    assert (await plane.client.answer_device(codes["user_code"], answer)).done
    assert (await form(plane, "/oauth2/v1/token", **poll)).json.get("error") == error


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"user_code": "NEVERGVN", "answer": "approve"}, 404),
        ({"user_code": "NEVERGVN"}, 400),
        ({"user_code": 1, "answer": "approve"}, 400),
        ({"user_code": "NEVERGVN", "answr": "approve"}, 400),
    ],
)
async def test_what_answers_no_device_is_refused(plane: Plane, document: Json, expected: int) -> None:
    assert (await plane.ask("POST", "devices", document)).status == expected


async def test_the_document_of_the_api_is_there_with_the_real_origin(plane: Plane) -> None:
    got = await plane.ask("GET", "openapi")
    assert got.status == 200
    assert got.json["openapi"] == openapi("x")["openapi"]
    assert got.json["servers"] == [{"url": plane.stage.service.config.origin}]
    assert got.json["paths"].keys() == openapi("x")["paths"].keys()


# Tapes


async def test_a_tape_begun_late_restates_what_lives_and_replays_by_itself(plane: Plane, tmp_path: Path) -> None:
    stage = plane.stage
    bearing = await stage.token()
    job = await stage.job(bearing)
    await plane.client.advance(3_000)
    begun = await plane.client.tape("late")
    assert (begun.status, begun.document["file"]) == (200, "recordings/late.rec.jsonl")
    peer = await stage.peer()
    assert (await peer.ask(status(bearing, job))).json["status"] == "WAITING"
    await plane.client.decide(job, "consent", "approved")
    assert (await peer.ask(status(bearing, job))).json["status"] == "COMPLETE"
    await stage.job(bearing)
    assert (await plane.client.tape()).document == {"ok": True, "file": "recordings/late.rec.jsonl"}
    await peer.ask(status(bearing, job))
    found = recording("late", tmp_path)
    assert [each.type for each in found.facts()][:2] == ["token.granted", "job.accepted"]
    assert sum(isinstance(line, Res) for line in found.lines) == 3
    replays(found, plane)


async def test_only_one_tape_runs_and_a_name_is_a_name(plane: Plane, tmp_path: Path) -> None:
    assert (await plane.ask("POST", "tape", {})).status == 409
    for name in ("../x", "a/b", "./a", "/tmp/a", "CON", "A", "", ".git"):
        assert (await plane.ask("POST", "tape", {"name": name})).status == 400, name
    assert (await plane.ask("POST", "tape", {"name": 3})).status == 400
    assert (await plane.ask("POST", "tape", {"name": "one"})).status == 200
    assert (await plane.ask("POST", "tape", {"name": "two"})).status == 409
    assert (await plane.ask("POST", "tape", {})).status == 200
    assert (await plane.ask("POST", "tape", {"name": "one"})).status == 400
    assert [each.name for each in (tmp_path / "recordings").iterdir()] == ["one.rec.jsonl"]


async def test_a_reply_that_was_under_way_when_the_tape_began_is_not_on_it(stage: Stage) -> None:
    from lab.core.observe import Replied
    from lab.recording.tape.header import recording_header
    from lab.recording.tape.tape import Tape

    service, lines = stage.service, []
    service.next_exchange()
    tape = Tape(service, lines.append, recording_header(service.config, lab="x"))
    tape.restate((), 0, service.exchanges)
    tape(Replied(0, 1, Response(200)))
    tape(Replied(0, 2, Response(200)))
    assert [json.loads(line)["x"] for line in lines[1:]] == [2]


@pytest.mark.parametrize("longest", [2_000])
async def test_a_tape_at_its_limit_turns_health_red_and_replays(plane: Plane, tmp_path: Path) -> None:
    await plane.client.tape("full")
    assert (await plane.client.look("health"))["status"] == "ok"
    bearing = await plane.stage.token()
    await plane.stage.job(bearing)
    await plane.stage.job(bearing)
    assert "its limit of 2000 bytes" in str(await plane.client.look("health"))
    await plane.client.tape()
    found = recording("full", tmp_path)
    assert found.end is not None and found.end.reason == "limit"
    replays(found, plane)


async def test_what_the_identity_domain_still_honours_is_restated(plane: Plane, tmp_path: Path) -> None:
    password = {"grant_type": "password", "username": "jane", "password": "lab-password-a:b/c+d%e"}
    login = await form(plane, "/oauth2/v1/token", **password, scope=f"{SCOPE} offline_access")
    device = (await form(plane, "/oauth2/v1/device", **DEVICE, scope=SCOPE, response_type="device_code")).json
    await plane.client.advance(3_600_000 - 250_000)
    other = (await form(plane, "/oauth2/v1/device", **DEVICE, scope=SCOPE, response_type="device_code")).json
    await plane.client.advance(250_000)
    await plane.ask("POST", "tape", {"name": "late"})
    refreshed = await form(
        plane, "/oauth2/v1/token", grant_type="refresh_token", refresh_token=login.json["refresh_token"]
    )
    assert refreshed.status == 200
    again = await form(plane, "/oauth2/v1/token", **password, scope=f"{SCOPE} offline_access")
    assert again.status == 200
    assert (await plane.ask("POST", "devices", {"user_code": other["user_code"], "answer": "approve"})).status == 200
    peer = await plane.stage.peer()
    expired = await peer.ask(status(login.json["access_token"], "x"))
    assert "expired" in expired.headers["www-authenticate"]
    reused = await form(
        plane, "/oauth2/v1/token", grant_type="refresh_token", refresh_token=login.json["refresh_token"]
    )
    assert reused.status == 400
    for code, expected in ((device["device_code"], 400), (other["device_code"], 200)):
        poll = {**DEVICE, "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code}
        assert (await form(plane, "/oauth2/v1/token", **poll)).status == expected
    await plane.ask("POST", "tape", {})
    replays(recording("late", tmp_path), plane)


# The way back


async def test_a_reset_to_an_instant_takes_back_what_came_after_it(plane: Plane, tmp_path: Path) -> None:
    stage = plane.stage
    await plane.ask("POST", "tape", {"name": "day"})
    bearing = await stage.token()
    job = await stage.job(bearing)
    await plane.client.advance(3_000)
    await plane.client.decide(job, "consent", "rejected")
    later = await stage.job(bearing)
    peer = await stage.peer()
    assert (await peer.ask(status(bearing, job))).json["output"] == "Kept."
    got = await plane.client.reset(2_999)
    assert got.document == {
        "ok": True, "now": 2_999, "tape": "recordings/day-2.rec.jsonl", "kept": ["scenarios", "settings", "seed"],
        "cleared": {"jobs": 1, "conversations": 1, "tokens": 0, "counters": 0, "faults": 0, "exchanges": 4},
    }  # fmt: skip
    assert (await plane.ask("GET", "clock")).json["now"] == 2_999
    peer = await stage.peer()
    assert (await peer.ask(status(bearing, later))).status == 404
    assert (await peer.ask(status(bearing, job))).json["status"] == "RUNNING"
    await plane.client.advance(1)
    assert (await peer.ask(status(bearing, job))).json["status"] == "WAITING"
    await plane.client.decide(job, "consent", "approved")
    assert (await peer.ask(status(bearing, job))).json["output"] == "Shared."
    # the ordinal that was taken back is given again, and with it the id
    assert await stage.job(bearing) == later
    await plane.ask("POST", "tape", {})
    for name in ("day", "day-2"):
        replays(recording(name, tmp_path), plane)


@pytest.mark.parametrize("to", [0, 1, 2_999, 3_000])
async def test_facts_of_that_very_instant_stay(plane: Plane, to: int) -> None:
    bearing = await plane.stage.token()
    first = await plane.stage.job(bearing)
    await plane.client.advance(1)
    second = await plane.stage.job(bearing)
    await plane.client.advance(2_999)
    assert (await plane.ask("POST", "reset", {"to": to})).status == 200
    assert list(plane.stage.service.jobs()) == ([first, second] if to else [first])


@pytest.mark.parametrize("to", [-1, 3_001, "0", 1.5, True, None])
async def test_an_instant_that_is_none_or_has_not_come_is_refused(plane: Plane, to: Json) -> None:
    await plane.client.advance(3_000)
    job = await plane.stage.job(await plane.stage.token())
    assert (await plane.ask("POST", "reset", {"to": to})).status == 400
    assert list(plane.stage.service.jobs()) == [job]


async def test_a_follower_s_stream_ends_and_the_journal_begins_with_what_stayed(plane: Plane) -> None:
    _, following = plane.follow()
    bearing = await plane.stage.token()
    first = await plane.stage.job(bearing)
    await plane.client.advance(5)
    await plane.stage.job(bearing)
    await plane.ask("POST", "reset", {"to": 0})
    async with asyncio.timeout(5):
        await asyncio.gather(following, return_exceptions=True)
    lines = lines_in((await plane.ask("GET", "journal")).body)
    accepted = [line for line in lines if line.get("type") == "job.accepted"]
    assert [(each["job"], each["t"]) for each in accepted] == [(first, 0)]


async def test_a_reset_after_a_reset_has_nothing_to_go_back_to(plane: Plane) -> None:
    await plane.stage.job(await plane.stage.token())
    await plane.client.advance(10)
    assert (await plane.ask("POST", "reset", {})).json["now"] == 0
    assert (await plane.ask("POST", "reset", {"to": 5})).status == 400
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 200
    assert list(plane.stage.service.jobs()) == []


class TestScaled:
    @pytest.fixture
    def clock(self) -> AnyClock:
        return ScaledClock("0", start=10_000)

    async def test_a_clock_with_a_pace_is_set_back_and_keeps_it(self, plane: Plane) -> None:
        await plane.stage.job(await plane.stage.token())
        assert (await plane.ask("POST", "reset", {"to": 4_000})).json["now"] == 4_000
        shown = (await plane.ask("GET", "clock")).json
        assert (shown["now"], shown["factor"]) == (4_000, "0")
        assert list(plane.stage.service.jobs()) == []

    async def test_an_exchange_whose_reply_is_not_out_is_dropped(self, plane: Plane) -> None:
        stage = plane.stage
        job = None
        bearing = await stage.token()
        job = await stage.job(bearing)
        peer = await stage.peer()
        await peer.send(status(bearing, job))  # withheld by 80 ms of a clock that stands still
        while not any(each.busy for each in stage.server.peers):
            await breathe()
        assert (await plane.ask("POST", "reset", {"to": 10_000})).status == 200
        async with asyncio.timeout(5):
            (got,) = await asyncio.gather(peer.rest(), return_exceptions=True)
        assert isinstance(got, ConnectionResetError) or got == b""


class TestReal:
    @pytest.fixture
    def clock(self) -> AnyClock:
        return SystemClock()

    async def test_a_real_clock_is_not_set_back(self, plane: Plane) -> None:
        assert (await plane.ask("POST", "reset", {"to": 0})).status == 409
        assert (await plane.ask("POST", "reset", {})).status == 200


async def test_too_many_facts_close_the_way_back(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.server.control.observed.MOST_FACTS", 1)
    bearing = await plane.stage.token()
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 200
    await plane.stage.job(bearing)
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 409


async def test_a_plane_without_a_recorder_says_so(stage: Stage) -> None:
    async with steering(stage) as plain:
        assert (await plain.ask("POST", "tape", {"name": "x"})).status == 409
        assert (await plain.ask("POST", "reset", {"to": 0})).json["tape"] is None


async def test_a_device_that_stayed_keeps_its_code_for_itself(plane: Plane) -> None:
    fields = {**DEVICE, "scope": SCOPE, "response_type": "device_code"}
    first = (await form(plane, "/oauth2/v1/device", **fields)).json
    await plane.client.advance(10)
    second = (await form(plane, "/oauth2/v1/device", **fields)).json
    await plane.client.reset(5)
    again = (await form(plane, "/oauth2/v1/device", **fields)).json
    assert (again["user_code"] == second["user_code"], again["user_code"] != first["user_code"]) == (True, True)


async def test_tokens_that_are_over_are_remembered_for_what_they_were(plane: Plane, tmp_path: Path) -> None:
    password = {"grant_type": "password", "username": "jane", "password": "lab-password-a:b/c+d%e"}
    bearing = await plane.stage.token()
    login = (await form(plane, "/oauth2/v1/token", **password, scope=f"{SCOPE} offline_access")).json
    used = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
    fresh = (await form(plane, "/oauth2/v1/token", **used)).json
    await plane.client.advance(2 * 3_600_000 - 1)
    await plane.client.tape("late")
    peer = await plane.stage.peer()
    assert "expired" in (await peer.ask(status(bearing, "x"))).headers["www-authenticate"]
    assert (await form(plane, "/oauth2/v1/token", **used)).status == 400
    # the one that came of it is gone with it
    assert (await form(plane, "/oauth2/v1/token", **{**used, "refresh_token": fresh["refresh_token"]})).status == 400
    await plane.client.tape()
    found = recording("late", tmp_path)
    assert "reused" in {each.text("why") for each in found.facts() if each.x is not None}
    replays(found, plane)
