"""What a command was asked: its flags and the environment, read once into one small frozen value a command.

A value is a dataclass that `Flags.into` fills: a field that is such a value itself is filled likewise, one made by
`read_by` is read by a function, any other takes the flag of its name, or stays as it is by default. Values that several
commands hold stand here, a command's own in its module. The environment is read here and nowhere else.
"""

import os
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

from lab.core.clock import Epoch
from lab.core.errors import UsageError

if TYPE_CHECKING:  # `lab --help` doesn't wait for what seeds load
    from lab.core.seeds import Seed

ClockKind: TypeAlias = Literal["real", "scaled", "manual"]
ReviewerKind: TypeAlias = Literal["person", "script"]
Value = TypeVar("Value")

_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
SEEDS = 2**63
"""Seeds are below this, so that a recording's integers fit everywhere."""
LAST_EPOCH = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970."""


# How values are filled


@dataclass(frozen=True, slots=True)
class Flags:
    """A command line that was parsed, and the environment beside it."""

    options: Namespace
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    arguments: tuple[str, ...] = ()
    """The command line as it was given."""

    def into(self, kind: type[Value]) -> Value:
        """The value of that kind; UsageError names the option, or the variable, that is wrong."""
        found: dict[str, Any] = {}
        for each in fields(cast("Any", kind)):
            if (read := each.metadata.get("read")) is not None:
                value = read(self)
            elif isinstance(each.type, type) and is_dataclass(each.type):
                value = self.into(each.type)
            else:
                value = self[each.name]
            if value is not None:
                found[each.name] = tuple(value) if isinstance(value, list) else value
        return kind(**found)

    def __getitem__(self, name: str) -> Any:
        """The flag of that name; None if it wasn't given, or the command has none such."""
        return getattr(self.options, name, None)


def read_by(read: Callable[[Flags], object]) -> dict[str, object]:
    """The metadata of a field that this function reads; where it gives None, the field's default stays."""
    return {"read": read}


def number(option: str, lowest: int, highest: int) -> Callable[[object], int]:
    """Reads a whole number; UsageError names the option if it is none, or out of range."""

    def read(value: object) -> int:
        try:
            whole = int(str(value))
        except ValueError:
            whole = lowest - 1
        if not lowest <= whole <= highest:
            raise UsageError(
                f"{option} {value} is out of range.", hint=f"Give a whole number from {lowest} to {highest}."
            )
        return whole

    return read


def origin(text: str) -> str:
    """The origin that `lab serve --base` names, without a slash at its end."""
    if not _ORIGIN.fullmatch(text):
        raise UsageError(f"--base {text} is no origin.", hint="Write it as https://host or http://host:port.")
    return text.rstrip("/")


def screen_size(text: str) -> tuple[int, int]:
    """Columns and rows, as 80x24."""
    columns, _, rows = text.partition("x")
    hint = "Write columns and rows, as 80x24."
    if not (columns.isdecimal() and rows.isdecimal()):
        raise UsageError(f"--size {text} is no size.", hint=hint)
    width, height = int(columns), int(rows)
    if not (72 <= width <= 500 and 20 <= height <= 200):
        hint = f"{hint} The screen needs 72x20, and is at most 500x200."
        raise UsageError(f"--size {text} is out of range.", hint=hint)
    return width, height


# Values that several commands hold


@dataclass(frozen=True, slots=True)
class Environment:
    """What a command runs in."""

    dumb: bool = field(default=False, metadata=read_by(lambda flags: flags.environment.get("TERM", "") in ("", "dumb")))
    """Whether the terminal can't move its cursor."""
    color: bool = field(default=True, metadata=read_by(lambda flags: not flags.environment.get("NO_COLOR")))
    """Whether text may be coloured (no-color.org)."""
    github: bool = field(
        default=False, metadata=read_by(lambda flags: flags.environment.get("GITHUB_ACTIONS") == "true")
    )
    """Whether a GitHub runner reads stdout."""
    browser: bool = field(
        default=False,
        metadata=read_by(lambda flags: flags.environment.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")),
    )
    """Whether this process paints for a page in a browser."""


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """By which clock the lab lives."""

    kind: ClockKind = "real"
    factor: str = "1"
    """How many times faster than the wall a scaled clock runs: decimal text."""
    instant: bool = False
    """Whether a run is evaluated on a manual clock, without waiting."""


def _clock(flags: Flags) -> ClockSettings | None:
    speed: str | None = flags["speed"]
    if speed == "instant":
        _refuse_idle(flags, _SOCKETS, "--speed instant: mock and app are joined in one process, and nothing listens")
        return ClockSettings(instant=True)
    option, text = ("--clock", flags["clock"]) if speed is None else ("--speed", f"scaled:{speed}")
    if text is None:
        return None
    kind, _, factor = text.partition(":")
    if kind in ("real", "manual") and not factor:
        return ClockSettings(cast("ClockKind", kind))
    if kind != "scaled" or not _FACTOR.fullmatch(factor) or not float(factor):
        forms = "instant, or a factor such as 20" if speed is not None else "real, scaled:20 or manual"
        raise UsageError(f"{option} {text.removeprefix('scaled:') or text} is none.", hint=f"It is {forms}.")
    return ClockSettings("scaled", factor)


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """What says how the mock's switches stand; of two that say it of one switch the later wins."""

    file: str | None = field(default=None, metadata=read_by(lambda flags: flags["settings"]))
    """A file of switches, limits and accounts."""
    environment: tuple[tuple[str, str], ...] = field(
        default=(), repr=False, metadata=read_by(lambda flags: tuple(_lab_variables(flags.environment)))
    )
    """`LAB_` names without the prefix, in lower case."""
    flags: tuple[tuple[str, str], ...] = field(default=(), metadata=read_by(lambda flags: tuple(_switches(flags))))
    """What `--profile` and `--set` name."""


def _lab_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Which of them name switches is the typed document's affair."""
    for name, value in sorted(environment.items()):
        if name.startswith("LAB_") and value:
            yield name.removeprefix("LAB_").lower(), value


def _switches(flags: Flags) -> list[tuple[str, str]]:
    pairs = [("profile", flags["profile"])] if flags["profile"] else []
    for text in flags["set"] or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text} names no value.", hint="Write --set NAME=VALUE.")
        pairs.append((name.strip().replace("-", "_"), value.strip()))
    return pairs


def _host(flags: Flags) -> str | None:
    """The host to listen on; UsageError if others can reach it and nobody said that this is meant (bad-inputs.md §6)."""
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


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How https is served beside http."""

    port: int
    names: tuple[str, ...] = ()
    """What the certificate covers beside the usual names."""


def _tls(flags: Flags) -> TlsSettings | None:
    return TlsSettings(flags["tls_port"], tuple(flags["tls_name"] or ())) if flags["tls"] else None


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where the mock and its control plane listen; port 0 is any free one."""

    host: str = field(default="127.0.0.1", metadata=read_by(_host))
    port: int = 0
    control_port: int = 0
    tls: TlsSettings | None = field(default=None, metadata=read_by(_tls))
    runtime: str | None = field(
        default=None, metadata=read_by(lambda flags: flags.environment.get("XDG_RUNTIME_DIR") or None)
    )
    """The folder in which the system lets this user keep what lives as long as a login: control token, certificate."""


def _seed(flags: Flags) -> object:
    if flags["seed"] is not None or not flags.environment.get("LAB_SEED"):
        return flags["seed"]
    return number("LAB_SEED", 0, SEEDS - 1)(flags.environment["LAB_SEED"])


@dataclass(frozen=True, slots=True)
class ScenarioSettings:
    """Where scenarios are looked for, and how chance is drawn."""

    scenarios: str | None = None
    """Their folder; None: `./scenarios`, or those that the lab carries."""
    seed: "Seed | None" = field(default=None, metadata=read_by(_seed))


@dataclass(frozen=True, slots=True)
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
    base: str | None = field(default=None, metadata=read_by(lambda flags: flags["public"]))
    """The origin that URLs in answers name, where it isn't the one at which the mock listens."""
    switches: SwitchSettings = field(default_factory=SwitchSettings)
    clock: ClockSettings = field(default_factory=ClockSettings, metadata=read_by(_clock))
    listen: ListenSettings = field(default_factory=ListenSettings)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server or a real pod to call in place of the mock: `--base` and the credentials."""

    base: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""


_CREDENTIALS = ("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE")


def _peer(flags: Flags) -> Peer | None:
    base: str | None = flags["base"]
    if base is None:
        return None
    if flags["speed"] == "instant" or flags["clock"] == "manual":
        raise UsageError("--base calls another server, whose clock nobody here moves.", hint="Use --speed FACTOR.")
    _refuse_idle(flags, _MOCKS, "--base: it is of the lab's own mock, and that isn't called")
    missing = [name for name in _CREDENTIALS if not flags.environment.get(name)]
    if missing:
        raise UsageError(f"--base needs {', '.join(missing)} in the environment.", hint="Export them and try again.")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"--base {base} is no origin.", hint="Write it as https://host or http://host:port.")
    return Peer(base.rstrip("/"), *(flags.environment[name] for name in _CREDENTIALS))


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What `lab run` was asked, and `lab demo` where it shows a run."""

    mock: MockSettings = field(default_factory=MockSettings)
    peer: Peer | None = field(default=None, metadata=read_by(_peer))
    """The server that is called in place of the mock."""
    json: bool = False
    environment: Environment = field(default_factory=Environment)


_SOCKETS = ("host", "port", "control_port", "i_know_this_is_exposed")
_MOCKS = (*_SOCKETS, "seed", "epoch", "profile", "set", "settings")


def _refuse_idle(flags: Flags, idle: tuple[str, ...], why: str) -> None:
    """UsageError for an option that would do nothing beside the others."""
    for name in idle:
        if flags[name] is not None and flags[name] is not False:
            raise UsageError(f"--{name.replace('_', '-')} can't be used with {why}.", hint="Leave it out.")
