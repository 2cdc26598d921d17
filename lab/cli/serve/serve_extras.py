"""What `lab serve` has beside the mock, which other commands serve too; and what plugins add to it (plugins.md)."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from msgspec import Struct

from lab.cli.grammar.parser import additions_given, command_of
from lab.cli.serve.settings import ControlSettings, LogLines
from lab.core.clock import Millis
from lab.plugin import resolve
from lab.server.labs import LabChoice
from lab.settings import Flags, MockSettings

if TYPE_CHECKING:  # a lab without them starts without what they need
    from lab.cli.serve.shared_lab import SharedLab
    from lab.cli.serve.state_journal import StateJournal
    from lab.cli.serve.worker_place import WorkerPlace


class ServeExtras(Struct, frozen=True):
    """What it has."""

    choosing: bool = False
    """Whether clients may choose a scenario, or a tenant."""
    choices: Sequence[LabChoice] = ()
    """What they may choose beside the scenarios that are served."""
    notes: Sequence[str] = ()
    """What is said of these once the lab listens."""
    tenants: int = 0
    """How many tenants calls may make."""
    log: LogLines = "none"
    control: ControlSettings = ControlSettings()
    """Who may speak to the control plane."""
    drain: Millis = 0
    """For how long it serves on once it is to end, in real milliseconds."""
    journal: "StateJournal | None" = None
    """A file that holds what was accepted before, and is written on."""
    ledger: "SharedLab | None" = None
    """The lab that other processes serve too."""
    place: "WorkerPlace | None" = None
    """That of this process among the workers; None: it is none of them."""


class OfferedChoices(Struct, frozen=True):
    """What one plugin offers to clients."""

    choices: tuple[LabChoice, ...]
    targets: tuple[str, ...] = ()
    """Scenarios that are served if the call names none."""
    note: str = ""
    """What is said of it once the lab listens."""


Offer: TypeAlias = Callable[[Flags, MockSettings], OfferedChoices]
"""Offers what the plugin's options ask for; a LabError says why not."""


def offers_of(flags: Flags, settings: MockSettings) -> Iterator[OfferedChoices]:
    """What the plugins offer of which the call gives an option."""
    for addition in additions_given(command_of("serve"), flags.arguments):
        if addition.offers:
            yield cast("Offer", resolve(addition.offers))(flags, settings)
