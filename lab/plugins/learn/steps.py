"""Stretches -> the steps of a turn: work, waits, gates and an ending, with what nobody could see as comments."""

import re
from collections.abc import Collection, Iterable
from math import isfinite
from unicodedata import normalize

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of, text_or_json
from lab.core.jsontext import value_or_none
from lab.language.document import Status, duration_text
from lab.language.document.outputs import LARGEST_OUTPUT
from lab.plugins.learn.commented_yaml import BlockList, Commented, YamlMembers
from lab.plugins.learn.gates import GateWriter
from lab.plugins.learn.repeats import Templates
from lab.plugins.learn.story import ObservedTurn
from lab.plugins.learn.stretches import StatusStretch, bounds_of, length_of

_LONGEST_ID = 40
_MOST_QUESTIONS = 50
_DEEPEST = 20
_MOST_VALUES = 10_000
"""Levels and values of an output that stands in the scenario as such, and not as its JSON (scenarios.md §2)."""


class StepWriter:
    """The steps of one turn, one after another."""

    def __init__(self, turn: ObservedTurn, stretches: list[StatusStretch], templates: Templates, longest: int) -> None:
        """`longest`: bytes of an output that stands in the scenario."""
        self.turn = turn
        self.stretches = stretches
        self.templates = templates
        self.longest = longest
        self.ids = list(_unique(_id_of(each) for each in stretches))

    @property
    def patience(self) -> Millis:
        """The longest that a gate of it may wait."""
        return max(
            (self._gate(place).patience for place, each in enumerate(self.stretches) if _is_gate(each)), default=0
        )

    @property
    def follow_ups(self) -> tuple[str, ...]:
        """What its ending suggests."""
        ends = [each.glimpse.follow_up for each in self.stretches if each.status is Status.COMPLETE]
        return ends[-1][:_MOST_QUESTIONS] if ends else ()

    def block(self, left_out: Collection[str] = ()) -> BlockList:
        """All of them, without the follow-ups that are left out; an ending that nobody saw is said to be one."""
        steps = [self._step(place, each, left_out) for place, each in enumerate(self.stretches)]
        if not self.stretches or not self.stretches[-1].status.final:
            why = "not observed: the calls end before the job does" if steps else "not observed: no poll showed the job"
            steps.append({"complete": Commented("not-observed", why), "output": None})
        return BlockList(tuple(steps))

    def _step(self, place: int, stretch: StatusStretch, left_out: Collection[str]) -> YamlMembers:
        glimpse, name = stretch.glimpse, self.ids[place]
        match stretch.status:
            case Status.COMPLETE:
                ending: YamlMembers = {"complete": name, "output": self._output(glimpse.output)}
                if questions := [each for each in self.follow_ups if each not in left_out]:
                    ending["follow_up"] = [self.templates.text(each) for each in questions]
                return ending
            case Status.ERROR:
                partial = text_or_json(glimpse.output)
                failure: YamlMembers = {"error": name, "text": self.templates.text(glimpse.error or glimpse.word)}
                if partial is not None:
                    failure["output"] = self.templates.text(partial)
                return failure
            case Status.WAITING if _is_gate(stretch):
                return self._gate(place).members(self.templates)
            case _:
                kind = "wait" if stretch.status is Status.WAITING else "work"
                said = glimpse.question.text if glimpse.question is not None and kind == "wait" else glimpse.text
                step: YamlMembers = {
                    kind: name,
                    "takes": Commented(
                        duration_text(length_of(self.stretches, place)), bounds_of(self.stretches, place)
                    ),
                }
                if said:
                    step["says"] = self.templates.text(said)
                return step

    def _gate(self, place: int) -> GateWriter:
        return GateWriter(self.turn, self.stretches, self.ids, place)

    def _output(self, output: Json) -> Json | Commented:
        text = text_or_json(output)
        value = value_or_none(output) if isinstance(output, str) else output
        if isinstance(value, dict | list) and writable(value, self.longest) and text_of(value) == text:
            return {"json": self.templates.value(value)}
        if text is None:
            return None
        size = len(text.encode("utf-8", "replace"))
        if size > self.longest:
            size = min(size, LARGEST_OUTPUT)
            short = f"{size // 1_000_000}MB" if size % 1_000_000 == 0 else f"{size}B"
            return Commented({"filler": short}, "a text of that size: it is too long to stand here")
        return self.templates.text(text)


def writable(value: Json, longest: int) -> bool:
    """Whether a scenario can hold the value as such: it nests little, its numbers are some, its JSON isn't too long."""
    todo, count = [(value, 0)], 0
    while todo:
        part, depth = todo.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST_VALUES or (isinstance(part, float) and not isfinite(part)):
            return False
        if isinstance(part, dict | list):
            todo += ((each, depth + 1) for each in (part.values() if isinstance(part, dict) else part))
    return len(text_of(value)) <= longest


def _is_gate(stretch: StatusStretch) -> bool:
    question = stretch.glimpse.question
    return stretch.status is Status.WAITING and (question is None or question.human)


def _id_of(stretch: StatusStretch) -> str:
    glimpse = stretch.glimpse
    match stretch.status:
        case Status.COMPLETE:
            return "done"
        case Status.ERROR:
            return "failed"
        case Status.WAITING:
            question = glimpse.question
            return slug(question.gate if question is not None else "") or "approval"
        case Status.RUNNING:
            return slug(glimpse.text or "") or "work"


def slug(text: str) -> str:
    """A text as an id: `Reading the item master…` is `reading-the-item-master`; empty if nothing of it can stand in one."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", " ", plain).lower())
    while len("-".join(words)) > _LONGEST_ID and len(words) > 1:
        words.pop()
    return "-".join(words)[:_LONGEST_ID].strip("-")


def _unique(names: Iterable[str]) -> Iterable[str]:
    used: set[str] = set()
    for name in names:
        number, free = 1, name
        while free in used:
            number += 1
            free = f"{name}-{number}"
        used.add(free)
        yield free
