"""`GET /_lab/metrics`: what is counted of a lab, as Prometheus' own parser reads it."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from lab.clocks import ManualClock
from lab.core.exchange import Request, Response
from lab.core.observe import Replied, Requested
from lab.mock import job_index
from lab.mock.service import Service
from lab.program.words import Verdict
from lab.server import backlog
from lab.server.call_totals import CALLS
from lab.server.control import metrics
from lab.server.control.plane import ControlPlane
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from tests import wire_peer
from tests.conftest import examples
from tests.mock.test_fold import Peer, Step
from tests.mock.test_retention import STEPS
from tests.server.conftest import Stage, make_service, request, status
from tests.server.test_control import TOKEN, Plane, plane, steering
from tests.server.test_mounts import job, polled, stage, token

__all__ = ["plane", "stage"]

LABELS = ("worker", "scenario", "route", "code", "status", "le")
FIVE = ("RUNNING", "WAITING", "COMPLETE", "ERROR", "CANCELLED")


async def scraped(plane: Plane, path: str = "metrics") -> str:
    got = await plane.ask("GET", path)
    assert got.status == 200 and got.headers["content-type"].startswith("text/plain; version=")
    return got.body.decode()


def samples(text: str, name: str, **labels: str) -> dict[tuple[str, ...], float]:
    """The values of a series by the values of the labels that aren't given."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            if each.name == name and labels.items() <= each.labels.items():
                key = tuple(each.labels[label] for label in LABELS if label in each.labels.keys() - labels.keys())
                assert key not in found
                found[key] = each.value
    return found


async def jobs(plane: Plane, scenario: str = "") -> Mapping[str, float]:
    counted = samples(await scraped(plane), "lab_jobs", scenario=scenario)
    assert {status for (status,) in counted} == set(FIVE)
    return {status: counted[status,] for status in FIVE if counted[status,]}


async def test_calls_are_counted_by_route_and_code_and_nothing_private_is_named(plane: Plane) -> None:
    stage, odd = plane.stage, "/not-a-route/of-anybody"
    token = await stage.token()
    accepted = await stage.job(token)
    peer = await stage.peer()
    for sent in (status(token, accepted), status(token, "nothing"), request("GET", odd)):
        await peer.ask(sent)
    text = await scraped(plane)
    assert samples(text, "lab_request_duration_seconds_count", scenario="") == {
        ("token", "200"): 1, ("invoke", "202"): 1, ("status", "200"): 1, ("status", "404"): 1, ("unknown", "404"): 1,
    }  # fmt: skip
    for private in (accepted, token, odd, "not-a-route", "Share", "demo", "nothing"):
        assert private not in text


async def test_a_call_counts_in_the_bucket_of_its_real_duration_while_the_lab_s_clock_stands(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, real = plane.stage.service.tell, [7_000_000]
    monkeypatch.setattr(backlog, "real_micros", lambda: real[-1])
    for x, duration in enumerate((0, 5_000, 5_001, 60_000_000, 60_000_001), 1_000):
        tell(Requested(7, x, "status", Request("GET", "/")))
        real.append(real[-1] + duration)
        tell(Replied(7, x, Response(200)))
    tell(Requested(9_000, 2_000, "status", Request("GET", "/")))
    tell(Replied(0, 2_000, Response(0)))  # the clock was set back meanwhile
    tell(Replied(9, 3_000, Response(200)))  # of a call that isn't known
    text = await scraped(plane)
    found = samples(text, "lab_request_duration_seconds_bucket", route="status", code="200", scenario="")
    assert {le: found[le,] for le in ("0.005", "0.01", "30.0", "60.0", "+Inf")} == {
        "0.005": 2, "0.01": 3, "30.0": 3, "60.0": 4, "+Inf": 5,
    }  # fmt: skip
    assert samples(text, "lab_request_duration_seconds_sum") == {
        ("", "status", "200"): 120.010002, ("", "status", "0"): 0,
    }  # fmt: skip


def metered(most_open: int = 100) -> tuple[Service, metrics.MockMeter]:
    """A mock, and what counts its calls."""
    server = MockServer(make_service(), ManualClock(), ServerLimits(connections=most_open))
    return server.service, metrics.Meters(server).of[server.labs.usual]


async def test_a_call_that_a_store_took_late_lasted_from_when_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "real_micros", lambda: 301_000)
    mock, meter = metered()
    mock.tell(Requested(0, 1, "invoke", Request("POST", "/"), c=3, came=1_000))
    mock.tell(Replied(0, 1, Response(202)))
    assert meter.samples()[CALLS][0][1][-1] == 0.3


async def test_while_the_lab_s_clock_stands_calls_last(plane: Plane) -> None:
    peer = await plane.stage.peer()
    await token(peer)
    assert 0 < samples(await scraped(plane), "lab_request_duration_seconds_sum")["", "token", "200"] < 60


async def test_calls_that_never_get_a_reply_are_forgotten_oldest_first() -> None:
    mock, meter = metered(most_open=2)
    for x in (1, 2, 3):
        mock.tell(Requested(0, x, f"route-{x}", Request("GET", "/")))
    for x in (1, 2, 3):
        mock.tell(Replied(1, x, Response(200)))
    assert [route for (_, route, _), _ in meter.samples()[CALLS]] == ["route-2", "route-3"]


async def test_jobs_are_counted_by_status_as_it_is_now(plane: Plane) -> None:
    stage = plane.stage
    assert await jobs(plane) == {}
    token = await stage.token()
    first, second = await stage.job(token), await stage.job(token)
    assert await jobs(plane) == {"RUNNING": 2}
    await plane.client.advance(3_000)
    assert await jobs(plane) == {"WAITING": 2}
    assert stage.service.decide(first, "consent", Verdict.APPROVED, stage.clock.now()).status == 200
    assert await jobs(plane) == {"WAITING": 1, "COMPLETE": 1}
    await plane.client.advance(15 * 60_000)  # the patience of the other
    assert await jobs(plane) == {"COMPLETE": 1, "ERROR": 1}
    assert (await plane.ask("POST", "reset", {})).status == 200
    assert await jobs(plane) == {} and stage.service.look(second, 0) is None
    await stage.job(await stage.token())
    assert await jobs(plane) == {"RUNNING": 1}


async def test_jobs_are_counted_again_where_the_lab_is_set_back(plane: Plane) -> None:
    await plane.stage.job(await plane.stage.token())
    await plane.client.advance(3_000)
    await plane.stage.job(await plane.stage.token())
    assert await jobs(plane) == {"RUNNING": 1, "WAITING": 1}
    assert (await plane.ask("POST", "reset", {"to": 1_000})).status == 200
    assert await jobs(plane) == {"RUNNING": 1}


def counted(mock: Service, now: int) -> dict[str, int]:
    """The jobs of a mock by their status."""
    for _ in mock.job_steps(lambda: now):
        pass
    return {str(status): count for status, count in mock.job_counts.items() if count}


def test_a_job_that_is_forgotten_is_counted_no_more() -> None:
    mock = wire_peer.service({**wire_peer.DOCUMENT, "retention": "1m"})
    mock.serve(wire_peer.invoke(wire_peer.token(mock), {"message": "Taxi 42"}), 0)
    counts = [counted(mock, at) for at in (0, 2_000, 62_000, 121_999, 122_000)]
    assert counts == [{"RUNNING": 1}, {"WAITING": 1}, {"ERROR": 1}, {"ERROR": 1}, {}]


@pytest.mark.long
@given(steps=STEPS, every=st.integers(1, 20))
@examples(15, thorough=2_000)
def test_jobs_come_to_have_the_status_that_they_are_remembered_to_get(steps: list[Step], every: int) -> None:
    mock = wire_peer.service(wire_peer.DOCUMENT | {"retention": "1s"})
    peer = Peer(mock)
    for place, step in enumerate(steps):
        peer.learn(peer.call(*step)(mock))
        if place % every == 0:
            views = [mock.look(job, peer.now) for job in mock.jobs()]
            seen = Counter(str(view.span.status) for view in views if view is not None)
            assert counted(mock, peer.now) == seen


async def test_the_course_of_a_job_is_walked_once_and_again_after_a_fact_about_it(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[str] = []
    walk = job_index.status_changes
    monkeypatch.setattr(
        job_index, "status_changes", lambda plan, known: walks.append(plan.invocation.job) or walk(plan, known)
    )
    token = await plane.stage.token()
    first, second = await plane.stage.job(token), await plane.stage.job(token)
    for instant in (0, 3_000, 3_000 + 15 * 60_000):
        await plane.stage.clock.advance_to(instant)
        if instant == 3_000:
            assert (await plane.client.decide(first, "consent", Verdict.APPROVED)).done
        await jobs(plane)
    assert sorted(walks) == sorted([first, first, second])


async def test_a_scrape_that_has_many_jobs_to_look_at_leaves_them_out_and_goes_on(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, counting = asyncio.Event(), metrics.breathe
    monkeypatch.setattr(metrics, "breathe", busy.wait)
    monkeypatch.setattr(metrics, "_SLICE", 1)
    monkeypatch.setattr(metrics, "COUNTS_WITHIN", 20)
    token = await plane.stage.token()
    await plane.stage.job(token)
    for _ in range(2):
        text = await scraped(plane)
        assert samples(text, "lab_jobs") == {} and samples(text, "lab_connections")
    busy.set()
    monkeypatch.setattr(metrics, "breathe", counting)
    assert await jobs(plane) == {"RUNNING": 1}


def test_jobs_are_counted_again_where_others_come_in_their_place() -> None:
    mock = wire_peer.service()
    mock.serve(wire_peer.invoke(wire_peer.token(mock), {"message": "Taxi 42"}), 0)
    assert counted(mock, 0) == {"RUNNING": 1}
    mock.ledger.replace({})
    assert counted(mock, 0) == {}


def test_where_nobody_counts_for_long_nothing_more_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_index, "MOST_UNSEEN", 2)
    mock = wire_peer.service()
    bearer, sizes = wire_peer.token(mock), list[int]()
    assert counted(mock, 0) == {}
    for _ in range(4):
        mock.serve(wire_peer.invoke(bearer, {"message": "Taxi 42"}), 0)
        sizes.append(len(mock._mock.index._unseen))
    assert sizes == [1, 2, 0, 0]
    assert counted(mock, 0) == {"RUNNING": 4}
    mock.serve(wire_peer.invoke(bearer, {"message": "Taxi 42"}), 0)
    assert len(mock._mock.index._unseen) == 1 and counted(mock, 0) == {"RUNNING": 5}


def test_counting_comes_to_an_end_whatever_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_index, "MOST_UNSEEN", 2)
    mock = wire_peer.service()
    bearer, looks = wire_peer.token(mock), 0

    def invoke() -> None:
        mock.serve(wire_peer.invoke(bearer, {"message": "Taxi 42"}), 0)

    for _ in range(5):
        invoke()
    for looks, _ in enumerate(mock.job_steps(lambda: 0), 1):
        if looks < 6:
            invoke()
    assert (looks, counted(mock, 0)) == (10, {"RUNNING": 10})


async def test_counting_many_jobs_gives_calls_their_turn(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    token, turns = await plane.stage.token(), []

    async def breathe() -> None:
        turns.append(1)

    monkeypatch.setattr(metrics, "breathe", breathe)
    monkeypatch.setattr(metrics, "_SLICE", 2)
    for _ in range(5):
        await plane.stage.job(token)
    assert (await jobs(plane), len(turns)) == ({"RUNNING": 5}, 2)
    await plane.stage.job(token)
    assert (await jobs(plane), len(turns)) == ({"RUNNING": 6}, 2)  # one alone was looked at


async def test_faults_that_struck_are_counted_by_route_not_by_their_names(plane: Plane) -> None:
    fault = {"route": "token", "answer": 503, "calls": "1-2", "name": "somebody-s-secret-name"}
    assert (await plane.ask("POST", "faults", fault)).status == 200
    peer = await plane.stage.peer()
    for _ in range(3):
        await token(peer)
    text = await scraped(plane)
    assert samples(text, "lab_faults_struck_total") == {("", "token"): 2}
    assert samples(text, "lab_request_duration_seconds_count") == {("", "token", "503"): 2, ("", "token", "200"): 1}
    assert "secret-name" not in text


async def test_connections_and_what_was_no_request_are_counted(plane: Plane) -> None:
    peer = await plane.stage.peer()
    await token(peer)
    await (await plane.stage.peer()).ask(b"no request\r\n\r\n")
    text = await scraped(plane)
    assert "lab_ledger" not in text and samples(text, "lab_tenants") == {(): 0}
    assert samples(text, "lab_connections_opened_total") == {(): 2}
    assert samples(text, "lab_connections") == {(): 1}
    assert samples(text, "lab_malformed_requests_total") == {("",): 1}


async def test_scenarios_that_clients_chose_are_told_apart(plane: Plane) -> None:
    peer = await plane.stage.peer()
    got, started = await job(peer, name="consent")
    await token(peer, "/scenario/strict")  # whose first token request is struck
    await polled(peer, got, str(started.json["jobId"]), name="consent")
    await token(peer)
    text = await scraped(plane)
    counts = samples(text, "lab_request_duration_seconds_count", code="200")
    assert counts == {("", "token"): 1, ("consent", "token"): 1, ("consent", "status"): 1}
    assert samples(text, "lab_faults_struck_total") == {("strict", "token"): 1}
    assert samples(text, "lab_jobs", status="RUNNING") == {("",): 0, ("consent",): 1, ("strict",): 0}
    one = await scraped(plane, "scenario/consent/metrics")
    assert samples(one, "lab_jobs", status="RUNNING") == {("consent",): 1}
    assert (
        "strict" not in one
        and "lab_connections" not in one
        and (await plane.ask("GET", "scenario/nowhere/metrics")).status == 404
    )


async def test_two_labs_of_one_process_count_for_themselves(plane: Plane) -> None:
    other = MockServer(make_service(), ManualClock())
    control = ControlPlane(other, TOKEN)
    await plane.stage.token()
    assert (
        control.meters.of[other.labs.usual].samples()[CALLS] == []
        and plane.stage.service.observers != other.service.observers
    )
    await control.stop()
    assert other.service.observers == []


async def test_a_scraper_that_asks_for_open_metrics_gets_them(plane: Plane) -> None:
    await plane.stage.token()
    got = await plane.ask("GET", "metrics", accept="application/openmetrics-text; version=1.0.0")
    assert got.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {each.name: each.type for each in read_openmetrics(got.body.decode())}
    assert families["lab_request_duration_seconds"] == "histogram" and families["lab"] == "info"


async def test_without_the_library_nothing_is_counted_and_the_refusal_says_what_to_install(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "METRICS_LIBRARY", "a_library_that_is_not_there")
    control = ControlPlane(stage.server, TOKEN)
    async with steering(stage, control) as steered:
        got = await steered.ask("GET", "metrics")
        await stage.token()
    assert (got.status, got.json["hint"]) == (501, "pip install 'invoke-async-lab[observe]'")
    assert control.meters.of == {}
