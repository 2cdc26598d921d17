"""Scenarios as an author writes them, in bulk: agents within, and agents side by side."""

import json

from tests.authored.test_authored import HERE
from tests.conftest import Lab


def test_an_agent_within_is_visited_by_each_job(lab: Lab) -> None:
    ended = json.loads(lab("simulate", HERE / "delegate.yaml", "--jobs", "20", "--json").out)
    assert [(each["step"], each["lasted"]["count"]) for each in ended["steps"]][1:] == [
        ("pricing", 20),
        ("wording", 20),
    ]


def test_agents_side_by_side_take_what_each_takes(lab: Lab) -> None:
    ended = json.loads(lab("simulate", HERE / "side-by-side.yaml", "--jobs", "20", "--json").out)
    steps = {each["step"]: each["lasted"]["max"] for each in ended["steps"]}
    assert (steps["ask-around"], steps["stock"], steps["carriers"], steps["lorry"]) == (5_000, 5_000, 2_000, 2_000)
