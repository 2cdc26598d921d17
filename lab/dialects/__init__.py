"""The wires: each is one vendor's, routes, bodies and status words, both ways. `base` is the port between.

Plugins declare them (`lab/plugin.py`), the kernel its own; one is loaded when it is first needed: by its name, by the
name of a route of its, or by a path that those loaded so far don't have.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from lab.core.errors import UsageError
from lab.dialects.base import Dialect
from lab.dialects.callbacks import CallbackWire
from lab.dialects.client import DialectClient
from lab.dialects.fusion import FUSION_CLIENT
from lab.dialects.fusion import WIRE as FUSION_WIRE
from lab.dialects.fusion.requests import read_input
from lab.dialects.wire import Wire
from lab.identity.routes import IDENTITY_NAMES
from lab.plugin import Plugin, WireDeclared, every_plugin, plugins, resolve_as, strangers

FUSION = FUSION_WIRE.server
"""Whose words answer what belongs to no dialect: a path that isn't there, a bearer that is no good."""
USUAL = FUSION_WIRE.name
"""What the external app speaks unless it is told otherwise."""


def _declared(among: Iterable[Plugin]) -> Iterator[WireDeclared]:
    for plugin in among:
        yield from plugin.wires


@cache
def _loaded(declared: WireDeclared) -> Wire:
    return resolve_as(declared.wire, Wire)


@cache
def wires() -> tuple[Wire, ...]:
    """All of ours, loaded; the mock serves them on one listener."""
    return tuple(map(_loaded, _declared(plugins())))


@cache
def clients() -> tuple[DialectClient, ...]:
    """What speaks them."""
    return tuple(wire.client for wire in wires() if wire.client is not None)


@cache
def strange_wires() -> tuple[Wire, ...]:
    """Those that other distributions bring."""
    return tuple(map(_loaded, _declared(strangers())))


@cache
def wire_of(route: str) -> Wire | None:
    """The wire that has a route of that name; None: none has, as those of the OAuth server."""
    if route in IDENTITY_NAMES:
        return None
    return next((_loaded(each) for each in _declared(every_plugin()) if route in each.routes), None)


@cache
def callbacks_of(wire: str) -> CallbackWire | None:
    """How the wire of that name tells receivers; None: it doesn't, or isn't there."""
    declared = next((each for each in _declared(every_plugin()) if each.name == wire), None)
    return None if declared is None else _loaded(declared).callbacks


@cache
def dialect_of(route: str) -> Dialect | None:
    """Who reads the calls of a route, and words its answers; None: no wire has it."""
    return None if (wire := wire_of(route)) is None else wire.server


@cache
def client_of(route: str) -> DialectClient | None:
    """Who understands the answers of a route; None: no wire has it."""
    return None if (wire := wire_of(route)) is None else wire.client


@cache
def client_named(name: str) -> DialectClient:
    """What speaks the wire of that name, which there is; UsageError if nothing of the lab does."""
    client = next(_loaded(each) for each in _declared(every_plugin()) if each.name == name).client
    if client is None:
        raise UsageError(f"The lab serves {name}, and doesn't speak it.", hint=f"Choose another --dialect, as {USUAL}.")
    return client


USUAL_CLIENT: DialectClient = FUSION_CLIENT
"""The one that speaks `USUAL`."""

__all__ = [
    "FUSION", "FUSION_WIRE", "USUAL", "USUAL_CLIENT", "callbacks_of", "client_named", "client_of", "clients", "dialect_of", "read_input",
    "strange_wires", "wire_of", "wires",
]  # fmt: skip
