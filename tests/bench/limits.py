"""Rows about single costs and about many jobs: bearer, tape, loading, first looks, lag, precision, growth."""

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec.structs import force_setattr

from lab.clocks import SystemClock
from lab.core.observe import Replied
from lab.identity.bearer import bearer_of
from lab.identity.testkey import PRIVATE_PEM
from lab.language.parse import parse_scenario
from lab.mock.service import Service
from lab.server.mock_server import MockServer
from tests.bench.load import PATIENCE, Subject, server
from tests.bench.measure import Extent, Row
from tests.bench.mock import WAITING_AT, accepted, granted, invoke_request, service, status_request, waiting
from tests.bench.taping import tape

MILLION = 1_000_000
FRESH = 10_000
"""Jobs that are looked at for the first time in one round."""


def each(call: Callable[[], object], count: int) -> float:
    """CPU microseconds of one call."""
    begun = time.process_time_ns()
    for _ in range(count):
        call()
    return (time.process_time_ns() - begun) / count / 1_000


def bearer(extent: Extent) -> Iterable[Row]:
    """The check of a bearer, a token looked up, against one that verifies the signature each time."""
    mock, token, job = waiting()
    request = status_request(mock, token, job)
    check = partial(bearer_of, mock.config.switches, mock.ledger, request, WAITING_AT)
    key = load_pem_private_key(PRIVATE_PEM.encode(), None).public_key()
    verify = partial(jwt.decode, token, key, ["RS256"], options={"verify_aud": False, "verify_exp": False})
    lab, verified = extent.interleaved(
        lambda: each(check, extent.of(20_000, 500)), lambda: each(verify, extent.of(500, 50))
    )
    yield Row(
        "bearer check", 1.5, lab.median, f"jwt.decode RS256 {verified.median:.0f} µs", lab.spread, "µs", at_most=True
    )


def recording(extent: Extent) -> Iterable[Row]:
    """What a tape adds to an exchange, written line by line to a disk."""
    with TemporaryDirectory() as folder:
        plain, taped = waiting(), waiting()
        taped[0].observers.append(tape(taped[0], f"{folder}/bench.rec.jsonl"))
        count = extent.of(10_000, 500)
        without, with_ = extent.interleaved(partial(_polled, *plain, count), partial(_polled, *taped, count))
    shown = f"without {without.median:.1f} µs, with {with_.median:.1f} µs"
    yield Row("recording, an exchange", 4, with_.median - without.median, shown, with_.spread, "µs", at_most=True)


def _polled(mock: Service, token: str, job: str, count: int) -> float:
    request = status_request(mock, token, job)

    def poll() -> None:
        reply = mock.serve(request, WAITING_AT)
        mock.tell(Replied(WAITING_AT, reply.x, reply.response, reply.latency))

    return each(poll, count)


def loading(extent: Extent) -> Iterable[Row]:
    """A scenario of a thousand lines, parsed, checked and validated."""
    text = "\n".join(_thousand())
    assert 990 <= text.count("\n") <= 1_010
    (lab,) = extent.interleaved(lambda: each(lambda: parse_scenario(text, "long.yaml"), 1) / 1_000)
    yield Row("a scenario of 1,000 lines", 12, lab.median, "CPU", lab.spread, "ms", at_most=True)


def _thousand() -> Iterator[str]:
    yield from ("lab: 1", "name: long", "title: Long", "agent: {code: LONG}", "ask: Go", "data:")
    yield from (f"  price-{n}: {{between: [18, 24], decimals: 2}}".replace("-", "_", 1) for n in range(100))
    yield "steps:"
    for n in range(178):
        yield from (
            f"  - work: step-{n}",
            f"    title: Step {n}",
            "    takes: {between: [2s, 4s]}",
            "    tool: GET_ITEM",
        )
        yield f"    says: Reading {{{{ data.price_{n % 100} }}}} of {{{{ message }}}}"
    yield from ("  - complete: done", "    output: Done.")


def first_looks(extent: Extent) -> Iterable[Row]:
    """Polls of jobs that were accepted lately, and that nobody has looked at, against polls of one that is remembered."""
    count = extent.of(FRESH, 500)
    with server("full", "1") as one, server("fresh") as fresh:
        assert fresh.process.stdin is not None and fresh.process.stdout is not None
        stdin, stdout = fresh.process.stdin, fresh.process.stdout
        (known,), job = fresh.requests, fresh.requests[0].partition(b"/status/")[2].partition(b" ")[0]

        def unseen() -> float:
            stdin.write(f"{count}\n")
            stdin.flush()
            requests = [known.replace(job, each.encode()) for each in json.loads(stdout.readline())]
            return Subject(fresh.process, fresh.port, requests).per_request(count)

        single, first = extent.interleaved(partial(one.per_request, count), unseen)
    shown = f"remembered {single.median:.1f} µs, first look {first.median:.1f} µs CPU a poll"
    yield Row("poll rate, first looks / remembered", 0.55, single.median / first.median, shown, first.spread)


def million(extent: Extent) -> Iterable[Row]:
    """A million live jobs: the rate of polls, and how late the loop is meanwhile."""
    jobs, polls = extent.of(MILLION, 500), extent.of(FRESH, 500)
    with server("full", "1") as one, server("lagging", str(jobs)) as many:
        single, among = extent.interleaved(partial(one.per_request, polls), partial(many.per_request, polls))
        assert many.process.stdin is not None and many.process.stdout is not None
        many.process.stdin.write("lag?\n")
        many.process.stdin.flush()
        late = sorted(json.loads(many.process.stdout.readline()))
    shown = f"one {single.median:.1f} µs, {jobs:,} {among.median:.1f} µs CPU a poll"
    yield Row(f"poll rate at {jobs:,} live jobs / at one", 0.92, single.median / among.median, shown, among.spread)
    shown = f"{len(late):,} ticks of 1 ms under polls"
    yield Row(f"loop lag with {jobs:,} jobs, p99", 3, late[len(late) * 99 // 100], shown, unit="ms", at_most=True)
    yield Row("the same, worst", 20, late[-1], shown, unit="ms", at_most=True)


def precision(extent: Extent) -> Iterable[Row]:
    """A configured latency of 100 ms, 200 in flight: how late replies leave, as a client sees it."""
    late = sorted(asyncio.run(_errors(200, extent.of(10, 1))))
    shown = f"{len(late):,} replies, median {statistics.median(late):.1f} ms, earliest {late[0]:.2f} ms"
    yield Row("latency error, 200 in flight, p99", 2, late[len(late) * 99 // 100], shown, unit="ms", at_most=True)
    yield Row("the same, earliest (never early)", 0, late[0], shown, unit="ms")


async def _errors(at_once: int, rounds: int) -> list[float]:
    mock = service()
    created = mock.config.scenarios[0]
    token = granted(mock)
    job = accepted(mock, invoke_request(mock, token))
    force_setattr(created.scenario, "latency", {"status": 100})
    server = MockServer(mock, SystemClock(WAITING_AT))
    port = int((await server.start()).rpartition(":")[2])
    requested = status_request(mock, token, job)
    data = f"GET {requested.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()

    async def client(number: int) -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _after(number / at_once * 0.1)
        found = []
        for _ in range(rounds):
            begun = loop.time()
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            found.append((loop.time() - begun) * 1_000 - 100)
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
        writer.close()
        return found

    gc.freeze()
    async with asyncio.timeout(PATIENCE):
        reported = await asyncio.gather(*(client(number) for number in range(at_once)))
    await server.stop()
    return [late for each_ in reported for late in each_]


async def _after(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    await done


def growth(extent: Extent) -> Iterable[Row]:
    """Resident memory of a server that is polled, the control plane's ring of exchanges beside it."""
    polls = extent.of(60_000, 500)
    with server("ringed") as one:
        begun = _resident(one)
        one.per_request(polls)
        first = _resident(one)
        one.per_request(polls)
        second = _resident(one)
    shown = f"{begun:.0f} MiB at the start, {second:.0f} MiB at the end"
    yield Row(f"memory growth over {polls:,} polls", 1, first - begun, shown, unit="MiB", at_most=True)
    # a page more or less is nothing that grew
    yield Row(f"and over the next {polls:,}", 0, round(second - first, 1), shown, unit="MiB", at_most=True)


def _resident(subject: Subject) -> float:
    for line in Path(f"/proc/{subject.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def cassettes(extent: Extent) -> Iterable[Row]:
    """Replay and playback of 500 exchanges against vcrpy's playback of as many; nothing where vcrpy isn't installed."""
    try:
        from tests.bench.cassette import playing
    except ModuleNotFoundError:
        print("replay / vcrpy: vcrpy is not installed (pip install vcrpy)", flush=True)
        return
    from lab.recording.replay.replay import replay
    from tests.bench.playing_back import in_memory, over_loopback
    from tests.bench.replaying import long_recording

    polls = extent.of(500, 50)
    recording, scenarios = long_recording(polls)

    def evaluated() -> float:
        begun = time.perf_counter()
        assert replay(recording, scenarios).passed
        return (time.perf_counter() - begun) / polls * 1e6

    with playing(polls) as replayed:
        answers, calls = partial(in_memory, recording, polls), partial(over_loopback, recording, polls)
        lab, memory, loopback, vcr = extent.interleaved(evaluated, answers, calls, replayed, rounds=3)
    for what, goal, figure in (
        ("replay", 20, lab),
        ("playback", 5, memory),
        ("playback over loopback", 1, loopback),
    ):
        shown = f"{1e6 / figure.median:,.0f} exchanges a second, vcrpy {1e6 / vcr.median:,.0f}"
        yield Row(f"{what} / vcrpy's playback", goal, vcr.median / figure.median, shown, vcr.spread, "x")
