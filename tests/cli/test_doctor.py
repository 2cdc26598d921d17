"""`lab doctor`: one page about what the lab runs on."""

import asyncio
import json
import re
import signal
import socket
import socketserver
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.cli.commands import doctor
from lab.stores.address import store_address
from lab.stores.redis_link import open_link
from tests.cli.test_serve import HOW, fetch, listening
from tests.conftest import ROOT, Lab
from tests.forked import forked_lab
from tests.steering import Steering
from tests.stores.redis_server import RedisServer


@contextmanager
def answering(response: bytes) -> Iterator[str]:
    """Somebody who gives every request that response; its origin."""

    class Proxy(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(response)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is free, in the usual one's place."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free: int = taken.getsockname()[1]
    monkeypatch.setattr(doctor, "_PORT", free)
    return free


def test_where_nothing_is_wrong_it_is_0(lab: Lab) -> None:
    done = lab("doctor")
    assert (done.code, done.lines[-1]) == (0, "Nothing is wrong."), done.out
    report = json.loads(lab("doctor", "--json").out)
    assert report["ok"] and {"lab", "python", "aiohttp", "textual", "port"} <= {
        each["name"] for each in report["findings"]
    }


def test_what_is_wrong_says_what_to_do_and_ends_with_4(lab: Lab, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.folder / "recordings").write_text("no folder")
    monkeypatch.setattr(doctor, "LIBRARIES", ("no-such-library",))
    with socket.create_server(("127.0.0.1", port)):
        done = lab("doctor", "--json")
    wrong = {each["name"] for each in json.loads(done.out)["findings"] if each["wrong"]}
    assert (done.code, wrong) == (4, {"recordings", "no-such-library", "port"})


def test_the_store_that_a_variable_names_is_tried(lab: Lab, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for url, wrong in (
        (f"redis://:s3cret@127.0.0.1:{port}/0", "can't be reached"),
        ("http://127.0.0.1", "it begins with none of redis://"),
    ):
        monkeypatch.setenv("LAB_LEDGER", url)
        done = lab("doctor")
        assert done.code == 4 and "s3cret" not in done.out
        assert next(line for line in done.lines if line.startswith("store ")).count(wrong) == 1


def test_extras_are_listed_and_none_of_them_is_missed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"pytest": ("pytest",), "odd": ("no-such-library",)})
    done = lab("doctor")
    (line,) = (line for line in done.lines if line.startswith("extras "))
    assert done.code == 0 and "pytest pytest-" in line and line.endswith("odd not installed")


def test_a_proxy_before_no_lab_is_quoted_as_a_sentence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_CONTROL_TOKEN", "x" * 20)
    body = b'{"error":"temporarily_unavailable","error_description":"No lab is ready."}'
    with answering(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    ) as url:
        done = lab("doctor", url)
    assert done.code == 4
    assert "WRONG: No lab is ready. It was not a lab that answered: ask again, or a lab itself." in done.out


def test_a_running_lab_tells_of_its_health(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with forked_lab(*HOW, "quick", "--json", "--clock", "manual", cwd=lab.folder) as process:
        ready = listening(process)
        monkeypatch.setenv("LAB_CONTROL_TOKEN", ready["control_token"])
        done = lab("doctor", ready["control_url"])
        assert done.code == 0 and "manual clock at 0 ms" in done.out and ready["base_url"] in done.out
        assert done.lines[-2] == "ready        yes, calls may be sent to it"
        head = {"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"}
        fetch(f"{ready['control_url']}/_lab/tenants", head, b'{"name":"ann"}')
        of_tenant = lab("doctor", f"{ready['control_url']}/t/ann")
        assert of_tenant.code == 0 and f"{ready['base_url']}/t/ann" in of_tenant.out
        assert not any(line.startswith("ready") for line in of_tenant.lines)
        monkeypatch.setenv("LAB_CONTROL_TOKEN", "x" * 20)
        refused = lab("doctor", ready["control_url"])
        assert refused.code == 4 and "401" in refused.out


async def advanced(ready: dict[str, str], millis: int) -> None:
    client = Steering(ready["control_url"], ready["control_token"])
    assert (await client.advance(millis)).done
    await client.close()


async def flushed(url: str) -> None:
    link = await open_link(store_address(url))
    await link.ask("FLUSHALL")
    await link.close()


def test_a_lab_whose_store_lost_what_it_had_is_told_of(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        RedisServer() as store,
        forked_lab(*HOW, "quick", "--json", "--clock", "manual", "--ledger", store.url, cwd=lab.folder) as process,
    ):
        ready = listening(process)
        monkeypatch.setenv("LAB_CONTROL_TOKEN", ready["control_token"])
        asyncio.run(advanced(ready, 7_000))
        assert "was set back" not in lab("doctor", ready["control_url"]).out
        asyncio.run(flushed(store.url))
        while (done := lab("doctor", ready["control_url"])).code == 0:
            pass  # the process notices within a second
        assert done.code == 4 and "noticed at 7000 ms" in done.out and "Job IDs may come twice" in done.out


def test_a_lab_that_is_to_end_is_well_and_not_ready(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with forked_lab(*HOW, "quick", "--json", "--drain", "1m", cwd=lab.folder) as process:
        ready = listening(process)
        monkeypatch.setenv("LAB_CONTROL_TOKEN", ready["control_token"])
        process.send_signal(signal.SIGTERM)
        while (done := lab("doctor", ready["control_url"], "--json")).code == 0:
            pass  # the signal is on its way
        found = {each["name"]: each["wrong"] for each in json.loads(done.out)["findings"]}
        assert (done.code, found["running lab"]) == (4, None)
        assert found["ready"] == "The lab ends. Call another process of it."
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_what_an_extra_is_known_by_is_what_it_brings() -> None:
    brought = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, needs in doctor.EXTRAS.items():
        names = {re.split(r"[^a-z0-9-]", each)[0] for each in brought.get(extra, needs)}
        assert set(needs) <= names, extra
