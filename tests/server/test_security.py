"""The security defaults of limits.md §6 that a peer, a log or a reader can see, by their number there."""

import ast
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from lab.cli.commands.serve import advices, origin_elsewhere
from lab.cli.entropy import control_token
from lab.cli.setup import make_setup
from lab.core.errors import UsageError
from lab.identity.clients import DEMO, JANE
from lab.identity.testkey import SIGNING_PEMS
from lab.server.control import access
from lab.server.control.plane import ControlPlane
from lab.server.listener import bind
from tests.conftest import ROOT, each_row
from tests.server.conftest import TOKEN, Answer, Stage, ask_once, request
from tests.server.transcript import Session
from tests.settings import mock_of


@each_row("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_1_a_host_of_this_machine_needs_no_second_word(host: str) -> None:
    assert mock_of(["serve", "--host", host], {}).listen.host == host


@each_row("host", ["0.0.0.0", "::", "192.0.2.7", "lab.example", "", "127.0.0.1.evil.example"])
@each_row("command", [["serve"], ["demo"], ["run", "x"]])
def test_1_a_host_that_others_reach_needs_one(host: str, command: list[str]) -> None:
    with pytest.raises(UsageError, match="can be reached by others"):
        mock_of([*command, "--host", host], {})
    assert mock_of([*command, "--host", host, "--i-know-this-is-exposed"], {}).listen.host == host


# The control plane


@pytest.fixture
async def port(stage: Stage) -> AsyncIterator[int]:
    """A control plane's."""
    control = ControlPlane(stage.server, TOKEN)
    yield int((await control.start()).rpartition(":")[2])
    await control.stop()


async def answer_to(port: int, data: bytes) -> Answer:
    return await ask_once(port, data.replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1:%d\r\n" % port))


def test_2_the_control_token_is_fresh_and_long() -> None:
    tokens = {control_token() for _ in range(8)}
    assert len(tokens) == 8 and all(len(each) >= 43 for each in tokens), "256 bits in base64url"


async def test_2_the_token_is_compared_in_constant_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def spy(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return hmac.compare_digest(given, right)

    monkeypatch.setattr(access, "hmac", type("Spy", (), {"compare_digest": staticmethod(spy)}))
    for given, status in (("wrong", 401), (TOKEN, 200)):
        got = await answer_to(port, request("GET", "/_lab/health", (("authorization", f"Bearer {given}"),)))
        assert got.status == status
    assert compared == [(b"wrong", TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())]


CHANGES = ("clock", "tokens", "reset", "faults", "jobs/x/decisions", "tape", "devices")
READS = ("health", "jobs", "clock", "journal", "faults")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", CHANGES)
async def test_3_a_change_is_json_so_that_no_page_can_send_it_unasked(port: int, path: str, kind: str) -> None:
    headers = (("authorization", f"Bearer {TOKEN}"), *((("content-type", kind),) if kind else ()))
    got = await answer_to(port, request("POST", f"/_lab/{path}", headers, b"{}"))
    assert got.status in (404, 415)
    assert got.status == 415 or path in ("tape", "devices"), "the routes that are not there yet"


@pytest.mark.parametrize("path", READS)
async def test_3_nothing_changes_by_get(stage: Stage, port: int, path: str) -> None:
    job = await stage.job(await stage.token())

    def seen() -> tuple[object, ...]:
        view = stage.service.look(job, 0)
        assert view is not None
        return len(stage.observations), stage.clock.now(), view.record, view.span

    before = seen()
    for query in ("", "?advance=1h", "?follow=0"):
        await answer_to(port, request("GET", f"/_lab/{path}{query}", (("authorization", f"Bearer {TOKEN}"),)))
    assert seen() == before


@pytest.mark.parametrize("path", [*CHANGES, *READS])
async def test_3_a_page_is_refused_before_its_token_is_looked_at(port: int, path: str) -> None:
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{port}"):
        headers = (("origin", origin), ("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json"))
        for method in ("GET", "POST", "OPTIONS", "DELETE"):
            got = await answer_to(port, request(method, f"/_lab/{path}", headers))
            assert got.status == 403
            assert not [name for name in got.headers if name.startswith("access-control")]


async def test_2_the_plane_is_not_reached_through_the_mock(stage: Stage) -> None:
    peer = await stage.peer()
    for path in ("/_lab/health", "//_lab/health", "/%5Flab/health", "/x/../_lab/health", "/_lab/"):
        got = await peer.ask(request("GET", path, (("authorization", f"Bearer {TOKEN}"),)))
        assert got.status == 404


@pytest.mark.parametrize("profile", ["oci", "rfc"])
async def test_4_and_13_no_cors_and_no_secret_in_any_log(profile: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    done = await Session(profile).play()
    logged = "\n".join(f"{each.getMessage()} {each.exc_text or ''}" for each in caplog.records)
    for secret in (DEMO.secret, JANE.password, "eyJ", "Bearer", "Authorization", "Compare items"):
        assert secret not in logged
    shown = b"".join(answer for _, _, answer in done).lower()
    assert b"access-control" not in shown and b"set-cookie" not in shown
    assert len(done) > 50


async def test_13_what_the_parser_refuses_is_not_logged_raw(
    stage: Stage, port: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    for where in (stage.port, port):
        for data in (b"GET / HTTP/1.1\r\nX: \x1b]52;c;sEcReT\x07\r\n\r\n", b"\x16\x03\x01\x02\x00\x01sEcReT\r\n\r\n"):
            got = await answer_to(where, data)
            assert got.status == 400
            assert not set(got.body) & {*range(0x20), 0x7F} - {0x0A, 0x0D}, got.body
    seen = "".join(each.getMessage() for each in caplog.records) + "".join(capsys.readouterr())
    assert "\x1b" not in seen and "\x07" not in seen


def test_5_the_secrets_of_the_lab_look_false() -> None:
    assert DEMO.secret.startswith("lab-secret-") and JANE.password.startswith("lab-password-")
    assert set(":/+%") <= set(DEMO.secret)


def test_14_the_key_says_that_it_is_public() -> None:
    for _, certificate in SIGNING_PEMS.values():
        assert "FOR TESTS ONLY" in load_pem_x509_certificate(certificate.encode()).subject.rfc4514_string()
    assert "public" in (ast.get_docstring(ast.parse(Path(ROOT, "lab/identity/testkey.py").read_text())) or "").lower()


def test_15_the_readme_says_what_the_lab_is_not() -> None:
    text = (ROOT / "README.md").read_text().partition("## What the lab is not")[2]
    assert "Never point production credentials at it" in text and "127.0.0.1" in text


@each_row(("host", "here"), [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")])
def test_an_address_that_nobody_can_call_is_in_no_url(host: str, here: str) -> None:
    bound = bind(host, 0)
    bound.close()
    assert bound.origin.startswith(here)
    listen = ("serve", "quick", "--host", host, "--i-know-this-is-exposed")
    setup = make_setup(mock_of([*listen], {}))
    lines = origin_elsewhere(setup, bound.origin)
    assert lines.startswith("http://") and bound.origin.rpartition(":")[2] in lines and here not in lines


def test_1_an_exposed_lab_says_so() -> None:
    settings = mock_of(["serve", "--host", "0.0.0.0", "--i-know-this-is-exposed"], {})
    assert [line for line in advices(settings) if line.startswith("EXPOSED: 0.0.0.0")]
    assert not advices(mock_of(["serve"], {}))
