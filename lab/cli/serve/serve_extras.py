"""What `lab serve` has beside the mock, which other commands serve too."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from msgspec import Struct

from lab.cli.logs.request_log import RequestLog
from lab.cli.serve.control_settings import ControlSettings
from lab.cli.serve.ports import Ports, open_ports
from lab.core.clock import Millis
from lab.server.labs import LabChoice
from lab.settings import MockSettings

if TYPE_CHECKING:  # a lab without them starts without what they need
    from lab.cli.serve.shared_lab import SharedLab
    from lab.cli.serve.state_journal import StateJournal


class ServeExtras(Struct, frozen=True):
    """What `lab serve` has beside the mock."""

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
    ports: Callable[[MockSettings, AsyncExitStack], Ports] = open_ports
    """Takes the ports."""
    ledger: "SharedLab | None" = None
    """The lab that other processes serve too."""
    drain: Millis = 0
    """For how long it serves on once it is to end, in real milliseconds."""
