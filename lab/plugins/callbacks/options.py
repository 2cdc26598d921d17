"""What is asked of callbacks: where they go, with which secret, whether elsewhere than to this machine."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.core.errors import UsageError
from lab.core.exchange import loopback
from lab.options import BadValue, Option, Options, setting, switch
from lab.settings import ALLOW_HOST

if TYPE_CHECKING:  # each start reads this module
    from lab.mock.config import Config


def _target(text: str) -> str:
    from lab.mock.receivers import address_of  # no start waits for it that notifies nobody

    try:
        return address_of(text)[0]
    except ValueError as error:
        hint = "Write it as http://127.0.0.1:9000/hook: http or https, without a name, a password or a fragment."
        raise BadValue(str(error), hint) from None


def _target_or_own(text: str) -> str:
    return text if text == OWN_RECEIVER else _target(text)


def _secret(text: str) -> str:
    from lab.dialects.signed import SECRET_BEGIN, SHORTEST_KEY, key_of_secret  # each start reads this module

    try:
        key_of_secret(text)
    except ValueError as error:
        hint = f"Write {SECRET_BEGIN} and the Base64 of {SHORTEST_KEY} random bytes or more."
        raise BadValue(str(error), hint) from None
    return text


OWN_RECEIVER = "own"
"""In the place of a URL: the demo's own receiver."""
_ONE_PROCESS = "what is sent is this process's affair, and another may serve the job"
_NOT_SERVED_WITH = {
    "--ledger": _ONE_PROCESS,
    "--workers": _ONE_PROCESS,
    "--from": "a recording is played back, and holds what was sent then",
}
_NOT_RUN_WITH = {
    "--base": "callbacks are the lab's own, and another server is called",
    "--speed instant": "it waits for nobody, and a receiver takes its time",
}
NOTIFY = Option("--notify URL", "tell a receiver of jobs, by a POST each; as the scenario's callbacks say", _target)
SECRET = Option(
    "--notify-secret SECRET",
    "sign them as Standard Webhooks 1.0: whsec_ and 24 bytes or more in Base64",
    _secret,
    secret=True,
    needs=("--notify",),
)
ALLOWED = ALLOW_HOST._replace(needs=("--notify",))


class NotifySettings(Options):
    """Where callbacks go; UsageError if that isn't this machine and nobody said that it is meant."""

    url: str | None = setting(NOTIFY)
    secret: str | None = setting(SECRET)
    allowed: tuple[str, ...] = setting(ALLOWED, default=())

    def __post_init__(self) -> None:
        if self.url is None or self.url == OWN_RECEIVER:
            return
        from lab.mock.receivers import address_of

        _, host = address_of(self.url)
        if not loopback(host) and host not in self.allowed:
            hint = f"Add --allow-host {host} if that is meant: whoever listens there learns of your jobs."
            raise UsageError(f"--notify {self.url} isn't this machine.", hint=hint)


class ServedNotifySettings(NotifySettings):
    """Of `lab serve`, where clients register receivers of their own, too."""

    url: str | None = setting(NOTIFY._replace(excludes=_NOT_SERVED_WITH), default=None)
    allowed: tuple[str, ...] = setting(ALLOW_HOST._replace(excludes=_NOT_SERVED_WITH), default=())


def allowing(settings: NotifySettings, config: "Config") -> "Config":
    """A mock where receivers may have these hosts too that clients register."""
    return replace(config, callbacks=(*(config.callbacks or ()), *settings.allowed))


class RunNotifySettings(NotifySettings):
    """Of `lab run`, and `lab demo`."""

    url: str = setting(NOTIFY._replace(excludes=_NOT_RUN_WITH))


class DemoNotifySettings(NotifySettings):
    """Of `lab demo`, which has a receiver of its own."""

    url: str = setting(
        NOTIFY._replace(
            typed="--notify =URL",
            help="tell a receiver of jobs by a POST each, as the scenario's callbacks say; without a URL one of the demo's own",
            read=_target_or_own,
            alone=OWN_RECEIVER,
            excludes={**_NOT_RUN_WITH, "--web": "each visitor has a run of their own"},
        )
    )


class RehearsedNotifySettings(Options):
    """Of `lab rehearse`, whose client is told where to listen."""

    notify: bool = switch(
        "--notify",
        "tell your client of its jobs: it listens at LAB_NOTIFY_URL, with LAB_NOTIFY_SECRET; with --drills N too",
        excludes={"--search": "it looks for faults of the wire"},
    )
