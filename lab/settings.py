"""What commands are asked, as far as several are: values of the command line and the environment, each declared once.

`lab/cli/command_settings.py`, `run_settings.py` and `serve/settings.py` have what a command alone is asked; `lab/options.py`
says how a declaration is written.
"""

import re
from typing import Literal, TypeAlias, cast

from msgspec import Struct

from lab.core.clock import LAST_WALL, Epoch
from lab.core.errors import UsageError
from lab.core.exchange import loopback
from lab.core.seeds import SEEDS, Seed
from lab.options import (
    BadValue,
    CommandCall,
    FromCall,
    Option,
    Options,
    flag,
    number,
    option,
    setting,
    switch,
    variable,
)

ClockKind: TypeAlias = Literal["real", "scaled", "manual"]
ReviewerKind: TypeAlias = Literal["person", "script"]
CREDENTIALS = ("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE")
TOKEN_VARIABLE, LEDGER_VARIABLE = "LAB_CONTROL_TOKEN", "LAB_LEDGER"
CHANCE = "the integer from which all chance is drawn"
_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


# How values are read


_NOBODY_LISTENS = {"--speed instant": "nothing listens then"}


def port_option(name: str, of: str, usual: str) -> Option:
    """The port that an option names."""
    return Option(f"{name} PORT", f"of {of}; default: {usual}", number(0, 65_535), excludes=_NOBODY_LISTENS)


def seed_option(help: str) -> Option:
    """The seed, and what it is for."""
    return Option("--seed N", help, number(0, SEEDS - 1))


def scenario_name(text: str) -> str:
    """The name of a scenario that is made."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", text):
        raise BadValue("no name of a scenario", "Use a-z, 0-9 and dashes, as in refund-request.")
    return text


def one(text: str) -> tuple[str, ...]:
    """The only target of a command, where others have several."""
    return (text,)


def _pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise BadValue("it names no value", "Write NAME=VALUE.")
    return name.strip().replace("-", "_"), value.strip()


# The surroundings


class Environment(Options):
    """What a command runs in."""

    dumb: bool = setting(FromCall(lambda call: call.variable("TERM") in (None, "dumb")))
    """Whether the terminal can't move its cursor."""
    color: bool = setting(FromCall(lambda call: not call.variable("NO_COLOR")), default=True)
    """Whether text may be coloured (no-color.org)."""
    github: bool = setting(FromCall(lambda call: call.variable("GITHUB_ACTIONS") == "true"))
    """Whether a GitHub runner reads stdout."""
    summary: str | None = setting(variable("GITHUB_STEP_SUMMARY"))
    """The file that a GitHub runner shows as the summary of a step."""
    browser: bool = setting(FromCall(lambda call: (call.variable("TEXTUAL_DRIVER") or "").endswith(":WebDriver")))
    """Whether this process paints for a page in a browser."""


# Clock


class ClockSettings(Struct, frozen=True):
    """By which clock the lab lives."""

    kind: ClockKind = "real"
    factor: str = "1"
    """How many times faster than the wall a scaled clock runs: decimal text."""
    instant: bool = False
    """Whether a run is evaluated on a manual clock, without waiting."""

    @property
    def option(self) -> str:
        """The clock as `--clock` takes it."""
        return f"scaled:{self.factor}" if self.kind == "scaled" else self.kind

    @classmethod
    def read(cls, text: str) -> "ClockSettings":
        """The clock that `--clock` names."""
        kind, _, factor = text.partition(":")
        if kind in ("real", "manual") and not factor:
            return cls(cast("ClockKind", kind))
        if kind != "scaled" or not _is_factor(factor):
            raise BadValue("no kind of clock", "Write real, scaled:20 or manual.")
        return cls("scaled", factor)

    @classmethod
    def at_speed(cls, text: str) -> "ClockSettings":
        """The clock of a speed."""
        if text == "instant":
            return cls(instant=True)
        if not _is_factor(text):
            raise BadValue("no speed", "Write instant, or a factor such as 20.")
        return cls("scaled", text)


def _is_factor(text: str) -> bool:
    return _FACTOR.fullmatch(text) is not None and float(text) > 0


def clock_option(help: str) -> Option:
    """The clock, and what it may be."""
    return Option("--clock CLOCK", help, ClockSettings.read)


# Switches, scenarios


def _lab_variables(call: CommandCall) -> tuple[tuple[str, str], ...]:
    """Those that may name switches, which of them do is the typed document's affair; secrets don't."""
    return tuple(
        (name.removeprefix("LAB_").lower(), value)
        for name, value in sorted(call.environment.items())
        if name.startswith("LAB_") and value and name not in (*CREDENTIALS, TOKEN_VARIABLE)
    )


SETTINGS = Option("--settings FILE", "YAML: switches, limits, accounts (lab schema --settings)")


class SwitchSettings(Options):
    """What says how the mock's switches stand; of two that say it of one switch the later wins."""

    file: str | None = setting(SETTINGS)
    """A file of switches, limits and accounts."""
    environment: tuple[tuple[str, str], ...] = setting(FromCall(_lab_variables), default=())
    """`LAB_` names without the prefix, in lower case."""
    flags: tuple[tuple[str, str], ...] = setting(
        Option(
            "--profile",
            "which reading the mock follows where sources differ",
            choices=("oci", "rfc"),
            read=lambda text: (("profile", text),),
        ),
        Option("--set NAME=VALUE...", "set a switch of the mock", _pair),
        default=(),
    )
    """What the call says of them."""


FOLDER = Option("--scenarios DIR", "where names are sought, before the shipped ones; default: ./scenarios")
AS = Option("--as USER", "who asks: a user of --settings, or jane; default: whom the scenario is for")


class ScenarioSettings(Options):
    """Where scenarios are looked for, and how chance is drawn."""

    scenarios: str | None = setting(FOLDER)
    seed: Seed | None = setting(seed_option(CHANCE), variable("LAB_SEED", number(0, SEEDS - 1)))


# Where it listens


class TlsSettings(Struct, frozen=True):
    """How https is served beside http."""

    port: int
    names: tuple[str, ...] = ()
    """What the certificate covers beside the usual names."""


EXPOSED = flag("--i-know-this-is-exposed", "allow a --host that others can reach")


class ListenSettings(Options):
    """Where the mock and its control plane listen; port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    tls: TlsSettings | None = None
    runtime: str | None = setting(variable("XDG_RUNTIME_DIR"))
    """The folder in which the system lets this user keep what lives as long as a login: control token, certificate."""


class HostSettings(ListenSettings):
    """The same where the host is asked for: one that others can reach must be meant (limits.md §6)."""

    GROUP = "where it listens"

    host: str = option("--host HOST", "default: 127.0.0.1", excludes=_NOBODY_LISTENS, default="127.0.0.1")
    exposed: bool = setting(EXPOSED._replace(excludes=_NOBODY_LISTENS))
    port: int = setting(port_option("--port", "the mock", "0 (any free one)"), default=0)
    control_port: int = setting(port_option("--control-port", "the control plane", "any free one"), default=0)

    def __post_init__(self) -> None:
        if not self.exposed and not loopback(self.host):
            hint = (
                "Leave --host out, or add --i-know-this-is-exposed: the client's secret and the signing key are public."
            )
            raise UsageError(f"--host {self.host} can be reached by others.", hint=hint)


class HttpsSettings(Options):
    """Whether https is served beside http."""

    GROUP = "https"

    on: bool = switch("--tls", "serve https too, by an authority made for this start")
    port: int = setting(port_option("--tls-port", "https", "8443")._replace(needs=("--tls",)), default=8443)
    names: tuple[str, ...] = option(
        "--tls-name NAME...", "a further name for the certificate", needs=("--tls",), default=()
    )

    @property
    def tls(self) -> TlsSettings | None:
        """What is served so; None: nothing."""
        return TlsSettings(self.port, self.names) if self.on else None


# A mock


FORCE = flag("--force", "rename an existing recording out of the way")


class MockSettings(ScenarioSettings):
    """What a mock is made of, for the commands that make one."""

    targets: tuple[str, ...] = ()
    """Scenarios, by name in the folder or by path."""
    epoch: Epoch | None = None
    record: str | None = None
    """The recording that is written."""
    force: bool = False
    """Whether an existing recording is set aside."""
    reviewer: ReviewerKind | None = None
    """Who answers gates; None: a person on the screen, the script elsewhere."""
    base: str | None = None
    """The origin that URLs in answers name, where it isn't the one at which the mock listens."""
    switches: SwitchSettings = SwitchSettings()
    clock: ClockSettings = ClockSettings()
    listen: ListenSettings = ListenSettings()


class RecordedMockSettings(MockSettings):
    """What it is made of where all of that is asked for."""

    epoch: Epoch | None = option(
        "--epoch SECONDS", "the wall time of instant 0, in seconds since 1970", number(0, LAST_WALL)
    )
    record: str | None = option("--record FILE", "record to recordings/FILE.rec.jsonl, or to a path")
    force: bool = setting(FORCE._replace(needs=("--record",)))
    reviewer: ReviewerKind | None = option(
        "--reviewer",
        "who answers gates; default: a person on the screen, else the script",
        choices=("person", "script"),
    )


class ControlAccess(Options):
    """What opens the control plane of a lab that runs."""

    token: str | None = setting(variable(TOKEN_VARIABLE, secret=True))
    """None: what a lab of the same user published."""
    runtime: str | None = setting(variable("XDG_RUNTIME_DIR"))
    """The folder in which a lab of the same user keeps its token."""


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:]+", text):
        raise BadValue("no host", "Write its name or address alone, as pod.example: neither a URL nor a pattern.")
    return text


JSON_FLAG = flag("--json", "as JSON, one line each")
CA = Option("--ca FILE", "trust these certificates too, in PEM, to be the pod's")
ALLOW_HOST = Option("--allow-host HOST...", "a host that isn't this machine and may be called", _host)
