"""Flags and environment, made one frozen value. The environment is read here and nowhere else."""

import os
import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from lab.core.clock import Epoch
from lab.core.errors import UsageError

if TYPE_CHECKING:  # seeds load the scenario document, and that loads pydantic; `lab --help` doesn't wait for it
    from lab.core.seeds import Seed

ClockKind: TypeAlias = Literal["real", "scaled", "manual"]
Reviewer: TypeAlias = Literal["person", "script"]

_FACTOR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
SEEDS = 2**63
"""Seeds are below this, so that a recording's integers fit everywhere."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server or a real pod to call in place of the mock: `--base` and the credentials."""

    base: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one command was asked to do."""

    command: str
    targets: tuple[str, ...] = ()
    """Scenario names, or paths of scenarios or recordings."""
    scenarios: str | None = None
    seed: "Seed | None" = None
    clock: ClockKind = "real"
    factor: str = "1"
    """How many times faster than the wall a scaled clock runs: decimal text."""
    epoch: Epoch | None = None
    record: str | None = None
    force: bool = False
    json: bool = False
    plain: bool = False
    strict: bool = False
    plan: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    tls: bool = False
    """Whether https is served beside http."""
    tls_port: int = 0
    tls_names: tuple[str, ...] = ()
    """Further names that the certificate covers."""
    reviewer: Reviewer | None = None
    """Who answers gates; None: a person on the screen, the script elsewhere."""
    settings: str | None = None
    """A file of switches, limits and accounts; the environment and the flags win over it."""
    switches: tuple[tuple[str, str], ...] = ()
    """Switches as text, as `--profile` and `--set` name them; a later one wins."""
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """`LAB_` names without the prefix: those that are switches win over the defaults, and yield to `switches`."""
    instant: bool = False
    """Whether a run is evaluated on a manual clock, without waiting."""
    peer: Peer | None = None
    base: str | None = None
    """The origin that URLs in answers name, where it isn't the one at which the mock listens."""
    github: bool = False
    """Whether a GitHub runner reads stdout."""
    dumb: bool = False
    """Whether the terminal can't move its cursor."""
    web: int | None = None
    """The port of a page that shows the screen in a browser."""
    browser: bool = False
    """Whether this process paints for such a page."""
    arguments: tuple[str, ...] = ()
    """The command line as it was given."""
    kind: str = ""
    """As what a recording is shown."""
    size: tuple[int, int] = (120, 36)
    """Columns and rows of a screen without a terminal."""
    light: bool = False
    cast: str | None = None
    """Where an asciicast of the screen goes."""
    out: str | None = None
    """The folder to which drills are written."""
    family: str | None = None
    """The families of drills that are meant, as W,P."""
    only: str | None = None
    """The one drill that is meant."""
    color: bool = True
    """Whether text may be coloured (no-color.org)."""
    control_token: str | None = field(default=None, repr=False)
    """`LAB_CONTROL_TOKEN`: what opens the control plane of another lab."""
    runtime: str | None = None
    """The folder in which the system lets this user keep what lives as long as a login."""


def settings(flags: Namespace, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of one command; UsageError names the option that is out of range."""
    env = os.environ if environment is None else environment
    given = {key: value for key, value in vars(flags).items() if value is not None}
    clock, factor = _clock(str(given.get("clock", "real")))
    speed = given.get("speed")
    instant = speed == "instant"
    if speed is not None and not instant:
        clock, factor = _clock(f"scaled:{speed}", option="--speed")
    _refuse_idle(given, instant=instant, manual=clock == "manual")
    return Settings(
        command=given.get("command", ""),
        targets=_targets(given),
        scenarios=given.get("scenarios"),
        seed=_seed(given["seed"], "--seed") if "seed" in given else _seed_of(env),
        clock=clock,
        factor=factor,
        epoch=_number(given["epoch"], "--epoch", 0, 253_402_300_799) if "epoch" in given else None,
        record=given.get("record"),
        force=given.get("force", False),
        json=given.get("json", False),
        plain=given.get("plain", False),
        strict=given.get("strict", False),
        plan=given.get("plan", False),
        host=_host(given.get("host", "127.0.0.1"), exposed=given.get("i_know_this_is_exposed", False)),
        port=_number(given.get("port", 0), "--port", 0, 65_535),
        control_port=_number(given.get("control_port", 0), "--control-port", 0, 65_535),
        tls=given.get("tls", False),
        tls_port=_number(given.get("tls_port", 0), "--tls-port", 0, 65_535),
        tls_names=tuple(given.get("tls_name", ())),
        reviewer=cast("Reviewer | None", given.get("reviewer")),
        settings=given.get("settings"),
        switches=_switches(given),
        environment=_environment(env),
        instant=instant,
        peer=_peer(given["base"], env) if "base" in given else None,
        base=_origin(given["public"], "--base") if "public" in given else None,
        github=env.get("GITHUB_ACTIONS") == "true",
        dumb=env.get("TERM", "") in ("", "dumb"),
        web=_number(given["web"], "--web", 1, 65_535) if "web" in given else None,
        browser=env.get("TEXTUAL_DRIVER", "").endswith(":WebDriver"),
        cast=given.get("cast"),
        out=given.get("out"),
        family=given.get("family"),
        only=given.get("only"),
        kind=given.get("kind", ""),
        size=_size(given["size"]) if "size" in given else (120, 36),
        light=given.get("light", False),
        color=not env.get("NO_COLOR"),
        control_token=env.get("LAB_CONTROL_TOKEN") or None,
        runtime=env.get("XDG_RUNTIME_DIR") or None,
    )


_SOCKETS = ("host", "port", "control_port", "i_know_this_is_exposed")
_MOCKS = (*_SOCKETS, "seed", "epoch", "profile", "set", "settings")


def _refuse_idle(given: Mapping[str, object], *, instant: bool, manual: bool) -> None:
    """UsageError for an option that would do nothing beside the others."""
    with_peer = "base" in given
    if with_peer and (instant or manual):
        raise UsageError("--base calls another server, whose clock nobody here moves.", hint="Use --speed FACTOR.")
    idle = _MOCKS if with_peer else _SOCKETS if instant else ()
    for name in idle:
        if name in given and given[name] is not False:
            why = (
                "--base: it is of the lab's own mock, and that isn't called"
                if with_peer
                else "--speed instant: mock and app are joined in one process, and nothing listens"
            )
            raise UsageError(f"--{name.replace('_', '-')} can't be used with {why}.", hint="Leave it out.")


def _size(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    hint = "Write columns and rows, as 80x24."
    if not (columns.isdecimal() and rows.isdecimal()):
        raise UsageError(f"--size {text} is no size.", hint=hint)
    width, height = int(columns), int(rows)
    if not (72 <= width <= 500 and 20 <= height <= 200):
        raise UsageError(
            f"--size {text} is out of range.", hint=f"{hint} The screen needs 72x20, and is at most 500x200."
        )
    return width, height


def _targets(given: Mapping[str, object]) -> tuple[str, ...]:
    targets = given.get("targets", ())
    return (targets,) if isinstance(targets, str) else tuple(cast("list[str]", targets))


def loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a listener on that host."""
    if host == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(host: str, *, exposed: bool) -> str:
    """The host to listen on; UsageError if others can reach it and nobody has said that he knows (bad-inputs.md §6)."""
    if host != "127.0.0.1" and not exposed and not loopback(host):
        hint = "Leave --host out, or add --i-know-this-is-exposed: the client's secret and the signing key are public."
        raise UsageError(f"--host {host} can be reached by others.", hint=hint)
    return host


def _number(value: object, option: str, lowest: int, highest: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise UsageError(f"{option} {value} is out of range.", hint=f"Give a whole number from {lowest} to {highest}.")
    return number


def _seed(value: object, option: str) -> "Seed":
    return _number(value, option, 0, SEEDS - 1)


def _seed_of(env: Mapping[str, str]) -> "Seed | None":
    return _seed(env["LAB_SEED"], "LAB_SEED") if env.get("LAB_SEED") else None


def _clock(text: str, option: str = "--clock") -> tuple[ClockKind, str]:
    kind, _, factor = text.partition(":")
    if kind in ("real", "manual") and not factor:
        return cast("ClockKind", kind), "1"
    if kind != "scaled" or not _FACTOR.fullmatch(factor) or not float(factor):
        forms = "instant, or a factor such as 20" if option == "--speed" else "real, scaled:20 or manual"
        raise UsageError(f"{option} {text.removeprefix('scaled:') or text} is none.", hint=f"It is {forms}.")
    return "scaled", factor


def _switches(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    profile = given.get("profile")
    pairs = [("profile", str(profile))] if profile else []
    for text in cast("list[str]", given.get("set", [])):
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text} names no value.", hint="Write --set NAME=VALUE.")
        pairs.append((name.strip().replace("-", "_"), value.strip()))
    return tuple(pairs)


def _environment(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What `LAB_NAME` says of a switch; which names are switches is the typed document's affair."""
    return tuple((key[4:].lower(), value) for key, value in sorted(env.items()) if key.startswith("LAB_") and value)


def _origin(text: str, option: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise UsageError(f"{option} {text} is no origin.", hint="Write it as https://host or http://host:port.")
    return text.rstrip("/")


def _peer(base: str, env: Mapping[str, str]) -> Peer:
    missing = [
        name for name in ("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE") if not env.get(name)
    ]
    if missing:
        raise UsageError(f"--base needs {', '.join(missing)} in the environment.", hint="Export them and try again.")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"--base {base} is no origin.", hint="Write it as https://host or http://host:port.")
    return Peer(
        base.rstrip("/"), env["LAB_TOKEN_URL"], env["LAB_CLIENT_ID"], env["LAB_CLIENT_SECRET"], env["LAB_SCOPE"]
    )
