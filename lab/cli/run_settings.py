"""What `lab run` and `lab demo` are asked alike: a run, against the lab's own mock or another server."""

from typing import ClassVar

from lab.app.effects import MOST_TRIES, USUAL_DEADLINE
from lab.core.clock import Millis
from lab.core.errors import UsageError
from lab.core.exchange import Json
from lab.dialects import USUAL
from lab.settings import CREDENTIALS, SOCKET_OPTIONS, Environment, Flags, MockSettings, Settings, refuse_idle


class Peer(Settings, frozen=True):
    """Another server or a real pod to call in place of the mock: `--base` and the credentials."""

    base: str
    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""

    SECRET = ("client_secret",)


class AppSettings(Settings, frozen=True):
    """How the external app behaves, whatever it is to say."""

    dialect: str = USUAL
    """The wire that it speaks."""
    tries: int = MOST_TRIES
    """How often in a row a call may fail."""
    deadline: Millis = USUAL_DEADLINE
    """For how long a job may be at work."""
    caller: str | None = None
    """The user who asks; None: whom the scenario is for."""
    message: str | None = None
    """What is asked in place of the scenario's own first message."""
    parameters: dict[str, Json] | None = None
    """What is sent in place of that message's parameters."""


USUAL_APP = AppSettings()
"""Where nothing was asked."""


class RunSettings(Settings, frozen=True):
    """What `lab run` was asked, and `lab demo` where it shows a run."""

    mock: MockSettings = MockSettings()
    peer: Peer | None = None
    """The server that is called in place of the mock."""
    app: AppSettings = AppSettings()
    json: bool = False
    environment: Environment = Environment()

    READ: ClassVar = {"peer": lambda flags: _peer(flags)}


MOCK_OPTIONS = (*SOCKET_OPTIONS, "seed", "epoch", "profile", "set", "settings")


def _peer(flags: Flags) -> Peer | None:
    base: str | None = flags["base"]
    if base is None:
        return None
    if flags["speed"] == "instant" or flags["clock"] == "manual":
        raise UsageError("--base calls another server, whose clock nobody here moves.", hint="Use --speed FACTOR.")
    refuse_idle(flags, MOCK_OPTIONS, "--base: it is of the lab's own mock, and that isn't called")
    if flags["caller"] is not None:
        hint = "LAB_CLIENT_ID says who asks there."
        raise UsageError("--as names a user of the lab's own mock, and --base calls another server.", hint=hint)
    missing = [name for name in CREDENTIALS if not flags.variable(name)]
    if missing:
        raise UsageError(f"--base needs {', '.join(missing)} in the environment.", hint="Export them and try again.")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"--base {base} is no origin.", hint="Write it as https://host or http://host:port.")
    return Peer(base.rstrip("/"), *(flags.environment[name] for name in CREDENTIALS))
