"""What one call is about to change: it sees its own facts, and nobody else does before they are committed."""

from lab.core.journal.ledger import Changes, MemoryLedger
from lab.core.journal.numbers import used
from lab.identity.facts import TokenGranted, tokens_of

DEMO = tokens_of("demo")


def granted(token: str) -> TokenGranted:
    return TokenGranted(at=0, token=token, client="demo", grant="client_credentials", scope="s", until=1)


def test_a_call_sees_what_it_changes_and_the_ledger_does_once_it_is_committed() -> None:
    ledger = MemoryLedger()
    ledger.commit([granted(f"t{n}") for n in range(7)])
    changes = Changes(ledger, 0)
    assert changes.next(DEMO) == 8
    changes.add(granted("t7"))
    assert (changes.next(DEMO), used(ledger.get, DEMO)) == (9, 7)
    ledger.commit(changes.facts)
    assert used(ledger.get, DEMO) == 8


def test_of_a_call_that_is_dropped_nothing_has_come() -> None:
    ledger = MemoryLedger()
    changes = Changes(ledger, 0)
    assert changes.use("ecid") == 1 and changes.use("ecid") == 2
    changes.drop()
    assert changes.facts == () and changes.use("ecid") == 1
