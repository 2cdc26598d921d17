"""`lab capture`: a client's session with a pod on a recording, and what can be done with it afterwards."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.app.effects import App, Outcome
from lab.app.run import run
from lab.cli.commands.capture import running_capture
from lab.cli.console import Console
from lab.cli.loop import Stop
from lab.cli.run.apps import app_for_peer
from lab.cli.run_settings import USUAL_APP, Peer
from lab.cli.serve.playback import RecordingPlayer
from lab.cli.serve.settings import CaptureSettings, ServeSettings
from lab.cli.tapes.capture_tape import recorded_peer
from lab.client.driver import Transport, drive
from lab.client.transport import HttpTransport
from lab.clocks import ScaledClock
from lab.core.clock import INSTANT_EPOCH
from lab.core.observe import Replied, Requested
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from lab.program.words import Status
from lab.recording.format.lines import FileState, Recording, Res
from lab.recording.format.reader import read
from lab.server.listener import bind
from lab.server.mock_server import MockServer
from lab.server.tls import throwaway
from lab.settings import MockSettings
from tests.conftest import Lab
from tests.settings import settings_of

SCENARIO = parse_scenario(
    """\
lab: 1
name: order
title: An order
agent: {code: ORDER_TEAM, version: 1}
ask: Order it
latency: {token: 20ms, invoke: 20ms, status: 20ms}
steps:
  - work: read
    takes: 3s
  - gate: sign-off
    asks: May it be ordered?
    patience: 1h
    verdicts: {rejected: declined}
    reviewer: {after: 6s, verdict: approved}
  - complete: ordered
    output: Ordered.
  - complete: declined
    output: Kept.
faults:
  - {route: status, calls: 2, answer: 503}
""",
    "order.yaml",
)
PACE = "20"
"""How many times faster than the wall pod and client live."""


def service_of() -> Service:
    return Service(Config((program_of(SCENARIO),), Switches(), 42, INSTANT_EPOCH))


@asynccontextmanager
async def pod() -> AsyncIterator[tuple[str, str]]:
    """A pod over TLS: its origin, and the certificate to trust."""
    authority = throwaway()
    server = MockServer(service_of(), ScaledClock(PACE))
    await server.start()
    yield server.start_tls(bind("127.0.0.1", 0), authority.context), authority.certificate.decode()
    await server.stop(0)


def client_of(base: str) -> tuple[App, HttpTransport]:
    peer = Peer(base, f"{base}/oauth2/v1/token", DEMO.id, DEMO.secret, api_scope("acme-test"))
    return app_for_peer(SCENARIO, peer, USUAL_APP), HttpTransport(peer.base, peer.token_url)


async def session(app: App, transport: Transport) -> tuple[Outcome, list[tuple[str, int]]]:
    """How a client's session ends, and what it is answered: the route and the HTTP status of each call."""
    routes: dict[int, str] = {}
    answers: list[tuple[str, int]] = []

    def observe(observation: object) -> None:
        match observation:
            case Requested():
                routes[observation.x] = observation.route
            case Replied():
                answers.append((routes[observation.x], observation.response.status))

    clock = ScaledClock(PACE)
    try:
        return await drive(run(app, clock.now()), transport, clock, observe), answers
    finally:
        await transport.close()


class Out:
    """What a command says."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.console = Console(self.out, self.err)


def capture_settings(*argv: str) -> CaptureSettings:
    return settings_of(CaptureSettings, ["capture", *argv, "--port", "0", "--json"], {})


@asynccontextmanager
async def served_from(file: str, clock: str = "real") -> AsyncIterator[str]:
    """A recording played back, as `lab serve --from` does."""
    served = settings_of(ServeSettings, ["serve", "--from", file, "--clock", clock])
    setup = RecordingPlayer(file, served.playback, served.mock).setup()
    server = MockServer(setup.make_service(setup.config), setup.clock)
    origin = await server.start()
    yield origin
    await server.stop(0)


def load(path: str) -> Recording:
    return read(Path(path).read_bytes(), path)


def certificate_file(certificate: str) -> str:
    Path("ca.pem").write_text(certificate)
    return "ca.pem"


def text_of(path: str) -> str:
    return Path(path).read_text()


async def captured(name: str, *options: str) -> tuple[list[tuple[str, int]], Out]:
    """A session of a client with a pod, captured over TLS."""
    said = Out()
    async with pod() as (origin, certificate):
        settings = capture_settings("--pod", origin, "--ca", certificate_file(certificate), *options, name)
        async with running_capture(settings, said.console, Stop(reason="sigint")) as tape:
            outcome, answers = await session(*client_of(json.loads(said.out.getvalue())["base_url"]))
            assert (outcome.status, outcome.output) == (Status.COMPLETE, "Ordered.")
        assert tape.exit_code == 0
    return answers, said


async def test_a_captured_session_is_served_to_the_same_client_again(lab: Lab) -> None:
    answers, said = await captured("order")
    assert said.err.getvalue() == "recorded recordings/order.rec.jsonl\n"
    recording = load("recordings/order.rec.jsonl")
    assert recording.state is FileState.CLOSED and recording.end is not None and recording.end.reason == "sigint"
    assert [line.status for line in recording.of(Res)] == [status for _, status in answers]
    assert {503, 200, 202} == {status for _, status in answers}
    async with served_from("order") as origin:
        outcome, again = await session(*client_of(origin))
    assert (outcome.status, outcome.output) == (Status.COMPLETE, "Ordered.")
    # polls come at other instants, but what they see is the same, in the same order
    assert list(dict.fromkeys(again)) == list(dict.fromkeys(answers))


@pytest.mark.long
async def test_of_bodies_the_shape_alone_is_kept_and_still_the_session_can_be_served(lab: Lab) -> None:
    await captured("shape", "--bodies", "shape")
    text = text_of("recordings/shape.rec.jsonl")
    assert "Order it" not in text and "Ordered." not in text and "May it be" not in text
    assert '"message":"xxxxxxxx"' in text and '"status":"WAITING"' in text
    async with served_from("shape") as origin:
        outcome, _ = await session(*client_of(origin))
    assert (outcome.status, outcome.output) == (Status.COMPLETE, "xxxxxxxx")


def test_what_was_captured_is_checked_shown_and_played(lab: Lab) -> None:
    asyncio.run(captured("order"))
    text = text_of("recordings/order.rec.jsonl")
    assert DEMO.secret not in text and "eyJ" not in text and "127.0.0.1" not in text

    assert lab("check", "recordings").code == 0
    for form in ("text", "har", "md", "html", "cast"):
        shown = lab("show", "order", "--as", form)
        assert (shown.code, shown.err) == (0, "")
        assert DEMO.secret not in shown.out and "eyJ" not in shown.out
    assert "WAITING" in lab("show", "order").out
    shown = lab("play", "order", "--plain")
    assert shown.code == 0 and "COMPLETE" in shown.out and "503" in shown.out
    replayed = lab("replay", "order")
    assert replayed.code == 2
    assert "is a capture" in replayed.err and "lab serve --from" in replayed.err


@pytest.mark.long
async def test_a_run_against_another_server_is_recorded_as_it_is_captured(lab: Lab) -> None:
    server = MockServer(service_of(), ScaledClock(PACE))
    origin = await server.start()
    said, stop = Out(), Stop()
    peer = Peer(origin, f"{origin}/oauth2/v1/token", DEMO.id, DEMO.secret, api_scope("acme-test"))
    with recorded_peer(MockSettings(record="run"), peer, ScaledClock(PACE), said.console, stop) as recorded:
        app, transport = client_of(origin)
        outcome, answers = await session(app, recorded.over(transport))
    await server.stop(0)
    assert recorded.exit_code == 0 and outcome.status == Status.COMPLETE
    recording = load("recordings/run.rec.jsonl")
    assert (recording.header.source, recording.state) == ("capture", FileState.CLOSED)
    assert [line.status for line in recording.of(Res)] == [status for _, status in answers]
    assert DEMO.secret not in text_of("recordings/run.rec.jsonl")
    async with served_from("run", f"scaled:{PACE}") as again:
        outcome, _ = await session(*client_of(again))
    assert outcome.status == Status.COMPLETE


async def test_a_certificate_that_nobody_trusts_is_502_and_no_end(lab: Lab) -> None:
    said = Out()
    async with (
        pod() as (origin, _),
        running_capture(capture_settings("--pod", origin, "x"), said.console, Stop()) as tape,
    ):
        app, transport = client_of(json.loads(said.out.getvalue())["base_url"])
        outcome, answers = await session(replace(app, tries=1), transport)
        assert answers == [("token", 502)]
    assert outcome.status is None
    assert "--ca FILE names who is" in said.err.getvalue()
    assert tape.exit_code == 0
    assert [line.by for line in load(tape.path).of(Res)] == ["shell"]


async def test_a_tape_that_dies_does_not_end_the_session(lab: Lab) -> None:
    said = Out()
    async with pod() as (origin, certificate):
        settings = capture_settings("--pod", origin, "--ca", certificate_file(certificate), "gone")
        async with running_capture(settings, said.console, Stop()) as tape:
            os.unlink(tape.path)
            tape.look()
            outcome, _ = await session(*client_of(json.loads(said.out.getvalue())["base_url"]))
    assert outcome.status == Status.COMPLETE
    assert tape.exit_code == 4
    assert said.err.getvalue().startswith("lab: The recording recordings/gone.rec.jsonl is lost")


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("--pod", "https://pod.example", "x"), "Add --allow-host pod.example"),
        (("--pod", "http://pod.example", "--allow-host", "pod.example", "x"), "would be asked without TLS"),
        (("--pod", "https://a.example", "--tokens", "https://b.example", "--allow-host", "a.example", "x"), "--allow-host b.example"),
        (("--pod", "https://me:pass@127.0.0.1", "x"), "holds a user or a password"),
        (("--pod", "https://127.0.0.1/path", "x"), "is more than an origin"),
        (("--pod", "127.0.0.1", "x"), "is no URL"),
        (("--pod", "http://127.0.0.1:1", "--ca", "nowhere.pem", "x"), "There is no file nowhere.pem"),
        (("--pod", "http://127.0.0.1:1", "--ca", "scenarios/brief.yaml", "x"), "holds no certificate"),
        (("--pod", "http://127.0.0.1:1", "../up/Bad Name"), "can't name a recording"),
        (("x",), "--pod"),
    ],
)  # fmt: skip
def test_what_can_not_be_captured_is_said(lab: Lab, argv: tuple[str, ...], why: str) -> None:
    Path("ca.txt").write_text("none")
    done = lab("capture", "--port", "0", *(each.replace("scenarios/brief.yaml", "ca.txt") for each in argv))
    assert done.code == 2
    assert why in done.err
    assert not Path("recordings").exists()
