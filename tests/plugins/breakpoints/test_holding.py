"""An exchange that is held: what its client gets, what stands on tape, and that a replay says the same, and holds nothing."""

import asyncio
import io
import json
import socket

import pytest

from lab.cli.console import Console
from lab.cli.request_log import RequestLog
from lab.clocks import ScaledClock, settle
from lab.core.exchange import Json
from lab.core.journal.holds import ExchangeHeld, ExchangeReleased
from lab.dialects.router import ROUTER
from lab.identity.clients import DEMO
from lab.recording.format.lines import Req, Res
from lab.recording.format.reader import read
from lab.recording.replay.replayer import TapedReplay
from lab.recording.tape.header import config_of
from tests.plugins.breakpoints.lab import HoldingLab, holding_lab, until
from tests.server.conftest import TEAM, Peer, bearer, control_request, request, status


def _last(lab: HoldingLab) -> Res:
    return [*lab.recording().of(Res)][-1]


async def test_a_reply_is_shown_whole_edited_and_stands_on_tape_as_it_left(lab: HoldingLab) -> None:
    await lab.stop(route="status", once=True)
    _, call = await lab.poll()
    (hold,) = await lab.holds()
    assert (hold["side"], hold["route"], hold["x"], hold["until"]) == ("reply", "status", 3, None)
    assert hold["request"]["m"] == "GET" and hold["request"]["h"] == [["authorization", "Bearer lab-T1-token"]]
    assert (hold["reply"]["s"], hold["reply"]["body"]["status"]) == (200, "RUNNING") and not call.done()
    body: Json = {"status": "QUEUED", "note": "by hand"}
    await lab.let_go(hold["hold"], status=503, headers={"Retry-After": "7", "cache-control": None}, body=body)
    answer = await call
    assert (answer.status, answer.json, answer.headers["retry-after"]) == (503, body, "7")
    assert "cache-control" not in answer.headers and answer.headers["content-length"] == str(len(json.dumps(body)) - 3)
    line = _last(lab)
    assert (line.status, line.body.value, line.latency) == (503, body, 80)
    (fact,) = lab.recording().facts("exchange.released")
    members = {"hold": 1, "c": 3, "how": "edit", "edited": ["status", "headers", "body"], "was": 200}
    assert (fact.x, fact.members) == (3, members)
    lab.replayed()


async def test_a_new_truth_keeps_what_was_edited(lab: HoldingLab) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    await lab.holds()
    await lab.let_go(status=500, body="Broken.")
    assert (await call).body == b"Broken."
    recording = lab.recording()
    again = read(TapedReplay(recording, config_of(recording, lab.service.config.scenarios, (DEMO,))).run(), "again")
    assert [*again.of(Res)] == [*recording.of(Res)]
    assert [each.members for each in again.facts("exchange.released")] == [
        each.members for each in recording.facts("exchange.released")
    ]


async def test_what_is_let_go_as_it_was_leaves_as_without_it(lab: HoldingLab) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    await lab.holds()
    await lab.ask("POST", "clock", {"advance": "500ms"})
    assert not call.done()
    await lab.let_go(status=200)
    assert (await call).json["status"] == "RUNNING"
    line = _last(lab)
    assert (line.t, line.latency, line.first, line.cut) == (500, 80, 500, None)
    assert [each.members["how"] for each in lab.recording().facts("exchange.released")] == ["go"]
    lab.replayed()


async def test_a_request_is_answered_as_of_the_instant_at_which_it_is_let_go(lab: HoldingLab) -> None:
    token = await lab.stage.token()
    job = await lab.stage.job(token)
    await lab.stop(route="status", side="request", job=job)
    _, call = await lab.sent(status(token, job))
    (hold,) = await lab.holds()
    assert (hold["x"], hold["reply"], hold["job"], lab.service.exchanges) == (None, None, job, 2)
    await lab.ask("POST", "clock", {"advance": "4s"})
    await lab.let_go()
    assert (await call).json["status"] == "WAITING"
    line = [*lab.recording().of(Req)][-1]
    assert (line.t, line.took, line.x) == (4_000, 0, 3)
    assert [each.t for each in lab.recording().facts("exchange.held", "exchange.released")] == [0, 4_000]
    lab.replayed()


async def test_a_request_is_read_as_it_was_edited_stands_so_on_tape_and_replays(lab: HoldingLab) -> None:
    token = await lab.stage.token()
    await lab.stop(route="invoke", side="request")
    own = bearer(token), ("content-type", "application/json"), ("x-gone", "1"), ("x-kept", "1")
    _, call = await lab.sent(request("POST", ROUTER.path("invoke", code=TEAM), own, b'{"mesage":"Share it"}'))
    (hold,) = await lab.holds()
    assert (hold["request"]["body"], hold["reply"]) == ({"mesage": "Share it"}, None)
    await lab.let_go(headers={"x-gone": None, "X-New": ["1", "2"]}, body={"message": "Share it"})
    answer = await call
    assert answer.status == 202, "what it sent is 400"
    line = [*lab.recording().of(Req)][-1]
    names = [(name, value) for name, value in line.headers if name.startswith("x-") or name == "content-length"]
    assert (line.body.value, names) == (
        {"message": "Share it"}, [("x-kept", "1"), ("content-length", "22"), ("x-new", "1"), ("x-new", "2")],
    )  # fmt: skip
    (fact,) = lab.recording().facts("exchange.released")
    assert (fact.x, fact.members) == (None, {"hold": 1, "c": 2, "how": "edit", "edited": ["headers", "body"]})
    lab.replayed()
    recording = lab.recording()
    again = read(TapedReplay(recording, config_of(recording, lab.service.config.scenarios, (DEMO,))).run(), "again")
    assert [*again.of(Req)] == [*recording.of(Req)]


@pytest.mark.parametrize("body", ["", "No events."])
async def test_what_a_hand_writes_takes_the_place_of_all_events(lab: HoldingLab, body: str) -> None:
    own = bearer(await lab.stage.token()), ("content-type", "application/json")
    await lab.stop(route="stream")
    _, call = await lab.sent(request("POST", ROUTER.path("stream", code=TEAM), own, b'{"message":"Share it"}'))
    (hold,) = await lab.holds()
    assert "data: " in hold["reply"]["body"]
    await lab.let_go(body=body)
    await until(call.done)
    assert (await call).body == body.encode()
    (fact,) = lab.recording().facts("exchange.released")
    assert fact.members["edited"] == ["body"]
    lab.replayed()


async def test_a_bearer_that_a_hand_takes_away_is_missing(lab: HoldingLab) -> None:
    await lab.stop(route="status", side="request")
    _, call = await lab.poll()
    await lab.holds()
    await lab.let_go(headers={"authorization": None}, delay="2s")
    await until(lambda: not lab.holding)
    assert not call.done()
    await lab.ask("POST", "clock", {"advance": "2s"})
    assert (await call).status == 401
    assert [each.t for each in lab.recording().of(Req)][-1] == 2_000
    lab.replayed()


@pytest.mark.parametrize(("do", "cut"), [("drop", "truncated"), ("reset", "reset")])
@pytest.mark.parametrize("side", ["request", "reply"])
async def test_nothing_leaves_of_what_is_dropped_or_reset(lab: HoldingLab, side: str, do: str, cut: str) -> None:
    await lab.stop(route="status", side=side)
    _, call = await lab.poll()
    await lab.holds()
    await lab.let_go(do=do)
    with pytest.raises(ConnectionResetError if do == "reset" else asyncio.IncompleteReadError):
        await call
    line = _last(lab)
    assert (line.status, line.cut, line.sent, line.by) == (0, cut, 0, "shell" if side == "request" else None)
    lab.replayed()


@pytest.mark.parametrize("side", ["request", "reply"])
async def test_a_client_that_goes_away_is_held_no_longer(lab: HoldingLab, side: str) -> None:
    await lab.stop(route="status", side=side)
    peer, call = await lab.poll()
    await lab.holds()
    _reset(peer)
    await until(lambda: not lab.holding)
    await asyncio.gather(call, return_exceptions=True)
    await until(lambda: lab.tape_says("exchange.released"))
    assert (_last(lab).status, _last(lab).cut) == (0, "client_gone")
    (fact,) = lab.recording().facts("exchange.released")
    assert fact.members["how"] == "client_gone"
    lab.replayed()


@pytest.mark.parametrize("side", ["request", "reply"])
async def test_a_lab_that_ends_cuts_at_once_what_it_holds(side: str) -> None:
    async with holding_lab() as lab:
        await lab.stop(route="status", side=side)
        _, call = await lab.poll()
        await lab.holds()
        async with asyncio.timeout(2):  # not the five seconds that replies under way have
            await lab.stage.server.stop(60_000)
        await asyncio.gather(call, return_exceptions=True)
    assert (_last(lab).status, _last(lab).cut) == (0, "shutdown")
    (fact,) = lab.recording().facts("exchange.released")
    assert fact.members["how"] == "shutdown"
    lab.replayed()


async def test_a_thousand_are_held_at_once_and_each_leaves() -> None:
    async with holding_lab() as lab:
        token = await lab.stage.token()
        job = await lab.stage.job(token)
        await lab.stop(route="status")
        calls = [await lab.sent(status(token, job)) for _ in range(1_000)]
        await lab.holds(1_000)
        assert [each["hold"] for each in (await lab.ask("GET", "breakpoints?hold=7"))["holds"]] == [7]
        await lab.ask("DELETE", "breakpoints/status-reply")
        _, other = await lab.sent(status(token, job))
        assert (await other).status == 200  # nobody else waits
        for number in range(1, 101):
            _reset(calls[number - 1][0])
        await until(lambda: len(lab.holding) == 900)
        await lab.let_go(101, status=418)
        await lab.let_go()
        answers = await asyncio.gather(*(call for _, call in calls[100:]))
        await asyncio.gather(*(call for _, call in calls[:100]), return_exceptions=True)
        assert [each.status for each in answers] == [418, *[200] * 899]
    cuts = [each.cut for each in lab.recording().of(Res) if each.x > 2]
    assert (cuts.count("client_gone"), cuts.count(None), len(cuts)) == (100, 901, 1_001)
    assert len([*lab.recording().facts("exchange.released")]) == 1_000
    lab.replayed()


def _reset(peer: Peer) -> None:
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.writer.transport.abort()


# Time


async def test_it_goes_by_itself_after_a_time_in_the_labs_time(lab: HoldingLab) -> None:
    await lab.stop(route="status", release_after="30s")
    _, call = await lab.poll()
    assert (await lab.holds())[0]["until"] == 30_000
    await lab.ask("POST", "clock", {"advance": "29s"})
    assert lab.holding and not call.done()
    await lab.ask("POST", "clock", {"advance": "1s"})
    assert (await call).status == 200
    assert [each.members["how"] for each in lab.recording().facts("exchange.released")] == ["time"]


async def test_a_delay_is_counted_from_when_it_is_let_go(lab: HoldingLab) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    await lab.holds()
    await lab.ask("POST", "clock", {"advance": "10s"})
    await lab.let_go(delay="5s", status=202)
    await until(lambda: not lab.holding)
    await lab.ask("POST", "clock", {"advance": "4999ms"})
    assert not call.done()
    await lab.ask("POST", "clock", {"advance": "1ms"})
    assert (await call).status == 202
    assert (_last(lab).t, _last(lab).first, _last(lab).latency) == (15_000, 15_000, 80)
    lab.replayed()


async def test_virtual_time_stands_while_one_is_held(lab: HoldingLab) -> None:
    driver = Peer(*await asyncio.open_connection("127.0.0.1", lab.plane.port))
    lab.stage.peers.append(driver)
    await lab.stop(route="status", release_after="1h")
    _, call = await lab.poll()
    await lab.holds()
    moving = asyncio.create_task(
        driver.ask(control_request(lab.plane.port, "POST", "virtual-time", {"until": 60_000, "reads": True}))
    )
    await lab.ask("GET", "clock")
    for _ in range(50):
        await settle()
    assert not moving.done() and lab.stage.clock.now() == 0
    await lab.let_go()
    assert (await moving).json["now"] == 0 and (await call).status == 200  # it has left: the client is to read it


async def test_a_run_of_ours_that_has_the_clock_stand_waits_for_a_hand_or_lets_the_time_pass() -> None:
    clock = ScaledClock("300")
    async with holding_lab(clock) as lab:
        await lab.stop(route="status")
        _, call = await lab.poll()
        await lab.holds()
        clock.stand()
        before = clock.now()
        await lab.ask("GET", "breakpoints")
        assert clock.now() == before
        await lab.let_go()
        await call
        await lab.ask("DELETE", "breakpoints/status-reply")
        await lab.stop(route="token", release_after="3s")
        now = clock.now()
        async with asyncio.timeout(5):
            await lab.stage.token()
        assert now + 3_000 <= clock.now()
        clock.go_on()


@pytest.mark.parametrize("strike", ["close", "truncate"])
async def test_what_was_withheld_before_it_was_held_is_not_withheld_again(strike: str) -> None:
    clock = ScaledClock("100")
    async with holding_lab(clock) as lab:
        await lab.ask("POST", "faults", {"route": "status", "strike": strike})
        await lab.stop(route="status")
        _, call = await lab.poll()
        await lab.holds()
        clock.scale("0")
        await lab.let_go()
        async with asyncio.timeout(5):
            assert (await call).status == 200


# Which exchanges


_FITS: list[tuple[dict[str, Json], list[int]]] = [
    ({"route": "status"}, [3, 4, 5, 6]),
    ({"route": "status", "once": True}, [3]),
    ({"route": "status", "call": 2}, [4]),
    ({"route": "status", "status": 404}, [6]),
    ({"status": 200}, [3, 4, 5]),
    ({"job": "$job"}, [3, 4, 5]),
    ({"job": "$job", "side": "request", "call": 3}, [5]),
    ({"route": "invoke"}, []),
    ({"call": 4}, [6]),
]


@pytest.mark.parametrize(("fits", "numbers"), _FITS, ids=[json.dumps(fits) for fits, _ in _FITS])
async def test_what_fits_all_that_is_said_is_held(lab: HoldingLab, fits: dict[str, Json], numbers: list[int]) -> None:
    token = await lab.stage.token()
    job = await lab.stage.job(token)
    await lab.stop(**{name: job if value == "$job" else value for name, value in fits.items()})
    found = []
    for number, of in enumerate((job, job, job, "nobody"), 3):
        _, call = await lab.sent(status(token, of))
        await until(lambda call=call: call.done() or lab.holding)  # type: ignore[misc]  # bound now
        if lab.holding:
            found.append(number)
            await lab.let_go()
        await call
    assert found == numbers
    lab.replayed()


async def test_of_several_the_first_holds_and_all_that_fit_count(lab: HoldingLab) -> None:
    await lab.stop(route="status", name="first")
    await lab.stop(route="status", call=2, name="second")
    for name in ("first", "first"):
        _, call = await lab.poll()
        assert (await lab.holds())[0]["breakpoint"] == name
        await lab.let_go()
        await call
    listed = (await lab.ask("GET", "breakpoints"))["breakpoints"]
    assert [each["name"] for each in listed] == ["first"]  # the other's only one is gone


async def test_a_fault_goes_first_for_what_would_leave_is_held(lab: HoldingLab) -> None:
    await lab.ask("POST", "faults", {"route": "status", "answer": 503, "retry_after": "2s"})
    await lab.ask("POST", "faults", {"route": "status", "strike": "reset", "calls": "2"})
    await lab.stop(route="status")
    token = await lab.stage.token()
    job = await lab.stage.job(token)
    _, call = await lab.sent(status(token, job))
    assert (await lab.holds())[0]["reply"]["s"] == 503
    await lab.let_go(status=429)
    assert (await call).status == 429
    _, call = await lab.sent(status(token, job))
    (hold,) = await lab.holds()
    assert hold["reply"] == {"s": 0}
    refused = await lab.plane.ask("POST", f"holds/{hold['hold']}", {"body": "There it is."})
    assert (refused.status, refused.json["hint"]) == (400, "Send a status, too.")
    await lab.let_go(status=200, body="There it is.")
    assert (await call).body == b"There it is."
    lab.replayed()


async def test_before_the_mock_has_read_it_no_fault_has_counted_it(lab: HoldingLab) -> None:
    await lab.stop(route="status", side="request", once=True)
    _, call = await lab.poll()
    await lab.holds()
    await lab.ask("POST", "faults", {"route": "status", "answer": 503})
    await lab.let_go()
    assert (await call).status == 503
    lab.replayed()


async def test_a_reset_takes_breakpoints_away_and_cuts_what_is_held(lab: HoldingLab) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    await lab.holds()
    await lab.ask("POST", "reset", {})
    assert isinstance((await asyncio.gather(call, return_exceptions=True))[0], Exception)
    listed = await lab.ask("GET", "breakpoints")
    assert (listed["breakpoints"], listed["holds"]) == ([], [])


@pytest.mark.parametrize(("method", "path"), [("DELETE", "breakpoints/second"), ("POST", "reset")])
async def test_a_breakpoint_that_is_set_again_counts_anew(lab: HoldingLab, method: str, path: str) -> None:
    for _ in range(2):
        await lab.stop(route="status", call=2, name="second")
        _, call = await lab.poll()
        await until(call.done)  # held it would never be
        await lab.ask(method, path, {} if method == "POST" else None)
    await lab.stop(route="status", call=2, name="second")
    for _ in range(2):
        _, call = await lab.poll()
        await until(lambda call=call: call.done() or lab.holding)
    assert not call.done() and len(lab.holding) == 1
    await lab.let_go()


async def test_the_facts_say_whose_connection_it_is(lab: HoldingLab) -> None:
    await lab.stop(side="request", once=True)
    call = asyncio.create_task(lab.stage.token())
    await lab.holds()
    await lab.let_go()
    await call
    (kept,), (gone,) = lab.stage.facts(ExchangeHeld), lab.stage.facts(ExchangeReleased)
    assert isinstance(kept, ExchangeHeld) and isinstance(gone, ExchangeReleased)
    assert (kept.c, kept.route, kept.hold, gone.hold) == (1, "token", 1, 1)


async def test_the_request_log_says_how_it_was_let_go() -> None:
    err, console = io.StringIO(), io.StringIO()
    log = RequestLog("text", Console(console, err))
    async with holding_lab() as lab:
        log.follow(lab.stage.server.labs)
        for side, how in (("request", {}), ("reply", {"status": 500}), ("request", {"do": "reset"})):
            await lab.stop(route="status", side=side, once=True)
            _, call = await lab.poll()
            await lab.holds()
            await lab.let_go(**how)
            await asyncio.gather(call, return_exceptions=True)
        await (await lab.poll())[1]
        log.close()
    polls = [line.split(" trace ")[0].split(" ms ")[1] for line in err.getvalue().splitlines() if "/status/" in line]
    assert [line.partition(" B")[2] for line in polls] == [" hold: go", " hold: edit", " cut: reset hold: reset", ""]
