"""The scenario: what an author may write, as all rooms know it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.program.callbacks import Callbacks
from lab.program.callers import Callers, Role
from lab.program.draws import Data, Latency
from lab.program.faults import Fault
from lab.program.routes import RouteName
from lab.program.steps import CancelRule, StepId, Steps
from lab.program.switches import SaidSwitches
from lab.program.words import CODE, STEP_ID, Duration, Form, FormOf, Part, Spelt, Status, StatusWord


class Agent(Part, frozen=True):
    """The agent team that the scenario plays."""

    code: Annotated[str, Meta(pattern=CODE)]
    """agent team code, as in the path; compared with case"""
    version: Annotated[int, Meta(ge=1)] | None = None
    """the published version; another one that is asked for ends ERROR"""
    published: bool = True
    """false: invoke answers 404, but for a DRAFT"""
    roles: tuple[Role, ...] = ()
    """who may ask: a user with one of these roles; none named: everybody"""
    refuses: Literal["request", "job"] = "request"
    """what a user without a role meets: a 403, or a job that ends ERROR"""

    def admits(self, roles: Collection[str]) -> bool:
        """Whether somebody with these roles may ask; a token without a user has none."""
        return not self.roles or not set(self.roles).isdisjoint(roles)


class UserMessage(Form, frozen=True, tag="message"):
    """What the external app sends: the message and the workflow's parameters."""

    message: Annotated[str, Meta(min_length=1)]
    """what the user says"""
    parameters: Mapping[str, Json] = {}
    """inputs of the workflow, by name"""


AnyUserMessage: TypeAlias = Annotated[Annotated[str, Meta(min_length=1)] | UserMessage, FormOf(mapping="message")]


def user_message(ask: AnyUserMessage) -> UserMessage:
    return UserMessage(ask) if isinstance(ask, str) else ask


class Turn(Part, frozen=True):
    """A later message of a conversation: entry n - 1 answers turn n. Its job is its own: steps, data and draws."""

    ask: AnyUserMessage
    """what our external app sends: the message, or {message, parameters}"""
    steps: Steps
    """in order; the first is where this turn's job begins"""
    title: str = ""
    """one line for people"""
    match: str | None = None
    """regular expression (RE2) this turn's message must contain, ignoring case; without it every message fits, and
    with turn_order any the turn is the fallback: it answers whatever nothing else does, any number of times"""
    optional: bool = False
    """true: it answers whoever asks, and our app doesn't ask it; only with turn_order any"""
    data: Data = {}
    """drawn for this turn; what earlier turns drew is conversation.turns[0].data in templates"""


class Token(Part, frozen=True):
    """The bearer tokens of the scenario."""

    lifetime: Duration = 3600000
    """how long a token is good"""
    renewed: bool = False
    """true: jobs are meant to outlive a token, so nothing warns of it"""


class ClientLimits(Part, frozen=True):
    """What a well-behaved client keeps to; nothing is refused by it."""

    concurrent: Annotated[int, Meta(ge=1, le=100000)] | None = None
    """requests that one client has under way at once"""


Latencies: TypeAlias = Mapping[RouteName, Latency]
"""How long each route withholds its reply: at once, where none is said. That of invoke holds for streams too."""
VerdictWord: TypeAlias = Literal["approved", "rejected", "changes-requested", "timed-out"]
StepSentences: TypeAlias = str | Annotated[Mapping[StepId, str], Meta(min_length=1)]
"""A sentence for every step of its kind, or one for each by its id."""
DecisionSentences: TypeAlias = str | Annotated[Mapping[VerdictWord, str], Meta(min_length=1)]
"""A sentence for every decision, or one for each verdict."""


LONGEST_SENTENCE = 74
"""Characters of a sentence that fit beside a status on a screen of 80 columns, and on a projector's."""


class Narration(Part, frozen=True):
    """One plain sentence a stage, shown under the stepper; ours where one is missing."""

    idle: str | None = None
    """before the run"""
    token: str | None = None
    """while a token is fetched"""
    invoke: str | None = None
    """while the question is handed over"""
    polling: StepSentences | None = None
    """while the app asks how the job is; or {STEP: sentence, …}, then of other steps their titles tell"""
    waiting: str | None = None
    """while a person must decide"""
    decided: DecisionSentences | None = None
    """from a decision to the next status; or {VERDICT: sentence, …}"""
    complete: StepSentences | None = None
    """once the answer is there; or {ENDING: sentence, …}"""
    error: StepSentences | None = None
    """once the job has failed; or {ENDING: sentence, …}"""

    def of_step(self, kind: Literal["polling", "complete", "error"], step: str | None) -> str | None:
        """The sentence while a step is under way, or for an ending; one that isn't known (None) has none of its own."""
        sentence: StepSentences | None = getattr(self, kind)
        return sentence.get(step or "") if isinstance(sentence, Mapping) else sentence

    def of_decision(self, verdict: str) -> str | None:
        """The sentence for a decision."""
        if not isinstance(self.decided, Mapping):
            return self.decided
        return next((text for word, text in self.decided.items() if word == verdict), None)


class ExpectedRun(Part, frozen=True):
    """How a run of the lab's own client goes; what isn't said is as without it: it ends COMPLETE."""

    status: StatusWord | None | Annotated[tuple[StatusWord, ...], Meta(min_length=1, max_length=5)] | UnsetType = UNSET
    """of the last message's job, as the client saw it last; a list: one of these; null: it knows of no job. Default:
    COMPLETE, of a scenario with branches an error step too; with refused any"""
    refused: Annotated[int, Meta(ge=400, le=599)] | None = None
    """the HTTP status of the answer at which the client gives up"""
    verdicts: Mapping[StepId, VerdictWord] = {}
    """how gates ended, by id; of several openings the last one that ended"""
    polls: Annotated[int, Meta(ge=0)] | None = None
    """requests for the status at most, all turns together"""

    @property
    def any_status(self) -> bool:
        """Whether it says nothing of the status."""
        return self.refused is not None and self.status is UNSET

    @property
    def statuses(self) -> tuple[str | None, ...]:
        """Those that are as expected; None: it knows of no job."""
        if self.status is UNSET:
            return (Status.COMPLETE,)
        return self.status if isinstance(self.status, tuple) else (self.status,)

    def flaws(self) -> Iterator[str]:
        ended = next((each for each in self.statuses if each in (Status.COMPLETE, Status.ERROR)), None)
        if self.refused is not None and not self.any_status and ended:
            yield f"who is refused doesn't see {ended}: leave out refused or status"


def _version(value: object) -> object:
    if type(value) is not int or value != 1:
        raise ValueError("this lab reads version 1 of the language: write lab: 1")
    return value


Version: TypeAlias = Annotated[int, Spelt(_version, int, {"const": 1, "type": "integer"}, 1)]


class Scenario(Part, frozen=True, kw_only=True, rename={"callers": "for"}):
    """A YAML document that scripts how one agent team behaves."""

    lab: Version
    """version of this language"""
    name: Annotated[str, Meta(pattern=STEP_ID)]
    """equals the file's name"""
    title: str
    """one line for people"""
    shows: str = ""
    """one line for the picker: what this scenario demonstrates"""
    story: str = ""
    """for the presenter, shown before the run; Markdown"""
    agent: Agent
    """the agent team that the scenario plays"""
    ask: AnyUserMessage
    """what our external app sends: the message, or {message, parameters}"""
    match: str | None = None
    """regular expression (RE2) the message must contain, ignoring case"""
    callers: Callers | None = None
    """whom it answers, of those that its match fits; everybody, if absent"""
    alone: bool = False
    """true: it is meant to be served alone, or called for by its name, so nothing warns where another of its team
    takes all that it takes"""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    """from which all chance is drawn, unless told"""
    settings: SaidSwitches = {}
    """switches for this scenario; those of the identity domain hold only where it is served alone"""
    token: Token = Token()
    """the bearer tokens"""
    latency: Latencies = {}
    """how long each route withholds its reply, by its name"""
    retention: Duration | None = None
    """how long a finished job can still be asked for, then 404; for ever if absent"""
    cancel: CancelRule = "allowed"
    """whether a client may cancel a job, where its wire has a way to: allowed (at once), refused, or {takes, output}; a
    step may say otherwise"""
    limits: ClientLimits = ClientLimits()
    """what a well-behaved client keeps to"""
    data: Data = {}
    """values for templates: constants, and what is drawn once per job"""
    steps: Steps
    """in order; the first is where a job begins"""
    turns: Annotated[tuple[Turn, ...], Meta(max_length=50)] = ()
    """the second and later messages of one conversation; without it each message starts at the top"""
    turn_order: Literal["written", "any"] = "written"
    """which entry of turns answers turn n: written: entry n - 1; any: the first unused one whose match fits, and
    where none does, the scenario from its top, if its match fits, else the entry without a match"""
    faults: Annotated[tuple[Fault, ...], Meta(max_length=200)] = ()
    """what goes wrong on the wire"""
    callbacks: Callbacks = Callbacks()
    """what a receiver is told of its jobs, where lab serve --notify names one"""
    expect: ExpectedRun = ExpectedRun()
    """how lab run goes, else it exits 1; by default it ends COMPLETE, or by chance at an error step"""
    narration: Narration = Narration()
    """one plain sentence a stage"""

    @property
    def endings(self) -> frozenset[str]:
        """The ids of all its endings, those of its later turns too."""
        steps = (*self.steps, *(step for turn in self.turns for step in turn.steps))
        return frozenset(step.id for step in steps if step.status.final)

    @property
    def user_messages(self) -> tuple[UserMessage, ...]:
        """What the external app sends, turn by turn: all but what is optional."""
        return tuple(map(user_message, (self.ask, *(turn.ask for turn in self.turns if not turn.optional))))

    @property
    def message(self) -> str:
        """What the external app asks first."""
        return self.user_messages[0].message

    @property
    def parameters(self) -> Mapping[str, Json]:
        """The parameters that it sends with that message."""
        return dict(self.user_messages[0].parameters)

    def of_turn(self, turn: int) -> "Scenario | None":
        """Part n as a scenario of its own: 1 the scenario, from 2 on its later turns as written; None: there is none."""
        if turn <= 1 or not self.turns:
            return self
        if turn - 2 >= len(self.turns):
            return None
        entry = self.turns[turn - 2]
        return replace(self, ask=entry.ask, match=entry.match, data=entry.data, steps=entry.steps, turns=())
