"""The screen in a browser: a page for this machine alone, and a process of its own for each visitor."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import unused_port

from lab.cli.run_settings import DemoSettings
from lab.plugins.web.options import WebSettings
from lab.plugins.web.page import visitor_command, without
from tests.conftest import Lab, each_row
from tests.forked import forked_lab
from tests.settings import settings_of

ROOT = Path(__file__).parents[3]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin() -> AsyncIterator[str]:
    """The page, served by the command itself; SIGTERM ends it soon, and a visitor who is looking with it."""
    port = unused_port()
    at = f"http://127.0.0.1:{port}"
    with forked_lab("demo", "--seed", "42", "--web", str(port), cwd=ROOT) as page:
        assert f"{at} in a browser" in page.stdout.readline()
        yield at
        async with ClientSession() as browser, browser.ws_connect(f"{at}/ws", headers={"origin": at}) as screen:
            await screen.receive()
            page.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                while not screen.closed:
                    await screen.receive()
        assert page.communicate() == ("", "")
        assert page.returncode == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.long
async def test_a_visitor_sees_the_poster(origin: str) -> None:
    async with ClientSession() as browser:
        async with browser.get(origin) as page:
            served = await page.text()
            assert page.status == 200 and "Invoke Async Lab" in served
            assert 'src="http' not in served.replace(origin, "") and 'href="http' not in served.replace(origin, ""), (
                "all of it comes from here"
            )
        async with browser.ws_connect(f"{origin}/ws?width=120&height=36", headers={"origin": origin}) as screen:
            drawn = ""
            async with asyncio.timeout(20):
                while not all(name in drawn for name in ("Invoke Async Lab", "LIVE", "space", "Begin")):
                    message = await screen.receive()
                    assert message.type in (WSMsgType.BINARY, WSMsgType.TEXT)
                    if message.type is WSMsgType.BINARY:
                        drawn += message.data.decode(errors="replace")


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="module")
async def test_a_visitor_s_process_ends_without_a_word_whenever_ctrl_c_comes() -> None:
    process = await asyncio.create_subprocess_shell(
        visitor_command(["demo", "--seed", "42"]), cwd=ROOT, start_new_session=True, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    quits = b'{"type":"quit"}'
    process.stdin.write(b"M" + len(quits).to_bytes(4, "big") + quits)
    async with asyncio.timeout(20):
        await process.stdout.readuntil(b'{"type": "exit"}')
        # a terminal sends it to all; the visitor has left, and the process is about to end
        while process.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, but the loop hasn't heard of it
                os.killpg(process.pid, signal.SIGINT)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.001)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}])
@pytest.mark.asyncio(loop_scope="module")
async def test_another_origin_s_page_is_kept_out(origin: str, headers: dict[str, str]) -> None:
    async with ClientSession() as browser:
        async with browser.get(origin, headers=headers) as page:
            assert page.status == 403
        with pytest.raises(WSServerHandshakeError):
            await browser.ws_connect(f"{origin}/ws", headers=headers)


@pytest.mark.long
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("demo --web", "demo"), ("demo --web 8001 refund", "demo refund"), ("demo --web=8001 --seed 7", "demo --seed 7"),
        ("demo --web refund --seed 8000", "demo refund --seed 8000"),
    ],
)  # fmt: skip
def test_a_visitor_s_process_has_the_command_s_other_arguments(given: str, left: str) -> None:
    assert without("--web", given.split()) == left.split()


def test_a_visitors_command_is_quoted_as_the_shell_there_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "C:\\Program Files\\python.exe")
    assert visitor_command(["demo"]).startswith("trap '' INT; exec 'C:")
    monkeypatch.setattr(sys, "platform", "win32")
    assert visitor_command(["demo", "a b"]) == '"C:\\Program Files\\python.exe" -m lab demo "a b"'


def test_a_page_s_visitors_can_t_share_a_port(lab: Lab) -> None:
    assert "--web can't be used with --port" in lab("demo", "--web", "--port", "8080").err


@each_row(
    ("given", "web", "scenario"),
    [
        ("--web item-comparison", 8000, "item-comparison"), ("--web 8001 refund", 8001, "refund"),
        ("--web=8001 refund", 8001, "refund"), ("refund --web", 8000, "refund"), ("--web --plain", 8000, "item-comparison"),
    ],
)  # fmt: skip
def test_a_scenario_s_name_is_no_port(given: str, web: int, scenario: str) -> None:
    settings = settings_of(DemoSettings, ["demo", *given.split()])
    assert settings.additions == (WebSettings(port=web),) and settings.mock.targets == (scenario,)
