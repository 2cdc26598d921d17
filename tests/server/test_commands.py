"""What the control plane's routes take: what a Struct reads is what the OpenAPI document says, and no more."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from lab.core.exchange import Json
from lab.plugin import ControlRoute
from lab.server.control import description as description_module
from lab.server.control.access import CommandRefused
from lab.server.control.calls import RouteContext
from lab.server.control.commands import (
    COMMANDS,
    DecideGate,
    JobQuery,
    JobsQuery,
    MakeTenant,
    Reset,
    SetClock,
    asked_of,
    struct_of,
)
from lab.server.control.description import description
from lab.server.control.routes import CONTROL_ROOT, CONTROL_ROUTES

PATHS = description("1.2.3", "http://127.0.0.1")["paths"]
COMMANDED = [row for row in CONTROL_ROUTES if row.body is not None and row.name in COMMANDS]
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
    assert kind is not None
    names = [*kind.__struct_fields__, "other"]
    body = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
    schema = schema_of(row)
    if kind is MakeTenant and "name" in body:  # whose pattern the handler holds it to, for its words
        body["name"] = "ann"
    if not jsonschema.Draft202012Validator(schema).is_valid(body):
        with pytest.raises(CommandRefused) as refused:
            struct_of(body, kind)
        assert refused.value.status == 400 and any(name in refused.value.error for name in names)
        return
    taken = struct_of(body, kind)
    for name, value in body.items():
        assert isinstance(value, list) or getattr(taken, name) == value


@pytest.mark.parametrize(
    ("kind", "given_", "error", "hint"),
    [
        (SetClock, {"until": "x"}, "until takes one of RUNNING, WAITING, COMPLETE, ERROR.", 'As {"advance":"1h"}, '),
        (SetClock, {"timeout": 1}, "timeout takes true or false.", 'As {"advance":"1h"}, '),
        (SetClock, {"advnace": "1h"}, 'There is no member "advnace" here.', "did you mean advance?"),
        (Reset, {"to": None}, "to takes an integer.", "GET /_lab/clock tells now."),
        (Reset, {"to": -1}, "to takes an integer of at least 0.", "GET /_lab/clock"),
        (DecideGate, {"verdict": "approved"}, "gate is missing.", "GET /_lab/jobs/{job} tells the open gate"),
        (MakeTenant, {"name": "a", "scenarios": ["x", 1]}, "scenarios takes a string.", "GET /_lab/scenarios lists"),
    ],
)
def test_what_does_not_fit_is_told(kind: type[Reset], given_: dict[str, Json], error: str, hint: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        struct_of(given_, kind)
    assert refused.value.error == error and refused.value.hint.startswith(hint)


def test_a_query_has_its_numbers_as_text() -> None:
    assert struct_of({"limit": "20"}, JobsQuery, strict=False) == JobsQuery(20)
    assert struct_of({}, JobQuery, strict=False).timeout == "30s"
    for given_, error in (
        ({"limit": "0"}, "limit takes an integer of at least 1."),
        ({"lim": "1"}, 'There is no member "lim" here.'),
    ):
        with pytest.raises(CommandRefused, match=error):
            struct_of(given_, JobsQuery, strict=False)


class ThingQuery(Struct, frozen=True):
    """What a route of a plugin takes."""

    name: str
    since: int = 0


async def thing(context: RouteContext, query: ThingQuery) -> Json:
    return {"since": query.since}


def test_a_plugin_s_route_is_described_by_its_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ControlRoute("GET", "things/{name}", "thing", "a thing", run=f"{__name__}:thing")
    monkeypatch.setattr(description_module, "CONTROL_ROUTES", (row,))
    (path,) = description("1", "http://lab")["paths"].values()  # type: ignore[union-attr]
    shown = [(each["name"], each["in"]) for each in path["get"]["parameters"]]  # type: ignore[index,call-overload]
    assert shown == [("name", "path"), ("since", "query")]
