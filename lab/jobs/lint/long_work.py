"""Warnings about work that outlasts the deadline of the lab's own client: it gives up, and the run fails."""

from collections.abc import Iterator

from lab.core.clock import Millis
from lab.jobs.branches import exits, possible
from lab.jobs.compiled import CompiledScenario
from lab.jobs.lint.written import Warnings
from lab.jobs.parallel import stretches
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.status_texts import shown_status
from lab.jobs.timeline import spans
from lab.program.draws import longest_latency
from lab.program.steps import Parallel, Step, TimedStep
from lab.program.switches import Layers, Switches
from lab.program.words import Status, duration_text

_HOUR: Millis = 3_600_000


def outlasting_work(part: CompiledScenario, plan: Plan, deadline: Millis) -> Warnings:
    """Steps at which a job has been RUNNING for longer, on the longest way to them, or on that of the scenario's reviewers.

    On the longest way no loop is counted; on the reviewers' each round is.
    """
    switches = Layers().over(part.scenario.settings)
    own = _on_longest_way(part, switches), _on_own_way(plan, switches)
    name, lasted = next(((name, lasted) for way in own for name, lasted in way if lasted > deadline), ("", 0))
    if name:
        place = next(place for place, step in enumerate(part.scenario.steps) if step.id == name)
        # a client sees a little later that work is over, and counts till then
        enough = duration_text(-(-(lasted + lasted // 20) // _HOUR) * _HOUR)
        hint = f"lab run --deadline {enough} follows it; expect: {{status: RUNNING}} says that it is meant"
        what = f"at the end of {name} the job may have been RUNNING for {duration_text(-(-lasted // 1_000) * 1_000)}"
        longest = duration_text(deadline)
        yield ("steps", place), f"{what}: the lab's own client gives up after {longest}, and lab run exits 1", hint


def _on_longest_way(part: CompiledScenario, switches: Switches) -> Iterator[tuple[str, Millis]]:
    """How long a job may have been RUNNING at the end of each step; ways lead forward, but for those counted by rounds."""
    before = {part.first.id: 0}
    for step in part.scenario.steps:
        if step.id not in before:
            continue
        ended = before[step.id] + (_longest(step) if _runs(step, switches) else 0)
        yield step.id, ended
        for _, branches in exits(part, step):
            for branch in possible(branches):
                before[branch.to] = max(before.get(branch.to, 0), ended)


def _longest(step: Step) -> Millis:
    if isinstance(step, Parallel):
        takes = {child.id: longest_latency(child.takes) for child in step.of}
        return max(part.until for part in stretches(step, 0, takes.__getitem__))
    return longest_latency(step.takes) if isinstance(step, TimedStep) else 0


def _runs(step: Step, switches: Switches) -> bool:
    return shown_status(Span(0, step, 0, 0, None, ()), switches) is Status.RUNNING


def _on_own_way(plan: Plan, switches: Switches) -> Iterator[tuple[str, Millis]]:
    lasted = 0
    for span in spans(plan, ()):
        if span.until is not None and shown_status(span, switches) is Status.RUNNING:
            lasted += span.until - span.since
            yield span.id, lasted
