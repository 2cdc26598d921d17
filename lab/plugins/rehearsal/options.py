"""The options of `lab rehearse`, `lab report` and `lab drill`."""

from lab.cli.grammar.option_kinds import flag, seed
from lab.cli.grammar.options import CHANCE, FOLDER, SWITCHES
from lab.core.ranges import number
from lab.plugin import Option
from lab.plugins.rehearsal.plugin import DRILLS

_JUDGING = (
    Option(
        "--fail-on",
        help="the least severity of a failed rule that counts; default: major",
        choices=("critical", "major", "minor"),
        usual="major",
    ),
    Option("--min-score", "N", "fail below this score", number("--min-score", 0, 100), usual=0),
    Option("--require", "RULES", "fail unless these were exercised, as C1,C4"),
    Option(
        "--format",
        help="text (default), json, junit, github (default where GITHUB_ACTIONS=true)",
        choices=("text", "json", "junit", "github"),
        excludes=("--json",),
    ),
    flag("--json", "the same as --format json: a line a run, and the report"),
    flag(
        "--all",
        "as text each run that ended otherwise with all that is known of it; else those that ended alike together",
    ),
    Option("--junit", "FILE", "write it there as JUnit, too"),
    Option("--html", "FILE", "write it there as a page for browsers, too"),
)
REHEARSE_OPTIONS = (
    Option(
        "targets",
        "SCENARIO",
        "names or paths; none: quick approval rejected failing two-turns busy bad-line odd-status",
        times="*",
    ),
    Option("--drills", "SCENARIO", "its drills instead"),
    flag("--search", "look for the fewest faults with which it doubles or loses a job, in quick if none is named"),
    Option(
        "--runs",
        "N",
        "of a search: starts of the client at most, shrinking included; default: 200",
        number("--runs", 1, 100_000),
    ),
    *DRILLS,
    FOLDER,
    seed(CHANCE),
    Option("--clock", "CLOCK", "real (default), or scaled:N"),
    flag("--virtual", "your client, in Python, lives by the lab's clock: nothing waits"),
    *SWITCHES,
    flag("--tls", "https, by an authority made for each run: LAB_CA_FILE names it"),
    Option("--parallel", "N", "runs at a time; default: 8", number("--parallel", 1, 64), usual=8),
    Option("--limit", "DURATION", "of a run; default: the length of its jobs and 10m"),
    Option("--env", "NAME=TEMPLATE", "a variable of the client's own, as API='{base_url}/v1'", repeated=True),
    Option("--out", "DIR", "keep all recordings there; default: those of what failed, in a folder that is named"),
    *_JUDGING,
)
REPORT_OPTIONS = (
    Option("targets", "FILE", "recordings: path, pattern, name; or a control URL, with LAB_CONTROL_TOKEN", times="+"),
    FOLDER,
    *_JUDGING,
)
DRILL_OPTIONS = (
    Option("target", "SCENARIO", "a happy one: it ends COMPLETE"),
    FOLDER,
    seed(CHANCE),
    Option("--out", "DIR", "write them there, a file each, instead of listing them; with --json both"),
    flag("--force", "overwrite what is there"),
    *DRILLS,
    flag("--json", "one object a line, the scenario in it"),
)
