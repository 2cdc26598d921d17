"""What plugins add to `lab serve` for clients to choose beside the scenarios that are served (plugins.md)."""

from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from msgspec import Struct

from lab.cli.grammar.parser import additions_given, command_of
from lab.plugin import resolve
from lab.server.labs import LabChoice
from lab.settings import Flags, MockSettings


class OfferedChoices(Struct, frozen=True):
    """What one plugin offers."""

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
