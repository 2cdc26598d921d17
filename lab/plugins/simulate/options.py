"""The options of `lab simulate`, and how their values are spelt: each that is wrong says how it is written."""

import re
from typing import TYPE_CHECKING, cast

from lab.cli.grammar.option_kinds import flag, seed, span
from lab.cli.grammar.options import AS, DEADLINE, FOLDER, ONE_SCENARIO, SWITCHES
from lab.core.clock import LAST_WALL
from lab.core.errors import UsageError
from lab.core.ranges import number
from lab.plugin import Option

if TYPE_CHECKING:
    from lab.plugins.simulate.schedule import PollSchedule
    from lab.program.draws import Latency

_MICROS = {"s": 10**6, "m": 60 * 10**6, "h": 3_600 * 10**6, "d": 86_400 * 10**6}
_RATE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?/([smhd])")
_HOURS = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")
_SCHEDULE = re.compile(r"([^x. ]*)(?:\.\.([^x. ]*))?(?: *x *([^ ]*))?")
_FACTOR = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?")
_HOUR = 3_600_000


def arrivals(text: str) -> int:
    """The mean time between two arrivals, in microseconds."""
    found = _RATE.fullmatch(text)
    thousandths = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0")) if found else 0
    gap = _MICROS[found[3]] * 1_000 // thousandths if found and thousandths else 0
    if gap < 1_000:
        raise UsageError(
            f"--arrivals {text} is no rate.",
            hint="Write it as 5/s, 0.5/s, 30/m, 12/h or 3/d; with three decimals at most, at most 1000/s.",
        )
    return gap


def hours(text: str) -> tuple[int, int]:
    """From when until when in a day, in milliseconds."""
    found = _HOURS.fullmatch(text)
    begins, ends = (int(found[1]), int(found[2])) if found else (0, 0)
    if begins == ends or begins > 23 or ends > 24:
        raise UsageError(
            f"--hours {text} are no hours of a day.", hint="Write two whole hours in UTC, as 9-17 or 22-6."
        )
    return begins * _HOUR, ends * _HOUR


def poll_schedule(text: str) -> "PollSchedule":
    """A schedule of polls."""
    from lab.plugins.simulate.schedule import PollSchedule
    from lab.program.words import duration  # slow to load, and only this command needs it

    found = _SCHEDULE.fullmatch(text.strip())
    hint = "Write START..LONGEST xFACTOR, as 2s..30s x1.5, or one pause, as 5s."
    if found is None or not found[1]:
        raise UsageError(f"--poll {text} is no schedule: it begins with a pause.", hint=hint)
    try:
        first = duration(found[1])
        longest = duration(found[2]) if found[2] is not None else first
        percent = _percent(found[3]) if found[3] is not None else 100
    except ValueError as why:
        raise UsageError(f"--poll {text}: {why}.", hint=hint) from None
    if first < longest and found[3] is None:
        raise UsageError(f"--poll {text}: xFACTOR is missing, by how much the pause grows.", hint=hint)
    if not 10 <= first <= longest or percent < 100 or (first < longest and percent == 100):
        rule = "START is 10ms or more, LONGEST not less than that, and FACTOR above 1 if the pause is to grow"
        raise UsageError(f"--poll {text} is no schedule: {rule}.", hint=hint)
    return PollSchedule(first, longest, percent)


def _percent(factor: str) -> int:
    found = _FACTOR.fullmatch(factor)
    if found is None:
        raise ValueError(f"FACTOR is a number from 1 to 999.99, with at most two decimals; this is {factor!r}")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def review_time(text: str) -> "Latency":
    """How long a reviewer is at a gate, as the scenario language has durations."""
    import yaml

    from lab.language.shape import member
    from lab.program.steps import Work

    try:
        takes = member(Work, "takes", yaml.safe_load(text))
    except (yaml.YAMLError, ValueError) as error:
        rule = "" if isinstance(error, yaml.YAMLError) else f": {error}"
        hint = "Write 2m, {mean: 2m}, {median: 2m, p95: 20m}, {between: [1m, 3m]} or {observed: [1m, 5m]}."
        raise UsageError(f"--takes {text} is no duration{rule}.", hint=hint) from None
    return cast("Latency", takes)


MOST_SIMULATED = 100_000
"""Of all seeds together: so many are worked out in some seconds, and told of exactly."""
_WHOLE = {
    name: number(f"--{name}", 1, most)
    for name, most in {"jobs": MOST_SIMULATED, "seeds": 1_000, "reviewers": 1_000, "limit": 1_000_000}.items()
}
SIMULATE = (
    ONE_SCENARIO,
    FOLDER,
    *SWITCHES,
    AS,
    Option(
        "--epoch", "SECONDS", "the wall time of instant 0; default: 2026-01-01", read=number("--epoch", 0, LAST_WALL)
    ),
    Option("--jobs", "N", "how many; default: 1000, at most 100000 of all seeds", read=_WHOLE["jobs"], usual=1_000),
    seed("from which all chance is drawn; default: the scenario's own, else a fresh one, which is shown"),
    Option("--seeds", "M", "as many for each of M seeds, from --seed on; default: 1", read=_WHOLE["seeds"], usual=1),
    Option("--arrivals", "RATE", "how they come, at random: 5/s, 30/m, 12/h; default: 1/s", read=arrivals),
    Option("--reviewers", "N", "people who answer gates; default: the scenario's reviewers", read=_WHOLE["reviewers"]),
    Option("--takes", "DURATION", "how long one is at a gate; default: {median: 2m, p95: 20m}", read=review_time),
    Option("--hours", "FROM-TO", "when they begin with gates, in UTC, as 9-17; default: at any time", read=hours),
    Option(
        "--poll",
        "SCHEDULE",
        "pauses between polls to compare, as '2s..30s x1.5'; default: the lab's own app's",
        read=poll_schedule,
        repeated=True,
    ),
    Option(
        "--limit", "N", "jobs that may be alive: a client beyond it gets 429, and comes again", read=_WHOLE["limit"]
    ),
    Option(
        "--delay",
        "DURATION",
        "how late an end may be seen, at p95, by the best schedule; default: 5s",
        read=span("--delay"),
    ),
    DEADLINE,
    Option("--html", "FILE", "write it there as a page for browsers, too, over an earlier one"),
    flag("--force", "over whatever file is there, but for the scenario"),
    flag("--json", "what it comes to, as one line of JSON"),
)
