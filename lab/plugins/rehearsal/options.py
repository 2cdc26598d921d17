"""What `lab rehearse`, `lab report` and `lab drill` are asked."""

import string
from typing import Literal

from lab.cli.result import OutputSettings
from lab.core.clock import Millis
from lab.options import ADDITIONS, BadValue, FromCall, Given, Options, number, option, setting, span, switch
from lab.plugins.rehearsal.served_options import FAMILY, ONLY
from lab.settings import (
    FOLDER,
    ClockSettings,
    ControlAccess,
    ListenSettings,
    MockSettings,
    ScenarioSettings,
    TlsSettings,
    clock_option,
)

DRILLS_OR_SEARCH = ("--drills", "--search")
MAPPED = (
    "base_url",
    "token_url",
    "client_id",
    "client_secret",
    "user",
    "password",
    "scope",
    "agent_code",
    "ask",
    "parameters",
    "jobs",
    "ca_file",
)
"""What a client needs of its run, by the names that `--env` templates know."""
_BY_NO_RULES = "a search judges by no rules"


class DrillSettings(Options):
    """What `lab drill` was asked."""

    target: str = option("SCENARIO", "a happy one: it ends COMPLETE")
    where: ScenarioSettings = ScenarioSettings()
    family: tuple[str, ...] = setting(FAMILY, default=())
    only: str | None = setting(ONLY)
    into: str | None = option("--into DIR", "write them there, a file each, instead of listing them; with --json both")
    force: bool = switch("--force", "overwrite what is there", needs=("--into",))
    json: bool = switch("--json", "one object a line, the scenario in it")


class JudgingSettings(Options):
    """When a report is good enough, and how it is told."""

    GROUP = "what is good enough"

    fail_on: Literal["critical", "major", "minor"] = option(
        "--fail-on",
        "the least severity of a failed rule that counts; default: major",
        choices=("critical", "major", "minor"),
        excludes={"--search": _BY_NO_RULES},
        default="major",
    )
    least_score: int = option(
        "--min-score N", "fail below this score", number(0, 100), excludes={"--search": _BY_NO_RULES}, default=0
    )
    required: tuple[str, ...] = option(
        "--require RULES",
        "fail unless these were exercised, as C1,C4",
        lambda text: tuple(filter(None, map(str.strip, text.split(",")))),
        excludes={"--search": _BY_NO_RULES},
        default=(),
    )
    whole: bool = switch(
        "--all",
        "as text each run that ended otherwise with all that is known of it; else those that ended alike together",
        excludes={"--search": _BY_NO_RULES},
    )
    output: OutputSettings = OutputSettings()


class ReportSettings(Options):
    """What `lab report` was asked."""

    targets: tuple[str, ...] = option(
        "FILE...", "recordings: path, pattern, name; or a control URL, with LAB_CONTROL_TOKEN"
    )
    scenarios: str | None = setting(FOLDER)
    judging: JudgingSettings = JudgingSettings()
    control: ControlAccess = ControlAccess()


class RehearsedListenSettings(ListenSettings):
    """How the lab of a run listens: at free ports of this machine."""

    https: bool = switch("--tls", "https, by an authority made for each run: LAB_CA_FILE names it")

    def __post_init__(self) -> None:
        object.__setattr__(self, "tls", TlsSettings(0) if self.https else None)


class RehearsedMockSettings(MockSettings):
    """What a client is run against."""

    targets: tuple[str, ...] = option(
        "[SCENARIO...]",
        "names or paths; none: quick approval rejected failing two-turns busy bad-line odd-status",
        excludes={"--drills": "it takes one, after it"},
        default=(),
    )
    clock: ClockSettings = setting(clock_option("real (default), or scaled:N"), default=ClockSettings())
    listen: RehearsedListenSettings = RehearsedListenSettings()


def _template(text: str) -> tuple[str, str]:
    """The client's own name for what it needs, and how it is made."""
    name, equals, template = text.partition("=")
    try:
        unknown = [field for _, field, _, _ in string.Formatter().parse(template) if field not in (None, *MAPPED)]
    except ValueError as error:
        raise BadValue(str(error), "Write braces that are meant as such twice.") from None
    if not equals or not name or unknown:
        raise BadValue(
            f"it names {'{' + unknown[0] + '}' if unknown else 'nothing'}",
            f"Write NAME='{{base_url}}/v1'; known are {', '.join(MAPPED)}.",
        )
    return name, template


class RehearseSettings(Options):
    """What `lab rehearse` was asked."""

    USUAL = ("--env", "--drills", "--only", "--virtual", "--fail-on", "--seed", "--into", "--json", "--out")

    mock: RehearsedMockSettings = RehearsedMockSettings()
    drills: str | None = option(
        "--drills SCENARIO", "its drills instead", excludes={"--search": "each is a rehearsal of its own"}
    )
    search: bool = switch(
        "--search", "look for the fewest faults with which it doubles or loses a job, in quick if none is named"
    )
    runs: int = option(
        "--runs N",
        "of a search: starts of the client at most, shrinking included; default: 200",
        number(1, 100_000),
        needs=("--search",),
        default=200,
    )
    family: tuple[str, ...] = setting(FAMILY._replace(needs=DRILLS_OR_SEARCH), default=())
    only: str | None = setting(ONLY._replace(needs=("--drills",)))
    virtual: bool = switch(
        "--virtual",
        "your client, in Python, lives by the lab's clock: nothing waits",
        excludes={"--clock": "it is a clock itself"},
    )
    parallel: int = option("--parallel N", "runs at a time; default: 8", number(1, 64), default=8)
    limit: Millis | None = option("--limit DURATION", "of a run; default: the length of its jobs and 10m", span)
    names: tuple[tuple[str, str], ...] = option(
        "--env NAME=TEMPLATE...", "a variable of the client's own, as API='{base_url}/v1'", _template, default=()
    )
    into: str | None = option(
        "--into DIR", "keep all recordings there; default: those of what failed, in a folder that is named"
    )
    judging: JudgingSettings = JudgingSettings()
    command: tuple[str, ...] = setting(FromCall(lambda call: call.tail, tail="COMMAND"), default=())
    environment: dict[str, str] = setting(FromCall(lambda call: dict(call.environment), secret=True), default={})
    given: Given = setting(FromCall(lambda call: call.given), default={})
    additions: tuple[Options, ...] = setting(ADDITIONS, default=())
