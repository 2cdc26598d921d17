"""A grant's answer made odd: legal all the same, and saying less (contract.md §6.3)."""

from lab.core.exchange import Json
from lab.language.document import Fault


def odd_grant(fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
    """The members of a token answer under a fault: `token_type` is case-insensitive, `scope` optional (RFC 6749 §5.1)."""
    if not fault.odd_body:
        return members
    return {name: "bearer" if name == "token_type" else value for name, value in members.items() if name != "scope"}
