"""The control plane tells how often clients called, with which pauses in their own time, and what they got."""

from typing import cast

import pytest

from lab.core.exchange import Json
from lab.dialects.router import ROUTER
from tests.server.conftest import TEAM, bearer, invoke, request, status
from tests.server.test_control import Plane, plane

__all__ = ["plane"]


class Wall:
    """The client's time: real milliseconds, ten of which go by with whatever is observed."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 10
        return self.now * 1_000


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr("lab.server.backlog.real_micros", wall)
    return wall


async def calls(plane: Plane, route: str | None = None, job: str | None = None) -> dict[str, Json]:
    got = await plane.client.calls(route, job)
    assert got.done, got.why
    return dict(got.document)


async def test_polls_are_counted_with_pauses_and_statuses(plane: Plane, wall: Wall) -> None:
    token = await plane.stage.token()
    first, second = [await plane.stage.job(token) for _ in range(2)]
    peer = await plane.stage.peer()
    for pause, job in ((0, first), (1_000, second), (500, first), (2_000, second)):
        wall.now += pause
        await peer.ask(status(token, job))
    await plane.client.arm({"route": "status", "answer": 503})
    wall.now += 7_000
    await peer.ask(status(token, first))
    found = await calls(plane, "status")
    assert (found["count"], found["statuses"]) == (5, [200, 200, 200, 200, 503])
    # a poll is observed three times: asked, looked at the job, answered; the last answer counts from there
    assert found["gaps"] == [1_540, 2_540, 9_050], "each between polls of one job"
    assert (await calls(plane, "status", first))["gaps"] == [1_540, 9_050]
    last = (await calls(plane, "status", first))["last"]
    assert isinstance(last, dict)
    assert (last["route"], last["job"], last["status"], last["method"]) == ("status", first, 503, "GET")
    assert (last["x"], last["at"], last["path"]) == (8, 0, ROUTER.path("status", code=TEAM, job=first))
    assert str(last["client"]).startswith("demo")


async def test_a_call_is_about_the_job_that_came_of_it(plane: Plane) -> None:
    token = await plane.stage.token()
    job, other = [await plane.stage.job(token) for _ in range(2)]
    assert [(await calls(plane, "invoke", each))["count"] for each in (job, other, None)] == [1, 1, 2]
    assert (await calls(plane, job=job))["statuses"] == [202]
    assert [(await calls(plane, route))["count"] for route in ("token", "status", None)] == [1, 0, 3]
    nothing = {"count": 0, "kinds": {}, "statuses": [], "shown": {}, "gaps": [], "near": [], "last": None, "jobs": {}}
    assert await calls(plane, "status") == nothing


async def test_each_job_has_its_calls_by_kind_and_what_they_showed(plane: Plane) -> None:
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    await plane.client.arm({"route": "invoke", "lose_reply": True})
    lost, peer = await plane.stage.peer(), await plane.stage.peer()
    with pytest.raises(ConnectionResetError):
        await lost.ask(invoke(token, {"message": "Share it"}))
    (other,) = {each["job"] for each in (await plane.client.look("jobs"))["jobs"]} - {job}
    for _ in range(3):
        await peer.ask(status(token, job))
    found = await calls(plane)
    assert found["kinds"] == {"token": 1, "invoke": 2, "poll": 3} and found["shown"] == {"RUNNING": 4}
    jobs = cast("dict[str, dict[str, Json]]", found["jobs"])
    assert [jobs[job][name] for name in ("count", "kinds", "statuses", "shown")] == [
        4, {"invoke": 1, "poll": 3}, [202, 200, 200, 200], {"RUNNING": 4},
    ]  # fmt: skip
    assert (jobs[other]["kinds"], jobs[other]["statuses"]) == ({"invoke": 1}, [0]), "though nobody was told of it"
    assert set(cast("dict[str, Json]", (await calls(plane, "status"))["jobs"])) == {job}


async def test_what_matched_nothing_is_there_with_what_is_near(plane: Plane) -> None:
    token = await plane.stage.token()
    peer = await plane.stage.peer()
    path = ROUTER.path("invoke", code=TEAM)
    await peer.ask(request("POST", path.replace("invokeAsync", "invokeasync"), (bearer(token),)))
    await peer.ask(request("GET", path, (bearer(token),)))
    await peer.ask(invoke(token, {"mesage": "hi"}))
    there = "POST /api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync"
    unknown = await calls(plane, "unknown")
    assert (unknown["statuses"], unknown["near"]) == ([404, 405], [there, there])
    assert (await calls(plane, "invoke"))["near"] == ["message"]
    assert (await calls(plane))["near"] == [there, there, "message"]


async def test_a_reset_forgets_them(plane: Plane) -> None:
    await plane.stage.token()
    assert (await calls(plane))["count"] == 1
    await plane.client.reset()
    assert (await calls(plane))["count"] == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("route=statsu", "did you mean status?"),
        ("route=", "Known: token, invoke,"),
        ("jobs=x", "did you mean job?"),
    ],
)
async def test_what_is_no_route_and_no_parameter_is_refused(plane: Plane, query: str, said: str) -> None:
    got = await plane.ask("GET", f"calls?{query}")
    assert got.status == 400 and said in got.json["hint"]
