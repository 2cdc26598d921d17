"""The steps: work, delegate, parallel, wait, gate, and the two endings; where each leads, what it says and answers.

What is true of a whole kind stands in its class: the tag that is its key in YAML (and holds the step's id), the status
that a job has while it is there, its templates. A new kind is a class here and a member of `AnyStep`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias, assert_never

from msgspec import Meta

from lab.core.exchange import Json
from lab.program.draws import Latency
from lab.program.words import CODE, STEP_ID, Chance, Duration, Form, FormOf, KeyPath, Part, Spelt, Status, Verdict

StepId: TypeAlias = Annotated[str, Meta(pattern=STEP_ID)]

# Where a step leads


class Branch(Part, frozen=True):
    """One of several ways on: a condition or a share, and the step to which it leads."""

    to: str
    """the step that follows; only changes-requested may lead back"""
    when: str | None = None
    """one expression in {{ }} that gives true or false, settled when the step ends; it sees what templates see but
    now"""
    chance: Chance | None = None
    """its share of one draw for the whole list, as 20%; what stands before it goes first"""

    def flaws(self) -> Iterator[str]:
        if self.when is not None and self.chance is not None:
            yield "a branch has a when or a chance, not both; give one of them a step of its own"

    @property
    def sure(self) -> bool:
        """Whether it is taken wherever it is come to."""
        return self.when is None and self.chance is None


Branches: TypeAlias = Annotated[tuple[Branch, ...], Meta(min_length=1, max_length=50)]
Target: TypeAlias = Annotated[
    str | Branches, FormOf(by=lambda value: "list" if isinstance(value, list | tuple | dict) else "text")
]
"""A step's id, or branches, of which the first that fits is taken."""


def branches_of(target: Target | None) -> tuple[Branch, ...]:
    """The branches of a target; one step is a single sure branch, and none is none."""
    if target is None:
        return ()
    return (Branch(target),) if isinstance(target, str) else target


# What a step answers

LARGEST_OUTPUT = 16 * 1024 * 1024
"""The largest output, in bytes."""
_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20}
_SIZE = r"^([0-9]{1,9})(B|kB|KB|MB|KiB|MiB)$"


def _size(value: object) -> int:
    """`5MB 300kB 1MiB 80B` in bytes."""
    found = re.fullmatch(_SIZE, value, re.ASCII) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a size is written 5MB, 300kB, 1MiB or 80B")
    total = int(found[1]) * _UNITS[found[2]]
    if total > LARGEST_OUTPUT:
        raise ValueError(f"an output is at most {LARGEST_OUTPUT >> 20} MiB")
    return total


class JsonOutput(Form, frozen=True, tag="json"):
    """JSON in a string, as the real API sends it. Strings within are templates and stay strings."""

    json: Json
    """any value, as YAML; where a drawn number should be a number, write the whole JSON as text without json:, as
    output: '{"price": {{ data.price }}}'"""


class Html(Form, frozen=True, tag="html"):
    """HTML, as agents with an HTML prompt answer."""

    html: str
    """HTML (a template)"""


class FileOutput(Form, frozen=True, tag="file"):
    """The text of a file, sent as it stands: no template."""

    file: Annotated[str, Meta(min_length=1, max_length=200)]
    """a file within the folder of the scenario, as outputs/answer.html"""


class Filler(Form, frozen=True, tag="filler"):
    """Text of a stated size, for clients that must cope with it."""

    filler: Annotated[int, Spelt(_size, lambda size: f"{size}B", {"type": "string", "pattern": _SIZE}, 0)]
    """as 5MB, 300kB or 80B; at most 16 MiB"""


OUTPUT_FORMS = ("json", "html", "file", "filler")
Output: TypeAlias = Annotated[
    str | None | JsonOutput | Html | FileOutput | Filler,
    FormOf(wanted=f"takes text, null, or one of {', '.join(OUTPUT_FORMS)}"),
]
"""What a job that ends COMPLETE answers."""


def strings_in(value: Json, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Every string within a JSON value, keys of members left out, with its path."""
    match value:
        case str():
            yield path, value
        case list():
            for place, element in enumerate(value):
                yield from strings_in(element, (*path, place))
        case dict():
            for key, element in value.items():
                yield from strings_in(element, (*path, key))
        case None | bool() | int() | float():
            return
        case _:
            assert_never(value)


def output_templates(output: Output) -> Iterator[tuple[KeyPath, str]]:
    """The templates in an output, each with its place there."""
    match output:
        case str():
            yield (), output
        case Html():
            yield ("html",), output.html
        case JsonOutput():
            yield from strings_in(output.json, ("json",))
        case None | FileOutput() | Filler():
            return
        case _:
            assert_never(output)


# The kinds


class StepPart(Form, frozen=True, kw_only=True):
    """What all kinds of steps have in common; `kind` is the key that names one, and its value the id."""

    kind: ClassVar[str]
    status: ClassVar[Status]
    """That of a job in such a step; in one whose status is final the job stays for ever."""
    templates: ClassVar[tuple[str, ...]]
    """Its members that are templates, or hold some."""
    title: str = ""
    """one line for people"""


class Cancellation(Form, frozen=True, tag="takes"):
    """How a job ends that a client cancels; until then it goes on as if nobody had."""

    takes: Duration
    """from the request to the end; a job that ends by itself before, ends as it would have"""
    output: str | None = None
    """what it leaves (a template); default: nothing"""


CancelRule: TypeAlias = Annotated[
    Literal["allowed", "refused"] | Cancellation,
    FormOf(mapping="takes", wanted="takes allowed, refused, or {takes, output}"),
]


class OngoingStep(StepPart, frozen=True, kw_only=True):
    """A step that another follows."""

    next: Target | None = None
    """what follows in place of the next in order: a step, or a list of {when, to}, {chance, to}, {to}, of which the
    first that fits is taken, else the next in order"""
    cancel: CancelRule | None = None
    """whether a client may cancel the job here, where its wire has a way to: allowed (at once), refused, or {takes,
    output}; default: as the scenario says"""


class Again(Part, frozen=True):
    """The retry loop of a WAIT node: back to `to`, `rounds` times, then on."""

    to: str
    """the step to go back to"""
    rounds: Annotated[int, Meta(ge=1, le=1000)]
    """how often; then the job goes on"""


class Work(OngoingStep, frozen=True, tag="work", rename={"id": "work"}):
    """A stretch of RUNNING."""

    kind = "work"
    status = Status.RUNNING
    templates = ("says",)

    id: StepId
    """the step's id"""
    takes: Latency
    """how long it lasts, drawn anew at each visit"""
    tool: str | None = None
    """the tool that the agent calls, as its node is shown"""
    says: str | None = None
    """progressMessage while it runs (a template)"""


class Delegate(OngoingStep, frozen=True, tag="delegate", rename={"id": "delegate"}):
    """A stretch of RUNNING in which another agent does part of the work; it has no scenario of its own."""

    kind = "delegate"
    status = Status.RUNNING
    templates = ("says", "output")

    id: StepId
    """the step's id"""
    agent: Annotated[str, Meta(pattern=CODE)]
    """the sub-agent's code, as its node is shown"""
    takes: Latency
    """how long it lasts, drawn anew at each visit"""
    says: str | None = None
    """progressMessage while it runs (a template)"""
    output: Output = None
    """what it hands back, in the forms of complete's output, templates without now, 64 KiB at most: in its node for
    ADMIN, and in later templates as delegates.ID.output"""


ParallelChild: TypeAlias = Work | Delegate
"""What may be at work side by side with others."""


class Parallel(OngoingStep, frozen=True, tag="parallel", rename={"id": "parallel"}):
    """A stretch of RUNNING in which several steps are at work side by side."""

    kind = "parallel"
    status = Status.RUNNING
    templates = ()

    id: StepId
    """the step's id"""
    of: Annotated[
        tuple[Annotated[ParallelChild, FormOf(wanted="a step begins with one of work, delegate")], ...],
        Meta(min_length=2, max_length=20),
    ]
    """work and delegate steps, without next"""
    until: Literal["all", "any"] = "all"
    """when it ends: with the last of them, or with the first, and the others are left"""


class Pause(OngoingStep, frozen=True, tag="wait", rename={"id": "wait"}):
    """A WAIT node: WAITING without a person."""

    kind = "wait"
    status = Status.WAITING
    templates = ("says",)

    id: StepId
    """the step's id"""
    takes: Latency
    """how long it lasts; up to 60m is usual"""
    says: str | None = None
    """what the waiting node says (a template)"""
    again: Again | None = None
    """the node's retry loop"""


class Routes(Part, frozen=True, rename={"changes_requested": "changes-requested", "timed_out": "timed-out"}):
    """Where each verdict leads, a step or branches as in `next`; one that is missing has a documented default."""

    approved: Target | None = None
    """default: the next step"""
    rejected: Target | None = None
    """default: the job ends COMPLETE, and its output says so"""
    changes_requested: Target | None = None
    """may lead to an earlier step; default: not offered"""
    timed_out: Target | None = None
    """default: the job ends ERROR"""

    def of(self, verdict: Verdict) -> Target | None:
        """Where a verdict leads, if it is said."""
        found: Target | None = getattr(self, verdict.replace("-", "_"))
        return found


class Labels(Part, frozen=True):
    """What the actions are called on the wire and on buttons."""

    approve: str = "Approve"
    """the label of APPROVE_ACTION"""
    reject: str = "Reject"
    """the label of REJECT_ACTION"""
    changes: str = "Request changes"
    """the label of RFI_ACTION"""


class Vote(Form, frozen=True, tag="verdict"):
    """A scripted decision, at each opening, for every missing vote."""

    after: Duration
    """counted from the opening, in a quorum from the vote before"""
    verdict: Literal["approved", "rejected", "changes-requested"]
    """how the person decides"""
    by: str | None = None
    """a name; left out where it has voted already"""
    comment: str | None = None
    """what the person says; changes-requested needs it; in templates the empty text if absent"""
    late: bool = False
    """true: it is meant to come after patience ends, so nothing warns of it"""


class Script(Form, frozen=True, tag="script"):
    """Scripted decisions in order, one a vote; a live vote uses up its entry. Past the last: nobody."""

    script: Annotated[tuple[Vote, ...], Meta(min_length=1, max_length=100)]
    """the decisions, in order"""


Reviewer: TypeAlias = Annotated[
    Literal["nobody"] | Script | Vote,
    FormOf(mapping="verdict", wanted="takes nobody, or {after, verdict}, or {script}"),
]


class Escalation(Part, frozen=True):
    """What becomes of a gate that nobody has decided for a while; the first question stays open."""

    after: Annotated[Duration, Meta(gt=0)]
    """counted from the opening; shorter than patience"""
    asks: str | None = None
    """the question from then on (a template); default: the gate's own"""
    reviewer: (
        Annotated[
            Literal["nobody"] | Vote, FormOf(mapping="verdict", wanted="takes nobody, or {after, verdict}, or {script}")
        ]
        | None
    ) = None
    """who may decide too from then on, its `after` counted from the escalation: {after, verdict, by, comment}, or
    nobody"""


class Gate(OngoingStep, frozen=True, tag="gate", rename={"id": "gate"}):
    """A step at which a job waits for a person."""

    kind = "gate"
    status = Status.WAITING
    templates = ("asks", "change_prompt", "last_round")

    id: StepId
    """the step's id"""
    asks: str
    """the question; initialMessage on the wire (a template)"""
    patience: Annotated[Duration, Meta(gt=0)]
    """how long the gate waits before it times out"""
    channel: Literal["CHAT", "EMAIL", "APPROVAL_PROCESS"] = "CHAT"
    """CHAT can be answered over the API; the others from outside it only"""
    approvals: Annotated[int, Meta(ge=1, le=20)] = 1
    """a quorum: how many must approve (not on CHAT); one other verdict ends the gate. In templates decisions.ID
    tells of the last vote, decisions.ID.votes of each: verdict, by, comment"""
    verdicts: Routes = Routes()
    """where each verdict leads"""
    rounds: Annotated[int, Meta(ge=1, le=100)] = 3
    """how often changes may be asked for, per job"""
    reviewer: Reviewer | None = None
    """who decides when nobody is there: {after, verdict, by, comment}, {script: [..]}, or nobody"""
    escalate: Escalation | None = None
    """who is asked too, and what, where nobody decides for a while: {after, asks, reviewer}"""
    labels: Labels = Labels()
    """what the actions are called"""
    change_prompt: str = "Say what should be different."
    """requestChangeMessage on the wire (a template)"""
    last_round: str = "No further changes can be made."
    """maxIterationMessage on the wire (a template)"""
    approval: bool = True
    """false: the gate only collects a person's text"""

    def question(self, *, escalated: bool) -> str:
        """What is asked (a template)."""
        asks = self.escalate.asks if escalated and self.escalate is not None else None
        return self.asks if asks is None else asks


class Complete(StepPart, frozen=True, tag="complete", rename={"id": "complete"}):
    """An ending with an output."""

    kind = "complete"
    status = Status.COMPLETE
    templates = ("output", "follow_up")

    id: StepId
    """the step's id"""
    output: Output
    """the answer: text (a template), null, {json: …}, {html: …}, {file: NAME}, or {filler: 5MB}"""
    follow_up: Annotated[tuple[str, ...], Meta(max_length=50)] = ()
    """followUpQuestions (templates)"""


class Failure(StepPart, frozen=True, tag="error", rename={"id": "error"}):
    """An ending with an error text, perhaps with a partial output."""

    kind = "error"
    status = Status.ERROR
    templates = ("text", "output")

    id: StepId
    """the step's id"""
    text: str
    """the error (a template)"""
    output: str | None = None
    """a partial answer (a template)"""


TimedStep: TypeAlias = Work | Delegate | Pause
"""A step that lasts as long as it `takes`."""
EndingStep: TypeAlias = Complete | Failure
"""A step in which a job ends."""
Step: TypeAlias = TimedStep | Parallel | Gate | EndingStep
STEPS: dict[str, type[Step]] = {each.kind: each for each in (Work, Delegate, Parallel, Pause, Gate, Complete, Failure)}
"""The kinds of steps, each under the key that names it."""
AnyStep: TypeAlias = Annotated[Step, FormOf(wanted=f"a step begins with one of {', '.join(STEPS)}")]
Steps: TypeAlias = Annotated[tuple[AnyStep, ...], Meta(min_length=1, max_length=500)]


def with_children(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, those of a parallel behind it."""
    return (step for _, step in placed_steps(steps))


def placed_steps(steps: Iterable[Step], at: KeyPath = ("steps",)) -> Iterator[tuple[KeyPath, Step]]:
    """All steps, those within a parallel behind it, each with its place."""
    for place, step in enumerate(steps):
        yield (*at, place), step
        for within, child in enumerate(step.of if isinstance(step, Parallel) else ()):
            yield (*at, place, "of", within), child


def targets_of(step: Step) -> Iterator[tuple[KeyPath, Target]]:
    """Where it is said in a step what follows, and what stands there."""
    if isinstance(step, Gate):
        found = ((("verdicts", str(verdict)), step.verdicts.of(verdict)) for verdict in Verdict)
        yield from ((place, target) for place, target in found if target is not None)
    if not isinstance(step, EndingStep) and step.next is not None:
        yield ("next",), step.next


def votes_of(step: Step) -> Iterator[tuple[KeyPath, Vote]]:
    """The scripted votes of a gate, each with its place there."""
    if not isinstance(step, Gate):
        return
    match step.reviewer:
        case Vote() as vote:
            yield ("reviewer",), vote
        case Script(script=votes):
            yield from ((("reviewer", "script", place), vote) for place, vote in enumerate(votes))
    if step.escalate is not None and isinstance(step.escalate.reviewer, Vote):
        yield ("escalate", "reviewer"), step.escalate.reviewer


def texts_of(step: Step) -> Iterator[tuple[KeyPath, str]]:
    """The templates of a step, each with its place there, those of an output of any form too."""
    for name in step.templates:
        value = getattr(step, name)
        if name == "follow_up":
            yield from (((name, place), text) for place, text in enumerate(value))
        elif name == "output":
            yield from (((name, *place), text) for place, text in output_templates(value))
        elif value is not None:
            yield (name,), value
    if isinstance(step, Gate) and step.escalate is not None and step.escalate.asks is not None:
        yield ("escalate", "asks"), step.escalate.asks
    if isinstance(step, OngoingStep):
        yield from cancel_texts(step.cancel)


def cancel_texts(cancel: CancelRule | None) -> Iterator[tuple[KeyPath, str]]:
    """The template of what a cancelled job leaves, with its place in the part that says so."""
    if isinstance(cancel, Cancellation) and cancel.output is not None:
        yield ("cancel", "output"), cancel.output
