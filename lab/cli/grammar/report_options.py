"""Options of commands that judge: what counts, where it is written, which drills are meant."""

from argparse import ArgumentTypeError
from typing import Any

from lab.cli.grammar.option_kinds import either, flag, option
from lab.core.ranges import number

_FAIL_ON: Any = {"choices": ("critical", "major", "minor"), "default": "major"}
_FORMATS: Any = {"choices": ("text", "json", "junit", "github")}
_SCORE: Any = {"type": number("--min-score", 0, 100), "default": 0}
REPORT_OPTIONS = (
    option("--fail-on", None, "the least severity of a failed rule that counts; default: major", **_FAIL_ON),
    option("--min-score", "N", "fail below this score", **_SCORE),
    option("--require", "RULES", "fail unless these were exercised, as C1,C4"),
    either(
        option("--format", None, "text (default), json, junit, github (default where GITHUB_ACTIONS=true)", **_FORMATS),
        flag("--json", "the same as --format json: a line a run, and the report"),
    ),
    flag(
        "--all",
        "as text each run that ended otherwise with all that is known of it; else those that ended alike together",
    ),
    option("--junit", "FILE", "write it there as JUnit, too"),
    option("--html", "FILE", "write it there as a page for browsers, too"),
)

DRILL_OPTIONS = (
    option("--family", "W,P", "W wire, R refusal, K token, V invoke, P poll, G gate, Z ending"),
    option("--only", "NAME", "just this one"),
)


def _verdict_form(text: str) -> str:
    if text == "junit":  # which is a form of reports
        raise ArgumentTypeError("JUnit is written by --junit FILE")
    return text


_VERDICT_FORMS: Any = {"choices": ("text", "json", "github"), "type": _verdict_form}
VERDICT_OPTIONS = (
    either(
        option("--format", None, "text (default), json, github (default where GITHUB_ACTIONS=true)", **_VERDICT_FORMS),
        flag("--json", "the same as --format json: a line a file"),
    ),
    option("--junit", "FILE", "write it there as JUnit, too"),
)
