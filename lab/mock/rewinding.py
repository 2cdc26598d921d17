"""A ledger made again of facts that were told before: records by folding, numbers by what the facts used up."""

from collections.abc import Iterable

from lab.core.journal.fact import Fact
from lab.jobs.facts import DeviceGranted, JobAccepted, LedgerCleared, TokenGranted
from lab.jobs.ledger import MemoryLedger
from lab.mock.played import UNMATCHED


def refold(ledger: MemoryLedger, facts: Iterable[Fact], now: int) -> None:
    """Let the ledger hold what these facts fold to, and nothing else."""
    kept = tuple(facts)
    ledger.commit((LedgerCleared(at=now, by="control"), *kept))
    for fact in kept:
        retake(ledger, fact)


def retake(ledger: MemoryLedger, fact: Fact) -> None:
    """Use up the numbers that a fact told again stands for, so that what comes next doesn't get them."""
    match fact:
        case JobAccepted():
            _up_to(ledger, f"job/{fact.client}/{fact.scenario or UNMATCHED.name}", fact.ordinal)
        case TokenGranted():
            ledger.take(f"token/{fact.client}")
            if fact.family is not None:
                _family(ledger, fact.client, fact.family)
            if fact.refresh is not None:
                ledger.take(f"refresh/{fact.family}")
        case DeviceGranted():
            ledger.take("device")
        case _:
            return


def _family(ledger: MemoryLedger, client: str, family: str) -> None:
    number = family.removeprefix(f"{client}/")
    if number.isdecimal():
        _up_to(ledger, f"family/{client}", int(number))


def _up_to(ledger: MemoryLedger, counter: str, number: int) -> None:
    while ledger.peek(counter) <= number:
        ledger.take(counter)
