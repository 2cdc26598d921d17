"""The facts: one frozen value for each type that stands in a journal or a recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.fact import Fact
from lab.jobs.gates import Origin
from lab.jobs.plan import Drawn
from lab.jobs.shell import (
    ConnectionClosed,
    ConnectionOpened,
    RequestMalformed,
    ScenarioLoaded,
    ScenarioMissed,
    TapeNoted,
)
from lab.language.document import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGranted(Fact):
    """A bearer token was issued; good while `at <= now < until`."""

    type: ClassVar[str] = "token.granted"
    token: str
    client: str
    grant: str
    scope: str
    until: Millis
    refresh: str | None = None
    user: str | None = None
    family: str | None = None
    """What was granted for one login and is revoked together (RFC 9700 §4.14.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(Fact):
    """A token or a code is no longer good: `why` is revoked, rotated, reused, or control.

    Rotated: it was traded for new ones. Reused, or a refresh token revoked: its family ends with it.
    """

    type: ClassVar[str] = "token.revoked"
    by: str
    token: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeGranted(Fact):
    """An authorization code left for its redirect URI; good while `at <= now < until`."""

    type: ClassVar[str] = "code.granted"
    code: str
    client: str
    scope: str
    until: Millis
    challenge: str | None = None
    redirect: str
    family: str
    nonce: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGranted(Fact):
    """A device waits for a person who types its user code."""

    type: ClassVar[str] = "device.granted"
    code: str
    client: str
    scope: str
    until: Millis
    user_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceApproved(Fact):
    """A person answered for a device: the verdict is approve or deny."""

    type: ClassVar[str] = "device.approved"
    by: str
    code: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCounted(Fact):
    """A call was counted, where the number can change what the wire does next.

    The counter is a fault's name (`SCENARIO/FAULT` where a client's calls are counted), or `device/CODE` for a
    device's polls.
    """

    type: ClassVar[str] = "call.counted"
    counter: str
    job: str | None = None
    client: str | None = None
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultArmed(Fact):
    """A fault was armed from outside: its name, and where it strikes, as a scenario would write it."""

    type: ClassVar[str] = "fault.armed"
    by: str
    fault: str
    where: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDisarmed(Fact):
    """A fault that had been armed strikes no more."""

    type: ClassVar[str] = "fault.disarmed"
    by: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted(Fact):
    """invokeAsync was accepted: the job is RUNNING from `at` on."""

    type: ClassVar[str] = "job.accepted"
    job: str
    client: str
    user: str | None = None
    conversation: str | None = None
    turn: int
    team: str
    scenario: str | None
    """None: no scenario of the team fits the message; the job ends ERROR."""
    ordinal: int
    input: Mapping[str, Json]
    """The known members of the request as accepted."""
    drawn: Drawn
    idempotency: str | None = None
    """The key under which the same request gets this job again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided(Fact):
    """A decision was admitted; derived when a script decided."""

    type: ClassVar[str] = "gate.decided"
    job: str
    gate: str
    round: int = 0
    verdict: Verdict
    by: Origin
    name: str | None = None
    comment: str | None = None
    alias: str | None = None
    """A further id of the job, from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEnded(Fact):
    """A wait was ended early through the API."""

    type: ClassVar[str] = "wait.ended"
    job: str
    step: str
    round: int = 0
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAdvanced(Fact):
    """A manual clock was set from `origin` to `at`."""

    type: ClassVar[str] = "clock.advanced"
    by: str
    origin: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockScaled(Fact):
    """A scaled clock runs at another pace; factor is decimal text, `0` is paused."""

    type: ClassVar[str] = "clock.scaled"
    by: str
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCleared(Fact):
    """Every record and number is gone."""

    type: ClassVar[str] = "ledger.cleared"
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus(Fact):
    """A span began, the first excepted."""

    type: ClassVar[str] = "job.status"
    kind: ClassVar[str] = "derived"
    job: str
    origin: str
    to: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What happens to an opening if nobody acts: `by` is script for a script's vote."""

    at: Millis
    verdict: str
    by: str | None
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOpened(Fact):
    """A gate began to wait; patience ends at `until`."""

    type: ClassVar[str] = "gate.opened"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0
    approvals: int = 1
    """How many must approve."""
    until: Millis
    otherwise: Otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class GateExpired(Fact):
    """Patience ended: the verdict is timed-out."""

    type: ClassVar[str] = "gate.expired"
    kind: ClassVar[str] = "derived"
    job: str
    gate: str
    round: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobForgotten(Fact):
    """Retention ended: the job can no longer be asked for."""

    type: ClassVar[str] = "job.forgotten"
    kind: ClassVar[str] = "derived"
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStruck(Fact):
    """A fault struck this exchange, at which of the calls that it counts; comes with the reply."""

    type: ClassVar[str] = "fault.struck"
    kind: ClassVar[str] = "derived"
    fault: str
    call: int


FACTS: dict[str, type[Fact]] = {
    fact.type: fact
    for fact in (
        TokenGranted, TokenRevoked, CodeGranted, DeviceGranted, DeviceApproved, CallCounted, JobAccepted, GateDecided,
        WaitEnded, ClockAdvanced, ClockScaled, LedgerCleared, FaultArmed, FaultDisarmed, FaultStruck, JobStatus,
        GateOpened, GateExpired, JobForgotten, ConnectionOpened, ConnectionClosed, RequestMalformed, ScenarioMissed,
        ScenarioLoaded, TapeNoted,
    )
}  # fmt: skip
"""Every fact type by its name on disk."""
