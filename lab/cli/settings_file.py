"""`--settings FILE`: what it gives a command, with every complaint at its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.files import read_scenario
from lab.identity.account_settings import clients_of, users_of
from lab.identity.clients import DEMO, JANE, Account, Client
from lab.language.parse import parse_server
from lab.server.limits import LIMIT_KINDS, ServerLimits, limits_of
from lab.settings import Settings


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What the settings file says; without one, what is usual."""

    switches: Mapping[str, object] = field(default_factory=dict)
    base: str = ""
    limits: ServerLimits = field(default_factory=ServerLimits)
    clients: tuple[Client, ...] = (DEMO,)
    accounts: tuple[Account, ...] = (JANE,)


def from_file(asked: Settings) -> SettingsFile:
    """Read the file that was named, if one was; ScenarioError carries every complaint."""
    if asked.settings is None:
        return SettingsFile()
    given = parse_server(read_scenario(Path(asked.settings)), asked.settings, LIMIT_KINDS)
    server, complain = given.server, given.collector.add
    clients, accounts = clients_of(server.accounts, complain), users_of(server.accounts, complain)
    given.sound()
    return SettingsFile(server.switches, (server.base or "").rstrip("/"), limits_of(given.limits), clients, accounts)
