"""Work that outlasts the lab's own client, and the option that allows more."""

from tests.conftest import Lab

FOUR_DAYS = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: hello
seed: 1
token: {renewed: true}
steps:
  - {work: w, takes: 2d}
  - {gate: g, asks: Q, patience: 9d, reviewer: {after: 8d, verdict: approved}}
  - {work: v, takes: 2d}
  - {complete: end, output: done}
"""
"""Of work, and a person between."""


def test_a_run_gives_up_on_work_of_more_than_a_day_and_the_option_that_it_names_helps(lab: Lab) -> None:
    (lab.folder / "a.yaml").write_text(FOUR_DAYS)
    run = lab("run", "./a.yaml", "--speed", "instant")
    assert run.code == 1 and "# The job had not ended after 1d of work; --deadline DURATION allows more." in run.out
    assert lab("run", "./a.yaml", "--speed", "instant", "--deadline", "2d3h").code == 1
    assert lab("run", "./a.yaml", "--speed", "instant", "--deadline", "4d1h").code == 0
    assert lab("run", "./a.yaml", "--deadline", "2").code == 2
