"""What the control plane's routes take: what a Struct reads is what the OpenAPI document says, and no more."""

from typing import get_origin, get_type_hints

import jsonschema
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from lab.control import (
    ArmFault,
    AskReady,
    ControlCommand,
    CountCalls,
    DecideDevice,
    DecideGate,
    DescribeApi,
    DescribeRoutes,
    DisarmFault,
    DriveClock,
    EndTenant,
    EndTokens,
    ListFaults,
    ListJobs,
    ListRoutes,
    ListScenarios,
    ListTenants,
    LookClock,
    LookHealth,
    LookJob,
    MakeTenant,
    ResetLab,
    RunTape,
    ScrapeMetrics,
    SetClock,
    TellJournal,
)
from lab.core.exchange import Json
from lab.core.routes import CONTROL_ROOT
from lab.plugin import ControlRoute, resolve
from lab.server.control import routes
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused, asked_of, path_members, struct_of
from lab.server.control.routes import CONTROL_ROUTES, description
from tests.conftest import each_row
from tests.server.test_control import Plane, plane

__all__ = ["plane"]

PATHS = description("1.2.3", "http://127.0.0.1")["paths"]
COMMANDED = [row for row in CONTROL_ROUTES if row.body is not None and asked_of(row) is not ArmFault]
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-2, 2**63), st.text(max_size=4),
        st.sampled_from(("WAITING", "approved", "rotate", "ann", "1h")),
    ),
    lambda inner: st.lists(inner, max_size=2), max_leaves=3,
)  # fmt: skip


def schema_of(row: ControlRoute) -> dict[str, Json]:
    operation = PATHS[CONTROL_ROOT + row.path]["post"]  # type: ignore[index,call-overload]
    schema: dict[str, Json] = operation["requestBody"]["content"]["application/json"]["schema"]  # type: ignore[assignment,index,call-overload]
    return schema


@given(st.data())
def test_a_body_is_taken_if_the_document_says_so_and_else_the_member_that_does_not_fit_is_named(
    data: st.DataObject,
) -> None:
    row = data.draw(st.sampled_from(COMMANDED))
    kind = asked_of(row)
    in_path = dict.fromkeys(path_members(row), "a")
    names = [*(name for name in kind.__struct_fields__ if name not in in_path), "other"]
    body = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
    schema = schema_of(row)
    if kind is MakeTenant and "name" in body:  # whose pattern the handler holds it to, for its words
        body["name"] = "ann"
    if not jsonschema.Draft202012Validator(schema).is_valid(body):
        with pytest.raises(CommandRefused) as refused:
            struct_of({**body, **in_path}, kind)
        assert refused.value.status == 400 and any(name in refused.value.error for name in names)
        return
    taken = struct_of({**body, **in_path}, kind)
    for name, value in body.items():
        assert isinstance(value, list) or getattr(taken, name) == value


@each_row(
    ("kind", "given_", "error", "hint"),
    [
        (
            SetClock,
            {"until": "x"},
            "until takes one of RUNNING, WAITING, COMPLETE, ERROR, CANCELLED.",
            'As {"advance":"1h"}, ',
        ),
        (SetClock, {"timeout": 1}, "timeout takes true or false.", 'As {"advance":"1h"}, '),
        (SetClock, {"advnace": "1h"}, 'There is no member "advnace" here.', "did you mean advance?"),
        (ResetLab, {"to": None}, "to takes an integer.", "GET /_lab/clock tells now."),
        (ResetLab, {"to": -1}, "to takes an integer of at least 0.", "GET /_lab/clock"),
        (
            DecideGate,
            {"job": "a", "verdict": "approved"},
            "gate is missing.",
            "GET /_lab/jobs/{job} tells the open gate",
        ),
        (MakeTenant, {"name": "a", "scenarios": ["x", 1]}, "scenarios takes a string.", "GET /_lab/scenarios lists"),
    ],
)
def test_what_does_not_fit_is_told(kind: type[ResetLab], given_: dict[str, Json], error: str, hint: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        struct_of(given_, kind)
    assert refused.value.error == error and refused.value.hint.startswith(hint)


def test_a_query_has_its_numbers_as_text() -> None:
    assert struct_of({"limit": "20"}, ListJobs, strict=False) == ListJobs(20)
    assert struct_of({"job": "a"}, LookJob, strict=False).timeout == "30s"
    for given_, error in (
        ({"limit": "0"}, "limit takes an integer of at least 1."),
        ({"lim": "1"}, 'There is no member "lim" here.'),
    ):
        with pytest.raises(CommandRefused, match=error):
            struct_of(given_, ListJobs, strict=False)


class LookThing(ControlCommand[dict[str, Json]], frozen=True):
    """What a route of a plugin takes."""

    name: str
    since: int = 0


async def thing(context: RouteContext, command: LookThing) -> dict[str, Json]:
    return {"since": command.since}


def test_a_plugin_s_route_is_described_by_its_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ControlRoute("GET", "things/{name}", f"{__name__}:thing", f"{__name__}:LookThing", "a thing")
    monkeypatch.setattr(routes, "CONTROL_ROUTES", (row,))
    (path,) = description("1", "http://lab")["paths"].values()  # type: ignore[union-attr]
    shown = [(each["name"], each["in"]) for each in path["get"]["parameters"]]  # type: ignore[index,call-overload]
    assert shown == [("name", "path"), ("since", "query")]


@each_row("row", CONTROL_ROUTES, ids=[row.name for row in CONTROL_ROUTES])
def test_a_route_s_function_takes_and_gives_what_is_declared(row: ControlRoute) -> None:
    kind, (context, command, given) = asked_of(row), get_type_hints(resolve(row.run)).values()
    assert (context, command) == (RouteContext, kind)
    assert given == kind.answers_with() or issubclass(given, web.StreamResponse)
    assert {*path_members(row)} <= {*kind.__struct_fields__}


@each_row(
    ("method", "path", "name", "members"),
    [
        ("GET", "", "list_routes", {}),
        ("GET", "jobs", "list_jobs", {}),
        ("GET", "jobs/a", "look_job", {"job": "a"}),
        ("GET", "jobs/a%20b%2Fc%25%3F", "look_job", {"job": "a b/c%?"}),
        ("GET", "jobs/%7Bjob%7D", "look_job", {"job": "{job}"}),
        ("POST", "jobs/a/decisions", "decide_gate", {"job": "a"}),
        ("DELETE", "tenants/ann", "end_tenant", {"name": "ann"}),
    ],
)
def test_a_path_means_a_route_and_holds_its_members(method: str, path: str, name: str, members: dict[str, str]) -> None:
    row, found = routes.routed(method, URL(f"/_lab/{path}"))
    assert (row.name, found) == (name, members)


@each_row(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/_lab", 404, None),
        ("GET", "/_lab/jobs/", 404, None),
        ("GET", "/_lab/jobs//", 404, None),
        ("POST", "/_lab/jobs//decisions", 404, None),
        ("POST", "/_lab/jobs/a/b/decisions", 404, None),
        ("GET", "/_lab/Clock", 404, None),
        ("GET", "/x/clock", 404, None),
        ("HEAD", "/_lab/clock", 405, "GET,POST"),
        ("DELETE", "/_lab/jobs/a", 405, "GET"),
    ],
)
def test_a_path_without_a_route_or_for_another_method_is_refused(
    method: str, path: str, status: int, allow: str | None
) -> None:
    with pytest.raises(CommandRefused) as refused:
        routes.routed(method, URL(path))
    assert (refused.value.status, refused.value.headers.get("allow")) == (status, allow)


async def test_every_answer_is_read_by_the_client_as_what_is_declared(plane: Plane) -> None:
    job = await plane.stage.job(await plane.stage.token())
    fault: dict[str, Json] = {"route": "status", "answer": 503, "name": "busy"}
    asked_for = [
        ListRoutes(), DescribeRoutes(), LookHealth(), AskReady(), ListJobs(1), DescribeApi(), ListScenarios(),
        SetClock(job=job, until="WAITING"), LookJob(job, "WAITING"), DecideGate(job, "consent", "approved", "jane"),
        CountCalls("invoke", job), LookClock(), DriveClock(until=3_000), ArmFault(fault), ListFaults(),
        DisarmFault("busy"), EndTokens("expire", "demo"), ListTenants(), ResetLab(),
    ]  # fmt: skip
    for command in asked_for:
        answer = await plane.client.ask(command)
        declared = command.answers_with()
        assert answer.done and isinstance(answer.value, get_origin(declared) or declared), (command, answer)
    elsewhere = {DecideDevice, EndTenant, MakeTenant, RunTape, ScrapeMetrics, TellJournal}
    kernel = {asked_of(row) for row in CONTROL_ROUTES if row.takes.startswith("lab.control:")}
    assert {type(each) for each in asked_for} == kernel - elsewhere


@each_row(
    ("method", "path", "body", "error"),
    [
        ("GET", "clock?nwo=1", None, 'There is no member "nwo" here.'),
        ("GET", "jobs/a?job=b", None, 'There is no member "job" here.'),
        ("POST", "jobs/a/decisions", {"job": "b", "gate": "c", "verdict": "d"}, 'There is no member "job" here.'),
        ("DELETE", "faults/a?name=b", None, 'There is no member "name" here.'),
        ("POST", "faults", {"fault": {}}, 'There is no member "fault" here.'),
    ],
)
async def test_what_stands_in_no_place_of_a_route_is_refused(
    plane: Plane, method: str, path: str, body: Json, error: str
) -> None:
    got = await plane.ask(method, path, body)
    assert (got.status, got.json["error"]) == (400, error) and got.json["hint"]
