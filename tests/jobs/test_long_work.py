"""The warning about work that outlasts the lab's own client, and the run that it is about."""

import pytest

from lab.app.effects import USUAL_DEADLINE
from lab.jobs.lint import lint
from lab.language.parse import parse_with_locations
from tests.conftest import Lab, each_row

HEAD = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: hello
seed: 1
token: {renewed: true}
"""
END = "  - {complete: end, output: done}\n"
SLOW_PERSON = "  - {gate: g, asks: Q, patience: 9d, reviewer: {after: 8d, verdict: approved}}\n"
SIDE_BY_SIDE = "  - {parallel: both, until: %s, of: [{work: a, takes: 9h}, {work: b, takes: 25h}]}\n"
ROUNDS = (
    "  - {work: look, takes: 9h}\n"
    "  - {gate: g, asks: Q, patience: 9d, rounds: 2, verdicts: {changes-requested: look}, reviewer: {script:"
    " [{after: 1s, verdict: changes-requested, comment: More}, {after: 1s, verdict: changes-requested, comment: More},"
    " {after: 1s, verdict: approved}]}}\n"
)


def warned(steps: str, head: str = "", deadline: int | None = USUAL_DEADLINE) -> list[str]:
    scenario, locations = parse_with_locations(f"{HEAD}{head}steps:\n{steps}{END}", "a.yaml")
    found = [each for each in lint(scenario, "a.yaml", locations, deadline=deadline) if "RUNNING" in each.what]
    return [f"{each.line} {each.what.partition(' the job')[0]} {each.what.partition(' for ')[2][:6]}" for each in found]


@each_row(
    ("steps", "found"),
    [
        ("  - {work: w, takes: 1d}\n", []),
        ("  - {work: w, takes: 1d1s}\n", ["9 at the end of w 1d1s: "]),
        ("  - {work: w, takes: {between: [1h, 25h]}}\n", ["9 at the end of w 1d1h: "]),
        ("  - {work: w, takes: {median: 1h, p95: 23h}}\n", []),
        ("  - {work: v, takes: 12h}\n" + SLOW_PERSON + "  - {work: w, takes: 13h}\n", ["11 at the end of w 1d1h: "]),
        (SLOW_PERSON + "  - {work: w, takes: 1h}\n", []),
        ("  - {wait: w, takes: 2d}\n", []),
        (SIDE_BY_SIDE % "all", ["9 at the end of both 1d1h: "]),
        (SIDE_BY_SIDE % "any", []),
        (ROUNDS, ["9 at the end of look 1d3h: "]),
    ],
)
def test_a_job_that_may_work_for_more_than_a_day_is_warned_of(steps: str, found: list[str]) -> None:
    assert [each.rstrip() for each in warned(steps)] == [each.rstrip() for each in found]


def test_a_wait_that_shows_running_counts_and_a_turn_has_its_own_place() -> None:
    assert warned("  - {wait: w, takes: 2d}\n", "settings: {wait_status: RUNNING}\n")
    turns = (
        END + "turns:\n  - ask: more\n    steps:\n      - {work: w, takes: 2d}\n      - {complete: late, output: ok}\n"
    )
    scenario, locations = parse_with_locations(f"{HEAD}steps:\n{turns}", "a.yaml")
    [found] = lint(scenario, "a.yaml", locations, deadline=USUAL_DEADLINE)
    assert (found.line, "at the end of w" in found.what) == (13, True)


@pytest.mark.parametrize("expect", ["{status: RUNNING}", "{status: [COMPLETE, RUNNING]}", "{refused: 403}"])
def test_where_it_is_meant_nobody_warns(expect: str) -> None:
    assert warned("  - {work: w, takes: 2d}\n", f"expect: {expect}\n") == []


FOUR_DAYS = f"{HEAD}steps:\n  - {{work: w, takes: 2d}}\n{SLOW_PERSON}  - {{work: v, takes: 2d}}\n{END}"
"""Of work, and a person between."""


def test_what_check_warns_of_is_what_a_run_does_and_the_option_that_it_names_helps(lab: Lab) -> None:
    (lab.folder / "a.yaml").write_text(FOUR_DAYS.replace("2d", "13h").replace("8d", "2d"))
    strict = lab("check", "a.yaml", "--strict")
    assert strict.code == 2 and "lab run --deadline 1d4h follows it" in strict.out
    run = lab("run", "./a.yaml", "--speed", "instant")
    assert run.code == 1 and "# The job had not ended after 1d of work; --deadline DURATION allows more." in run.out
    assert lab("run", "./a.yaml", "--speed", "instant", "--deadline", "1d4h").code == 0
    assert lab("run", "./a.yaml", "--deadline", "2").code == 2
