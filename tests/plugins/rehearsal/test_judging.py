"""The control plane judges its clients so far, and says how a run of one ended."""

import json

import pytest

from lab.core.exchange import Json
from tests.server.conftest import Stage, status
from tests.server.test_control import Plane, plane

__all__ = ["plane"]


async def poll(stage: Stage, token: str, job: str) -> str:
    return str((await (await stage.peer()).ask(status(token, job))).json["status"])


@pytest.fixture
async def job(plane: Plane) -> tuple[str, str]:
    """A job that its client has seen the end of, and the client's token."""
    token = await plane.stage.token()
    job = await plane.stage.job(token)
    await plane.client.advance(3_000)
    assert (await plane.client.decide(job, "consent", "approved")).done
    assert await poll(plane.stage, token, job) == "COMPLETE"
    return token, job


async def verdict(plane: Plane, rule: str, query: str = "?over=1") -> tuple[str, list[Json]]:
    report = (await plane.ask("GET", f"report{query}")).json
    (row,) = [each for each in report["rules"] if each["rule"] == rule]
    return row["verdict"], [line for each in row["evidence"] for line in each["lines"]]


async def test_rules_judge_what_clients_did_and_name_the_lines_of_the_journal(
    plane: Plane, job: tuple[str, str]
) -> None:
    assert await verdict(plane, "C2") == ("pass", [])
    assert await poll(plane.stage, *job) == "COMPLETE"
    said, lines = await verdict(plane, "C2")
    journal = (await plane.ask("GET", "journal")).body.splitlines()
    assert said == "fail"
    assert [json.loads(journal[int(str(line)) - 1])["k"] for line in lines] == ["req", "res"] * 2


async def test_who_is_known_to_have_ended_has_stopped(plane: Plane) -> None:
    await plane.stage.job(await plane.stage.token())
    assert (await verdict(plane, "C3", ""))[0] == "not exercised"
    assert (await verdict(plane, "C3"))[0] == "fail"


async def test_the_report_tells_what_was_met_of_the_scenarios(plane: Plane, job: tuple[str, str]) -> None:
    coverage = (await plane.ask("GET", "report")).json["coverage"]
    assert coverage["verdicts"]["met"] == ["consent: approved"]
    assert "consent: rejected" in coverage["verdicts"]["missing"]


@pytest.mark.parametrize(
    ("query", "outcome"),
    [("code=0", "result"), ("code=0&turns=2", "false success"), ("code=1&turns=2", "clean stop"),
     ("code=0&strikes=1", "not struck"), ("code=-9", "crash"), ("code=0&turns=0", "duplicate")],
)  # fmt: skip
async def test_how_a_run_ended(plane: Plane, job: tuple[str, str], query: str, outcome: str) -> None:
    assert (await plane.ask("GET", f"outcome?{query}")).json == {"outcome": outcome}


@pytest.mark.parametrize("path", ["report?over=yes", "outcome", "outcome?code=", "outcome?code=0&turns=x"])
async def test_what_is_no_number_is_refused(plane: Plane, path: str) -> None:
    assert (await plane.ask("GET", path)).status == 400
