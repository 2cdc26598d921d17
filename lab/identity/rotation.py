"""Key rotation: another key signs, and the one before is published until nothing that it signed is good (contract.md §7.4
row 51)."""

from lab.core.clock import Millis
from lab.core.journal.ledger import Ledger
from lab.identity.facts import KeyRotated
from lab.identity.keys import signed_head
from lab.identity.records import TokenRecord, grants_in, signing


def rotated(ledger: Ledger, now: Millis, by: str) -> KeyRotated:
    """The rotation as a fact: of the lab's two keys the other one signs from now on.

    A revoked token counts as any other, for whoever only checks signatures doesn't know.
    """
    keys = signing(ledger)
    head = signed_head(keys.key)
    ends = (record.until for token, record in grants_in(ledger, TokenRecord, now) if token.startswith(head))
    return KeyRotated(at=now, by=by, key=keys.other, until=max(ends, default=now))
