"""What the control plane may do to tokens."""

from lab.core.clock import Millis
from lab.core.journal.ledger import MemoryLedger
from lab.identity.facts import TokenRevoked
from lab.identity.records import TokenRecord, grants_in, live


def revoked(ledger: MemoryLedger, client: str, now: Millis) -> tuple[TokenRevoked, ...]:
    """The end of every live token of a client."""
    return tuple(
        TokenRevoked(at=now, by="control", token=token, why="control")
        for token, record in grants_in(ledger, TokenRecord, now)
        if record.client == client and live(ledger, record, now)
    )
