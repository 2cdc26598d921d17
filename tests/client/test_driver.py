"""The driver: effects performed, observers observations, in one process and over sockets."""

import asyncio

from lab.app.effects import Answer, App, Asking, Outcome, Received, Run, RunEnded, RunObservation, Send
from lab.app.run import run
from lab.client.driver import PacedTransport, drive, run_instantly
from lab.client.transport import HttpTransport
from lab.clocks import ManualClock, RunClock, ScaledClock, SystemClock, settle
from lab.core.exchange import Request, Response
from lab.core.observe import Lost, Replied, Requested, Waiting
from lab.dialects.client import Question
from lab.identity.clients import DEMO
from lab.mock.service import Service
from lab.program.words import Verdict
from lab.server.mock_server import MockServer
from tests.conftest import each_row
from tests.memory_transport import InMemoryTransport, advance_while
from tests.server.conftest import SCOPE, TEAM, make_service

APP = App(TEAM, "Share it", DEMO.id, DEMO.secret, SCOPE)


async def approve(question: Question) -> Answer:
    return Answer(-1, Verdict.APPROVED)


async def never(question: Question) -> Answer:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def in_memory(
    service: Service, observed: list[RunObservation], answers: object = None
) -> tuple[Outcome, ManualClock]:
    clock = ManualClock()
    transport = InMemoryTransport(service, clock)
    running = asyncio.ensure_future(drive(run(APP, 0), transport, clock, observed.append, answers))  # type: ignore[arg-type]
    await advance_while(running, clock)
    return running.result(), clock


async def test_in_one_process_a_run_ends_without_waiting_and_time_is_the_labs() -> None:
    observed: list[RunObservation] = []
    outcome, clock = await in_memory(make_service(), observed, approve)
    assert outcome.complete
    assert outcome.output == "Shared."
    assert 3_000 < clock.now() < 10_000
    assert isinstance(observed[-1], RunEnded)


async def test_exchanges_are_numbered_and_every_one_has_its_reply() -> None:
    observed: list[RunObservation] = []
    await in_memory(make_service(), observed, approve)
    sent = [each.x for each in observed if isinstance(each, Requested)]
    assert sent == [each.x for each in observed if isinstance(each, Replied)] == list(range(1, len(sent) + 1))
    assert [each.route for each in observed if isinstance(each, Requested)][:3] == ["token", "invoke", "status"]
    assert any(isinstance(each, Waiting) for each in observed)


async def test_without_an_answer_patience_runs_out() -> None:
    observed: list[RunObservation] = []
    outcome, clock = await in_memory(make_service(), observed, never)
    assert (outcome.status, clock.now() > 15 * 60_000) == ("ERROR", True)
    assert sum(isinstance(each, Asking) for each in observed) > 30
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@each_row("verdict", [Verdict.APPROVED, Verdict.REJECTED])
async def test_stepped_by_hand_and_driven_are_the_same_run(verdict: Verdict) -> None:
    async def answer(question: Question) -> Answer:
        return Answer(0, verdict)

    driven: list[RunObservation] = []
    stepped: list[RunObservation] = []
    one, two = make_service(), make_service()
    server_side: tuple[list[RunObservation], list[RunObservation]] = ([], [])
    one.observers.append(server_side[0].append)
    two.observers.append(server_side[1].append)
    outcome, _ = await in_memory(one, driven, answer)
    assert (
        run_instantly(two, run(APP, 0), (stepped.append,), reviewer=lambda question, now: Answer(now, verdict))
        == outcome
    )
    assert stepped == driven
    assert server_side[0] == server_side[1]


def test_a_run_needs_no_loop() -> None:
    outcome = run_instantly(make_service(), run(APP, 0))
    assert (outcome.status, outcome.error) == ("ERROR", outcome.error)
    assert outcome.elapsed > 15 * 60_000


async def test_over_sockets_the_run_is_the_same_and_somebody_else_moves_the_clock() -> None:
    service, clock = make_service(), ManualClock()
    server = MockServer(service, clock)
    origin = await server.start()
    transport = HttpTransport(origin, f"{origin}/oauth2/v1/token")
    observed: list[RunObservation] = []
    running = asyncio.create_task(drive(run(APP, 0), transport, clock, observed.append, approve))
    while not running.done():
        await asyncio.wait({running}, timeout=0.005)
        await clock.advance_to(clock.now() + 500)
    outcome = await running
    assert outcome.output == "Shared."
    assert not any(isinstance(each, Lost) for each in observed)
    await transport.close()
    await server.stop()


async def test_a_latency_is_the_labs_own_however_fast_its_clock_runs() -> None:
    service, scaled = make_service(), ScaledClock("300")
    server, replies, observed = MockServer(service, scaled), list[Replied](), list[RunObservation]()
    service.observers.append(lambda each: replies.append(each) if isinstance(each, Replied) else None)
    origin = await server.start()
    transport = HttpTransport(origin, f"{origin}/oauth2/v1/token")
    with RunClock(scaled) as clock:
        clock.begin()
        outcome = await drive(run(APP, 0), transport, clock, observed.append, approve)
    await transport.close()
    await server.stop()
    sent = {each.x: each.at for each in observed if isinstance(each, Requested)}
    took = [each.at - sent[each.x] for each in observed if isinstance(each, Replied)]
    assert took == [each.latency for each in replies] and max(took) > 30
    pauses = [each for each in observed if isinstance(each, Waiting)]
    calls = sorted(sent.values())
    assert all(each.until in calls for each in pauses), "each call goes out when it is due"
    assert outcome.complete and outcome.elapsed == observed[-1].at


async def test_a_refused_connection_is_observed_and_ends_the_run() -> None:
    server = MockServer(make_service(), ManualClock())
    origin = await server.start()
    await server.stop()
    clock, observed = ManualClock(), []
    transport = HttpTransport(origin, f"{origin}/oauth2/v1/token")
    running = asyncio.create_task(drive(run(APP, 0), transport, clock, observed.append))
    while not running.done():
        await asyncio.wait({running}, timeout=0.005)
        await clock.advance_to(clock.now() + 5_000)
    assert (await running).status is None
    assert {each.why for each in observed if isinstance(each, Lost)} == {"refused"}
    await transport.close()


@each_row(
    ("reply", "why"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "unreadable"),
        (b"rubbish\r\n\r\n", "unreadable"),
    ],
)
async def test_losses_are_named_by_what_was_observed(reply: bytes, why: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = HttpTransport(origin, f"{origin}/oauth2/v1/token")
    clock, observed = ManualClock(), []
    running = asyncio.create_task(drive(run(APP, 0), transport, clock, observed.append))
    while not running.done():
        await asyncio.wait({running}, timeout=0.005)
        await clock.advance_to(clock.now() + 5_000)
    assert {each.why for each in observed if isinstance(each, Lost)} == {why}
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_a_cancelled_run_leaves_no_task_behind() -> None:
    service, clock = make_service(), SystemClock()
    transport = InMemoryTransport(service, clock)
    running = asyncio.create_task(drive(run(APP, 0), transport, clock, lambda observed: None, never))
    await settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_reply_that_lies_in_the_socket_when_time_is_up_is_read() -> None:
    """The process was busy with other things; nothing is late but itself."""
    sent = asyncio.Event()

    class Late(SystemClock):
        async def sleep_until(self, instant: int) -> None:
            await sent.wait()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + 5_000_000 * b"x")
        sent.set()
        await writer.drain()
        writer.close()

    def asks() -> Run:
        received = yield Send("status", Request("GET", "/s"), 1)
        assert isinstance(received, Received)
        return Outcome(str(len(received.response.body)), None, None, None, None, 1, 1)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    transport = HttpTransport(origin, f"{origin}/oauth2/v1/token")
    try:
        assert (await drive(asks(), transport, Late(), lambda observed: None)).status == "5000000"
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


async def test_a_request_that_is_let_go_late_has_as_much_longer_for_its_reply() -> None:
    clock, gone = ManualClock(), asyncio.Event()

    class Slow:
        async def send(self, route: str, request: Request) -> Response:
            await clock.sleep_until(clock.now() + 20_000)
            return Response(200, (), b"{}")

        async def close(self) -> None:
            pass

    def asks() -> Run:
        came = yield Send("status", Request("GET", "/", "", ()), until=30_000)
        return Outcome(type(came).__name__, None, None, None, None, 0, 0)

    observed: list[RunObservation] = []
    running = asyncio.create_task(drive(asks(), PacedTransport(Slow(), gone.wait), clock, observed.append))
    await settle()
    await clock.advance_to(100_000)
    assert observed == [], "it isn't even observed before"
    gone.set()
    for _ in range(40):
        await settle()
    assert not running.done(), "its deadline has moved"
    await clock.advance_to(120_000)
    assert (await running).status == "Received"
    assert [each.at for each in observed if isinstance(each, Requested)] == [100_000]
