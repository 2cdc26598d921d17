"""What a command was asked: its flags and the environment, read once into one small frozen value a command.

`Flags.into` fills a value field by field: one that `READ` names is read by that function, one that is such a value itself
is filled likewise, any other takes the flag of its name; what isn't given stays as it is by default. Values that several
commands hold stand here, a command's own in its module. The environment is read here and nowhere else.
"""

import os
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, cast

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from lab.core.clock import Epoch
from lab.core.errors import UsageError
from lab.core.ranges import SEEDS, number
from lab.core.seeds import Seed

ClockKind: TypeAlias = Literal["real", "scaled", "manual"]
ReviewerKind: TypeAlias = Literal["person", "script"]
Value = TypeVar("Value", bound="Settings")

_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


# How values are filled


class Settings(Struct, frozen=True):
    """What a command, or several, are asked: a value that `Flags.into` fills."""

    READ: ClassVar[Mapping[str, Callable[["Flags"], object]]] = {}
    """How a field is read that isn't just a flag."""
    SECRET: ClassVar[tuple[str, ...]] = ()
    """Fields that no text about the value shows."""

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.SECRET)
        return f"{type(self).__name__}({', '.join(shown)})"


class Flags:
    """A command line that was parsed, and the environment beside it."""

    def __init__(
        self, options: Namespace, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
    ) -> None:
        self.options = options
        self.environment = os.environ if environment is None else environment
        self.arguments = tuple(arguments)
        """The command line as it was given."""

    def into(self, kind: type[Value]) -> Value:
        """The value of that kind; UsageError names the option, or the variable, that is wrong."""
        found = {field.name: self._read(kind, field) for field in fields(kind)}
        return kind(**{name: value for name, value in found.items() if value is not None})

    def _read(self, kind: type[Settings], field: FieldInfo) -> object:
        if (read := kind.READ.get(field.name)) is not None:
            return read(self)
        if isinstance(field.type, type) and issubclass(field.type, Settings):
            return self.into(field.type)
        value = self[field.name]
        return tuple(value) if isinstance(value, list) else value

    def __getitem__(self, name: str) -> Any:
        """The flag of that name; None if it wasn't given, or the command has none such."""
        return getattr(self.options, name, None)

    def variable(self, name: str) -> str | None:
        """What the environment says; None if it says nothing."""
        return self.environment.get(name) or None


# Values that several commands hold


class Environment(Settings, frozen=True):
    """What a command runs in."""

    dumb: bool = False
    """Whether the terminal can't move its cursor."""
    color: bool = True
    """Whether text may be coloured (no-color.org)."""
    github: bool = False
    """Whether a GitHub runner reads stdout."""
    summary: str | None = None
    """The file that a GitHub runner shows as the summary of a step."""
    browser: bool = False
    """Whether this process paints for a page in a browser."""

    READ = {
        "dumb": lambda flags: flags.variable("TERM") in (None, "dumb"),
        "color": lambda flags: not flags.variable("NO_COLOR"),
        "github": lambda flags: flags.variable("GITHUB_ACTIONS") == "true",
        "summary": lambda flags: flags.variable("GITHUB_STEP_SUMMARY"),
        "browser": lambda flags: (flags.variable("TEXTUAL_DRIVER") or "").endswith(":WebDriver"),
    }


class ScreenSettings(Settings, frozen=True):
    """How the screen begins, as far as the command line and the environment say."""

    theme: str | None = None
    """The name of a theme; None: what the file says."""
    config: str | None = None
    """The folder of the file with the person's preferences; None: the user's own."""
    stage: int | None = None
    """For how many seconds an act stays, 0: until space; None: what the file says."""

    READ = {"config": lambda flags: flags.variable("LAB_CONFIG_DIR")}


class ClockSettings(Settings, frozen=True):
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
    def read(cls, option: str) -> "ClockSettings":
        """The clock of which that is the option."""
        kind, _, factor = option.partition(":")
        return cls(cast("ClockKind", kind), factor or "1")


def _clock(flags: Flags) -> ClockSettings | None:
    speed: str | None = flags["speed"]
    if speed == "instant":
        refuse_idle(
            flags, SOCKET_OPTIONS, "--speed instant: mock and app are joined in one process, and nothing listens"
        )
        return ClockSettings(instant=True)
    option, text = ("--clock", flags["clock"]) if speed is None else ("--speed", f"scaled:{speed}")
    if text is None:
        return None
    kind, _, factor = text.partition(":")
    if kind in ("real", "manual") and not factor:
        return ClockSettings(cast("ClockKind", kind))
    if kind != "scaled" or not _FACTOR.fullmatch(factor) or not float(factor):
        forms = "instant, or a factor such as 20" if speed is not None else "real, scaled:20 or manual"
        what = "kind of clock" if speed is None else "speed"
        raise UsageError(f"{option}: {text if speed is None else speed} is no {what}.", hint=f"Write {forms}.")
    return ClockSettings("scaled", factor)


class SwitchSettings(Settings, frozen=True):
    """What says how the mock's switches stand; of two that say it of one switch the later wins."""

    file: str | None = None
    """A file of switches, limits and accounts."""
    environment: tuple[tuple[str, str], ...] = ()
    """`LAB_` names without the prefix, in lower case."""
    flags: tuple[tuple[str, str], ...] = ()
    """What `--profile` and `--set` name."""

    READ = {
        "file": lambda flags: flags["settings"],
        "environment": lambda flags: tuple(_lab_variables(flags.environment)),
        "flags": lambda flags: tuple(_switches(flags)),
    }


CREDENTIALS = ("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE")


def _lab_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those that may name switches, which of them do is the typed document's affair; secrets don't."""
    for name, value in sorted(environment.items()):
        if name.startswith("LAB_") and value and name not in (*CREDENTIALS, "LAB_CONTROL_TOKEN"):
            yield name.removeprefix("LAB_").lower(), value


def _switches(flags: Flags) -> Iterator[tuple[str, str]]:
    if flags["profile"]:
        yield "profile", flags["profile"]
    for text in flags["set"] or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text} names no value.", hint="Write --set NAME=VALUE.")
        yield name.strip().replace("-", "_"), value.strip()


class TlsSettings(Settings, frozen=True):
    """How https is served beside http."""

    port: int
    names: tuple[str, ...] = ()
    """What the certificate covers beside the usual names."""


class ListenSettings(Settings, frozen=True):
    """Where the mock and its control plane listen; port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    tls: TlsSettings | None = None
    runtime: str | None = None
    """The folder in which the system lets this user keep what lives as long as a login: control token, certificate."""

    READ = {
        "host": lambda flags: _host(flags),
        "tls": lambda flags: (
            TlsSettings(flags["tls_port"] or 0, tuple(flags["tls_name"] or ())) if flags["tls"] else None
        ),
        "runtime": lambda flags: flags.variable("XDG_RUNTIME_DIR"),
    }


def _host(flags: Flags) -> str | None:
    """The host to listen on; UsageError if others can reach it and nobody said that this is meant (limits.md §6)."""
    host: str | None = flags["host"]
    if host is not None and not flags["i_know_this_is_exposed"] and not loopback(host):
        hint = "Leave --host out, or add --i-know-this-is-exposed: the client's secret and the signing key are public."
        raise UsageError(f"--host {host} can be reached by others.", hint=hint)
    return host


def loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a listener on that host."""
    if host in ("127.0.0.1", "localhost"):
        return True
    from ipaddress import ip_address  # only another host needs it

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ScenarioSettings(Settings, frozen=True, kw_only=True):
    """Where scenarios are looked for, and how chance is drawn."""

    scenarios: str | None = None
    """Their folder; None: `./scenarios`, or those that the lab carries."""
    seed: Seed | None = None

    READ = {"seed": lambda flags: _seed(flags)}


def _seed(flags: Flags) -> object:
    variable = flags.variable("LAB_SEED")
    if flags["seed"] is not None or variable is None:
        return flags["seed"]
    return number("LAB_SEED", 0, SEEDS - 1)(variable)


class MockSettings(ScenarioSettings, frozen=True, kw_only=True):
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

    READ = {**ScenarioSettings.READ, "base": lambda flags: flags["public"], "clock": _clock}


SOCKET_OPTIONS = ("host", "port", "control_port", "i_know_this_is_exposed")


def refuse_idle(flags: Flags, idle: tuple[str, ...], why: str) -> None:
    """UsageError for an option that would do nothing beside the others."""
    for name in idle:
        if flags[name] is not None and flags[name] is not False:
            raise UsageError(f"--{name.replace('_', '-')} can't be used with {why}.", hint="Leave it out.")
