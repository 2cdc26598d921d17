"""The routes that faults and latencies may name: all of contract.md §2, by what can go wrong on them.

The tables of paths lie above the language, in `lab/identity/routes.py` and the dialects' `routes.py`; `tests/dialects`
holds these words to their rows.
"""

from typing import Literal, TypeAlias, get_args

RouteName: TypeAlias = Literal[
    "token", "invoke", "status", "stream", "chat", "debug", "a2a", "a2a-stream", "a2a-card", "a2a-search", "tokens",
    "workflows", "relay", "anticsrf", "relay-basic", "documents", "documents-batch", "documents-attach", "multiplex",
    "authorize", "device", "device-page", "introspect", "revoke", "discovery", "jwks",
]  # fmt: skip
FAULT_ROUTES: tuple[str, ...] = get_args(RouteName)
"""`stream` means chat and debug too, and what A2A's calls ask counts as invoke, stream or status besides."""
OF_A_JOB = frozenset(("invoke", "status", "stream", "chat", "debug", "a2a", "a2a-stream"))
"""Those that answer with a job, and so with a status."""
OF_A_FORM = frozenset(("token", "device", "introspect", "revoke"))
"""Those to which a client sends a form, and which refuse as RFC 6749 §5.2 has it."""
WITHOUT_BEARER = OF_A_FORM | {"relay", "anticsrf", "relay-basic", "authorize", "device-page", "discovery"}
"""Those that never ask for a bearer; `jwks` does with its switch, `jwks_auth`."""
WITHOUT_CLIENT = frozenset(("relay", "anticsrf", "relay-basic", "device-page", "discovery", "jwks"))
"""Those of which the lab doesn't tell the calls of one client from another's."""
WITHOUT_JSON = frozenset(("relay-basic", "authorize", "device-page", "revoke"))
"""Those whose right answer is a page, a redirect, bare text or nothing."""
