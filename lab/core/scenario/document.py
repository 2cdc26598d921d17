"""The document itself, and the switches (contract.md §10)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic import JsonValue as Json

from lab.core.scenario.draws import Datum, Latency
from lab.core.scenario.faults import Fault
from lab.core.scenario.steps import AnyStep
from lab.core.scenario.switches import Switches
from lab.core.scenario.words import Duration, Model


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
    renewed: bool = Field(False, description="true: jobs are meant to outlive a token, so nothing warns of it")


class Latencies(Model):
    """How long each route withholds its reply."""

    token: Latency = 0
    invoke: Latency = 0
    status: Latency = 0


class Narration(Model):
    """One plain sentence a stage, shown under the stepper; ours where one is missing."""

    idle: str | None = None
    token: str | None = None
    invoke: str | None = None
    polling: str | None = None
    waiting: str | None = None
    complete: str | None = None
    error: str | None = None


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
    settings: Switches = Field(
        default_factory=Switches,
        description="switches for this scenario; those of the identity domain hold only where it is served alone",
    )
    token: Token = Token()
    latency: Latencies = Latencies()
    data: dict[str, Datum] = Field(default_factory=dict)
    steps: tuple[AnyStep, ...] = Field(strict=False, min_length=1, max_length=500)
    faults: tuple[Fault, ...] = Field((), strict=False, max_length=200, description="what goes wrong on the wire")
    narration: Narration = Narration()

    @property
    def message(self) -> str:
        """What the external app asks."""
        return self.ask if isinstance(self.ask, str) else self.ask.message

    @property
    def parameters(self) -> dict[str, Json]:
        """The parameters that the external app sends with the message."""
        return {} if isinstance(self.ask, str) else dict(self.ask.parameters)
