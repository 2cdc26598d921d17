"""The result for programs: counts and whole milliseconds, described in simulations.md §4."""

from lab.core.exchange import Json
from lab.plugins.simulate.histogram import Histogram
from lab.plugins.simulate.totals import ScheduleRow, SimulationResult

ROWS = 24
"""Rows of the histogram of durations, at most."""
PERCENTILES = (50, 90, 95, 99)


def result_document(result: SimulationResult) -> dict[str, Json]:
    """The members of `lab simulate --json`."""
    tally, simulation = result.tally, result.simulation
    took = duration_of(result)
    return {
        "scenario": simulation.invocation.scenario,
        "seed": simulation.seed,
        "seeds": simulation.workload.seeds,
        "jobs": simulation.workload.jobs,
        "ended": [
            {"step": step, "status": status, "jobs": took.count, "duration": _spread(took)}
            for (step, status), took in endings(result)
        ],
        "duration": {
            **_spread(took),
            "histogram": [{"from": low, "to": high, "jobs": jobs} for low, high, jobs in took.stretches(ROWS)],
        },
        "steps": [
            {"step": name, "jobs": step.jobs, "visits": step.lasted.count, **_spread(step.lasted)}
            for name, step in tally.steps.items()
        ],
        "waiting": _waiting(result),
        "polls": {
            "calls": tally.polls.total,
            "wasted": tally.app.wasted,
            "a_job": _quantiles(tally.polls),
            "delay": _spread(tally.app.delay),
            "left": tally.left,
        },
        "tokens": {"each": tally.tokens, "shared": result.shared_tokens, "lifetime": simulation.lifetime},
        "refused": _refused(result),
        "schedules": [_schedule(each) for each in result.schedules],
    }


def duration_of(result: SimulationResult) -> Histogram:
    """How long jobs took, however they ended."""
    took = Histogram()
    for each in result.tally.ended.values():
        took.merge(each)
    return took


def endings(result: SimulationResult) -> list[tuple[tuple[str, str], Histogram]]:
    """How jobs ended, and how long they took, the most frequent ending first."""
    return sorted(result.tally.ended.items(), key=lambda each: (-each[1].count, each[0]))


def _waiting(result: SimulationResult) -> dict[str, Json]:
    team, queue = result.simulation.workload.reviewers, result.queue
    gates: list[Json] = [
        {
            "step": name,
            "openings": step.lasted.count,
            "escalated": step.escalated,
            "verdicts": dict(sorted(step.verdicts.items())),
            **_spread(step.lasted),
        }
        for name, step in result.tally.steps.items()
        if step.verdicts
    ]
    reviewers: Json = None
    if team is not None:
        reviewers = {
            "people": team.people,
            "queue": _spread(queue.begun),
            "unseen": queue.unseen,
            "outside": queue.outside,
            "late": queue.late,
            "busy": queue.busy,
            "overtime": queue.overtime,
            "open": queue.open,
        }
    return {"gates": gates, "at_once": _quantiles(result.waiting), "reviewers": reviewers}


def _refused(result: SimulationResult) -> dict[str, Json]:
    queue = result.queue
    return {
        "limit": result.simulation.workload.limit,
        "calls": queue.refused,
        "jobs": queue.jobs_refused,
        "gave_up": queue.gave_up,
        "first": queue.first_refused,
        "delay": _spread(queue.turned_away),
        "at_once": _quantiles(result.alive),
        "by_seed": [
            {
                "seed": each.seed,
                "calls": each.queue.refused,
                "jobs": each.queue.jobs_refused,
                "gave_up": each.queue.gave_up,
                "first": each.queue.first_refused,
                "at_once": each.at_once,
            }
            for each in result.loads
        ],
    }


def _schedule(row: ScheduleRow) -> Json:
    tally = row.tally
    return {
        "schedule": row.text,
        "given": row.given,
        "best": row.best,
        "sure": row.sure,
        "worst": row.worst,
        "outside": row.outside or None,
        "jobs": tally.jobs,
        "polls": tally.polls,
        "wasted": tally.wasted,
        "delay": _spread(tally.delay),
    }


def _spread(values: Histogram) -> dict[str, Json]:
    return {"mean": values.mean, **_quantiles(values)}


def _quantiles(values: Histogram) -> dict[str, Json]:
    return {**{f"p{each}": values.quantile(each) for each in PERCENTILES}, "max": values.largest}
