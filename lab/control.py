"""What is asked of the control plane, and what it answers: a Struct for each route, and one for each answer (control-plane.md).

The server reads a request into the one and sends the other, its client the other way round; the OpenAPI document is made
of both. Which route takes which is declared in `lab/kernel.py`, and in the `plugin.py` of plugins.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, field, to_builtins

from lab.core.exchange import Json
from lab.core.routes import TENANT_NAME
from lab.core.seeds import SEEDS
from lab.program.words import Status, Verdict

LATEST = 10**15
"""No instant is later."""
_Instant = Annotated[int, Meta(ge=0, lt=LATEST, description="milliseconds since the lab's epoch")]
_Count = Annotated[int, Meta(ge=0)]
_Flag = Literal["0", "1"]
_Status = Literal["RUNNING", "WAITING", "COMPLETE", "ERROR", "CANCELLED"]
_Duration = Annotated[str, Meta(description="as 30s, 15m or 1h30m")]
_Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
_Answer = TypeVar("_Answer")


class ControlCommand(Struct, Generic[_Answer], frozen=True, forbid_unknown_fields=True):
    """The base of what a route takes, which says with what it answers; a member that may be left out is `UNSET` then."""

    hints: ClassVar[Mapping[str, str]] = {}
    """What to do where a member doesn't fit, by its name; by nothing where any doesn't."""
    whole: ClassVar[str] = ""
    """The member that is all of the body."""
    media: ClassVar[tuple[str, ...]] = ()
    """Of what kinds the answer is, if it is no JSON."""
    unready: ClassVar[type[Struct] | None] = None
    """With what it answers 503, where that is no `RefusalDocument`."""

    @classmethod
    def answers_with(cls) -> Any:
        """The type of what it answers."""
        (base,) = cls.__dict__["__orig_bases__"]
        return get_args(base)[0]

    def members(self) -> dict[str, Json]:
        """Those that are there, as they are sent."""
        found: dict[str, Json] = to_builtins(self)
        return found


class RefusalDocument(Struct, frozen=True, omit_defaults=True):
    error: str
    hint: str
    history: list[dict[str, Json]] | UnsetType = UNSET


# About the lab


class ControlRouteShown(Struct, frozen=True):
    method: str
    path: str
    does: str
    curl: str


class RoutesShown(Struct, frozen=True):
    lab: str
    routes: list[ControlRouteShown]


class ListRoutes(ControlCommand[RoutesShown], frozen=True):
    pass


class DescribeRoutes(ControlCommand[dict[str, Json]], frozen=True):
    pass


class ClockDocument(Struct, frozen=True):
    mode: Annotated[str, Meta(extra_json_schema={"enum": ["real", "scaled", "manual"]})]
    factor: str
    now: _Instant
    epoch: _Count
    wall: str


class Health(Struct, frozen=True):
    status: Literal["ok", "red"]
    why: str | None
    """What is wrong with it."""
    lab: str
    set_back: Annotated[
        int | None, Meta(description="when the store of a shared lab was found to have lost what it had acknowledged")
    ]
    base_url: str
    clock: ClockDocument
    seed: _Count
    scenarios: list[str]
    connections: _Count


class LookHealth(ControlCommand[Health], frozen=True):
    pass


class Ready(Struct, frozen=True):
    status: Literal["ready"]


class Unready(Struct, frozen=True):
    status: Literal["ending", "store-lost", "store-refuses", "worker-hangs"]
    error: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


class AskReady(ControlCommand[Ready], frozen=True):
    unready: ClassVar = Unready


class TellJournal(ControlCommand[bytes], frozen=True):
    media: ClassVar = ("application/x-ndjson", "text/event-stream")
    follow: _Flag = "0"
    replies: _Flag = "1"


class DescribeApi(ControlCommand[dict[str, Json]], frozen=True):
    pass


class Asks(Struct, frozen=True):
    message: str
    parameters: dict[str, Json]


class ServedScenario(Struct, frozen=True, kw_only=True):
    """What a client sends to have it played; of one that may be chosen also where, and what a good client does."""

    name: str
    agent_code: str
    asks: list[Asks]
    whom: Annotated[dict[str, Json] | UnsetType, Meta(description="whom it answers: users, roles, clients")] = field(
        default=UNSET, name="for"
    )
    base_url: str | UnsetType = UNSET
    token_url: str | UnsetType = UNSET
    calls: _Count | UnsetType = UNSET
    jobs: _Count | UnsetType = UNSET
    good_client: list[str] | UnsetType = UNSET
    strikes: bool | UnsetType = UNSET


class Scenarios(Struct, frozen=True):
    scenarios: list[ServedScenario]


class ListScenarios(ControlCommand[Scenarios], frozen=True):
    pass


class CallsInShort(Struct, frozen=True):
    count: _Count
    kinds: Annotated[dict[str, _Count], Meta(description="token, invoke, poll, decide, cancel, or a route's name")]
    statuses: list[_Count]
    shown: Annotated[dict[str, _Count], Meta(description="how often which status of a job was the answer")]
    gaps: list[_Count]
    near: list[Json]
    last: dict[str, Any] | None


class CallsCounted(CallsInShort, frozen=True):
    jobs: Annotated[dict[str, CallsInShort], Meta(description="the same of those about each job")]


class CountCalls(ControlCommand[CallsCounted], frozen=True):
    route: str | UnsetType = UNSET
    job: str | UnsetType = UNSET


class ScrapeMetrics(ControlCommand[bytes], frozen=True):
    media: ClassVar = ("text/plain", "application/openmetrics-text")


# Jobs


class VoteDocument(Struct, frozen=True):
    at: _Instant
    verdict: Verdict | None
    by: str | None


class GateDocument(Struct, frozen=True):
    gate: str
    asks: Annotated[str, Meta(description="the question, as the person reads it")]
    code: str
    round: _Count
    channel: str
    opened: _Instant
    until: _Instant
    offers: list[Verdict]
    approvals: _Count
    votes: list[VoteDocument]


class JobDocument(Struct, frozen=True):
    job: str
    status: Status
    step: str
    since: _Instant
    until: int | None
    team: str
    scenario: str | None
    client: str | None
    accepted: _Instant
    conversation: str | None
    turn: _Count
    gate: GateDocument | None
    body: Annotated[Json | UnsetType, Meta(description="the status body as the API would answer it now")] = UNSET


class Jobs(Struct, frozen=True):
    now: _Instant
    jobs: list[JobDocument]


class ListJobs(ControlCommand[Jobs], frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 100


class LookJob(ControlCommand[JobDocument], frozen=True):
    job: str
    until: _Status | UnsetType = UNSET
    timeout: Annotated[str, Meta(description="real time, as 30s")] = "30s"


class Obeyed(Struct, frozen=True):
    ok: _Yes
    why: Annotated[str, Meta(description="a remark")]


class DecideGate(ControlCommand[Obeyed], frozen=True):
    hints: ClassVar = {
        "gate": "GET /_lab/jobs/{job} tells the open gate and what it offers; with ?until=WAITING once there is one."
    }
    job: str
    gate: Annotated[str, Meta(description="the step's id")]
    verdict: Annotated[str, Meta(description="approved, rejected or changes-requested, as the gate offers")]
    by: Annotated[str, Meta(description="who decides")] | None = None
    comment: str | None = None


# The clock


class LookClock(ControlCommand[ClockDocument], frozen=True):
    pass


class MovedClock(ClockDocument, frozen=True):
    job: JobDocument | UnsetType = UNSET


class SetClock(ControlCommand[MovedClock], frozen=True):
    """advance, or factor, or job and until"""

    hints: ClassVar = {"": 'As {"advance":"1h"}, {"factor":"20"}, or {"job":"…","until":"WAITING"}.'}
    advance: _Duration | UnsetType = UNSET
    factor: str | UnsetType = UNSET
    job: str | UnsetType = UNSET
    until: _Status | UnsetType = UNSET
    timeout: Annotated[bool, Meta(description="whether a gate's patience may run out")] | UnsetType = UNSET


class VirtualTimeDocument(ClockDocument, frozen=True, kw_only=True):
    origins: list[str]


class DriveClock(ControlCommand[VirtualTimeDocument], frozen=True):
    until: _Instant | UnsetType | None = UNSET
    reads: bool = False


# Faults, tokens, devices


class ListedFault(Struct, frozen=True):
    name: str
    armed: bool
    scenario: str | None
    struck: _Count
    fault: dict[str, Json]


class Faults(Struct, frozen=True):
    faults: list[ListedFault]


class ListFaults(ControlCommand[Faults], frozen=True):
    pass


class Named(Struct, frozen=True):
    ok: _Yes
    name: str
    why: Annotated[str | UnsetType, Meta(description="a remark")] = UNSET


class ArmFault(ControlCommand[Named], frozen=True):
    whole: ClassVar = "fault"
    fault: Annotated[
        dict[str, Json], Meta(description="as a scenario writes it (lab docs scenarios, §10), with a job as well")
    ]


class DisarmFault(ControlCommand[Named], frozen=True):
    name: str


class EndTokens(ControlCommand[Obeyed], frozen=True):
    do: Annotated[str, Meta(description="expire or revoke; rotate, without a client, changes the key")]
    client: str | UnsetType = UNSET


class DecideDevice(ControlCommand[Obeyed], frozen=True):
    user_code: str
    answer: Annotated[str, Meta(description="approve or deny")]


# Tape and reset


class TapeDocument(Struct, frozen=True):
    ok: _Yes
    file: str


class RunTape(ControlCommand[TapeDocument], frozen=True):
    name: str | UnsetType = UNSET


class WasReset(Struct, frozen=True):
    ok: _Yes
    now: _Instant
    tape: str | None
    cleared: dict[str, int]
    kept: list[str]


class ResetLab(ControlCommand[WasReset], frozen=True):
    hints: ClassVar = {"to": "GET /_lab/clock tells now."}
    to: _Instant | UnsetType = UNSET


# Tenants


class Tenant(Struct, frozen=True):
    name: str
    base_url: str
    seed: int | None
    scenarios: list[str]
    now: _Instant | UnsetType = UNSET
    exchanges: _Count | UnsetType = UNSET
    control_token: Annotated[str | UnsetType, Meta(description="good for /_lab/t/NAME/, told where one is made")] = (
        UNSET
    )


class Tenants(Struct, frozen=True):
    tenants: list[Tenant]


class ListTenants(ControlCommand[Tenants], frozen=True):
    pass


class MakeTenant(ControlCommand[Tenant], frozen=True):
    hints: ClassVar = {"scenarios": "GET /_lab/scenarios lists them."}
    name: Annotated[str, Meta(extra_json_schema={"pattern": f"^{TENANT_NAME.pattern}$"})]
    seed: Annotated[int, Meta(ge=0, le=SEEDS - 1)] | None = None
    scenarios: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None


class EndTenant(ControlCommand[Named], frozen=True):
    name: str
