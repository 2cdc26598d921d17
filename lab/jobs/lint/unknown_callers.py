"""Warnings about users, roles and clients that the settings don't know: nobody is ever one of them."""

from collections.abc import Collection, Iterator

from msgspec import Struct

from lab.language.parse import KeyPath
from lab.program.scenario import Scenario
from lab.program.words import nearest


class KnownCallers(Struct, frozen=True):
    """Who may call, by the settings that a scenario is to be served with."""

    users: Collection[str]
    roles: Collection[str]
    """All that users have."""
    clients: Collection[str] | None
    """None: whoever has an id is one."""
    from_file: bool = True
    """Whether a settings file says so; False: it is what a lab knows without one."""


def unknown_callers(scenario: Scenario, known: KnownCallers) -> Iterator[tuple[KeyPath, str, str]]:
    """Names in `for`, in `agent.roles` and in faults that are nobody's."""
    callers = scenario.callers
    # without a file a role that nobody has may be meant: its lack is what such a scenario shows
    roles = scenario.agent.roles if known.from_file else ()
    named: list[tuple[KeyPath, str, str]] = []
    for kind, where, names in (
        ("role", ("agent", "roles"), roles),
        ("user", ("for", "users"), callers.users if callers is not None else ()),
        ("role", ("for", "roles"), callers.roles if callers is not None else ()),
        ("client", ("for", "clients"), callers.clients if callers is not None else ()),
    ):
        named += [((*where, place), kind, name) for place, name in enumerate(names)]
    for place, fault in enumerate(scenario.faults):
        found = (("client", fault.client), ("user", fault.user))
        named += [(("faults", place, kind), kind, name) for kind, name in found if name is not None]
    clients = None if scenario.settings.get("clients") == "any" else known.clients
    lists = {"user": known.users, "role": known.roles, "client": clients}
    for path, kind, name in named:
        there = lists[kind]
        if there is not None and name not in there:
            near = nearest(name, there)
            hint = near or f"{kind}s there: {', '.join(sorted(there)[:20]) or 'none'}"
            if known.from_file:
                yield path, f"the settings know no {kind} {name}", hint
            else:
                hint += f"{' Else' if near else ';'} name the file that has it"
                yield path, f"a lab without --settings FILE knows no {kind} {name}", hint
