"""What `lab serve` and `lab capture` are asked: what is served, where, by which processes, and what of it is kept."""

import re
from typing import Literal, TypeAlias

from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.options import (
    ADDITIONS,
    ARGUMENTS,
    BadValue,
    CommandCall,
    FromCall,
    Option,
    Options,
    number,
    option,
    setting,
    span,
    switch,
    variable,
)
from lab.settings import (
    ALLOW_HOST,
    CA,
    EXPOSED,
    FORCE,
    JSON_FLAG,
    LEDGER_VARIABLE,
    TOKEN_VARIABLE,
    ClockSettings,
    Environment,
    HostSettings,
    HttpsSettings,
    ListenSettings,
    RecordedMockSettings,
    clock_option,
    port_option,
)

LogLines: TypeAlias = Literal["none", "text", "json"]
"""How a line of each request is written, if any is."""
_TOKEN = re.compile("[!-~]{16,200}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")


def chosen_token(text: str) -> str:
    """A control token that somebody chose."""
    if not _TOKEN.fullmatch(text):
        hint = "Take 16 to 200 printable ASCII characters without blanks, or unset it: each start then has its own."
        raise BadValue("no control token", hint)
    return text


def _host_name(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise BadValue("no host", "Write a host without a port, as lab.example.")
    return text


class ControlSettings(Options):
    """What `lab serve` was asked of its control plane, beside where it listens."""

    token: str | None = setting(variable(TOKEN_VARIABLE, chosen_token, secret=True))
    """The control token; None: a fresh one at each start."""
    names: tuple[str, ...] = option(
        "--control-name NAME...", "a further Host of the control plane", _host_name, needs=(EXPOSED.name,), default=()
    )
    """What a request's Host may say beside loopback's names and the host listened on, at whatever port."""


_ONE_PROCESS = "a shared lab is kept by its store"


def _worker_timeout(text: str) -> int:
    timeout = span(text)
    if timeout < 1_000:
        raise BadValue("shorter than 1s", "A busy worker is silent for some 100 ms.")
    return timeout


class LedgerSettings(Options):
    """What `lab serve` was asked of a shared ledger, and of its workers."""

    GROUP = "one lab of several processes"

    url: str | None = setting(
        Option(
            "--ledger URL",
            "share the lab with other processes: redis://HOST/DB keeps what is accepted; default: LAB_LEDGER",
            secret=True,
            excludes=dict.fromkeys(("--record", "--journal", "--from"), _ONE_PROCESS),
        ),
        FromCall(lambda call: _shared_store(call), secret=True),
    )
    """Where the store is, perhaps with a password; None: the lab is this process's alone."""
    prefix: str = option(
        "--ledger-prefix PREFIX", "what the store's keys begin with, another for each lab; default: lab", default="lab"
    )
    """What the store's keys begin with: each lab has another."""
    workers: int | None = option("--workers N", "so many processes serve the lab at one port, up to 64", number(1, 64))
    worker_timeout: Millis = option(
        "--worker-timeout DURATION",
        "end and start again a worker that hangs for so long; default: 10s",
        _worker_timeout,
        needs=("--workers",),
        default=10_000,
    )
    """A worker that is silent for so long, in real milliseconds, is ended and started again."""
    clock_said: bool = setting(FromCall(lambda call: "--clock" in call.given))
    """Whether the kind of clock was asked for, and not left to the lab."""
    prefix_said: bool = setting(FromCall(lambda call: "--ledger-prefix" in call.given))

    def __post_init__(self) -> None:
        if self.url is not None:
            return
        for given, name, why in (
            (self.workers is not None, "--workers", "the processes of one lab share what they accepted"),
            (self.prefix_said, "--ledger-prefix", "it begins the keys of its store"),
        ):
            if given:
                raise UsageError(
                    f"{name} needs --ledger: {why}.", hint=f"Add --ledger redis://HOST/DB, or leave {name} out."
                )


def _shared_store(call: CommandCall) -> str | None:
    """What the environment says; a lab that is asked for what one process alone can do isn't shared."""
    alone = not call.given.keys().isdisjoint(("--record", "--journal", "--from"))
    return None if alone else call.variable(LEDGER_VARIABLE)


def _public_origin(text: str) -> str:
    """The origin that `lab serve --base` names, without a slash at its end."""
    from lab.program.words import ORIGIN  # slow to load, and only this needs it

    if not re.fullmatch(ORIGIN, text):
        raise BadValue("no origin", "Write it as https://host or http://host:port.")
    return text.rstrip("/")


class ServeListenSettings(HostSettings):
    """Where `lab serve` listens."""

    port: int = setting(port_option("--port", "the mock", "8080"), default=8080)
    https: HttpsSettings = HttpsSettings()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tls", self.https.tls)


class ServeMockSettings(RecordedMockSettings):
    """The mock that `lab serve` serves."""

    targets: tuple[str, ...] = option("[SCENARIO...]", "names or paths; none: all in the folder", default=())
    base: str | None = option(
        "--base URL", "the origin that URLs in answers name; default: where the lab listens", _public_origin
    )
    clock: ClockSettings = setting(
        clock_option("real (default), scaled:N as scaled:60, or manual: the control plane alone moves it"),
        default=ClockSettings(),
    )
    listen: ServeListenSettings = ServeListenSettings()


_OF_A_MOCK = "the recording has all of that"
_PLAYED = ("--from",)


class PlaybackSettings(Options):
    """What `lab serve` was asked of a recording that is played back."""

    GROUP = "a recording in the mock's place"

    source: str | None = option(
        "--from FILE",
        "play this recording back",
        excludes={
            **dict.fromkeys(("SCENARIO", "--seed", "--reviewer", "--set", "--profile", "--journal"), _OF_A_MOCK),
            "--tenants": "it is played back to one client",
        },
    )
    by_count: bool = switch(
        "--by-count",
        "the n-th poll gets the n-th answer, whenever it comes",
        excludes={"--strict": "it says another order"},
        needs=_PLAYED,
    )
    strict: bool = switch("--strict", "the same calls in the same order, or none", needs=_PLAYED)
    repeat: bool = switch("--repeat", "once all was played, begin again with other ids", needs=_PLAYED)
    without_faults: bool = switch("--without-faults", "leave out what failed or was refused", needs=_PLAYED)
    latency: Literal["recorded", "none"] = option(
        "--latency", "as it was (default), or none", choices=("recorded", "none"), needs=_PLAYED, default="recorded"
    )


class JournalSettings(Options):
    """What `lab serve` was asked of what it keeps from one start to the next."""

    GROUP = "what is kept over a restart"

    file: str | None = option(
        "--journal FILE", "keep what is accepted in FILE, tokens too; the next start goes on from it"
    )
    repair: bool = switch(
        "--journal-repair", "cut that file where its checksum doesn't fit, and say what is gone", needs=("--journal",)
    )


class ServeSettings(Options):
    """What `lab serve` was asked."""

    USUAL = ("--port", "--seed", "--clock", "--reviewer", "--record", "--from", "--log", "--json")

    mock: ServeMockSettings = ServeMockSettings()
    control: ControlSettings = ControlSettings()
    playback: PlaybackSettings = PlaybackSettings()
    journal: JournalSettings = JournalSettings()
    ledger: LedgerSettings = LedgerSettings()
    tenants: int = option(
        "--tenants N",
        "token requests at /t/NAME, or with X-Lab-Tenant: NAME, make as many; default: 0",
        number(0, 1_000),
        default=0,
    )
    """How many tenants there may be for a call to make one more."""
    log: LogLines | None = option(
        "--log",
        "a line a request on stderr, without bodies and credentials; default: text on a terminal, else none",
        choices=("text", "json", "none"),
    )
    """None: as text where a terminal shows stderr, else not."""
    drain: Millis = option(
        "--drain DURATION",
        "serve on for so long once it is to end, unready, for a proxy to notice; default: 0s",
        span,
        default=0,
    )
    """For how long it serves on, unready, once it is to end, in real milliseconds."""
    with_parent: bool = switch("--with-parent", "end as soon as stdin ends or the process that started it is gone")
    json: bool = setting(JSON_FLAG)
    environment: Environment = Environment()
    arguments: tuple[str, ...] = setting(ARGUMENTS, default=())
    additions: tuple[Options, ...] = setting(ADDITIONS, default=())


class CaptureListenSettings(ListenSettings):
    """Where `lab capture` listens."""

    GROUP = "where it listens"

    port: int = setting(port_option("--port", "the proxy", "8080"), default=8080)
    https: HttpsSettings = HttpsSettings()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tls", self.https.tls)


class CaptureSettings(Options):
    """What `lab capture` was asked."""

    target: str = option("NAME", "the recording: a name for recordings/, or a path")
    pod: str = option("--pod URL", "the pod's origin, which your client calls by the lab", required=True)
    tokens: str | None = option("--tokens URL", "where tokens are granted, if elsewhere; default: the pod")
    bodies: Literal["kept", "shape"] = option(
        "--bodies",
        "kept (default), or their shape alone: names, types, lengths",
        choices=("kept", "shape"),
        default="kept",
    )
    ca: str | None = setting(CA)
    """A file of authorities that are trusted too."""
    allowed: tuple[str, ...] = setting(ALLOW_HOST, default=())
    force: bool = setting(FORCE)
    json: bool = switch("--json", "what to call, as one line of JSON")
    listen: CaptureListenSettings = CaptureListenSettings()
