"""`--settings FILE`: what it gives a command, with every complaint at its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.files import read_scenario
from lab.identity.accounts import clients_of, users_of
from lab.identity.clients import DEMO, JANE, Account, Client
from lab.language.parse import parse_server
from lab.server.limits import KINDS, Limits, limits_of
from lab.settings import Settings


@dataclass(frozen=True, slots=True)
class FromFile:
    """What the settings file says; without one, what is usual."""

    switches: Mapping[str, object] = field(default_factory=dict)
    base: str = ""
    limits: Limits = field(default_factory=Limits)
    clients: tuple[Client, ...] = (DEMO,)
    accounts: tuple[Account, ...] = (JANE,)


def from_file(asked: Settings) -> FromFile:
    """Read the file that was named, if one was; ScenarioError carries every complaint."""
    if asked.settings is None:
        return FromFile()
    given = parse_server(read_scenario(Path(asked.settings)), asked.settings, KINDS)
    clients, accounts = clients_of(given), users_of(given)
    given.sound()
    server = given.server
    return FromFile(server.switches, (server.base or "").rstrip("/"), limits_of(given.limits), clients, accounts)
