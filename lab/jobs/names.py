"""What texts and conditions see of a job, and the texts and outputs that are made of it.

They see the request, generated data, who asks, how gates ended, what delegates handed back. All of it is settled by the
plan and by the decisions up to an instant, so a text or a condition is the same whoever asks, and when. `now`, which
texts see too, is that of the span (`texts`). A name is found when it is first looked at: most texts look at one or two.

A delegate is work that another agent does, and its output is a text of its own. It is rendered when somebody looks at it:
of the decisions before its step was entered, of what other delegates had handed back by then, and without `now`. So it is
the same whoever asks, and a condition may look at it.

What must hold
    1. A walk keeps no text, only which visits ended, in order (`DelegateEnd`). It only grows at its end, and an entry says
       how much of it, and of the decisions, its own output sees: less than itself, so no output is made of itself.
    2. `delegates.ID.output` is that of the latest visit which ended: the empty text before, and after a visit that was left.
    3. Outputs are rendered oldest first. A loop makes one of a thousand others, and none waits for another on the stack.

An example: `draft` hands back `{{ message }}!`, `check` hands back `{{ delegates.draft.output }} ok`; a gate sends both round

    index   step    visit   sees of the decisions, of the ends      output
    0       draft   0       0, 0                                    go!
    1       check   0       0, 1                                    go! ok
    2       draft   1       1, 2                                    go!
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import TypeAlias, assert_never

from msgspec.structs import asdict

from lab.core.exchange import Json, text_of
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.program import Program
from lab.jobs.span import DelegateEnd
from lab.language.templates import TEMPLATE_NAMES, TIMELESS_NAMES, RenderFailure, fitting, template
from lab.language.templates.bounds import Unwritten, tell_unwritten
from lab.language.values import Lazy
from lab.program.steps import Delegate, FileOutput, Filler, Gate, Html, JsonOutput, Output, output_templates
from lab.program.words import Verdict

LONGEST_HANDED_BACK = 64 * 1024
"""What a delegate may hand back, in characters."""

Writer: TypeAlias = Callable[[str], str]
"""Renders texts at one place; RenderFailure for one that can't be."""


Handed: TypeAlias = dict[int, str | None | RenderFailure]
"""What delegates handed back, by the places of their ends."""


def job_names(
    plan: Plan,
    settled: tuple[Decision, ...] = (),
    ends: tuple[DelegateEnd, ...] = (),
    *,
    handed: Handed | None = None,
    now: Callable[[], str] | None = None,
) -> Mapping[str, object]:
    """What can be seen once these decisions were taken and these delegates have ended; without `now`, all but the time.

    `handed`: what is known of the delegates' outputs; more is added to it.
    """
    call = plan.invocation

    def found(name: str) -> object:
        match name:
            case "message":
                return call.input.message
            case "match":
                return plan.program.groups(call.input.message)
            case "parameters":
                return {
                    # a workflow's parameters may come as {"value": …}, and templates needn't know
                    key: value["value"] if isinstance(value, dict) and list(value) == ["value"] else value
                    for key, value in call.parameters.items()
                }
            case "data":
                return plan.data
            case "decisions":
                return _decisions(plan, settled)
            case "delegates":
                return DelegateOutputs(plan, settled, ends, handed)
            case "now" if now is not None:
                return now()
            case "user":
                return None if call.user is None else asdict(call.user)
            case "client":
                return {"id": call.client}
            case "job":
                return {"id": call.job}
            case "turn":
                return call.turn
            case "conversation":
                # the outputs of fifty turns are rendered for none but who looks at them
                both: dict[str, Callable[[], object]] = {
                    "id": lambda: call.conversation,
                    "turns": lambda: list(plan.earlier()),
                }
                return Lazy(both, lambda name: both[name]())
        raise KeyError(name)

    return Lazy(TIMELESS_NAMES if now is None else TEMPLATE_NAMES, found)


def request_names(plan: Plan) -> dict[str, object]:
    names = job_names(plan)
    return {name: names[name] for name in ("message", "match", "parameters", "data")}


def _decisions(plan: Plan, settled: tuple[Decision, ...]) -> Mapping[str, object]:
    """By gate, how its latest opening ended: what the last vote said, and its votes in order; as `rounds` so of each opening.

    A name or comment that is missing is the empty text. A time-out is a verdict, but nobody's vote.
    """
    undecided = _undecided(plan.program)
    if not settled:
        return undecided
    rounds: dict[str, list[dict[str, object]]] = {gate: [] for gate in undecided}
    cast = (each for each in settled if each.verdict is not None)  # the others cut a wait short
    for (gate, _), opening in groupby(cast, lambda each: (each.step, each.visit)):
        said = [
            {"verdict": str(each.verdict), "by": each.name or "", "comment": each.comment or ""} for each in opening
        ]
        rounds[gate].append({**said[-1], "votes": [each for each in said if each["verdict"] != Verdict.TIMED_OUT]})
    return {gate: {**of[-1], "rounds": of} if of else undecided[gate] for gate, of in rounds.items()}


@lru_cache(maxsize=256)
def _undecided(program: Program) -> Mapping[str, object]:
    """What is told of the gates before any is decided: the same of every job, and nobody's to change."""
    none: Mapping[str, object] = {"verdict": None, "by": "", "comment": "", "votes": [], "rounds": []}
    return {step.id: none for step in program.scenario.steps if isinstance(step, Gate)}


class DelegateOutputs(Lazy):
    def __init__(
        self,
        plan: Plan,
        settled: tuple[Decision, ...],
        ends: tuple[DelegateEnd, ...],
        handed: Handed | None = None,
    ) -> None:
        self._delegates = {name: step for name, step in plan.program.steps.items() if isinstance(step, Delegate)}
        super().__init__(self._delegates)
        self._plan = plan
        self._settled = settled
        self._ends = ends
        self._handed: Handed = {} if handed is None else handed

    def text(self, place: int) -> str | None:
        """What the end at that place handed back; RenderFailure if it can't be written."""
        ahead = [place]
        while ahead:
            missing = [each for each in self._made_of(ahead[-1]) if each not in self._handed]
            if not missing and (each := ahead.pop()) not in self._handed:
                self._handed[each] = self._rendered(each)
            ahead += missing
        text = self._handed[place]
        if isinstance(text, RenderFailure):
            raise RenderFailure(str(text))
        return text

    def _find(self, name: str) -> object:
        place = self._latest(name, len(self._ends))
        return {"output": "" if place is None else self.text(place) or ""}

    def _latest(self, step: str, known: int) -> int | None:
        return next((place for place in reversed(range(known)) if self._ends[place].step == step), None)

    def _made_of(self, place: int) -> Iterator[int]:
        """The ends at whose outputs the one at a place looks: all of them earlier ones."""
        end = self._ends[place]
        for _, text in () if end.left else output_templates(self._delegates[end.step].output):
            for _, (root, *more) in template(text).looked_up:
                names = (more[:1] or self) if root == "delegates" else ()
                yield from (each for name in names if (each := self._latest(name, end.known)) is not None)

    def _rendered(self, place: int) -> str | None | RenderFailure:
        end, plan = self._ends[place], self._plan
        if end.left:
            return None
        seen = job_names(plan, self._settled[: end.decided], self._ends[: end.known], handed=self._handed)
        try:
            text = output_text(self._delegates[end.step].output, plan.program.files, writer_of(seen))
            if text is not None and len(text) > LONGEST_HANDED_BACK:
                raise RenderFailure(f"what {end.step} hands back is longer than {LONGEST_HANDED_BACK} characters")
        except RenderFailure as failure:
            unwritten(plan, end.step, "it hands back nothing", failure)
            return failure
        return text


def unwritten(plan: Plan, step: str, instead: str, why: RenderFailure | str) -> None:
    """Tell onlookers what of a job can't be written, and why: what is served instead says none of it.

    What looks at nothing that comes later was tried at the acceptance. What looks at a decision, or at what a delegate
    handed back, may fail while the job runs.
    """
    tell_unwritten(Unwritten(plan.program.name, plan.program.digest, step, instead, str(why)))


def writer_of(names: Mapping[str, object]) -> Writer:
    """Renders texts of what is seen at one place."""
    return lambda text: template(text).render(names)


def output_text(output: Output, files: Mapping[str, str], write: Writer) -> str | None:
    """An output as it is sent; RenderFailure if a template fails, or the text is too large.

    JSON is rendered string by string and then encoded, so no value can break out of its quotes. A file is sent as it
    stands, and was read when the scenario was loaded: a text that changes on disk doesn't change a job.
    """
    match output:
        case None:
            return None
        case str():
            return write(output)
        case JsonOutput():
            return fitting(text_of(_written(output.json, write)))
        case Html():
            return write(output.html)
        case FileOutput():
            if output.file not in files:
                raise RenderFailure(f"the file {output.file} was not loaded")
            return files[output.file]
        case Filler():
            return filler(output.filler)
        case _:
            assert_never(output)


def _written(value: Json, write: Writer) -> Json:
    """A JSON value, its strings rendered."""
    match value:
        case str():
            return write(value)
        case list():
            return [_written(each, write) for each in value]
        case dict():
            return {key: _written(each, write) for key, each in value.items()}
        case None | bool() | int() | float():
            return value
        case _:
            assert_never(value)


@lru_cache(maxsize=2)
def filler(length: int) -> str:
    """Text of `length` bytes: numbered lines, so that a cut shows where it was made."""
    words = "the quick brown fox jumps over the lazy dog and comes back for more of it"
    count = length // 80 + 1
    return "".join(f"{number:05d} {words}\n" for number in range(1, count + 1))[:length]
