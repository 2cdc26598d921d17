"""What `lab run` and `lab demo` are asked: a run, against the lab's own mock or another server."""

from msgspec import Struct

from lab.app.effects import MOST_TRIES, USUAL_DEADLINE
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.dialects import USUAL
from lab.options import (
    ADDITIONS,
    ARGUMENTS,
    BadValue,
    FromCall,
    Option,
    Options,
    name_of,
    number,
    option,
    setting,
    span,
    switch,
    variable,
)
from lab.settings import (
    AS,
    CREDENTIALS,
    JSON_FLAG,
    ClockSettings,
    Environment,
    HostSettings,
    RecordedMockSettings,
    clock_option,
    one,
)


class Peer(Struct, frozen=True):
    """Another server or a real pod, called in place of the mock."""

    base: str
    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""

    def __repr__(self) -> str:
        return f"Peer({self.base}, {self.client_id})"


def _peer_origin(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise BadValue("no origin", "Write it as https://host or http://host:port.")
    return text.rstrip("/")


_NOT_THERE = "it is of the lab's own mock, and --base calls another server"
_OF_THE_MOCK = (
    "--as",
    "--seed",
    "--epoch",
    "--profile",
    "--set",
    "--settings",
    "--host",
    "--i-know-this-is-exposed",
    "--port",
    "--control-port",
)


class PeerSettings(Options):
    """Which server is called in place of the mock."""

    GROUP = "another server"

    base: str | None = option(
        "--base URL",
        "call this server, with LAB_TOKEN_URL, LAB_CLIENT_ID, LAB_CLIENT_SECRET, LAB_SCOPE; default: the lab's own mock",
        _peer_origin,
        excludes={
            **dict.fromkeys(_OF_THE_MOCK, _NOT_THERE),
            **dict.fromkeys(("--speed instant", "--clock manual"), "nobody here moves that server's clock"),
        },
    )
    credentials: tuple[str, ...] = setting(
        FromCall(lambda call: tuple(call.variable(name) or "" for name in CREDENTIALS), secret=True), default=()
    )

    def __post_init__(self) -> None:
        missing = [name for name, value in zip(CREDENTIALS, self.credentials, strict=False) if not value]
        if self.base is not None and missing:
            raise UsageError(
                f"--base needs {', '.join(missing)} in the environment.", hint="Export them and try again."
            )

    @property
    def peer(self) -> Peer | None:
        """That server; None: the lab's own mock is called."""
        return None if self.base is None else Peer(self.base, *self.credentials)


_DIALECTS, _dialect = name_of("dialect", lambda plugin: [wire.name for wire in plugin.wires])
DEADLINE = Option(
    "--deadline DURATION",
    "for how long a job may be at work (RUNNING) before the external app gives up, as 2d; default: 1d",
    span,
)


class AppSettings(Options):
    """How the external app behaves, whatever it is to say."""

    GROUP = "the external app"

    dialect: str = option(
        "--dialect NAME",
        f"the wire that the external app speaks; default: fusion; there are {', '.join(_DIALECTS)}",
        _dialect,
        default=USUAL,
    )
    """The wire that it speaks."""
    tries: int = option(
        "--tries N",
        "calls that may fail in a row before the external app gives up; default: 5",
        number(1, 1_000),
        default=MOST_TRIES,
    )
    """How often in a row a call may fail."""
    deadline: Millis = setting(DEADLINE, default=USUAL_DEADLINE)
    """For how long a job may be at work."""
    cancel_after: Millis | None = option(
        "--cancel-after DURATION",
        "how long after its acceptance the app cancels each job, where its --dialect has a call for that; 5s",
        span,
    )
    """How long after its acceptance a job is cancelled."""
    caller: str | None = setting(AS)
    """The user who asks; None: whom the scenario is for."""
    message: str | None = None
    """What is asked in place of the scenario's own first message."""
    parameters: dict[str, Json] | None = None
    """What is sent in place of that message's parameters."""


USUAL_APP = AppSettings()
"""Where nothing was asked."""


# The screen


def _theme(text: str) -> str:
    """The name of a theme, where there is a screen and where there is none."""
    from lab.program.words import nearest  # only this option needs these
    from lab.tui.preference_syntax import THEMES

    if text not in THEMES:
        raise BadValue("no theme", nearest(text, THEMES) or f"There are {', '.join(THEMES)}.")
    return text


STAGE = Option(
    "--stage =SECONDS",
    "stage pace: act after act, each held so long in real time (default: 3; 0: until space); P leaves it",
    number(0, 60),
    alone="3",
)


class ScreenSettings(Options):
    """How the screen begins, as far as the command line and the environment say."""

    GROUP = "the screen"

    plain: bool = switch("--plain", "lines instead of the screen")
    theme: str | None = option("--theme NAME", "of the screen: dark or light; default: as it was left", _theme)
    """The name of a theme; None: what the file says."""
    stage: int | None = setting(STAGE)
    """For how many seconds an act stays, 0: until space; None: what the file says."""
    config: str | None = setting(variable("LAB_CONFIG_DIR"))
    """The folder of the file with the person's preferences; None: the user's own."""


# What is asked


class RunMockSettings(RecordedMockSettings):
    """The mock of a run of our own app."""

    targets: tuple[str, ...] = option("SCENARIO", "a name or a path", one)
    clock: ClockSettings = setting(
        Option(
            "--speed SPEED",
            "a factor such as 20 (default: 1), or instant: nothing waits, nor listens",
            ClockSettings.at_speed,
            excludes={"--clock": "each says how fast time goes"},
        ),
        clock_option("real (default) or scaled:N"),
        default=ClockSettings(),
    )
    listen: HostSettings = HostSettings()


class AnyRunSettings(Options):
    """What `lab run` was asked, and `lab demo` where it shows a run."""

    mock: RunMockSettings
    app: AppSettings = AppSettings()
    server: PeerSettings = PeerSettings()
    json: bool = setting(JSON_FLAG)
    environment: Environment = Environment()
    additions: tuple[Options, ...] = setting(ADDITIONS, default=())

    @property
    def peer(self) -> Peer | None:
        """The server that is called in place of the mock."""
        return self.server.peer


def _json_object(text: str) -> dict[str, Json]:
    from lab.core.jsontext import BadJson, read_json  # the help needs neither

    try:
        value = read_json(text.encode("utf-8", "surrogateescape"))
    except BadJson:
        value = None
    if not isinstance(value, dict):
        raise BadValue("no JSON object", "Write it as '{\"amount\": 1200}'.")
    return value


class AskedAppSettings(AppSettings):
    """The app that may ask something else than the scenario's user does."""

    message: str | None = option(
        "--message TEXT", "ask this in place of the scenario's own first message; expect isn't compared then"
    )
    parameters: dict[str, Json] | None = option(
        "--parameters JSON", "send this object in place of that message's parameters; likewise", _json_object
    )


class RunSettings(AnyRunSettings):
    """What `lab run` was asked."""

    USUAL = ("--speed", "--seed", "--reviewer", "--record", "--as", "--message", "--json")

    app: AskedAppSettings = AskedAppSettings()


class DemoMockSettings(RunMockSettings):
    """The mock of a run on the screen."""

    targets: tuple[str, ...] = option("[SCENARIO]", "a name or a path", one, default=("item-comparison",))


class DemoSettings(AnyRunSettings):
    """What `lab demo` was asked."""

    USUAL = ("--speed", "--seed", "--stage", "--reviewer", "--record", "--plain")

    screen: ScreenSettings = ScreenSettings()
    mock: DemoMockSettings = DemoMockSettings()
    arguments: tuple[str, ...] = setting(ARGUMENTS, default=())
