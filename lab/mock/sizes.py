"""How much of each a ledger holds that a reset clears: what was forgotten and hasn't gone yet counts, too."""

from collections import Counter

from lab.core.journal.fact import Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import Counter as Number
from lab.faults.facts import armed_faults
from lab.identity.records import TokenRecord
from lab.jobs.facts import ConversationRecord, JobRecord

_KINDS: dict[str, type[Record]] = {
    "jobs": JobRecord,
    "conversations": ConversationRecord,
    "tokens": TokenRecord,
    "counters": Number,
}


def sizes_of(ledger: MemoryLedger) -> Counter[str]:
    """How much of each there is."""
    records = ledger.sizes()
    found = Counter({name: records.get(kind, 0) for name, kind in _KINDS.items()})
    found["faults"] = len(armed_faults(ledger.get).armed)
    return found
