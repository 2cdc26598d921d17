"""Clients that live by the lab's clock: each library, what a wait costs, and what can't be followed."""

import _socket
import asyncio
import copy
import hashlib
import importlib
import itertools
import json
import os
import pickle
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from typing import Any

import aiohttp
import pytest
import requests

from lab.files.recordings import read_recording
from lab.testing import virtual_clock
from lab.testing.control import ControlPlaneClient
from lab.testing.story import facts_of
from lab.testing.virtual_clock import VirtualClock, VirtualTimeRefused
from lab.testing.virtual_time import virtual_time
from tests.conftest import ROOT
from tests.forked import forked_lab
from tests.testing.clients import LIBRARIES, Pauses, Place, Run, with_aiohttp, with_requests

HOUR = 3_600
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Served:
    """A lab in another process, as the plugin has it."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.control = ControlPlaneClient(ready["control_url"], ready["control_token"])
        (scenario, *_) = self.control.get("scenarios")["scenarios"]
        credentials = {name: ready[name] for name in ("token_url", "client_id", "client_secret", "scope")}
        self.place = Place(ready["base_url"], credentials, scenario["agent_code"], scenario["asks"][0]["message"])
        secured = {**credentials, "token_url": credentials["token_url"].replace(ready["base_url"], ready["https_url"])}
        self.secure = replace(self.place, base_url=ready["https_url"], credentials=secured, ca_file=ready["ca_file"])

    def virtual_time(self) -> AbstractContextManager[VirtualClock]:
        return virtual_time(self.control.url, self.control.token)

    def lines(self) -> list[dict[str, Any]]:
        return self.control.lines("journal")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    call = ("serve", "month-end-marathon", "--clock", "manual", "--port", "0", "--seed", "42", "--epoch", "1767225600")
    where = ("--scenarios", str(ROOT / "scenarios"), "--json", "--reviewer", "script", "--tls", "--tls-port", "0")
    with forked_lab(*call, *where, cwd=tmp_path_factory.mktemp("lab")) as process:
        yield Served(json.loads(process.stdout.readline()))


@pytest.fixture
def mock(server: Served) -> Served:
    server.control.post("reset", body={})
    return server


def doubling() -> Iterator[float]:
    """From 5 s to 1 h."""
    pause = 5.0
    while True:
        yield min(pause, HOUR)
        pause *= 2


def rare() -> Iterator[float]:
    return itertools.repeat(4 * HOUR)


def ran(mock: Served, client: Any, pauses: Pauses = doubling, place: Place | None = None) -> Run:
    run = Run(place or mock.place, pauses)
    with mock.virtual_time():
        client(run)
    return run


def job_facts(lines: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What happened to the first job, each fact with its instant since the acceptance."""
    all_facts = [{"t": line["t"], **fact} for line in lines for fact in facts_of(line)]
    facts = [fact for fact in all_facts if fact["type"].partition(".")[0] in ("job", "gate")]
    first, accepted = facts[0]["job"], facts[0]["t"]
    members = ("type", "to", "step", "gate", "verdict", "by", "name")
    return [
        (fact.get("at", fact["t"]) - accepted, *(fact.get(name) for name in members))
        for fact in facts
        if fact["job"] == first
    ]


@pytest.mark.long
@pytest.mark.parametrize("client", LIBRARIES)
def test_a_weekend_takes_no_time_with_any_library(mock: Served, client: Any) -> None:
    begun = time.process_time()
    run = ran(mock, client)
    assert run.seen["status"] == "COMPLETE" and "is posted" in run.seen["output"]
    assert run.polls == 72
    assert time.process_time() - begun < 2
    instant = read_recording(ROOT / "recordings" / "month-end-marathon.rec.jsonl")
    # the shipped recording is that of `lab run month-end-marathon --speed instant`
    assert job_facts(mock.lines()) == job_facts(json.loads(line) for line in instant.splitlines())


@pytest.mark.long
@pytest.mark.parametrize("client", LIBRARIES)
def test_a_handshake_takes_none_of_the_labs_time(mock: Served, client: Any) -> None:
    assert ran(mock, client, rare, mock.secure).seen["status"] == "COMPLETE"
    replies = [line for line in mock.lines() if line["k"] == "res"]
    assert replies[0]["t"] == 120  # the token's latency
    assert {line["s"] for line in replies} == {200, 202, 401}


@pytest.mark.parametrize("client", [with_requests, with_aiohttp])
def test_the_same_client_leaves_the_same_journal(mock: Served, client: Any) -> None:
    journals = []
    for _ in range(2):
        mock.control.post("reset", body={})
        ran(mock, client, rare)
        lines = mock.lines()
        # connections and exchanges are counted from the lab's start, and those of the run before may end now
        first = {name: min(line[name] for line in lines if line["k"] == "req" and name in line) for name in ("c", "x")}
        flat = [
            {**{name: value for name, value in line.items() if name != "fact"}, **line.get("fact", {})}
            for line in lines
        ]
        own = [{**line, "n": 0} for line in flat if line.get("c", first["c"]) >= first["c"]]
        # as are the traces of calls that brought none
        journals.append(
            [
                {
                    name: value - first[name] if name in first else value
                    for name, value in line.items()
                    if name != "trace"
                }
                for line in own
            ]
        )
    assert journals[0] == journals[1] and not any("w" in line for line in journals[0])


def test_every_clock_of_the_client_shows_the_labs_time(mock: Served) -> None:
    epoch = mock.control.get("clock")["epoch"]
    real, before, real_class = time.perf_counter(), monotonic(), type(datetime.now(UTC))
    with mock.virtual_time():
        begun = monotonic()
        assert begun >= before
        sleep(HOUR)
        time.sleep(0.25)
        assert monotonic() - begun == pytest.approx(HOUR + 0.25)
        assert time.monotonic_ns() == round(monotonic() * 1e9)
        assert time.time() == epoch + HOUR + 0.25 and time.time_ns() == (epoch * 4 + 4 * HOUR + 1) * 250_000_000
        shown = datetime.now(UTC)
        assert shown.timestamp() == time.time() == datetime.today().timestamp()  # noqa: DTZ002
        assert datetime.utcnow() == shown.replace(tzinfo=None)  # noqa: DTZ003
        assert time.gmtime() == time.gmtime(None) == shown.utctimetuple() and time.strftime("%s") == str(epoch + HOUR)
        assert time.ctime() == time.asctime() == time.ctime(epoch + HOUR) and time.localtime(5) == time.localtime(5.0)
        assert date.today() == datetime.today().date()  # noqa: DTZ002, DTZ011
        assert type(shown) is real_class and isinstance(shown, datetime) and isinstance(shown, date)
        assert isinstance(real_class(2026, 1, 1), datetime) and issubclass(real_class, datetime)
        assert pickle.loads(pickle.dumps(shown)) == copy.copy(shown) == shown
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
    assert time.perf_counter() - real < HOUR / 60
    assert datetime is real_class and time.time() > epoch + 2 * HOUR


def test_time_never_runs_back_for_the_client_where_the_lab_is_reset(mock: Served) -> None:
    with mock.virtual_time() as clock:
        begun = monotonic()
        time.sleep(HOUR)
        mock.control.post("reset", body={})
        clock.refresh()
        assert monotonic() - begun == pytest.approx(HOUR)


def test_a_socket_times_out_in_the_labs_time(mock: Served) -> None:
    mock.control.post("faults", body={"route": "token", "strike": "hang"})
    with mock.virtual_time():
        begun = monotonic()
        with pytest.raises(requests.ReadTimeout):
            requests.post(mock.place.grant[0], mock.place.grant[1], headers=FORM, timeout=(1, 10))
        assert monotonic() - begun == pytest.approx(10)


def test_a_loop_times_out_in_the_labs_time(mock: Served) -> None:
    mock.control.post("faults", body={"route": "token", "strike": "hang"})

    async def work() -> float:
        begun = asyncio.get_running_loop().time()
        async with aiohttp.ClientSession() as session:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(session.post(mock.place.grant[0], data=mock.place.grant[1], headers=FORM), 10)
            # what another thread does for the loop takes no time of the lab's
            work = asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"lab", b"lab", 50_000)  # which lets the loop go on
            assert len(await asyncio.wait_for(work, 5)) == 32
        return asyncio.get_running_loop().time() - begun

    with mock.virtual_time():
        assert asyncio.run(work()) == pytest.approx(10)
    assert mock.control.get("clock")["now"] == 10_000  # the hang, which lasts longer, is nobody's any more


def test_a_loop_without_a_time_out_waits_for_what_the_lab_withholds(mock: Served) -> None:
    async def work() -> float:
        assert await asyncio.to_thread(sum, range(10)) == 45  # leaves a thread behind, which might wake the loop
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None)) as session:
            await session.post(mock.place.grant[0], data=mock.place.grant[1], headers=FORM)
        return time.time()

    begun = mock.control.get("clock")["epoch"]
    with mock.virtual_time():
        assert asyncio.run(work()) == begun + 0.12


def test_who_waits_for_ever_is_told_so(mock: Served) -> None:
    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualTimeRefused, match="waits for ever"), mock.virtual_time():
        asyncio.run(work())


async def test_it_begins_in_a_loop_that_runs_already(mock: Served) -> None:
    with mock.virtual_time():
        begun = time.time()
        await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (HOUR, 2 * HOUR, 0.002)))
        assert time.time() - begun == 2 * HOUR


# What can't be followed


def second_thread() -> None:
    time.sleep(1)
    thread = threading.Thread(target=lambda: time.sleep(1))
    thread.start()
    thread.join()
    time.sleep(1)


def library(name: str, used: str) -> Callable[[], None]:
    def use() -> None:
        getattr(sys.modules[name], used)()

    return use


def foreign_server() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.getsockname())
            try:
                await asyncio.sleep(1)
            finally:
                writer.close()

    asyncio.run(work())


UNSUPPORTED: dict[str, tuple[Callable[[], object], str]] = {
    "a second thread": (second_thread, "sleeps or calls in two threads"),
    "an executor": (
        lambda: [time.sleep(1), ThreadPoolExecutor(1).submit(time.sleep, 1).result()],
        "sleeps or calls in two threads",
    ),
    "Event.wait": (lambda: threading.Event().wait(1), "waits for another thread with a time-out"),
    "queue.get": (lambda: queue.Queue[int]().get(timeout=1), "waits for another thread with a time-out"),
    "subprocess": (lambda: subprocess.run([sys.executable, "-c", ""], check=False), "starts a process"),
    "os.system": (lambda: os.system("true"), "starts a process"),
    "os.fork": (lambda: os.fork(), "starts a process"),
    "another server": (foreign_server, "isn't the lab"),
    **{
        name: (library(name, used), f"uses {name}, which waits by itself")
        for name, used in (("uvloop", "new_event_loop"), ("trio", "run"), ("gevent", "sleep"), ("pycurl", "Curl"))
    },
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_can_not_be_followed_is_refused(mock: Served, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("uvloop", "trio", "gevent", "pycurl"):
        module = ModuleType(name)
        for used in ("new_event_loop", "run", "sleep", "Curl"):
            setattr(module, used, type(used, (), {"__module__": name}))
        monkeypatch.setitem(sys.modules, name, module)
    use, sentence = UNSUPPORTED[what]
    with pytest.raises(VirtualTimeRefused, match=sentence), mock.virtual_time():
        use()


def test_who_waits_without_sleeping_is_told_so(mock: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_clock, "MOST_READS", 1_000)

    def turning() -> None:
        while time.time() < time.monotonic() + 10**10:
            pass

    async def turning_loop() -> None:
        while await asyncio.sleep(0, True):
            pass

    with pytest.raises(VirtualTimeRefused, match="without sleeping"), mock.virtual_time():
        turning()
    with pytest.raises(VirtualTimeRefused, match="without sleeping"), mock.virtual_time():
        asyncio.run(turning_loop())


def test_a_library_that_is_loaded_later_is_refused_too(
    mock: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pycurl.py").write_text("class Curl: pass")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pycurl", raising=False)
    with pytest.raises(VirtualTimeRefused, match="uses pycurl"), mock.virtual_time():
        importlib.import_module("pycurl").Curl()


def test_a_refusal_that_the_client_swallows_is_told_at_the_end(mock: Served) -> None:
    with pytest.raises(VirtualTimeRefused, match="starts a process"), mock.virtual_time(), suppress(BaseException):
        os.system("true")


def test_where_time_is_replaced_already_nothing_begins(mock: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(VirtualTimeRefused, match=r"has replaced time\.sleep already"), mock.virtual_time():
        pass


def test_there_is_one_virtual_time_at_once(mock: Served) -> None:
    with mock.virtual_time():
        with pytest.raises(VirtualTimeRefused, match=r"has replaced time\.sleep already"), mock.virtual_time():
            pass
        time.sleep(HOUR)


def test_afterwards_nothing_is_left(mock: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaded_meanwhile.py").write_text("from time import sleep\ndef nap(sleep=sleep): sleep(0.001)")
    monkeypatch.syspath_prepend(tmp_path)
    names = {
        (module, name): id(value)
        for module, found in list(sys.modules.items())
        for name, value in list(vars(found).items())
        if callable(value)
    }
    with mock.virtual_time():
        assert socket.socket.recv is not _socket.socket.recv
        loaded = importlib.import_module("loaded_meanwhile")
        assert loaded.sleep is time.sleep
    left = {key for key, value in names.items() if id(vars(sys.modules[key[0]]).get(key[1])) != value}
    assert left == set() and socket.socket.recv is _socket.socket.recv
    assert threading.Event().wait(0.001) is False
    assert loaded.sleep is sleep
    loaded.nap()
