"""What is told of clients that chose a scenario: where it is reached, how their runs ended, one report on all."""

import asyncio
import json
import urllib.error

import pytest
from msgspec.structs import replace

from lab.cli.command_settings import WatchSettings
from lab.cli.commands.watch import reached
from lab.core.errors import ProtocolError
from lab.dialects.router import ROUTER
from lab.settings import ControlAccess
from tests.cli.test_serve import HOW, fetch, listening
from tests.conftest import Lab
from tests.forked import forked_lab
from tests.server.conftest import TEAM, Stage, bearer
from tests.server.test_control import TOKEN, Plane, plane
from tests.server.test_mounts import ask, job, polled, stage, token
from tests.server.test_watch import Watching

__all__ = ["plane", "stage"]


async def to_its_end(plane: Plane, name: str) -> None:
    """A client that gets its result where it chose."""
    peer = await plane.stage.peer()
    got, started = await job(peer, name=name)
    own = str(started.json["jobId"])
    await plane.ask("POST", f"scenario/{name}/clock", {"job": own, "until": "WAITING"})
    verdict = {"gate": "consent", "verdict": "approved"}
    assert (await plane.ask("POST", f"scenario/{name}/jobs/{own}/decisions", verdict)).status == 200
    assert await polled(peer, got, own, name=name) == 200
    await peer.close()


async def asks_twice(plane: Plane) -> None:
    """A client that is struck where it chose, begins two jobs, and shows its token in a URL."""
    peer = await plane.stage.peer()
    assert (await token(peer, name="strict")).status == 503
    for _ in range(2):
        got, _ = await job(peer, name="strict")
    await ask(peer, f"{ROUTER.path('status', code=TEAM, job='any')}?access_token={got}", bearer(got), name="strict")


async def test_each_is_listed_with_its_place_and_what_a_good_client_does_there(plane: Plane) -> None:
    peer = await plane.stage.peer()
    await token(peer, name="consent")
    consent, strict = (await plane.ask("GET", "scenarios")).json["scenarios"]
    base = f"{plane.stage.server.origin}/scenario/consent"
    assert consent == {
        "name": "consent", "agent_code": "DOCUMENT_TEAM", "asks": [{"message": "Share it", "parameters": {}}],
        "base_url": base, "token_url": f"{base}/oauth2/v1/token", "calls": 1, "jobs": 1, "good_client": ["result"], "strikes": False,
    }  # fmt: skip
    assert (strict["name"], strict["calls"], strict["good_client"], strict["strikes"]) == (
        "strict",
        0,
        ["result"],
        True,
    )
    (own,) = (await plane.ask("GET", "scenario/consent/scenarios")).json["scenarios"]
    assert own["name"] == "consent"


async def test_one_report_tells_how_each_run_ended_and_judges_them_together(plane: Plane) -> None:
    await to_its_end(plane, "consent")
    await asks_twice(plane)
    report = (await plane.ask("GET", "report?over=1")).json
    assert report["runs"] == [
        {"scenario": "consent", "outcome": "result", "good_client": ["result"], "good": True},
        {"scenario": "strict", "outcome": "duplicate", "good_client": ["result"], "good": False},
    ]
    rules = {each["rule"]: each for each in report["rules"]}
    assert rules["A7"]["verdict"] == "pass"
    assert (rules["A6"]["verdict"], [each["recording"] for each in rules["A6"]["evidence"]]) == ("fail", ["strict"])
    assert report["coverage"]["faults"] == {"met": ["strict"], "missing": []}
    alone = (await plane.ask("GET", "scenario/consent/report?over=1")).json
    assert {each["rule"]: each["verdict"] for each in alone["rules"]}["A6"] == "pass"
    assert [each["scenario"] for each in alone["runs"]] == ["consent"]


async def test_how_a_run_ended_is_told_with_what_it_should_have_been(plane: Plane) -> None:
    peer = await plane.stage.peer()
    await job(peer, name="consent")

    async def outcome(query: str = "") -> tuple[str, bool | None]:
        found = (await plane.ask("GET", f"scenario/consent/outcome{query}")).json
        return found["outcome"], found["good"]

    assert await outcome() == ("clean stop", False)
    assert await outcome("?code=0") == ("false success", False)
    assert await outcome("?strikes=1") == ("not struck", None)
    assert (await plane.ask("GET", "outcome")).status == 400


async def test_of_a_crowd_many_jobs_are_no_duplicates(plane: Plane) -> None:
    mounts = plane.stage.server.labs.usual
    mounts.choices = {**mounts.choices, "strict": replace(mounts.choices["strict"], jobs=2)}
    await asks_twice(plane)
    assert (await plane.ask("GET", "scenario/strict/outcome")).json["outcome"] == "clean stop"


async def test_lab_report_judges_a_running_lab_as_a_rehearsal(
    plane: Plane, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_CONTROL_TOKEN", TOKEN)
    url = f"http://127.0.0.1:{plane.port}"
    called = await asyncio.to_thread(lab, "report", url, "--fail-on", "critical")
    assert called.lines[0] == "No scenario was chosen by path or header, of 2 that can be."
    await to_its_end(plane, "consent")
    called = await asyncio.to_thread(lab, "report", url, "--fail-on", "critical")
    assert called.lines[0] == "1 run: 1 result; 0 otherwise than a good client's; 1 not called"
    assert (called.code, called.lines[-1].endswith("not exercised")) == (0, True)
    await asks_twice(plane)
    called = await asyncio.to_thread(lab, "report", url, "--fail-on", "critical", "--json", "--out", "html=page.html")
    assert called.err.splitlines()[:3] == [
        "FAIL  strict: duplicate; a good client: result",
        "          rules broken in it: A6 C1 C3 D1",
        f"          {url}/_lab/scenario/strict/journal",
    ]
    assert called.code == 1
    *runs, judged = map(json.loads, called.lines)
    assert [each["outcome"] for each in runs if each["good"] is False] == ["duplicate"] and "runs" not in judged
    evidence = {each["rule"]: each["evidence"] for each in judged["rules"]}["A6"]
    assert [each["recording"] for each in evidence] == ["strict"]
    assert "access_token" in (lab.folder / "page.html").read_text()


def test_lab_report_takes_a_tenant_s_address(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with forked_lab(*HOW, "quick", "--json", cwd=lab.folder) as process:
        ready = listening(process)
        head = {"Authorization": f"Bearer {ready['control_token']}", "Content-Type": "application/json"}
        ann = fetch(f"{ready['control_url']}/_lab/tenants", head, b'{"name":"ann"}')
        monkeypatch.setenv("LAB_CONTROL_TOKEN", str(ann["control_token"]))
        url = f"{ready['control_url']}/t/ann"
        called = lab("report", url)
        assert (called.code, called.lines[0][:26]) == (5, "No scenario was chosen by ")
        with pytest.raises(urllib.error.HTTPError):
            fetch(f"{ready['base_url']}/t/ann/scenario/quick/oauth2/v1/token", {}, b"a=b")
        called = lab("report", url)
        assert f"{ready['control_url']}/_lab/t/ann/scenario/quick/journal" in called.out
        assert lab("report", f"{url}/scenario/quick").code == 2


async def test_lab_report_takes_no_recording_beside_a_lab(lab: Lab) -> None:
    called = await asyncio.to_thread(lab, "report", "http://127.0.0.1:1", "day")
    assert (called.code, "judged by itself" in called.err) == (2, True)


async def test_a_lab_without_choices_is_reported_as_ever(stage: Stage, plane: Plane) -> None:
    stage.server.labs.usual.choices = {}
    await stage.token()
    assert "runs" not in (await plane.ask("GET", "report")).json


async def test_what_was_chosen_can_be_watched_by_itself(plane: Plane) -> None:
    _, started = await job(await plane.stage.peer(), name="consent")
    await job(await plane.stage.peer())
    url = f"http://127.0.0.1:{plane.port}"
    watching = Watching(f"{url}/scenario/consent", WatchSettings(target=url, control=ControlAccess(token=TOKEN)))
    await watching.until(lambda: watching.jobs.run().job is not None)
    assert list(watching.jobs.run_of_job) == [started.json["jobId"]]
    await watching.end()
    with pytest.raises(ProtocolError, match="There is no scenario 'consnt' to choose here: did you mean consent"):
        async with reached(f"{url}/scenario/consnt", ControlAccess(token=TOKEN)) as client:
            await client.lab()


async def test_lab_report_takes_a_whole_lab(lab: Lab) -> None:
    called = await asyncio.to_thread(lab, "report", "http://127.0.0.1:1/scenario/consent")
    assert (called.code, "the report is on all" in called.err) == (2, True)
