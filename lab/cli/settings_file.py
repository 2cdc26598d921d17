"""`--settings FILE`: what it gives a command, with every complaint at its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.identity.clients import DEMO, JANE, Account, Client
from lab.server.limits import LIMIT_KINDS, ServerLimits, limits_of


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What the settings file says; without one, what is usual."""

    switches: Mapping[str, object] = field(default_factory=dict)
    base: str = ""
    limits: ServerLimits = field(default_factory=ServerLimits)
    clients: tuple[Client, ...] = (DEMO,)
    accounts: tuple[Account, ...] = (JANE,)


def read_settings_file(path: str | None) -> SettingsFile:
    """Read the file that was named, if one was; ScenarioError carries every complaint."""
    if path is None:
        return SettingsFile()
    # most starts have no such file, and don't wait for what reads one
    from lab.files.scenarios import read_scenario
    from lab.identity.account_settings import clients_of, users_of
    from lab.language.parse.settings_file import parse_settings

    document = parse_settings(read_scenario(Path(path)), path, LIMIT_KINDS)
    server, complain = document.server, document.complaints.add
    clients, accounts = clients_of(server.accounts, complain), users_of(server.accounts, complain)
    document.complaints.check()
    return SettingsFile(server.switches, (server.base or "").rstrip("/"), limits_of(document.limits), clients, accounts)
