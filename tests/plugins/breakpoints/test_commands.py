"""What can't be set, and no reply that can't be sent leaves: each is refused with what to do, and what is held stays so."""

import json

import pytest

from lab.core.exchange import Json
from lab.recording.format.lines import Res
from tests.plugins.breakpoints.lab import HoldingLab

_UNSET: list[tuple[dict[str, Json], int, str]] = [
    ({"route": "stauts"}, 400, "did you mean status?"),
    ({"side": "answer"}, 400, "request: before the mock reads it"),
    ({"status": 200, "side": "request"}, 400, '"side":"reply"'),
    ({"status": 600}, 400, "status"),
    ({"job": "nobody"}, 404, "GET /_lab/jobs"),
    ({"call": 0}, 400, "call"),
    ({"name": "a b"}, 400, "name"),
    ({"release_after": "soon"}, 400, "30s, 15m or 1h30m"),
    ({"rote": "status"}, 400, "did you mean route?"),
]


@pytest.mark.parametrize(("fits", "code", "says"), _UNSET, ids=[json.dumps(each[0]) for each in _UNSET])
async def test_a_breakpoint_that_could_hold_nothing_is_refused(
    lab: HoldingLab, fits: dict[str, Json], code: int, says: str
) -> None:
    got = await lab.plane.ask("POST", "breakpoints", fits)
    assert got.status == code and says in f"{got.json['error']} {got.json['hint']}"
    assert (await lab.ask("GET", "breakpoints"))["breakpoints"] == []


_UNSENT: list[tuple[dict[str, Json], str]] = [
    ({"do": "drop", "status": 200}, 'Send "do":"go".'),
    ({"do": "reset", "delay": "1s"}, 'Send "do":"go".'),
    ({"status": 101}, "status"),
    ({"status": 999}, "status"),
    ({"headers": {"content-length": "1"}}, "the lab's own"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, "the lab's own"),
    ({"headers": {"x": "a\r\nset-cookie: b"}}, "one line of Latin-1"),
    ({"headers": {"x": ["good", "b\x00d"]}}, "one line of Latin-1"),
    ({"headers": {"x": "€"}}, "one line of Latin-1"),
    ({"headers": {"x y": "a"}}, "A name is letters"),
    ({"headers": {"": "a"}}, "A name is letters"),
    ({"headers": {"x:": None}}, "A name is letters"),
    ({"headers": {"x": 7}}, "null takes one away"),
    ({"body": "\ud800"}, "surrogate"),
    ({"status": 204, "body": "no"}, 'Send "body":"".'),
    ({"delay": "-1s"}, "30s, 15m or 1h30m"),
    ({"do": "edit"}, "go lets it go"),
]


@pytest.mark.parametrize(("how", "says"), _UNSENT, ids=[json.dumps(each[0]) for each in _UNSENT])
async def test_what_could_not_leave_as_it_is_written_is_refused_and_stays_held(
    lab: HoldingLab, how: dict[str, Json], says: str
) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    for which in ("1", "all"):
        await lab.holds()
        got = await lab.plane.ask("POST", f"holds/{which}", how)
        assert got.status == 400 and says in f"{got.json['error']} {got.json['hint']}"
    await lab.let_go()
    assert (await call).status == 200


_UNREAD: list[tuple[dict[str, Json], str]] = [
    ({"status": 200}, '"side":"reply"'),
    ({"do": "drop", "body": ""}, 'Send "do":"go".'),
    ({"headers": {"content-length": "1"}}, "the lab's own"),
    ({"headers": {"x": "a\r\nhost: b"}}, "one line of Latin-1"),
    ({"body": "\ud800"}, "surrogate"),
]


@pytest.mark.parametrize(("how", "says"), _UNREAD, ids=[json.dumps(each[0]) for each in _UNREAD])
async def test_a_request_that_could_not_have_come_so_stays_held(
    lab: HoldingLab, how: dict[str, Json], says: str
) -> None:
    await lab.stop(route="status", side="request")
    _, call = await lab.poll()
    await lab.holds()
    got = await lab.plane.ask("POST", "holds/1", how)
    assert got.status == 400 and says in f"{got.json['error']} {got.json['hint']}"
    await lab.let_go(delay="0s")
    assert (await call).status == 200


async def test_what_is_not_there_is_404_and_a_name_is_given_once(lab: HoldingLab) -> None:
    for method, path in (("DELETE", "breakpoints/none"), ("POST", "holds/7"), ("POST", "holds/x")):
        assert (await lab.plane.ask(method, path, {} if method == "POST" else None)).status == 404
    assert (await lab.ask("POST", "holds/all", {}))["why"] == "0 let go"
    await lab.stop(name="look")
    assert (await lab.plane.ask("POST", "breakpoints", {"name": "look"})).status == 409
    names = [(await lab.ask("POST", "breakpoints", {"route": "status"}))["name"] for _ in range(3)]
    assert names == ["status-reply", "status-reply-2", "status-reply-3"]
    await lab.ask("DELETE", "breakpoints/look")


async def test_a_header_keeps_its_place_and_may_stand_there_several_times(lab: HoldingLab) -> None:
    await lab.stop(route="status")
    _, call = await lab.poll()
    await lab.holds()
    await lab.let_go(headers={"Content-Type": "text/plain", "x-many": ["a", "b"], "cache-control": None})
    await call
    (line,) = (each for each in lab.recording().of(Res) if each.x == 3)
    assert line.headers == (("content-type", "text/plain"), ("x-many", "a"), ("x-many", "b"))
    lab.replayed()
