"""`lab mcp` as a process: over stdin and stdout until stdin ends, over HTTP to whoever shows the token."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import ROOT, each_row
from tests.forked import ForkedLab, forked_lab

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "agent", "version": "1"}}
SERVE = {"scenarios": ["approval"], "reviewer": "person", "seed": 1}


class Host:
    """Who has started `lab mcp`, and speaks to it frame by frame."""

    def __init__(self, process: ForkedLab, stdin: int) -> None:
        self.process, self._stdin, self._ids = process, os.fdopen(stdin, "w"), iter(range(1, 1_000))

    def send(self, frame: dict[str, Any]) -> None:
        self._stdin.write(json.dumps({"jsonrpc": "2.0", **frame}) + "\n")
        self._stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """What comes back."""
        self.send({"id": next(self._ids), "method": method, "params": params})
        return dict(json.loads(self.process.stdout.readline())["result"])

    def tool(self, name: str, **arguments: Any) -> str:
        return str(self.ask("tools/call", {"name": name, "arguments": arguments})["content"][0]["text"])

    def close(self) -> None:
        self._stdin.close()


@contextmanager
def hosted(folder: Path) -> Iterator[Host]:
    stdin, end = os.pipe()
    with forked_lab("mcp", cwd=folder, stdin=stdin) as process:
        os.set_inheritable(end, False)
        host = Host(process, end)
        host.ask("initialize", HELLO)
        host.send({"method": "notifications/initialized"})
        yield host


def port_of(served: str) -> int:
    return int(served.partition("base url       http://127.0.0.1:")[2].partition("\n")[0])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def gone_within(process: ForkedLab, port: int, seconds: float) -> bool:
    began = time.monotonic()
    while process.poll() is None or listens(port):
        if time.monotonic() > began + seconds:
            return False
    return True


def test_a_dead_stdin_ends_lab_and_process_whatever_is_under_way(tmp_path: Path) -> None:
    with hosted(tmp_path) as host:
        port = port_of(host.tool("serve", **SERVE, record="day"))
        host.tool("break", fault={"route": "discovery", "delay": "1h"})
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: x\r\n\r\n")
            while "openid-configuration" not in host.tool("calls"):
                pass
            host.send(
                {"id": 900, "method": "tools/call", "params": {"name": "run", "arguments": {"scenario": "quick"}}}
            )
            host.close()
            assert gone_within(host.process, port, 2)
        assert (host.process.returncode, host.process.stderr.read()) == (0, "")
    assert '"closed"' in (tmp_path / "recordings/day.rec.jsonl").read_text().splitlines()[-1]


@each_row("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_does_though_stdin_is_open(number: int, tmp_path: Path) -> None:
    with hosted(tmp_path) as host:
        port = port_of(host.tool("serve", **SERVE))
        host.process.send_signal(number)
        assert gone_within(host.process, port, 2)
        assert host.process.returncode == (-9 if number == signal.SIGKILL else 0)
        host.close()


def test_a_call_that_is_cancelled_ends_and_others_go_on(tmp_path: Path) -> None:
    with hosted(tmp_path) as host:
        host.tool("serve", **SERVE)
        call = {"name": "docs", "arguments": {}}
        wait = {"name": "advance", "arguments": {"until": "WAITING", "job": "none", "wait": "55s"}}
        host.send({"id": 70, "method": "tools/call", "params": wait})
        assert "There is no such job" in host.process.stdout.readline()
        slow = {"name": "run", "arguments": {"scenario": "quick"}}
        host.send({"id": 71, "method": "tools/call", "params": slow})
        host.send({"method": "notifications/cancelled", "params": {"requestId": 71}})
        host.send({"id": 72, "method": "tools/call", "params": call})
        assert json.loads(host.process.stdout.readline())["id"] == 72
        host.close()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules.update(mcp=None, mcp_types=None); from lab.__main__ import main; sys.exit(main(['mcp']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("lab: mcp needs mcp-types, which is not installed.\n  pip install 'invoke-async-lab[mcp]'\n")


def test_no_other_command_loads_it() -> None:
    code = (
        "import sys; from lab.cli.main import run_command; run_command(['--help']); run_command(['check', 'quick'])\n"
        "print([each for each in sys.modules if each.startswith(('mcp', 'lab.plugins.mcp_server.', 'uvicorn'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['lab.plugins.mcp_server.plugin']"


HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


class Page:
    """`lab mcp --http`, called by hand."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self._token, self.session = url, token, ""

    def post(self, frame: dict[str, Any], **headers: str) -> requests.Response:
        own = {"authorization": f"Bearer {self._token}", **({"mcp-session-id": self.session} if self.session else {})}
        body = json.dumps({"jsonrpc": "2.0", **frame})
        return requests.post(self.url, data=body, headers={**HEADERS, **own, **headers}, timeout=20)

    def tool(self, name: str, **arguments: Any) -> str:
        if not self.session:
            hello = self.post({"id": 1, "method": "initialize", "params": HELLO})
            self.session = hello.headers["mcp-session-id"]
            self.post({"method": "notifications/initialized"})
        answer = self.post({"id": 2, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
        data = next(line[6:] for line in answer.text.splitlines() if line.startswith("data: {"))
        return str(json.loads(data)["result"]["content"][0]["text"])


@contextmanager
def over_http(folder: Path, *options: str) -> Iterator[tuple[Page, ForkedLab]]:
    with forked_lab("mcp", "--http", "--port", "0", *options, cwd=folder) as process:
        url = process.stdout.readline().removeprefix("Tools at ").removesuffix(". Stop with Ctrl-C.\n")
        given = os.environ.get("LAB_CONTROL_TOKEN")
        yield Page(url, given or process.stdout.readline().split()[-1]), process


def test_over_http_the_token_opens_it_and_a_tool_ends_the_lab(tmp_path: Path) -> None:
    with over_http(tmp_path) as (page, process):
        port = port_of(page.tool("serve", **SERVE))
        other = Page(page.url, page._token)
        assert "by a real clock" in other.tool("advance"), "all clients share the lab"
        assert other.tool("serve", end=True) == "The lab has ended." and not listens(port)
        port = port_of(page.tool("serve", **SERVE))
        process.send_signal(signal.SIGTERM)
        assert gone_within(process, port, 3)
        assert (process.returncode, process.stderr.read()) == (0, "")


def test_over_http_nobody_else_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONTROL_TOKEN", "0123456789abcdef-own")
    with over_http(tmp_path) as (page, _):
        frame = {"id": 1, "method": "initialize", "params": HELLO}
        assert page.post(frame).status_code == 200
        for shown in ("", "Bearer x", "Bearer 0123456789abcdef-owm", "Basic 0123456789abcdef-own"):
            refused = page.post(frame, authorization=shown)
            assert (refused.status_code, refused.json()) == (
                401,
                {"error": "The control token is missing or wrong.", "hint": "lab mcp --http prints it at its start."},
            )
        assert page.post(frame, origin="http://localhost").status_code == 403
        assert page.post(frame, host="lab.example").status_code == 421


def test_over_http_a_lab_ends_that_nobody_calls(tmp_path: Path) -> None:
    with over_http(tmp_path, "--idle", "200ms") as (page, _):
        port, began = port_of(page.tool("serve", **SERVE)), time.monotonic()
        while listens(port):
            assert time.monotonic() < began + 5
        assert page.tool("calls").startswith("lab: No lab is served.")
