"""Who decides on simulated jobs: a queue of gates, and their votes."""

import math
from pathlib import Path

import pytest

from lab.cli.setup import make_setup
from lab.jobs.span import Span
from lab.plugins.simulate.command import simulation_of
from lab.plugins.simulate.crowd import Reviewers, Simulation, play_jobs
from lab.plugins.simulate.options import Workload
from lab.plugins.simulate.result import simulated
from lab.plugins.simulate.view import result_lines
from lab.program.draws import Between, Exponential
from lab.settings import ClockSettings, MockSettings

HOUR, MINUTE = 3_600_000, 60_000
SCENARIO = """\
lab: 1
name: ask
title: A question
agent: {{code: ASK, version: 1}}
ask: go
seed: 1
steps:
  - gate: boss
    asks: May I?
    channel: EMAIL
    patience: {patience}
    approvals: {approvals}
    reviewer: {reviewer}
    escalate: {escalate}
  - complete: done
    output: ok
"""


def simulation(
    folder: Path,
    workload: Workload,
    *,
    patience: str = "10d",
    approvals: int = 1,
    reviewer: str = "nobody",
    escalate: str = "null",
) -> Simulation:
    text = SCENARIO.format(patience=patience, approvals=approvals, reviewer=reviewer, escalate=escalate)
    (folder / "ask.yaml").write_text(text)
    settings = MockSettings(targets=(str(folder / "ask.yaml"),), clock=ClockSettings(instant=True))
    return simulation_of(make_setup(settings), workload)


def gates(simulation: Simulation) -> tuple[list[Span], Reviewers]:
    """The gate of each job, in the order of acceptance."""
    jobs, reviewers = play_jobs(simulation)
    assert reviewers is not None
    return [job.spans[0] for job in jobs], reviewers


def closed(found: list[Span]) -> list[int]:
    return [span.until or 0 for span in found]


def test_what_opened_first_is_served_first_by_one_at_a_time(tmp_path: Path) -> None:
    found, queue = gates(simulation(tmp_path, Workload(jobs=5, every=1, people=1, takes=MINUTE)))
    first = found[0].since
    assert closed(found) == [first + MINUTE * number for number in range(1, 6)]
    assert queue.queue.total == 5 and queue.queue.spread().max == found[3].until - found[4].since  # type: ignore[operator]
    assert queue.busy == 5 * MINUTE
    assert queue.lasted == found[4].until, "and not until patience ends, ten days later"


def test_a_quorum_takes_different_people_and_a_rejection_ends_it(tmp_path: Path) -> None:
    found, _ = gates(simulation(tmp_path, Workload(jobs=3, every=1, people=2, takes=MINUTE), approvals=2))
    assert [len({vote.name for vote in span.votes}) for span in found] == [2, 2, 2]
    assert closed(found) == [found[0].since + MINUTE * number for number in (1, 2, 3)]
    script = "{script: [{after: 1s, verdict: approved}, {after: 1s, verdict: rejected, comment: No}]}"
    crowd = simulation(tmp_path, Workload(jobs=1, people=3, takes=MINUTE), approvals=3, reviewer=script)
    [span], queue = gates(crowd)
    assert [str(vote.verdict) for vote in span.votes] == ["approved", "rejected"] and queue.late == 1


def test_nobody_votes_twice_though_nobody_else_is_there(tmp_path: Path) -> None:
    alone = Workload(jobs=2, every=1, people=1, takes=MINUTE)
    found, queue = gates(simulation(tmp_path, alone, approvals=2, patience="9m"))
    assert [[str(vote.verdict) for vote in span.votes] for span in found] == [["approved", "timed-out"]] * 2
    assert queue.busy == 2 * MINUTE


def test_patience_runs_on_in_the_queue_and_a_late_vote_counts_for_nothing(tmp_path: Path) -> None:
    found, queue = gates(simulation(tmp_path, Workload(jobs=3, every=1, people=1, takes=90_000), patience="2m"))
    assert [str(span.votes[-1].verdict) for span in found] == ["approved", "timed-out", "timed-out"]
    assert closed(found)[1] == found[1].since + 2 * MINUTE
    assert (queue.late, queue.unseen) == (1, 1)


def test_nobody_is_at_gates_for_longer_than_it_lasted(tmp_path: Path) -> None:
    # the job ends after two minutes, the reviewer stays with its gate for ten
    _, queue = gates(simulation(tmp_path, Workload(jobs=1, people=1, takes=10 * MINUTE), patience="2m"))
    assert queue.late == 1 and queue.busy == 10 * MINUTE <= queue.lasted


def test_a_vote_at_the_deadline_is_late_and_a_reviewer_is_free_at_once_for_the_next(tmp_path: Path) -> None:
    found, queue = gates(
        simulation(tmp_path, Workload(jobs=2, every=10_000, people=1, takes=2 * MINUTE), patience="2m")
    )
    assert [str(span.votes[-1].verdict) for span in found] == ["timed-out", "timed-out"]
    # the second gate opened a little later, so the reviewer came to it a little before its own deadline
    assert (queue.late, queue.unseen) == (2, 0)
    assert queue.busy == 4 * MINUTE


DEPUTY = "{after: 1h, reviewer: {after: 1s, verdict: rejected, by: Dan}}"


def answers(found: list[Span]) -> list[tuple[str, str | None, int]]:
    """How gates were decided, by whom, and after how many minutes."""
    return [
        (str(span.votes[-1].verdict), span.votes[-1].name, (span.votes[-1].at - span.opening.opened) // MINUTE)
        for span in found
        if span.opening is not None
    ]


def test_who_begins_once_a_gate_has_escalated_answers_as_the_deputy(tmp_path: Path) -> None:
    # one every 40 minutes, all there at once: the second is begun before the hour is over, the third at 80 minutes
    workload = Workload(jobs=3, every=0, people=1, takes=40 * MINUTE)
    found, queue = gates(simulation(tmp_path, workload, escalate=DEPUTY))
    assert answers(found) == [("approved", "reviewer 1", 40), ("approved", "reviewer 1", 80), ("rejected", "Dan", 120)]
    assert queue.late == 0 and queue.queue.total == 3


def test_whoever_is_at_the_gate_gets_a_deputy_beside_them_and_the_first_decision_wins(tmp_path: Path) -> None:
    workload = Workload(jobs=1, people=2, takes=2 * HOUR)
    found, queue = gates(simulation(tmp_path, workload, escalate=DEPUTY))
    assert answers(found) == [("approved", "reviewer 1", 120)] and queue.late == 1
    assert queue.busy == 4 * HOUR
    takes = Between((60_000, 18_000_000))
    found, queue = gates(simulation(tmp_path, Workload(jobs=30, people=90, takes=takes), escalate=DEPUTY))
    early, late = ([each for each in answers(found) if (each[2] < 60) is before] for before in (True, False))
    assert early and {verdict for verdict, _, _ in early} == {"approved"}
    assert {verdict for verdict, _, _ in late} == {"approved", "rejected"} and queue.late == len(late)


def test_a_deputy_who_says_nothing_answers_as_the_reviewer_and_of_each_gate_is_said_how_often_it_escalated(
    tmp_path: Path,
) -> None:
    workload = Workload(jobs=3, every=0, people=1, takes=40 * MINUTE)
    rejects = "{after: 1s, verdict: rejected, by: Hanna}"
    for escalate, escalated in (("{after: 1h, reviewer: nobody}", 2), ("{after: 1h}", 2), ("{after: 9h}", 0)):
        crowd = simulation(tmp_path, workload, reviewer=rejects, escalate=escalate)
        found, _queue = gates(crowd)
        assert [each[:2] for each in answers(found)] == [("rejected", "Hanna")] * 3
        result = simulated(crowd)
        assert result.steps[0].escalated == escalated
        assert any(f"escalated {escalated} of 3" in line for line in result_lines(result)) == (escalated > 0)


@pytest.mark.long
@pytest.mark.parametrize("people", [1, 3])
def test_the_mean_wait_is_that_of_the_closed_form(tmp_path: Path, people: int) -> None:
    load, mean = 0.5, 120_000
    takes = Exponential(120_000)
    workload = Workload(jobs=100_000, every=round(mean / (load * people)), people=people, takes=takes)
    _, reviewers = gates(simulation(tmp_path, workload, patience="3000d"))
    offered = load * people
    busy = offered**people / math.factorial(people) / (1 - load)
    idle = sum(offered**number / math.factorial(number) for number in range(people))
    wait = busy / (idle + busy) * mean / (people * (1 - load))
    assert reviewers.queue.total == 100_000
    assert reviewers.queue.spread().mean == pytest.approx(wait, rel=0.05)
    assert reviewers.busy / (people * reviewers.lasted) == pytest.approx(load, rel=0.02)
