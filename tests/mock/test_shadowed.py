"""Scenarios that are never chosen are told of, and what is told of a mock really never chooses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.jobs.program import shadowed
from lab.language.shape import parsed
from lab.mock.service import Service
from lab.program.scenario import Scenario
from tests.conftest import each_row, examples
from tests.mock.test_callers import JANE, MARIA, TOM, answered_by, bearer, config, scenario
from tests.wire_peer import OTHER

TEAM: dict[str, Any] = {"code": "QUOTA"}
TURNS = [{"ask": "more", "steps": [{"complete": "end", "output": "more"}]}]


def hidden(*documents: dict[str, Any]) -> dict[str, str]:
    """Which are never chosen, and which in their place."""
    found = shadowed(parsed(Scenario, each) for each in documents)
    return {later.name: first.name for later, first in found}


@each_row(
    ("earlier", "later", "never"),
    [
        ({}, {}, True),
        ({}, {"match": "g"}, True),
        ({"match": "g"}, {"match": "g"}, True),
        ({"match": "g"}, {}, False),
        ({"match": "g"}, {"match": "go"}, False),
        ({}, {"callers": {"users": ["ann"]}}, True),
        ({"callers": {"users": ["ann"]}}, {}, False),
        ({"callers": {"users": ["ann", "bob"]}}, {"callers": {"users": ["bob"]}}, True),
        ({"callers": {"users": ["bob"]}}, {"callers": {"users": ["ann", "bob"]}}, False),
        ({"callers": {"users": ["bob"]}}, {"callers": {"users": ["bob"], "roles": ["X"]}}, True),
        ({"callers": {"users": ["bob"], "roles": ["X"]}}, {"callers": {"users": ["bob"]}}, False),
        ({"callers": {"roles": ["X"]}}, {"callers": {"users": ["bob"]}}, False),
        ({"callers": {"clients": ["demo"]}}, {"callers": {"clients": ["demo"]}, "match": "g"}, True),
        ({"agent": {**TEAM, "version": 2}}, {}, False),
        ({"agent": {**TEAM, "version": 2}}, {"agent": {**TEAM, "version": 3}}, False),
        ({"agent": {**TEAM, "version": 2}}, {"agent": {**TEAM, "version": 2}}, True),
        ({}, {"agent": {**TEAM, "version": 3}}, True),
        ({"agent": {**TEAM, "published": False}}, {}, False),
        ({}, {"agent": {**TEAM, "published": False}}, True),
        ({"agent": {"code": "quota"}}, {}, False),
        ({"turns": TURNS}, {}, False),
        ({"turns": TURNS}, {"turns": TURNS}, True),
        ({}, {"turns": TURNS}, True),
    ],
)
def test_an_earlier_one_that_takes_all_hides_a_later_one(
    earlier: dict[str, Any], later: dict[str, Any], never: bool
) -> None:
    assert hidden(scenario("b", **later), scenario("a", **earlier)) == ({"b": "a"} if never else {})


def test_the_first_that_takes_all_is_named_and_a_hidden_one_hides_too() -> None:
    one, other = scenario("b", match="x", ask="x"), scenario("c", match="x", ask="x")
    assert hidden(scenario("d"), other, one) == {"c": "b"}
    assert hidden(scenario("a"), one, other) == {"b": "a", "c": "a"}


NAMES = {"users": ("maria", "tom"), "roles": ("BUYER", "CLERK"), "clients": ("demo", OTHER.id)}
LISTS = {kind: st.lists(st.sampled_from(names), min_size=1, unique=True) for kind, names in NAMES.items()}
CALLERS = st.fixed_dictionaries({}, optional=LISTS).map(lambda lists: lists or None)
PARTS = st.fixed_dictionaries(
    {"callers": CALLERS},
    optional={
        "match": st.sampled_from(("g", "o", "go")),
        "turns": st.just(TURNS),
        "agent": st.sampled_from((TEAM, {**TEAM, "version": 1}, {**TEAM, "version": 2}, {**TEAM, "published": False})),
    },
)


@pytest.mark.long
@given(parts=st.lists(PARTS, min_size=2, max_size=4))
@examples(30, thorough=500)
def test_whoever_asks_whatever_is_never_answered_by_one_that_is_hidden(parts: list[dict[str, Any]]) -> None:
    documents = [scenario(f"s-{place}", **part) for place, part in enumerate(parts)]
    never = hidden(*documents)
    mock = Service(config(*documents))
    for user in (None, JANE, MARIA, TOM):
        token = bearer(mock, user)
        for message in ("go", "g", "o", "x"):
            for more in ({}, {"version": 1}, {"version": 2}, {"status": "DRAFT"}):
                try:
                    found = answered_by(mock, token, message, **more)
                except KeyError:  # refused
                    continue
                assert found not in never, (user, message, more)
