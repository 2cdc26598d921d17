"""The texts of a job: what templates see, outputs in all their forms, the earlier turns of a conversation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from lab.core.clock import Epoch, Millis, iso
from lab.core.exchange import Json, text_of
from lab.jobs.gates import Decision
from lab.jobs.plan import Plan
from lab.jobs.timeline import DefaultEnding, Span, at
from lab.language.document import Complete, Failure, FileOutput, Filler, Gate, Html, JsonOutput, Output, Status, Verdict
from lab.language.templates import LARGEST, RenderFailure, template
from lab.language.templates.bounds import size


def names(plan: Plan, span: Span, epoch: Epoch) -> Mapping[str, object]:
    """What templates see at a span: the decisions before it, and the instant at which its step was entered."""
    call = plan.invocation
    return {
        **_asked(plan), "decisions": _decisions(plan, span), "job": {"id": call.job}, "turn": call.turn,
        "conversation": _Conversation(plan), "now": iso(epoch, span.since),
    }  # fmt: skip


def _decisions(plan: Plan, span: Span) -> dict[str, object]:
    """By gate, how its latest opening ended: what the last vote said, and all its votes in order.

    A name or comment that wasn't given is the empty text.
    """
    told: dict[str, object] = {
        step.gate: {"verdict": None, "by": "", "comment": "", "votes": []}
        for step in plan.compiled.scenario.steps if isinstance(step, Gate)
    }  # fmt: skip
    cast: dict[str, tuple[int, list[Mapping[str, object]]]] = {}
    for end in span.settled:
        if end.verdict is None:
            continue
        visit, votes = cast.get(end.step, (end.visit, []))
        vote = {"verdict": str(end.verdict), "by": end.name or "", "comment": end.comment or ""}
        votes = [*(votes if visit == end.visit else []), *([vote] if end.verdict is not Verdict.TIMED_OUT else [])]
        cast[end.step] = end.visit, votes
        told[end.step] = {**vote, "votes": votes}
    return told


def _asked(plan: Plan) -> dict[str, object]:
    asked = plan.invocation.input
    parameters: dict[str, object] = {
        key: value["value"] if isinstance(value, dict) and list(value) == ["value"] else value
        for key, value in plan.invocation.parameters.items()
    }
    matched = plan.compiled.match(asked.message) or {}
    return {"message": asked.message, "match": matched, "parameters": parameters, "data": plan.data}


class _Conversation(Mapping[str, object]):
    """`id` and `turns`; the turns are computed once a template looks at them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._turns: list[object] | None = None

    def __getitem__(self, key: str) -> object:
        if key == "id":
            return self._plan.invocation.conversation
        if key != "turns":
            raise KeyError(key)
        if self._turns is None:
            self._turns = list(self._plan.earlier())
        return self._turns

    def __iter__(self) -> Iterator[str]:
        return iter(("id", "turns"))

    def __len__(self) -> int:
        return 2


def earlier_turns(
    thread: Sequence[tuple[Plan, tuple[Decision, ...]]], now: Millis, epoch: Epoch
) -> Sequence[Mapping[str, object]]:
    """The turns of a conversation as a message accepted at `now` sees them: an output only where the job had ended."""
    told: list[tuple[Millis | None, Mapping[str, object]]] = []
    for plan, decisions in thread:
        seen = _as_of(told, plan.invocation.at)
        plan = replace(plan, earlier=partial(tuple, seen))
        span = at(plan, decisions, now)
        since = span.since if span.status.final else None
        asked = _asked(plan)
        turn = {name: asked[name] for name in ("message", "match", "data")}
        told.append((since, {**turn, "output": None if since is None else _output_of(plan, span, epoch)}))
    return _as_of(told, now)


def _as_of(told: Sequence[tuple[Millis | None, Mapping[str, object]]], now: Millis) -> Sequence[Mapping[str, object]]:
    return [
        turn if since is not None and since <= now else {**turn, "output": None} for since, turn in told
    ]  # fmt: skip


def _output_of(plan: Plan, span: Span, epoch: Epoch) -> str | None:
    try:
        return final_texts(plan, span, Writer(plan, span, epoch))[0]
    except RenderFailure:
        return None


class Writer:
    """Renders texts at one span; what templates see is gathered once, and only if one asks."""

    def __init__(self, plan: Plan, span: Span, epoch: Epoch) -> None:
        self._place = plan, span, epoch
        self._seen: Mapping[str, object] | None = None

    def __call__(self, text: str) -> str:
        made = template(text)
        if made.plain:
            return text
        if self._seen is None:
            self._seen = names(*self._place)
        return made.render(self._seen)

    def json(self, value: Json) -> Json:
        """A JSON output: its strings are templates."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.json(each) for each in value]
            case dict():
                return {key: self.json(each) for key, each in value.items()}
            case _:
                return value


def output_text(output: Output, files: Mapping[str, str], write: Writer) -> str | None:
    """An output as it is sent; RenderFailure if a template fails, or the text is too large."""
    match output:
        case None:
            return None
        case str():
            return write(output)
        case JsonOutput():
            text = text_of(write.json(output.json_))
            if size(text) > LARGEST:
                raise RenderFailure(f"the text would be larger than {LARGEST >> 20} MiB")
            return text
        case Html():
            return write(output.html)
        case FileOutput():
            if output.file not in files:
                raise RenderFailure(f"the file {output.file} was not loaded")
            return files[output.file]
        case Filler():
            return filler(output.filler)


def output_templates(output: Output) -> Iterator[str]:
    """The templates in an output."""
    match output:
        case str():
            yield output
        case Html():
            yield output.html
        case JsonOutput():
            yield from _strings(output.json_)
        case None | FileOutput() | Filler():
            return


def _strings(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _strings(each)
        case dict():
            for each in value.values():
                yield from _strings(each)
        case _:
            return


@lru_cache(maxsize=2)
def filler(length: int) -> str:
    """Text of `length` bytes: numbered lines, so that a cut shows where it was made."""
    words = "the quick brown fox jumps over the lazy dog and comes back for more of it"
    count = length // 80 + 1
    return "".join(f"{number:05d} {words}\n" for number in range(1, count + 1))[:length]


def final_texts(plan: Plan, span: Span, write: Writer) -> tuple[str | None, str | None, list[Json]]:
    """Output, error and follow-up questions of a final span."""
    step = span.step
    match step:
        case Complete():
            output = output_text(step.output, plan.compiled.files, write)
            return output, None, [write(each) for each in step.follow_up]
        case Failure():
            return write(step.output) if step.output is not None else None, write(step.text), []
        case DefaultEnding():
            text = write(step.text) if step.template else step.text
            return (text, None, []) if step.status is Status.COMPLETE else (None, text, [])
        case _:
            return None, None, []
