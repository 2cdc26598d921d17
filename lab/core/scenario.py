"""The scenario document and the switches, typed: what an author may write.

`lab.core.parse` makes a `Scenario` of YAML text; nothing here reads text but the duration forms.
Words and rules: the scenario language's page; switches: contract.md §10.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic import JsonValue as Json

from lab.core.clock import Millis


class Status(StrEnum):
    """The four words of the wire (contract.md §4)."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"

    @property
    def final(self) -> bool:
        """True for COMPLETE and ERROR: the body never changes again."""
        return self in (Status.COMPLETE, Status.ERROR)


class Verdict(StrEnum):
    """How a gate ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES = "changes-requested"
    TIMED_OUT = "timed-out"


class Channel(StrEnum):
    """Where a gate is answered: CHAT over the API too, the others only outside it."""

    CHAT = "CHAT"
    EMAIL = "EMAIL"
    APPROVAL_PROCESS = "APPROVAL_PROCESS"


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:\d+(?:d|h|ms|m|s))+")
_PART = re.compile(r"(\d+)(d|h|ms|m|s)")
LONGEST: Millis = 10 * 366 * 86_400_000
"""The longest duration a scenario may name: ten years."""


def duration(value: object) -> Millis:
    """`250ms 3s 15m 2h 3d 1h30m` in milliseconds; ValueError says why anything else is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a duration is text such as 250ms, 3s, 15m or 1h30m")
    if not isinstance(value, str):
        raise ValueError(f"a duration needs a unit: write {value}s or {value}ms")
    if not _DURATION.fullmatch(value):
        bare = value.replace(".", "", 1).isdigit()
        hint = f"needs a unit: write {value}s or {value}ms" if bare else "is written 250ms, 3s, 15m, 2h, 3d or 1h30m"
        raise ValueError(f"a duration {hint}; this is {value!r}")
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if total > LONGEST:
        raise ValueError("a duration is at most ten years")
    return total


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the known word that is nearest, or nothing if none is near."""
    near = get_close_matches(word, sorted(known), 1, 0.6)
    return f"did you mean {near[0]}?" if near else ""


Duration: TypeAlias = Annotated[
    Millis,
    BeforeValidator(duration, json_schema_input_type=str),
]


class Model(BaseModel):
    """The base of every part of the document: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False)


class Between(Model):
    """A uniform draw, both ends included."""

    between: tuple[Duration, Duration] = Field(strict=False, description="shortest and longest, as [2s, 4s]")

    @model_validator(mode="after")
    def _ordered(self) -> "Between":
        if self.between[0] > self.between[1]:
            raise ValueError("between: the shorter duration comes first")
        return self


class LogNormal(Model):
    """A log-normal draw, given by its median and 95th percentile."""

    median: Duration
    p95: Duration

    @model_validator(mode="after")
    def _ordered(self) -> "LogNormal":
        if self.median <= 0 or self.p95 < self.median:
            raise ValueError("the median is more than 0ms, and p95 not less than the median")
        return self


class Observed(Model):
    """A draw from measured values."""

    observed: tuple[Duration, ...] = Field(strict=False, min_length=1)


def _latency_form(value: object) -> str:
    if isinstance(value, dict):
        for key in ("between", "observed"):
            if key in value:
                return f"form:{key}"
        return "form:median"
    if isinstance(value, Between | LogNormal | Observed):
        return {Between: "form:between", LogNormal: "form:median", Observed: "form:observed"}[type(value)]
    return "form:fixed"


Latency: TypeAlias = Annotated[
    Annotated[Duration, Tag("form:fixed")]
    | Annotated[Between, Tag("form:between")]
    | Annotated[LogNormal, Tag("form:median")]
    | Annotated[Observed, Tag("form:observed")],
    Discriminator(_latency_form),
]
"""How long something takes, in the four ways it may be written."""


class Agent(Model):
    """The agent team that the scenario plays."""

    code: str = Field(pattern=r"^[A-Z0-9_]{1,200}$", description="agent team code, as in the path")
    version: int | None = Field(None, ge=1, description="the published version")
    published: bool = Field(True, description="false: invoke answers 404")


class Ask(Model):
    """What the external app sends: the message and the workflow's parameters."""

    message: str = Field(min_length=1)
    parameters: dict[str, Json] = Field(default_factory=dict)


def _ask_form(value: object) -> str:
    return "ask:form" if isinstance(value, dict | Ask) else "ask:text"


class Token(Model):
    """The bearer tokens of the scenario."""

    lifetime: Duration = 3_600_000


class Latencies(Model):
    """How long each route withholds its reply."""

    token: Latency = 0
    invoke: Latency = 0
    status: Latency = 0


class Number(Model):
    """A drawn number: an integer, or with `decimals` a decimal that keeps its places."""

    between: tuple[int | float, int | float] = Field(strict=False, description="smallest and largest, as [18, 24]")
    decimals: int = Field(0, ge=0, le=9, description="places after the point; 0 draws integers")

    @property
    def steps(self) -> tuple[int, int]:
        """Smallest and largest, counted in the last place: `[18, 24]` with two decimals is 1800 to 2400."""
        low, high = (Decimal(str(bound)).scaleb(self.decimals) for bound in self.between)
        return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))

    @model_validator(mode="after")
    def _ordered(self) -> "Number":
        if not all(-(10**15) <= bound <= 10**15 for bound in self.between):
            raise ValueError("between: a number is at most 10^15")
        if self.between[0] > self.between[1]:
            raise ValueError("between: the smaller number comes first")
        if self.steps[0] > self.steps[1]:
            raise ValueError(f"between: no number with {self.decimals} decimals lies between these")
        return self


class OneOf(Model):
    """One of the listed values."""

    one_of: tuple[Json, ...] = Field(strict=False, min_length=1)


class Fake(Model):
    """A value from Faker; further keys are the provider's own arguments."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    fake: str = Field(description="a Faker provider, such as company or name")
    locale: str | None = Field(None, pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")


class Listed(Model):
    """A list of `count` values, each drawn on its own."""

    list: "Datum"
    count: int = Field(ge=0, le=1000)

    @property
    def size(self) -> int:
        """How many values it holds, those of lists within it counted."""
        return self.count * (self.list.size if isinstance(self.list, Listed) else 1)

    @model_validator(mode="after")
    def _small(self) -> "Listed":
        if self.size > 10_000:
            raise ValueError("a list holds at most 10000 values, those of lists within it counted")
        return self


def _datum_form(value: object) -> str:
    if isinstance(value, dict):
        for key, form in (("between", "number"), ("one_of", "one_of"), ("fake", "fake"), ("list", "list")):
            if key in value:
                return f"data:{form}"
    forms: dict[type, str] = {Number: "data:number", OneOf: "data:one_of", Fake: "data:fake", Listed: "data:list"}
    return forms.get(type(value), "data:constant")


Datum: TypeAlias = Annotated[
    Annotated[Json, Tag("data:constant")]
    | Annotated[Number, Tag("data:number")]
    | Annotated[OneOf, Tag("data:one_of")]
    | Annotated[Fake, Tag("data:fake")]
    | Annotated[Listed, Tag("data:list")],
    Discriminator(_datum_form),
]
"""One entry of `data`: a constant, or something drawn once per job."""


StepId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="the step's id")]
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""


class Again(Model):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str
    rounds: int = Field(ge=1, le=1000)


class Work(Model):
    """A stretch of RUNNING."""

    work: StepId
    title: str = ""
    tool: str | None = None
    takes: Latency
    says: str | None = Field(None, description="progressMessage while it runs")
    next: str | None = None


class Pause(Model):
    """A WAIT node: WAITING without a person."""

    wait: StepId
    title: str = ""
    takes: Latency
    says: str | None = None
    again: Again | None = None
    next: str | None = None


class Routes(Model):
    """Where each verdict leads; one that is missing has a documented default."""

    approved: str | None = None
    rejected: str | None = None
    changes_requested: str | None = Field(None, alias="changes-requested")
    timed_out: str | None = Field(None, alias="timed-out")


class Labels(Model):
    """What the actions are called on the wire and on buttons."""

    approve: str = "Approve"
    reject: str = "Reject"
    changes: str = "Request changes"


class Vote(Model):
    """A scripted decision, `after` counted from the opening of the gate."""

    after: Duration
    verdict: Literal["approved", "rejected", "changes-requested"]
    by: str | None = None
    comment: str | None = None


class Script(Model):
    """Scripted decisions in order, one an opening; past the last: nobody."""

    script: tuple[Vote, ...] = Field(strict=False, min_length=1)


def _reviewer_form(value: object) -> str:
    if value == "nobody":
        return "reviewer:nobody"
    if isinstance(value, Script) or (isinstance(value, dict) and "script" in value):
        return "reviewer:script"
    return "reviewer:vote"


Reviewer: TypeAlias = Annotated[
    Annotated[Literal["nobody"], Tag("reviewer:nobody")]
    | Annotated[Vote, Tag("reviewer:vote")]
    | Annotated[Script, Tag("reviewer:script")],
    Discriminator(_reviewer_form),
]


class Gate(Model):
    """A step at which a job waits for a person."""

    gate: StepId
    title: str = ""
    asks: str = Field(description="the question; initialMessage on the wire")
    channel: Literal["CHAT", "EMAIL", "APPROVAL_PROCESS"] = "CHAT"
    patience: Duration = Field(gt=0, description="how long the gate waits before it times out")
    verdicts: Routes = Routes()
    rounds: int = Field(3, ge=1, le=100, description="how often changes may be asked for, per job")
    reviewer: Reviewer | None = Field(None, description="who decides when nobody is there")
    labels: Labels = Labels()
    change_prompt: str = "Say what should be different."
    last_round: str = "No further changes can be made."
    approval: bool = Field(True, description="false: the gate only collects a person's text")
    next: str | None = None


def _output_form(value: object) -> str:
    if value is None:
        return "output:null"
    return "output:json" if isinstance(value, dict) else "output:text"


Output: TypeAlias = Annotated[
    Annotated[str, Tag("output:text")]
    | Annotated[None, Tag("output:null")]
    | Annotated[dict[Literal["json"], Json], Field(min_length=1), Tag("output:json")],
    Discriminator(_output_form),
    Field(
        description="the answer: text (a template), null, or {json: …}, sent as JSON in a string. Strings within json"
        " are templates and stay strings; write the JSON as text where a drawn number should be a number"
    ),
]
"""What a job that ends COMPLETE answers, in the ways it may be written."""


class Complete(Model):
    """An ending with an output."""

    complete: StepId
    title: str = ""
    output: Output
    follow_up: tuple[str, ...] = Field((), strict=False)


class Failure(Model):
    """An ending with an error text, perhaps with a partial output."""

    error: StepId
    title: str = ""
    text: str
    output: str | None = None


STEP_KINDS = ("work", "wait", "gate", "complete", "error")


def _step_form(value: object) -> str | None:
    if isinstance(value, dict):
        kinds = [kind for kind in STEP_KINDS if kind in value]
        return f"step:{kinds[0]}" if kinds else None
    forms = {Work: "work", Pause: "wait", Gate: "gate", Complete: "complete", Failure: "error"}
    kind = forms.get(type(value))  # type: ignore[call-overload]
    return f"step:{kind}" if kind else None


Step: TypeAlias = Work | Pause | Gate | Complete | Failure
AnyStep: TypeAlias = Annotated[
    Annotated[Work, Tag("step:work")]
    | Annotated[Pause, Tag("step:wait")]
    | Annotated[Gate, Tag("step:gate")]
    | Annotated[Complete, Tag("step:complete")]
    | Annotated[Failure, Tag("step:error")],
    Discriminator(_step_form),
]


def step_id(step: Step) -> str:
    """The id that the step's kind names."""
    match step:
        case Work():
            return step.work
        case Pause():
            return step.wait
        case Gate():
            return step.gate
        case Complete():
            return step.complete
        case Failure():
            return step.error


class Narration(Model):
    """One plain sentence a stage, shown under the stepper; ours where one is missing."""

    idle: str | None = None
    token: str | None = None
    invoke: str | None = None
    polling: str | None = None
    waiting: str | None = None
    complete: str | None = None
    error: str | None = None


class Switches(Model):
    """How the server answers where sources differ (contract.md §10): those that this version has."""

    invoke_status: Literal[202, 200] = 202
    hints: bool = True
    unknown_job: Literal[404, 403] = 404
    version_check: bool = True
    unknown_conversation: Literal["adopt", "refuse"] = "adopt"
    answer_by_message: bool = True
    ecid: bool = True
    pod: str = Field("acme-test", pattern=r"^[a-z0-9-]{1,63}$")
    scope_check: Literal["pod", "shape", "off"] = "pod"


def _version(value: object) -> object:
    # Literal[1] alone would take true and 1.0
    if type(value) is not int or value != 1:
        raise ValueError("this lab reads version 1 of the language: write lab: 1")
    return value


class Scenario(Model):
    """A YAML document that scripts how one agent team behaves."""

    lab: Annotated[Literal[1], BeforeValidator(_version, json_schema_input_type=Literal[1])] = Field(
        description="version of this language"
    )
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="equals the file's name")
    title: str
    shows: str = Field("", description="one line for the picker: what this scenario demonstrates")
    story: str = Field("", description="for the presenter, shown before the run; Markdown")
    agent: Agent
    ask: Annotated[
        Annotated[str, Field(min_length=1), Tag("ask:text")] | Annotated[Ask, Tag("ask:form")],
        Discriminator(_ask_form),
        Field(description="what our external app sends: the message, or {message, parameters}"),
    ]
    match: str | None = Field(None, description="regular expression the message must contain, ignoring case")
    seed: int | None = Field(None, ge=0, le=2**63 - 1)
    token: Token = Token()
    latency: Latencies = Latencies()
    data: dict[str, Datum] = Field(default_factory=dict)
    steps: tuple[AnyStep, ...] = Field(strict=False, min_length=1, max_length=500)
    narration: Narration = Narration()

    @property
    def message(self) -> str:
        """What the external app asks."""
        return self.ask if isinstance(self.ask, str) else self.ask.message

    @property
    def parameters(self) -> dict[str, Json]:
        """The parameters that the external app sends with the message."""
        return {} if isinstance(self.ask, str) else dict(self.ask.parameters)
