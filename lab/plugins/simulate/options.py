"""The options of `lab simulate`, and how their values are spelt: each that is wrong says how it is written."""

import re
from typing import TYPE_CHECKING

from lab.cli.grammar.option_kinds import flag, seed, span
from lab.cli.grammar.options import AS, DEADLINE, FOLDER, ONE_SCENARIO, SWITCHES
from lab.core.errors import UsageError
from lab.core.ranges import number
from lab.plugin import Option

if TYPE_CHECKING:
    from lab.plugins.simulate.schedule import PollSchedule

_SCHEDULE = re.compile(r"(\w+)(?:\.\.(\w+) *x *([0-9]{1,3})(?:\.([0-9]{1,2}))?)?", re.ASCII)


def poll_schedule(text: str) -> "PollSchedule":
    """A schedule of polls."""
    from lab.plugins.simulate.schedule import PollSchedule
    from lab.program.words import duration  # slow to load, and only this command needs it

    hint = "Write START..LONGEST xFACTOR, as 2s..30s x1.5, or one pause, as 5s."
    found = _SCHEDULE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--poll {text} is no schedule.", hint=hint)
    try:
        first = duration(found[1])
        longest = duration(found[2] or found[1])
    except ValueError as why:
        raise UsageError(f"--poll {text}: {why}.", hint=hint) from None
    percent = int(found[3] + (found[4] or "").ljust(2, "0")) if found[3] else 100
    if first < 10 or (found[3] and not (first < longest and percent > 100)):
        rule = "START is 10ms or more, LONGEST is longer, and FACTOR above 1, with two decimals at most"
        raise UsageError(f"--poll {text} is no schedule: {rule}.", hint=hint)
    return PollSchedule(first, longest, percent)


def page_file(text: str) -> str:
    """Where a page is written, over what is there: by its name it is none of a scenario."""
    if not text.endswith(".html"):
        raise UsageError(f"--html {text} is no page.", hint="Name a file that ends with .html.")
    return text


_JOBS, _REVIEWERS = number("--jobs", 1, 100_000), number("--reviewers", 1, 1_000)
_EVERY, _TAKES, _DELAY = span("--every"), span("--takes"), span("--delay")
_ALLOWED = "how late an end may be seen, at p95; default: 5s, or a hundredth of how long half of the jobs last"
SIMULATE = (
    ONE_SCENARIO,
    FOLDER,
    *SWITCHES,
    AS,
    Option("--jobs", "N", "how many; default: 1000, at most 100000", _JOBS, usual=1_000),
    seed("from which all chance is drawn; default: the scenario's own, else a fresh one, which is shown"),
    Option("--every", "DURATION", "how long after each other they come on average; default: 1s", _EVERY, usual=1_000),
    Option("--reviewers", "N", "people who answer gates; default: the scenario's reviewers", _REVIEWERS),
    Option("--takes", "DURATION", "how long one is at a gate on average; default: 2m", _TAKES, needs=("--reviewers",)),
    Option("--poll", "SCHEDULE", "pauses between polls to compare, as '2s..30s x1.5'", poll_schedule, repeated=True),
    Option("--delay", "DURATION", _ALLOWED, _DELAY),
    DEADLINE,
    Option("--html", "FILE", "write it there as a page for browsers, too", page_file),
    flag("--json", "what it comes to, as one line of JSON"),
)
