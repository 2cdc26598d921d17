"""What `lab serve` has beside the mock, which other commands serve too; and what plugins add to it (plugins.md)."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import Struct

from lab.cli.parser import additions_to
from lab.cli.serve.settings import ControlSettings, LogLines
from lab.core.clock import Millis
from lab.options import Options
from lab.plugin import resolve
from lab.server.labs import LabChoice
from lab.settings import MockSettings

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


Offer: TypeAlias = Callable[[Any, MockSettings], OfferedChoices]
"""Offers what was asked of the plugin; a LabError says why not."""


def offers_of(additions: Sequence[Options], mock: MockSettings) -> Iterator[OfferedChoices]:
    """What the plugins offer of which something was asked."""
    for _, each in additions_to("serve"):
        for settings in additions:
            if each.offers and isinstance(settings, cast("type", resolve(each.asks))):
                yield cast("Offer", resolve(each.offers))(settings, mock)
