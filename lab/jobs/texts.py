"""The texts of a job: what templates see, outputs in all their forms, the earlier turns of a conversation.

What templates see at a span is settled when its step is entered: the invocation, the generated data, the votes *before*
the span, and `now` as the instant of its beginning. So a text is the same whoever asks, and when: a poll at the third
second renders what a poll at the thirtieth renders, and a replay what was recorded.

    A gate's question, opened at 2 100 and read at 9 000, has `now` = 2 100 and `decisions.boss.verdict` = null.
    The output of the step behind it sees how the gate ended.

The turns before are seen as they were when the message was accepted: one that was still running then has no output, and
gets none in this job's texts, though it ends while this job runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import assert_never

from msgspec.structs import replace

from lab.core.clock import Epoch, Millis, iso
from lab.core.exchange import Json, text_of
from lab.jobs.gates import Decision
from lab.jobs.names import request_names, timeless_names
from lab.jobs.plan import Plan
from lab.jobs.timeline import DefaultEnding, Span, at
from lab.language.document import (
    Complete,
    Failure,
    FileOutput,
    Filler,
    Gate,
    Html,
    JsonOutput,
    Output,
    Status,
    TimedStep,
    strings_in,
)
from lab.language.templates import RenderFailure, fitting, template


def names(plan: Plan, span: Span, epoch: Epoch) -> Mapping[str, object]:
    """What templates see at a span: the decisions before it, and the instant at which its step was entered."""
    return {**timeless_names(plan, span.settled), "now": iso(epoch, span.since)}


def earlier_turns(
    thread: Sequence[tuple[Plan, tuple[Decision, ...]]], now: Millis, epoch: Epoch
) -> Sequence[Mapping[str, object]]:
    """The turns of a conversation as a message accepted at `now` sees them: an output only where the job had ended."""
    turns: list[tuple[Millis | None, Mapping[str, object]]] = []
    for plan, decisions in thread:
        # each turn sees those before it as they were when it was accepted itself
        plan = replace(plan, earlier=partial(_as_of, tuple(turns), plan.invocation.at))
        span = at(plan, decisions, now)
        ended = span.since if span.status.final else None
        of_request = request_names(plan)
        turn = {name: of_request[name] for name in ("message", "match", "data")}
        turns.append((ended, {**turn, "output": None if ended is None else _output_of(plan, span, epoch)}))
    return _as_of(turns, now)


def _as_of(turns: Sequence[tuple[Millis | None, Mapping[str, object]]], now: Millis) -> Sequence[Mapping[str, object]]:
    """The turns, each with the instant at which it ended; the outputs of those that run on at `now` left out."""
    return [turn if ended is not None and ended <= now else {**turn, "output": None} for ended, turn in turns]


def _output_of(plan: Plan, span: Span, epoch: Epoch) -> str | None:
    try:
        return final_texts(plan, span, Writer(plan, span, epoch))[0]
    except RenderFailure:
        return None


class Writer:
    """Renders texts at one span; what templates see is gathered once, and only if one asks.

    A text without template syntax is handed back as it is: that is most of them, and costs a look into a memo.
    """

    def __init__(self, plan: Plan, span: Span, epoch: Epoch) -> None:
        self._place = plan, span, epoch
        self._names: Mapping[str, object] | None = None

    def __call__(self, text: str) -> str:
        read = template(text)
        if read.plain:
            return text
        if self._names is None:
            self._names = names(*self._place)
        return read.render(self._names)

    def json(self, value: Json) -> Json:
        """A JSON output: its strings are templates."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.json(each) for each in value]
            case dict():
                return {key: self.json(each) for key, each in value.items()}
            case None | bool() | int() | float():
                return value
            case _:
                assert_never(value)


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
            return fitting(text_of(write.json(output.json_)))
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


def output_templates(output: Output) -> Iterator[str]:
    """The templates in an output."""
    match output:
        case str():
            yield output
        case Html():
            yield output.html
        case JsonOutput():
            yield from (text for _, text in strings_in(output.json_))
        case None | FileOutput() | Filler():
            return
        case _:
            assert_never(output)


@lru_cache(maxsize=2)
def filler(length: int) -> str:
    """Text of `length` bytes: numbered lines, so that a cut shows where it was made."""
    words = "the quick brown fox jumps over the lazy dog and comes back for more of it"
    count = length // 80 + 1
    return "".join(f"{number:05d} {words}\n" for number in range(1, count + 1))[:length]


def final_texts(plan: Plan, span: Span, write: Writer) -> tuple[str | None, str | None, list[str]]:
    """Output, error and follow-up questions of a final span; nothing of any other."""
    step = span.step
    if isinstance(step, TimedStep | Gate):
        return None, None, []
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
            assert_never(step)
