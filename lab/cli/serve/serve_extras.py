"""What `lab serve` has beside the mock, and the ports at which it listens."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from msgspec import Struct

from lab.cli.logs.request_log import RequestLog
from lab.cli.serve.control_settings import ControlSettings
from lab.cli.serve.https import HttpsPort, open_https_port
from lab.core.clock import Millis
from lab.server.labs import LabChoice
from lab.server.listener import Bound, bind
from lab.server.mock_server import MockServer
from lab.settings import MockSettings

if TYPE_CHECKING:  # a lab without them starts without what they need
    from lab.cli.serve.shared_lab import SharedLab
    from lab.cli.serve.state_journal import StateJournal


class Ports(Struct, frozen=True):
    """Where a mock listens."""

    api: Bound
    https: HttpsPort | None
    control: Bound | None
    """None: another process has the lab's control plane."""
    close: Callable[[], None]
    """Lets all of them go."""
    link: Callable[[MockServer], Callable[[], object]] = lambda server: lambda: None
    """Links a server to the other workers, until what it gives is called."""

    @property
    def origin(self) -> str:
        """What URLs in answers name: a pod is reached by https alone, so that where it is served."""
        return (self.https or self.api).origin


def open_ports(settings: MockSettings) -> Ports:
    """Take those that were asked for."""
    listen = settings.listen
    with ExitStack() as taken:
        api = bind(listen.host, listen.port)
        taken.callback(api.close)
        https = open_https_port(listen, listen.tls, settings.base) if listen.tls is not None else None
        if https is not None:
            taken.callback(https.bound.close)
        control = bind(listen.host, listen.control_port)
        taken.callback(control.close)
        return Ports(api, https, control, taken.pop_all().close)


class ServeExtras(Struct, frozen=True):
    """What `lab serve` has beside the mock, which other commands serve too."""

    journal: "StateJournal | None" = None
    """A file that holds what was accepted before, and is written on."""
    choices: Sequence[LabChoice] = ()
    """What clients may choose beside the scenarios that are served."""
    logs: tuple[RequestLog, ...] = ()
    """What writes a line of each request."""
    control: ControlSettings = ControlSettings()
    """Who may speak to the control plane."""
    tenants: int = 0
    """How many tenants calls may make."""
    ports: Callable[[MockSettings], Ports] = open_ports
    """Takes the ports."""
    ledger: "SharedLab | None" = None
    """The lab that other processes serve too."""
    drain: Millis = 0
    """For how long it serves on once it is to end, in real milliseconds."""
