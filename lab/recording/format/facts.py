"""Every fact type by its name on disk: the one place that knows the facts of all rooms."""

from typing import TYPE_CHECKING

from lab.core.journal.fact import (
    ClockAdvanced,
    ClockRestarted,
    ClockRewound,
    ClockScaled,
    Fact,
    LabEnded,
    LabMade,
    LedgerCleared,
    RecordsDropped,
)
from lab.core.journal.numbers import CallCounted, NumberUsed
from lab.core.journal.shell import (
    ConnectionClosed,
    ConnectionOpened,
    LabFailed,
    LedgerBack,
    LedgerLost,
    LedgerReverted,
    PlaybackMissed,
    RequestMalformed,
    RequestMissed,
    TapeNoted,
)
from lab.faults.facts import FaultArmed, FaultDisarmed, FaultStruck
from lab.identity.facts import CodeGranted, DeviceApproved, DeviceGranted, KeyRotated, TokenGranted, TokenRevoked
from lab.jobs.facts import (
    GateDecided,
    GateExpired,
    GateOpened,
    JobAccepted,
    JobForgotten,
    JobStatus,
    ScenarioLoaded,
    ScenarioMissed,
    WaitEnded,
)

if TYPE_CHECKING:
    from lab.recording.format.lines import Entry

FACTS: dict[str, type[Fact]] = {
    fact.type: fact
    for fact in (
        *(TokenGranted, TokenRevoked, CodeGranted, DeviceGranted, DeviceApproved, KeyRotated),
        *(CallCounted, NumberUsed, RecordsDropped, FaultArmed, FaultDisarmed, FaultStruck),
        *(JobAccepted, GateDecided, WaitEnded, JobStatus, GateOpened, GateExpired, JobForgotten),
        *(ClockAdvanced, ClockScaled, ClockRewound, ClockRestarted, LedgerCleared, LabMade, LabEnded),
        *(
            ConnectionOpened,
            ConnectionClosed,
            RequestMalformed,
            RequestMissed,
            LabFailed,
            LedgerLost,
            LedgerBack,
            LedgerReverted,
            PlaybackMissed,
            ScenarioMissed,
            ScenarioLoaded,
            TapeNoted,
        ),
    )
}
"""Every fact type by its name on disk."""


def class_of(entry: "Entry") -> str:
    """`input`, `derived`, `shell`, or `unknown`; a script's decision is derived."""
    kind = FACTS.get(entry.type)
    if kind is None:
        return "unknown"
    return "derived" if entry.type == "gate.decided" and entry.get("by") == "script" else kind.kind
