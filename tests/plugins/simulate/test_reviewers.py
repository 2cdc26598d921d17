"""Who decides on simulated jobs: a queue of gates, people with hours, and their votes."""

import math
from pathlib import Path

import pytest

from lab.cli.setup import make_setup
from lab.jobs.span import Span
from lab.language.shape import parsed
from lab.plugins.simulate.command import simulation_of
from lab.plugins.simulate.passes import Job, Pass, QueueTally, ReviewTeam, Simulation, Workload
from lab.plugins.simulate.result import Figures, SimulationResult, result_document
from lab.plugins.simulate.text import result_lines
from lab.program.draws import Between, Exponential, Latency
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


def gates(simulated: Simulation) -> tuple[list[Span], QueueTally]:
    """The gate of each job, in the order of acceptance."""
    jobs: list[Job] = []
    queue = Pass(simulated, simulated.seed, jobs.append).play()
    return [job.spans[0] for job in sorted(jobs, key=lambda job: job.ordinal)], queue


def team(people: int, takes: Latency, begins: int = 0, ends: int = 24) -> ReviewTeam:
    return ReviewTeam(people, takes, begins * HOUR, ends * HOUR)


def closed(found: list[Span]) -> list[int]:
    return [span.until or 0 for span in found]


def test_what_opened_first_is_served_first_by_one_at_a_time(tmp_path: Path) -> None:
    found, queue = gates(simulation(tmp_path, Workload(jobs=5, gap=1_000, reviewers=team(1, MINUTE))))
    first = found[0].since
    assert closed(found) == [first + MINUTE * number for number in range(1, 6)]
    assert len(queue.begun) == 5 and max(queue.begun) == found[3].until - found[4].since  # type: ignore[operator]
    assert queue.busy == 5 * MINUTE


def test_nobody_begins_outside_the_hours_and_what_was_begun_is_finished(tmp_path: Path) -> None:
    found, queue = gates(simulation(tmp_path, Workload(jobs=4, gap=1_000, reviewers=team(1, 50 * MINUTE, 9, 10))))
    begun = [9 * HOUR, 9 * HOUR + 50 * MINUTE, 33 * HOUR, 33 * HOUR + 50 * MINUTE]
    assert closed(found) == [instant + 50 * MINUTE for instant in begun]
    # the two that are begun last in an hour are finished 40 minutes after it
    assert (queue.open, queue.busy, queue.overtime) == (2 * HOUR, 2 * HOUR, 80 * MINUTE)


def test_hours_may_go_past_midnight() -> None:
    night = team(1, MINUTE, 22, 6)
    waits = [night.until_work(hour * HOUR) for hour in (21, 22, 0, 5, 6, 7)]
    assert waits == [HOUR, 0, 0, 0, 16 * HOUR, 15 * HOUR]
    assert night.within(21 * HOUR, 4 * HOUR) == 3 * HOUR and night.within(5 * HOUR, 18 * HOUR) == 2 * HOUR


def test_a_quorum_takes_different_people_and_a_rejection_ends_it(tmp_path: Path) -> None:
    found, _ = gates(simulation(tmp_path, Workload(jobs=3, gap=1_000, reviewers=team(2, MINUTE)), approvals=2))
    assert [len({vote.name for vote in span.votes}) for span in found] == [2, 2, 2]
    assert closed(found) == [found[0].since + MINUTE * number for number in (1, 2, 3)]
    script = "{script: [{after: 1s, verdict: approved}, {after: 1s, verdict: rejected, comment: No}]}"
    simulated = simulation(tmp_path, Workload(jobs=1, reviewers=team(3, MINUTE)), approvals=3, reviewer=script)
    [span], queue = gates(simulated)
    assert [str(vote.verdict) for vote in span.votes] == ["approved", "rejected"] and queue.late == 1


def test_nobody_votes_twice_though_nobody_else_is_there(tmp_path: Path) -> None:
    alone = Workload(jobs=2, gap=1_000, reviewers=team(1, MINUTE))
    found, queue = gates(simulation(tmp_path, alone, approvals=2, patience="9m"))
    assert [[str(vote.verdict) for vote in span.votes] for span in found] == [["approved", "timed-out"]] * 2
    assert queue.busy == 2 * MINUTE


def test_patience_runs_on_in_the_queue_and_a_late_vote_counts_for_nothing(tmp_path: Path) -> None:
    found, queue = gates(simulation(tmp_path, Workload(jobs=3, gap=1_000, reviewers=team(1, 90_000)), patience="2m"))
    assert [str(span.votes[-1].verdict) for span in found] == ["approved", "timed-out", "timed-out"]
    assert closed(found)[1] == found[1].since + 2 * MINUTE
    assert (queue.late, queue.unseen, queue.outside) == (1, 1, 0)


def test_nobody_is_at_gates_for_more_than_their_hours(tmp_path: Path) -> None:
    # the job ends after two minutes, the reviewer stays with its gate for ten
    _, queue = gates(simulation(tmp_path, Workload(jobs=1, reviewers=team(1, 10 * MINUTE)), patience="2m"))
    assert queue.late == 1 and queue.busy == 10 * MINUTE <= queue.open


def test_what_times_out_at_night_is_told_from_what_times_out_in_the_queue(tmp_path: Path) -> None:
    # gates open every 5 minutes, and one person begins between 1 and 2 o'clock
    workload = Workload(jobs=60, gap=5 * MINUTE * 1_000, reviewers=team(1, 40 * MINUTE, 1, 2))
    found, queue = gates(simulation(tmp_path, workload, patience="30m"))
    unseen = [span for span in found if not span.votes or str(span.votes[-1].verdict) == "timed-out"]
    hours = [(day * 24 * HOUR + HOUR, day * 24 * HOUR + 2 * HOUR) for day in range(3)]
    night = [span for span in unseen if all((span.until or 0) <= begin or end <= span.since for begin, end in hours)]
    assert queue.outside == len(night) > 0
    assert queue.unseen == len(unseen) - queue.late > queue.outside
    assert len(queue.begun) + queue.unseen == 60


def test_a_vote_at_the_deadline_is_late_and_a_reviewer_is_free_at_once_for_the_next(tmp_path: Path) -> None:
    found, queue = gates(
        simulation(tmp_path, Workload(jobs=2, gap=10_000_000, reviewers=team(1, 2 * MINUTE)), patience="2m")
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
    workload = Workload(jobs=3, gap=1, reviewers=team(1, 40 * MINUTE))
    found, queue = gates(simulation(tmp_path, workload, escalate=DEPUTY))
    assert answers(found) == [("approved", "reviewer 1", 40), ("approved", "reviewer 1", 80), ("rejected", "Dan", 120)]
    assert queue.late == 0 and len(queue.begun) == 3


def test_whoever_is_at_the_gate_gets_a_deputy_beside_them_and_the_first_decision_wins(tmp_path: Path) -> None:
    workload = Workload(jobs=1, reviewers=team(2, 2 * HOUR))
    found, queue = gates(simulation(tmp_path, workload, escalate=DEPUTY))
    assert answers(found) == [("approved", "reviewer 1", 120)] and queue.late == 1
    assert queue.busy == 4 * HOUR
    takes = Between(between=(MINUTE, 5 * HOUR))
    found, queue = gates(simulation(tmp_path, Workload(jobs=30, reviewers=team(90, takes)), escalate=DEPUTY))
    early, late = ([each for each in answers(found) if (each[2] < 60) is before] for before in (True, False))
    assert early and {verdict for verdict, _, _ in early} == {"approved"}
    assert {verdict for verdict, _, _ in late} == {"approved", "rejected"} and queue.late == len(late)


def test_a_deputy_who_says_nothing_answers_as_the_reviewer_and_of_each_gate_is_said_how_often_it_escalated(
    tmp_path: Path,
) -> None:
    workload = Workload(jobs=3, gap=1, reviewers=team(1, 40 * MINUTE))
    rejects = "{after: 1s, verdict: rejected, by: Hanna}"
    for escalate, escalated in (("{after: 1h, reviewer: nobody}", 2), ("{after: 1h}", 2), ("{after: 9h}", 0)):
        simulated = simulation(tmp_path, workload, reviewer=rejects, escalate=escalate)
        found, _queue = gates(simulated)
        assert [each[:2] for each in answers(found)] == [("rejected", "Hanna")] * 3
        result = SimulationResult(simulated).play()
        [gate] = result_document(result)["waiting"]["gates"]  # type: ignore[index,call-overload]
        assert gate["escalated"] == escalated
        assert any(f"escalated {escalated} of 3" in line for line in result_lines(result)) == (escalated > 0)


@pytest.mark.long
@pytest.mark.parametrize("people", [1, 3])
def test_the_mean_wait_is_that_of_the_closed_form(tmp_path: Path, people: int) -> None:
    load, mean = 0.5, 120_000
    takes = parsed(Exponential, {"mean": "2m"})
    gap = round(mean * 1_000 / (load * people))
    simulated = simulation(tmp_path, Workload(jobs=100_000, gap=gap, reviewers=team(people, takes)), patience="3000d")
    queue = Pass(simulated, 1, lambda job: None).play()
    offered = load * people
    busy = offered**people / math.factorial(people) / (1 - load)
    idle = sum(offered**number / math.factorial(number) for number in range(people))
    wait = busy / (idle + busy) * mean / (people * (1 - load))
    assert len(queue.begun) == 100_000
    assert Figures(queue.begun).mean == pytest.approx(wait, rel=0.05)
    assert queue.busy / queue.open == pytest.approx(load, rel=0.02)
