"""`lab serve --workers`: processes that serve one lab at one port, and what becomes of them."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from lab.clocks import SystemClock, real_millis
from lab.dialects.router import ROUTER
from tests.conftest import Lab
from tests.server.test_metrics import samples
from tests.stores.redis_server import RedisServer

WORKERS = 3
STORE = ("--ledger", "redis://127.0.0.1:1/0")


def test_workers_share_a_store(lab: Lab) -> None:
    called = lab("serve", "item-comparison", "--workers", "2")
    assert called.code == 2 and "--workers needs --ledger" in called.err


@pytest.mark.parametrize("number", ["0", "65", "two"])
def test_there_are_1_to_64_workers(lab: Lab, number: str) -> None:
    called = lab("serve", "item-comparison", *STORE, "--workers", number)
    assert called.code == 2 and "--workers" in called.err


def test_where_no_two_can_listen_at_one_port_there_are_no_workers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    called = lab("serve", "item-comparison", *STORE, "--workers", "2")
    assert called.code == 2 and "SO_REUSEPORT" in called.err and "a proxy before them" in called.err


class Supervised:
    """A lab with workers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        self.said: dict[str, str] = json.loads(line) if line else {}

    def workers(self) -> list[int]:
        """Their process ids, the one that started first at the head."""
        pid = self.process.pid
        return sorted(int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def descriptors(self) -> int:
        """How many the process that started them has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def control(self, path: str) -> Any:
        """What the control plane says: whoever has it, within the time that a worker takes to start."""
        return json.loads(self.text(path))

    def text(self, path: str) -> str:
        """The same, as it came."""
        authorization = {"authorization": f"Bearer {self.said['control_token']}"}
        with urlopen(Request(f"{self.said['control_url']}/_lab/{path}", headers=authorization), timeout=30) as reply:
            return str(reply.read(), "utf-8")

    def complaint(self) -> str:
        """The next line of stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()


@pytest.fixture
def redis_url() -> Iterator[str]:
    with RedisServer() as server:
        yield server.url


@contextmanager
def supervised(url: str, *options: str) -> Iterator[Supervised]:
    ask = [sys.executable, "-m", "lab", "serve", "item-comparison", "--port", "0", "--json", "--log", "none"]
    streams: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [*ask, "--workers", str(WORKERS), *options], env={**os.environ, "LAB_LEDGER": url}, text=True, **streams
    ) as process:
        try:
            yield Supervised(process)
        finally:
            process.kill()


def gone(processes: list[int]) -> bool:
    """Whether all have ended within 20 s."""
    until = real_millis() + 20_000
    left = [os.pidfd_open(each) for each in processes if Path(f"/proc/{each}").exists()]
    for each in left:
        asyncio.run(_readable(each, until))
        os.close(each)
    return real_millis() < until


async def _readable(descriptor: int, until: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    async with asyncio.timeout(max(0, until - real_millis()) / 1_000):
        await ended.wait()


@pytest.mark.long
def test_a_worker_that_dies_is_started_again_and_the_control_plane_stays(redis_url: str) -> None:
    with supervised(redis_url) as lab:
        workers = lab.workers()
        assert len(workers) == WORKERS and lab.control("health")["status"] == "ok"
        notes = [lab.complaint() for _ in range(2)]
        assert [each.split()[0] for each in notes] == ["note:", "shares"], "one of them says it, once"
        descriptors = lab.descriptors()
        os.kill(workers[0], signal.SIGKILL)
        assert lab.control("health")["status"] == "ok", "with the same token, at the same place"
        note = lab.complaint()
        assert note.startswith(f"lab: worker 1 (process {workers[0]}) was ended by SIGKILL: started again as process ")
        workers = lab.workers()
        assert len(workers) == WORKERS and int(note.split()[-1].rstrip(".")) in workers
        assert lab.descriptors() == descriptors, "nothing is left of the one before"
        lab.process.terminate()
        assert lab.process.wait(20) == 0 and gone(workers)


def ready_status(lab: Supervised) -> int:
    """How `ready` is answered."""
    try:
        lab.text("ready")
    except HTTPError as refused:
        return refused.code
    return 200


@pytest.mark.long
@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_that_hangs_is_told_of_and_started_again(redis_url: str, which: int) -> None:
    with supervised(redis_url, "--worker-timeout", "2s") as lab:
        workers = lab.workers()
        assert lab.control("ready") == {"status": "ready"}
        notes = [lab.complaint() for _ in range(2)]
        os.kill(workers[which], signal.SIGSTOP)
        if which != 0:  # that of the first hangs with it
            assert ready_status(lab) == 503
        note = lab.complaint()
        assert note.startswith(
            f"lab: worker {which + 1} (process {workers[which]}) hung for 2 s, and was ended: started"
        ), notes
        assert gone([workers[which]]) and len(lab.workers()) == WORKERS
        until = real_millis() + 20_000
        while ready_status(lab) != 200:
            assert real_millis() < until
        path = "/.well-known/openid-configuration"
        for _ in range(4 * WORKERS):
            urlopen(lab.said["base_url"] + path, timeout=5).close()


@pytest.mark.long
def test_who_was_suspended_with_its_workers_ends_none_of_them(redis_url: str) -> None:
    with supervised(redis_url, "--worker-timeout", "1s") as lab:
        workers = lab.workers()
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for each in (lab.process.pid, *workers):
                os.kill(each, number)
            if number == signal.SIGSTOP:
                asyncio.run(SystemClock().hold(2_000))
        assert lab.control("health")["status"] == "ok" and lab.workers() == workers


@pytest.mark.parametrize("option", [("--workers", "2", "--worker-timeout", "0.5s"), ("--worker-timeout", "5s")])
def test_a_timeout_of_workers_is_for_some_and_not_too_short(lab: Lab, option: tuple[str, ...]) -> None:
    called = lab("serve", "item-comparison", *STORE, *option)
    assert called.code == 2 and "--worker-timeout" in called.err


@pytest.mark.long
def test_the_control_plane_tells_what_all_of_them_counted(redis_url: str) -> None:
    with supervised(redis_url) as lab:
        path = "/.well-known/openid-configuration"
        for _ in range(8 * WORKERS):  # each of them is met, but for once in 5,000 runs
            urlopen(lab.said["base_url"] + path).close()
        counted = samples(lab.text("metrics"), "lab_request_duration_seconds_count", route="discovery", code="200")
        assert {worker for worker, _ in counted} == {"1", "2", "3"} and sum(counted.values()) == 8 * WORKERS
        os.kill(lab.workers()[1], signal.SIGKILL)
        while "started again" not in lab.complaint():
            pass
        while min(samples(text := lab.text("metrics"), "lab_worker_up").values()) == 0:
            pass
        counted = samples(text, "lab_request_duration_seconds_count", route="discovery", code="200")
        assert len(counted) == 2 and set(samples(text, "lab_malformed_requests_total")) == {
            ("1", ""), ("2", ""), ("3", ""),
        }, "it counts from 0, and has the number of the one before"  # fmt: skip


@pytest.mark.long
def test_no_worker_outlives_the_process_that_started_it(redis_url: str) -> None:
    with supervised(redis_url) as lab:
        workers = lab.workers()
        lab.process.kill()
        assert gone(workers)


@pytest.mark.long
def test_workers_end_with_the_parent_of_the_lab(redis_url: str) -> None:
    with supervised(redis_url, "--with-parent") as lab:
        workers = lab.workers()
        assert lab.process.stdin is not None
        lab.process.stdin.close()
        assert lab.process.wait(20) == 0 and gone(workers)


@pytest.mark.long
def test_five_deaths_within_a_minute_end_the_lab(redis_url: str) -> None:
    with supervised(redis_url) as lab:
        first = lab.workers()
        for each in first:
            os.kill(each, signal.SIGKILL)
        again: list[int] = []
        while len(again) < len(first):
            line = lab.complaint()
            again += [int(line.split()[-1].rstrip("."))] if "started again" in line else []
        for each in again[:2]:
            os.kill(each, signal.SIGKILL)
        assert lab.process.wait(20) == 4 and gone(again)
        assert lab.process.stderr is not None
        assert "lab: Workers died 5 times within a minute" in lab.process.stderr.read()


@pytest.fixture
def store() -> Iterator[RedisServer]:
    """A store that is there again with all that it held after it was killed."""
    with RedisServer("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


def waiting(lab: Supervised, store: RedisServer) -> None:
    """Have all workers die while the store is away; return once those that were started in their place wait for it."""
    store.kill()
    for each in lab.workers():
        os.kill(each, signal.SIGKILL)
    lines = ""
    while lines.count("takes calls once it is back") < WORKERS:
        lines += lab.complaint()


@pytest.mark.long
def test_workers_that_die_while_the_store_is_away_serve_again_once_it_is_back(store: RedisServer) -> None:
    with supervised(store.url) as lab:
        waiting(lab, store)
        workers = lab.workers()
        assert lab.process.poll() is None
        store.start()
        assert lab.control("health")["status"] == "ok" and lab.control("ready")["status"] == "ready"
        assert lab.workers() == workers, "none of them died of it"
        lab.process.terminate()
        assert lab.process.wait(20) == 0 and gone(workers)


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_that_wait_for_the_store_end_with_the_lab(store: RedisServer, end: signal.Signals) -> None:
    with supervised(store.url) as lab:
        waiting(lab, store)
        workers = lab.workers()
        lab.process.send_signal(end)
        assert lab.process.wait(20) == (0 if end == signal.SIGTERM else -end) and gone(workers)


@pytest.mark.long
def test_what_is_wrong_is_said_once(redis_url: str) -> None:
    with supervised(redis_url, "--set", "pod=acme", "--seed", "7", "--profile", "rfc") as lab:
        _, complaints = lab.process.communicate(timeout=30)
        assert lab.process.returncode == 2 and lab.said == {}
        assert complaints.count("The issuer of the profile rfc") == 1


@pytest.mark.long
def test_a_client_that_trusts_the_lab_trusts_each_worker(redis_url: str) -> None:
    with supervised(redis_url, "--tls", "--tls-port", "0") as lab:
        trusting = ssl.create_default_context(cafile=lab.said["ca_file"])
        for _ in range(8 * WORKERS):  # each of them is met, but for once in 5,000 runs
            with urlopen(f"{lab.said['https_url']}/.well-known/openid-configuration", context=trusting) as reply:
                assert reply.status == 200
        lab.process.send_signal(signal.SIGINT)
        assert lab.process.wait(20) == 0 and not Path(lab.said["ca_file"]).exists()


@pytest.mark.long
def test_a_tenant_that_one_worker_makes_is_there_at_each_and_ended_at_each(redis_url: str) -> None:
    with supervised(redis_url, "--tenants", "1", "--with-parent") as lab:
        login = b64encode(f"{lab.said['client_id']}:{lab.said['client_secret']}".encode()).decode()
        form = f"grant_type=client_credentials&scope={lab.said['scope']}".encode()
        ask = Request(f"{lab.said['base_url']}/t/ann/oauth2/v1/token", form, {"authorization": f"Basic {login}"})
        with urlopen(ask) as reply:
            bearer = {"authorization": f"Bearer {json.loads(reply.read())['access_token']}"}
        look = Request(
            lab.said["base_url"] + "/t/ann" + ROUTER.path("status", code="ITEM_COMPARE_TEAM", job="x"), headers=bearer
        )
        other = Request(ask.full_url.replace("/t/ann", "/t/bob"), form, {"authorization": f"Basic {login}"})
        for refused, status in ((look, 404), (other, 503)):
            for _ in range(8 * WORKERS):  # each of them is met, but for once in 5,000 runs
                with pytest.raises(HTTPError, match=str(status)):
                    urlopen(refused)
        assert [each["name"] for each in lab.control("tenants")["tenants"]] == ["ann"]
        until = real_millis() + 5_000
        while (count := lab.control("t/ann/calls")["count"]) < 1 + 8 * WORKERS and real_millis() < until:
            pass  # what other workers answered comes up to a third of a second later
        assert count == 1 + 8 * WORKERS
