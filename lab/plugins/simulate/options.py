"""What `lab simulate` is asked."""

import re

from lab.app.effects import USUAL_DEADLINE
from lab.cli.result import PageOutputSettings
from lab.cli.run_settings import DEADLINE
from lab.core.clock import Millis
from lab.options import BadValue, Options, number, option, setting, span
from lab.plugins.simulate.schedule import PollSchedule
from lab.program.draws import Exponential, Latency
from lab.settings import AS, MockSettings, one

_SCHEDULE = re.compile(r"(\w+)(?:\.\.(\w+) *x *([0-9]{1,3})(?:\.([0-9]{1,2}))?)?", re.ASCII)


def poll_schedule(text: str) -> PollSchedule:
    """A schedule of polls."""

    hint = "Write START..LONGEST xFACTOR, as 2s..30s x1.5, or one pause, as 5s."
    found = _SCHEDULE.fullmatch(text.strip())
    if found is None:
        raise BadValue("no schedule", hint)
    try:
        first, longest = span(found[1]), span(found[2] or found[1])
    except ValueError as why:
        raise BadValue(str(why), hint) from None
    percent = int(found[3] + (found[4] or "").ljust(2, "0")) if found[3] else 100
    if first < 10 or (found[3] and not (first < longest and percent > 100)):
        rule = "START is 10ms or more, LONGEST is longer, and FACTOR above 1, with two decimals at most"
        raise BadValue(rule, hint)
    return PollSchedule(first, longest, percent)


_ALLOWED = "how late an end may be seen, at p95; default: 5s, or a hundredth of how long half of the jobs last"


class SimulateMockSettings(MockSettings):
    """The scenario that is simulated."""

    targets: tuple[str, ...] = option("SCENARIO", "a name or a path", one)


class Workload(Options):
    """How many jobs there are, how they come, and what is asked of them."""

    jobs: int = option("--jobs N", "how many; default: 1000, at most 100000", number(1, 100_000), default=1_000)
    every: Millis = option(
        "--every DURATION", "how long after each other they come on average; default: 1s", span, default=1_000
    )
    people: int | None = option(
        "--reviewers N", "people who answer gates; default: the scenario's reviewers", number(1, 1_000)
    )
    """Each one gate at a time."""
    takes: Latency = option(
        "--takes DURATION",
        "how long one is at a gate on average; default: 2m",
        lambda text: Exponential(span(text)),
        needs=("--reviewers",),
        default=Exponential(120_000),
    )
    schedules: tuple[PollSchedule, ...] = option(
        "--poll SCHEDULE...", "pauses between polls to compare, as '2s..30s x1.5'", poll_schedule, default=()
    )
    delay: Millis | None = option("--delay DURATION", _ALLOWED, span)


class SimulateSettings(Options):
    """A scenario, and who comes, decides and polls."""

    mock: SimulateMockSettings
    caller: str | None = setting(AS)
    workload: Workload = Workload()
    deadline: Millis = setting(DEADLINE, default=USUAL_DEADLINE)
    output: PageOutputSettings = PageOutputSettings()
