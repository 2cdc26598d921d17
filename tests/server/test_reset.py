"""A whole reset: nothing of the test before is left, and a manual clock begins anew at the wall's present second."""

import asyncio
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

import jwt
import pytest

from lab.clocks import AnyClock, ScaledClock, SystemClock, breathe, settle, wall_second
from lab.core.exchange import Json
from lab.core.journal.fact import LedgerCleared
from lab.core.observe import Noted, Replied, Requested
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from tests.server.conftest import SCENARIO, lines_in, status
from tests.server.test_control import Plane
from tests.server.test_rewind import clock, longest, plane, recording, replays

__all__ = ["clock", "longest", "plane"]


async def journal(plane: Plane) -> list[dict[str, Json]]:
    return lines_in((await plane.ask("GET", "journal")).body)


async def reset(plane: Plane) -> dict[str, Json]:
    got = await plane.ask("POST", "reset", {})
    assert got.status == 200, got.body
    return got.json


def edited(text: str) -> Program:
    source = SCENARIO.replace("Shared.", text).replace("takes: 3s", "takes: 1ms")
    return program_of(parse_scenario(source, "consent.yaml"), digest=text)


async def a_test(plane: Plane) -> Sequence[object]:
    """What a test does and sees, time and signature aside."""
    bearer = await plane.stage.token()
    job = await plane.stage.job(bearer)
    await plane.client.advance(3_000)
    peer = await plane.stage.peer()
    shown = await peer.ask(status(bearer, job))
    return job, shown.json["status"], (await plane.client.look("clock"))["now"]


async def test_one_call_leaves_nothing_of_the_test_before(plane: Plane) -> None:
    first = await a_test(plane)
    await plane.client.arm({"route": "status", "answer": 503})
    assert await reset(plane) == {
        "ok": True, "now": 0, "tape": None, "kept": ["scenarios", "settings", "seed"],
        "cleared": {"jobs": 1, "conversations": 1, "tokens": 1, "counters": 3, "faults": 1, "exchanges": 3},
    }  # fmt: skip
    assert (await plane.client.look("jobs"))["jobs"] == []
    assert (await plane.client.look("faults"))["faults"] == []
    (header,) = await journal(plane)
    assert header["k"] == "header"
    assert await a_test(plane) == first


async def test_the_wall_s_present_second_is_instant_0(plane: Plane) -> None:
    await plane.client.advance(7_200_000)
    assert (await plane.client.look("clock"))["epoch"] == 1_767_225_600
    before = wall_second()
    await reset(plane)
    shown = await plane.client.look("clock")
    epoch = int(str(shown["epoch"]))
    assert before <= epoch <= wall_second() and shown["now"] == 0
    bearer = await plane.stage.token()
    claims = jwt.decode(bearer, options={"verify_signature": False})
    assert (claims["iat"], claims["exp"]) == (epoch, epoch + 3_600)
    peer = await plane.stage.peer()
    date = (await peer.ask(status(bearer, "x"))).headers["date"]
    assert parsedate_to_datetime(date).timestamp() == epoch
    (header, *_) = await journal(plane)
    assert header["clock"] == {"mode": "manual", "epoch": str(shown["wall"]).replace(".000Z", "Z")}


async def test_a_tape_ends_and_another_begins_and_both_replay(plane: Plane, tmp_path: Path) -> None:
    await plane.client.tape("day")
    await a_test(plane)
    assert (await reset(plane))["tape"] == "recordings/day-2.rec.jsonl"
    await a_test(plane)
    await plane.client.tape()
    for name in ("day", "day-2"):
        replays(recording(name, tmp_path), plane)


async def test_a_tape_that_begins_anew_takes_the_first_name_that_is_free(plane: Plane, tmp_path: Path) -> None:
    await plane.client.tape("day")
    await asyncio.to_thread((tmp_path / "recordings" / "day-2.rec.jsonl").write_text, "kept")
    assert (await reset(plane))["tape"] == "recordings/day-3.rec.jsonl"
    await plane.client.tape()


async def test_edits_stay_from_instant_0_on(plane: Plane) -> None:
    service = plane.stage.service
    await plane.client.advance(9_000)
    service.load(edited("Edited."), 9_000)
    await reset(plane)
    for _ in range(2):
        job = await plane.stage.job(await plane.stage.token())
        await plane.client.advance(1)
        await plane.client.decide(job, "consent", "approved")
        assert (await plane.client.job(job)).document["body"]["output"] == "Edited."  # type: ignore[index,call-overload]
        assert (await plane.ask("POST", "reset", {"to": 0})).status == 200
        assert len(list(service.jobs())) == 1, "what happened at instant 0 stays"
        await reset(plane)


async def test_an_exchange_under_way_is_dropped_and_leaves_no_line(plane: Plane) -> None:
    bearer = await plane.stage.token()
    job = await plane.stage.job(bearer)
    await plane.client.arm({"route": "status", "strike": "hang"})
    peer = await plane.stage.peer()
    await peer.send(status(bearer, job))
    while not any(each.busy for each in plane.stage.server.peers):
        await breathe()
    await reset(plane)
    async with asyncio.timeout(5):
        (got,) = await asyncio.gather(peer.rest(), return_exceptions=True)
    assert isinstance(got, ConnectionResetError) or got == b""
    await settle()
    assert [line["k"] for line in await journal(plane) if line["k"] in ("req", "res")] == []


async def test_too_many_facts_are_gone_with_it(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.server.control.observed.MOST_FACTS", 1)
    await plane.stage.job(await plane.stage.token())
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 409
    await reset(plane)
    assert (await plane.ask("POST", "reset", {"to": 0})).status == 200


async def test_who_follows_the_journal_of_a_manual_clock_must_come_again(plane: Plane) -> None:
    observed, following = plane.follow()
    while not observed:
        await plane.stage.token()
        await breathe()
    await reset(plane)
    async with asyncio.timeout(5):
        await following


class TestScaled:
    @pytest.fixture
    def clock(self) -> AnyClock:
        return ScaledClock("0", start=10_000)

    async def test_the_clock_goes_on_and_with_it_epoch_tape_and_followers(self, plane: Plane, tmp_path: Path) -> None:
        await plane.client.tape("day")
        observed, following = plane.follow()
        await plane.stage.job(await plane.stage.token())
        answer = await reset(plane)
        assert (answer["now"], answer["tape"]) == (10_000, None)
        assert answer["kept"] == ["scenarios", "settings", "seed", "clock", "tape"]
        bearer = await plane.stage.token()
        async with asyncio.timeout(5):
            while not any(isinstance(each, Noted) and isinstance(each.fact, LedgerCleared) for each in observed):
                await breathe()
        assert not following.done()
        following.cancel()
        shown = await plane.client.look("clock")
        assert (shown["now"], shown["epoch"]) == (10_000, 1_767_225_600)
        facts = [str(line.get("type")) for line in await journal(plane) if line["k"] == "fact"]
        assert facts[0] == "ledger.cleared" and "job.accepted" not in facts
        await plane.stage.job(bearer)
        await plane.client.tape()
        replays(recording("day", tmp_path), plane)

    async def test_a_reply_that_still_comes_is_of_no_exchange_in_the_journal(self, plane: Plane) -> None:
        bearer = await plane.stage.token()
        job = await plane.stage.job(bearer)
        peer = await plane.stage.peer()
        await peer.send(status(bearer, job))  # withheld by 80 ms of a clock that stands still
        while not any(each.busy for each in plane.stage.server.peers):
            await breathe()
        await reset(plane)
        observed, following = plane.follow()
        while not observed:
            await breathe()
        await plane.client.scale("1000")
        assert (await peer.answer()).status == 200
        await plane.stage.token()
        async with asyncio.timeout(5):
            while not any(isinstance(each, Requested) for each in observed):
                await breathe()
        following.cancel()
        asked_for = {each.x for each in observed if isinstance(each, Requested)}
        assert {each.x for each in observed if isinstance(each, Replied)} <= asked_for
        await reset(plane)
        assert [line["k"] for line in await journal(plane) if line["k"] in ("req", "res")] == []


class TestReal:
    @pytest.fixture
    def clock(self) -> AnyClock:
        return SystemClock()

    async def test_the_clock_goes_on(self, plane: Plane) -> None:
        await plane.stage.job(await plane.stage.token())
        await reset(plane)
        assert (await plane.client.look("jobs"))["jobs"] == []
        assert next(line["type"] for line in await journal(plane) if line["k"] == "fact") == "ledger.cleared"
