"""The ports of a mock, taken first of all: URLs in answers name them. Nobody is accepted yet."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from msgspec import Struct

from lab.cli.serve.https import HttpsPort, open_https_port
from lab.server.listener import Bound, bind
from lab.server.mock_server import MockServer
from lab.settings import MockSettings


class Ports(Struct, frozen=True):
    """Where a mock listens."""

    api: Bound
    https: HttpsPort | None
    control: Bound | None
    """None: another process has the lab's control plane."""
    link: Callable[[MockServer, AsyncExitStack], None] = lambda server, stack: None
    """Links a server to the other workers, until the stack is closed."""

    @property
    def origin(self) -> str:
        """What URLs in answers name: a pod is reached by https alone, so that where it is served."""
        return (self.https or self.api).origin


def open_ports(settings: MockSettings, stack: AsyncExitStack) -> Ports:
    """Take those that were asked for, until the stack is closed."""
    listen = settings.listen
    api = bind(listen.host, listen.port)
    stack.callback(api.close)
    https = open_https_port(listen, listen.tls, settings.base) if listen.tls is not None else None
    if https is not None:
        stack.callback(https.bound.close)
    control = bind(listen.host, listen.control_port)
    stack.callback(control.close)
    return Ports(api, https, control)
