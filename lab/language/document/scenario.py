"""The document itself, and the switches (contract.md §10)."""

from collections.abc import Collection
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic import JsonValue as Json

from lab.language.document.base import Duration, Model, Status, branch_by_key
from lab.language.document.callers import Callers, Role
from lab.language.document.data import Datum
from lab.language.document.draws import Latency
from lab.language.document.faults import Fault
from lab.language.document.routes import RouteName
from lab.language.document.step_model import StepId
from lab.language.document.steps import AnyStep
from lab.language.document.switches import Switches


class Agent(Model):
    """The agent team that the scenario plays."""

    code: str = Field(
        pattern=r"^[A-Za-z0-9_]{1,200}$", description="agent team code, as in the path; compared with case"
    )
    version: int | None = Field(
        None, ge=1, description="the published version; another one that is asked for ends ERROR"
    )
    published: bool = Field(True, description="false: invoke answers 404, but for a DRAFT")
    roles: tuple[Role, ...] = Field(
        (), strict=False, description="who may ask: a user with one of these roles; none named: everybody"
    )
    refuses: Literal["request", "job"] = Field(
        "request", description="what a user without a role meets: a 403, or a job that ends ERROR"
    )

    def admits(self, roles: Collection[str]) -> bool:
        """Whether somebody with these roles may ask; a token without a user has none."""
        return not self.roles or not set(self.roles).isdisjoint(roles)


class UserMessage(Model):
    """What the external app sends: the message and the workflow's parameters."""

    message: str = Field(min_length=1, description="what the user says")
    parameters: dict[str, Json] = Field(default_factory=dict, description="inputs of the workflow, by name")


AnyUserMessage: TypeAlias = Annotated[
    Annotated[str, Field(min_length=1), Tag("ask:text")] | Annotated[UserMessage, Tag("ask:message")],
    branch_by_key("ask", {"message": UserMessage}, mapping="message", other="text"),
    Field(description="what our external app sends: the message, or {message, parameters}"),
]


class Turn(Model):
    """A later message of a conversation: entry n - 1 answers turn n. Its job is its own: steps, data and draws."""

    title: str = Field("", description="one line for people")
    match: str | None = Field(
        None,
        description="regular expression (RE2) this turn's message must contain, ignoring case; without it every message fits, "
        "and with turn_order any the turn is the fallback: it answers whatever nothing else does, any number of times",
    )
    ask: AnyUserMessage
    optional: bool = Field(
        False, description="true: it answers whoever asks, and our app doesn't ask it; only with turn_order any"
    )
    data: dict[str, Datum] = Field(
        default_factory=dict,
        description="drawn for this turn; what earlier turns drew is conversation.turns[0].data in templates",
    )
    steps: "Steps" = Field(description="in order; the first is where this turn's job begins")


Steps: TypeAlias = Annotated[
    tuple[AnyStep, ...],
    Field(strict=False, min_length=1, max_length=500, description="in order; the first is where a job begins"),
]


class Token(Model):
    """The bearer tokens of the scenario."""

    lifetime: Duration = Field(3_600_000, description="how long a token is good")
    renewed: bool = Field(False, description="true: jobs are meant to outlive a token, so nothing warns of it")


class ClientLimits(Model):
    """What a well-behaved client keeps to; nothing is refused by it."""

    concurrent: int | None = Field(None, ge=1, le=100_000, description="requests that one client has under way at once")


Latencies: TypeAlias = dict[RouteName, Latency]
"""How long each route withholds its reply: at once, where none is said. That of invoke holds for streams too."""


EndingSentences: TypeAlias = Annotated[
    Annotated[str, Tag("sentence:text")] | Annotated[dict[StepId, str], Field(min_length=1), Tag("sentence:endings")],
    branch_by_key("sentence", {}, mapping="endings", other="text"),
]
"""A sentence for every ending of its kind, or one for each by its id."""


DecisionSentences: TypeAlias = Annotated[
    Annotated[str, Tag("sentence:text")]
    | Annotated[
        dict[Literal["approved", "rejected", "changes-requested", "timed-out"], str],
        Field(min_length=1),
        Tag("sentence:verdicts"),
    ],
    branch_by_key("sentence", {}, mapping="verdicts", other="text"),
]
"""A sentence for every decision, or one for each verdict."""


class Narration(Model):
    """One plain sentence a stage, shown under the stepper; ours where one is missing."""

    idle: str | None = Field(None, description="before the run")
    token: str | None = Field(None, description="while a token is fetched")
    invoke: str | None = Field(None, description="while the question is handed over")
    polling: str | None = Field(None, description="while the app asks how the job is")
    waiting: str | None = Field(None, description="while a person must decide")
    decided: DecisionSentences | None = Field(
        None, description="from a decision to the next status; or {VERDICT: sentence, …}"
    )
    complete: EndingSentences | None = Field(None, description="once the answer is there; or {ENDING: sentence, …}")
    error: EndingSentences | None = Field(None, description="once the job has failed; or {ENDING: sentence, …}")

    def of_ending(self, kind: str, step: str | None) -> str | None:
        """The sentence for an ending (`complete` or `error`); one that isn't known (None) has none of its own."""
        sentence = self.complete if kind == "complete" else self.error
        return sentence.get(step or "") if isinstance(sentence, dict) else sentence

    def of_decision(self, verdict: str) -> str | None:
        """The sentence for a decision."""
        if not isinstance(self.decided, dict):
            return self.decided
        return next((text for word, text in self.decided.items() if word == verdict), None)


_StatusWord: TypeAlias = Literal["RUNNING", "WAITING", "COMPLETE", "ERROR"]
_ExpectedStatus: TypeAlias = Annotated[
    Annotated[_StatusWord | None, Tag("status:one")]
    | Annotated[tuple[_StatusWord, ...], Field(strict=False, min_length=1, max_length=4), Tag("status:any")],
    Discriminator(lambda value: "status:any" if isinstance(value, list | tuple) else "status:one"),
]


class ExpectedRun(Model):
    """How a run of the lab's own client goes; what isn't said is as without it: it ends COMPLETE."""

    status: _ExpectedStatus = Field(
        "COMPLETE",
        description="of the last message's job, as the client saw it last; a list: one of these; null: it knows of no "
        "job. Default: COMPLETE, of a scenario with branches an error step too; with refused any",
    )
    refused: int | None = Field(
        None, ge=400, le=599, description="the HTTP status of the answer at which the client gives up"
    )
    verdicts: dict[StepId, Literal["approved", "rejected", "changes-requested", "timed-out"]] = Field(
        default_factory=dict, description="how gates ended, by id; of several openings the last one that ended"
    )
    polls: int | None = Field(None, ge=0, description="requests for the status at most, all turns together")

    @property
    def any_status(self) -> bool:
        """Whether it says nothing of the status."""
        return self.refused is not None and "status" not in self.model_fields_set

    @property
    def statuses(self) -> tuple[str | None, ...]:
        """Those that are as expected; None: it knows of no job."""
        return self.status if isinstance(self.status, tuple) else (self.status,)

    @model_validator(mode="after")
    def _possible(self) -> "ExpectedRun":
        ended = next((each for each in self.statuses if each in (Status.COMPLETE, Status.ERROR)), None)
        if self.refused is not None and not self.any_status and ended:
            raise ValueError(f"who is refused doesn't see {ended}: leave out refused or status")
        return self


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
    title: str = Field(description="one line for people")
    shows: str = Field("", description="one line for the picker: what this scenario demonstrates")
    story: str = Field("", description="for the presenter, shown before the run; Markdown")
    agent: Agent = Field(description="the agent team that the scenario plays")
    ask: AnyUserMessage
    match: str | None = Field(None, description="regular expression (RE2) the message must contain, ignoring case")
    callers: Callers | None = Field(
        None, alias="for", description="whom it answers, of those that its match fits; everybody, if absent"
    )
    alone: bool = Field(
        False,
        description="true: it is meant to be served alone, or called for by its name, so nothing warns where another of "
        "its team takes all that it takes",
    )
    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="from which all chance is drawn, unless told")
    settings: Switches = Field(
        default_factory=Switches,
        description="switches for this scenario; those of the identity domain hold only where it is served alone",
    )
    token: Token = Field(Token(), description="the bearer tokens")
    latency: Latencies = Field(default_factory=dict, description="how long each route withholds its reply, by its name")
    retention: Duration | None = Field(
        None, description="how long a finished job can still be asked for, then 404; for ever if absent"
    )
    limits: ClientLimits = Field(ClientLimits(), description="what a well-behaved client keeps to")
    data: dict[str, Datum] = Field(
        default_factory=dict, description="values for templates: constants, and what is drawn once per job"
    )
    steps: Steps
    turns: tuple[Turn, ...] = Field(
        (),
        strict=False,
        max_length=50,
        description="the second and later messages of one conversation; without it each message starts at the top",
    )
    turn_order: Literal["written", "any"] = Field(
        "written",
        description="which entry of turns answers turn n: written: entry n - 1; any: the first unused one whose match "
        "fits, and where none does, the scenario from its top, if its match fits, else the entry without a match",
    )
    faults: tuple[Fault, ...] = Field((), strict=False, max_length=200, description="what goes wrong on the wire")
    expect: ExpectedRun = Field(
        ExpectedRun(),
        description="how lab run goes, else it exits 1; by default it ends COMPLETE, or by chance at an error step",
    )
    narration: Narration = Field(Narration(), description="one plain sentence a stage")

    @property
    def endings(self) -> frozenset[str]:
        """The ids of all its endings, those of its later turns too."""
        steps = (*self.steps, *(step for turn in self.turns for step in turn.steps))
        return frozenset(step.id for step in steps if step.status.final)

    @property
    def user_messages(self) -> tuple[UserMessage, ...]:
        """What the external app sends, turn by turn: all but what is optional."""
        texts = (self.ask, *(turn.ask for turn in self.turns if not turn.optional))
        return tuple(UserMessage(message=text) if isinstance(text, str) else text for text in texts)

    @property
    def message(self) -> str:
        """What the external app asks first."""
        return self.user_messages[0].message

    @property
    def parameters(self) -> dict[str, Json]:
        """The parameters that it sends with that message."""
        return dict(self.user_messages[0].parameters)

    def of_turn(self, turn: int) -> "Scenario | None":
        """Part n as a scenario of its own: 1 the scenario, from 2 on its later turns as written; None: there is none."""
        if turn <= 1 or not self.turns:
            return self
        if turn - 2 >= len(self.turns):
            return None
        entry = self.turns[turn - 2]
        own = {"ask": entry.ask, "match": entry.match, "data": entry.data, "steps": entry.steps, "turns": ()}
        return self.model_copy(update=own)
