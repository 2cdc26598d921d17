"""Every fact type by its name on disk: the one place that knows the facts of all rooms."""

from typing import TYPE_CHECKING

from lab.core.journal import fact, holds, numbers, shell
from lab.core.journal.fact import Fact
from lab.faults import facts as of_faults
from lab.identity import facts as of_identity
from lab.jobs import callbacks as of_callbacks
from lab.jobs import facts as of_jobs

if TYPE_CHECKING:
    from lab.recording.format.lines import Entry

FACTS: dict[str, type[Fact]] = {
    found.type: found
    for room in (fact, numbers, shell, holds, of_faults, of_identity, of_jobs, of_callbacks)
    for found in vars(room).values()
    if isinstance(found, type) and issubclass(found, Fact) and found is not Fact
}
"""Every fact type by its name on disk."""


def class_of(entry: "Entry") -> str:
    """`input`, `derived`, `shell`, or `unknown`; a script's decision is derived."""
    kind = FACTS.get(entry.type)
    if kind is None:
        return "unknown"
    return "derived" if entry.type == "gate.decided" and entry.get("by") == "script" else kind.kind
