"""The routes that faults and latencies may name: all of contract.md §2, by what can go wrong on them.

The tables of paths lie above the language, in `lab/identity/routes.py` and with the wires, whose plugins declare their
names; `tests/dialects` holds these words to their rows.
"""

from typing import TYPE_CHECKING, Literal, TypeAlias

from lab.plugin import plugins

_WIRES = tuple(wire for plugin in plugins() for wire in plugin.wires)
FAULT_ROUTES: tuple[str, ...] = (
    "token", *(route for wire in _WIRES for route in wire.routes),
    "authorize", "device", "device-page", "introspect", "revoke", "discovery", "jwks",
    "cancel",
)  # fmt: skip
"""`stream` means chat and debug too. On a wire whose calls share a path, what one asks counts as invoke, stream, status or
cancel besides; no path is called cancel."""
if TYPE_CHECKING:
    RouteName: TypeAlias = str
else:
    RouteName = Literal[FAULT_ROUTES]
OF_A_JOB = frozenset(route for wire in _WIRES for route in wire.of_a_job)
"""Those that answer with a job, and so with a status."""
OF_A_FORM = frozenset(("token", "device", "introspect", "revoke"))
"""Those to which a client sends a form, and which refuse as RFC 6749 §5.2 has it."""
WITHOUT_BEARER = OF_A_FORM | {"relay", "anticsrf", "relay-basic", "authorize", "device-page", "discovery"}
"""Those that never ask for a bearer; `jwks` does with its switch, `jwks_auth`."""
WITHOUT_CLIENT = frozenset(("relay", "anticsrf", "relay-basic", "device-page", "discovery", "jwks"))
"""Those of which the lab doesn't tell the calls of one client from another's."""
WITHOUT_JSON = frozenset(("relay-basic", "authorize", "device-page", "revoke"))
"""Those whose right answer is a page, a redirect, bare text or nothing."""
