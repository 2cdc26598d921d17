"""What was observed -> the scenario that plays it again, as YAML with comments (recordings.md §17)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from textwrap import wrap
from typing import TypeAlias
from unicodedata import normalize

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.core.jsontext import deep, value_or_none
from lab.dialects.client import Question
from lab.faults.yamltext import yaml_block, yaml_line
from lab.language.document import Status, Verdict, duration_text
from lab.language.document.outputs import LARGEST_OUTPUT
from lab.language.parse.complaints import one_line
from lab.language.patterns import BadPattern, pattern_of
from lab.plugins.learn.story import MOST_MESSAGES, Decision, Story, Stretch, Turn

_WIDTH = 100
_APART = frozenset(("seed", "steps", "turns", "faults", "expect"))
"""Keys of a scenario that begin a paragraph."""
_LIFETIME: Millis = 3_600_000
_PATIENCE: Millis = 900_000
_LONGEST_TITLE = 70
_LONGEST_ID = 40
_MOST_FAULTS = 200
_MOST_FOLLOW_UPS = 50
_ROOM = 500_000
"""Bytes that all outputs may have in a scenario, whose file is 1 MiB at most."""
_LONGEST_VALUE = 20_000
_DEEPEST = 20
"""Characters and levels of what stands in the scenario as such, and not as its JSON (scenarios.md §2)."""
_NO_TEAM = "observed was no team of such a name: this is ours"
_MARKS = re.compile(r"\{[{%#]")
_SIGNS = re.compile(r"[.^$*+?{}\[\]\\|()]")
_CODE = re.compile(r"[A-Za-z0-9_]{1,200}")
_LABELS = {
    Verdict.APPROVED: ("approve", "Approve"),
    Verdict.REJECTED: ("reject", "Reject"),
    Verdict.CHANGES: ("changes", "Request changes"),
}
"""What the action of each verdict is called in a scenario, and as long as it says nothing else."""


# YAML that people read


class Commented(Struct, frozen=True):
    """A value, and what is said of it."""

    value: Json
    comment: str


Member: TypeAlias = "Json | Commented | tuple[YamlMembers | Commented, ...]"
"""A tuple is a list with each of its mappings on lines of its own, or on one with a comment."""
YamlMembers: TypeAlias = "dict[str, Member]"


def _yaml(members: YamlMembers) -> Iterator[str]:
    for name, member in members.items():
        if not isinstance(member, tuple):
            value, comment = (member.value, member.comment) if isinstance(member, Commented) else (member, "")
            line = f"{name}: {yaml_line(value)}" if isinstance(value, dict | list) else ""
            short = 0 < len(line) < _WIDTH and "\n" not in line
            yield from _beside([line] if short else yaml_block({name: value}).splitlines(), comment)
            continue
        yield f"{name}:"
        for each in member:
            lines = [*(_beside([yaml_line(each.value)], each.comment) if isinstance(each, Commented) else _yaml(each))]
            # a comment above the first key must not take the dash
            dash = next(place for place, line in enumerate(lines) if not line.startswith("#"))
            yield from (
                f"  {'- ' if place == dash else '  '}{line}" if line else "" for place, line in enumerate(lines)
            )


def _beside(lines: list[str], comment: str) -> list[str]:
    """A comment behind the line, where it fits, else above."""
    if comment and len(lines) == 1 and len(lines[0]) + len(comment) < _WIDTH:
        return [f"{lines[0]}  # {one_line(comment)}"]
    return _comment(comment) + lines


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(one_line(text), _WIDTH - 2)]


# Stretches -> the steps of a turn


def quoted(text: str) -> str:
    """The template that renders to the text."""
    return _MARKS.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def _quoted_within(value: Json) -> Json:
    """The same of all texts within a value; names of members are no templates."""
    match value:
        case str():
            return quoted(value)
        case list():
            return [_quoted_within(part) for part in value]
        case dict():
            return {name: _quoted_within(part) for name, part in value.items()}
        case _:
            return value


class _Steps:
    """The steps of a turn."""

    def __init__(self, turn: Turn, room: int) -> None:
        """`room`: bytes that are left for its outputs."""
        self._turn, self.room = turn, room
        taken: set[str] = set()
        self._ids = [_free(_id_of(stretch), taken) for stretch in turn.stretches]
        self.patience: Millis = 0
        """The longest that a gate of it may wait."""
        self.follow_ups: tuple[str, ...] = ()
        self.written: tuple[YamlMembers, ...] = tuple(
            self._step(place, each) for place, each in enumerate(turn.stretches)
        )
        if not turn.stretches or not turn.stretches[-1].status.final:
            why = "the calls end before the job does" if turn.stretches else "no poll showed the job"
            self.written += (_unseen(f"not observed: {why}"),)

    def _step(self, place: int, stretch: Stretch) -> YamlMembers:
        seen, name, question = stretch.seen, self._ids[place], stretch.seen.question
        waits = stretch.status is Status.WAITING
        if stretch.status is Status.COMPLETE:
            self.follow_ups = seen.follow_up[:_MOST_FOLLOW_UPS]
            questions: list[Json] = [quoted(each) for each in self.follow_ups]
            ending: YamlMembers = {"complete": name, "output": self._output(seen.output)}
            return ending | ({"follow_up": questions} if questions else {})
        if stretch.status is Status.ERROR:
            partial = {"output": quoted(seen.output)} if seen.output is not None else {}
            return {"error": name, "text": quoted(seen.error or seen.word), **partial}
        if waits and (question is None or question.human):
            return self._gate(place, question or Question(job=""))
        said = question.text if waits and question is not None else seen.progress
        takes = Commented(duration_text(self._turn.length(place)), self._turn.bounds(place))
        step: YamlMembers = {"wait" if waits else "work": name, "takes": takes}
        return step | ({"says": quoted(said)} if said else {})

    def _output(self, output: str | None) -> Json | Commented:
        if output is None:
            return None
        size = len(yaml_line(output))
        if size > self.room:
            size = min(len(output.encode("utf-8", "replace")), LARGEST_OUTPUT)
            return Commented({"filler": f"{size}B"}, "a text of that size: it is too long to stand here")
        self.room -= size
        value = value_or_none(output)
        readable = isinstance(value, dict | list) and size <= _LONGEST_VALUE and not deep(value, output, _DEEPEST)
        if readable and "NaN" not in output and "Infinity" not in output and text_of(value) == output:
            return {"json": _quoted_within(value)}
        return quoted(output)

    def _gate(self, place: int, question: Question) -> YamlMembers:
        """What its question says, how it ended, and what of that is assumed."""
        gate, known, assumed = self._decision(place, question)
        lasts, patience = self._turn.length(place), self._turn.patience.get(gate, 0)
        timed_out = known is not None and known.verdict is Verdict.TIMED_OUT
        waits = lasts if timed_out else patience if patience > lasts else max(_PATIENCE, 2 * lasts)
        self.patience = max(self.patience, waits)
        asks, text = quoted(question.text or "May it go on?"), duration_text(waits)
        members: YamlMembers = {
            "gate": self._ids[place],
            "asks": asks if question.text else Commented(asks, "not observed"),
        }
        if question.channel in ("EMAIL", "APPROVAL_PROCESS"):
            members["channel"] = question.channel
        seen = patience or timed_out
        members["patience"] = text if seen else Commented(text, "not observed, but that it is longer")
        members |= self._verdicts(place, question, known)
        if question.free:
            members["approval"] = False
        labels: dict[str, Json] = {
            _LABELS[verdict][0]: label
            for verdict, label in question.verdicts
            if verdict in _LABELS and _LABELS[verdict][1] != label
        }
        if labels:
            members["labels"] = labels
        if known is None:
            return members | {"reviewer": Commented("nobody", "not observed: nobody had decided when the calls ended")}
        said = f"assumed; {self._turn.bounds(place)}" if assumed else self._turn.bounds(place)
        if timed_out:
            return members | {"reviewer": Commented("nobody", said)}
        vote: dict[str, Json] = {"after": duration_text(lasts), "verdict": str(known.verdict)}
        comment = known.comment or ("(not observed)" if known.verdict is Verdict.CHANGES else None)
        vote |= {name: each for name, each in (("by", known.by), ("comment", comment)) if each}
        return members | {"reviewer": Commented(vote, said)}

    def _verdicts(self, place: int, question: Question, known: Decision | None) -> YamlMembers:
        """Where verdicts lead: the one that was given to what followed, changes that nobody wanted back a step."""
        routes: dict[str, Json] = {}
        verdict = known.verdict if known is not None else None
        if place + 1 < len(self._ids) and verdict not in (None, Verdict.APPROVED):
            routes[str(verdict)] = self._ids[place + 1]
        offered = any(each is Verdict.CHANGES for each, _ in question.verdicts)
        if offered and place and verdict is not Verdict.CHANGES:
            routes[str(Verdict.CHANGES)] = self._ids[place - 1]
            return {"verdicts": Commented(routes, "not observed: where changes lead")}
        return {"verdicts": routes} if routes else {}

    def _decision(self, place: int, question: Question) -> tuple[str, Decision | None, bool]:
        """Which gate it is, how it ended, and whether that is assumed: to be approved, unless the job fails then."""
        gate, round_, stretches = question.gate, question.round, self._turn.stretches
        if not gate:
            # a wire that names no gates: it is the n-th that ended, in the order of facts
            ended = self._turn.decisions[sum(each.status is Status.WAITING for each in stretches[:place]) :][:1]
            gate, round_ = (ended[0].gate, ended[0].round) if ended else ("", 0)
        known = next((each for each in self._turn.decisions if (each.gate, each.round) == (gate, round_)), None)
        later = stretches[place + 1 :]
        if known is not None or not later:
            return gate, known, False
        following = next((each.seen.question for each in later if each.status is Status.WAITING), None)
        if question.gate and following and (following.gate, following.round) == (question.gate, question.round + 1):
            return gate, Decision(gate=gate, round=round_, verdict=Verdict.CHANGES), False
        verdict = Verdict.REJECTED if later[0].status is Status.ERROR else Verdict.APPROVED
        return gate, Decision(gate=gate, round=round_, verdict=verdict), True


def _unseen(why: str) -> YamlMembers:
    """An ending that nobody saw."""
    return {"complete": Commented("not-observed", why), "output": None}


def _id_of(stretch: Stretch) -> str:
    seen = stretch.seen
    match stretch.status:
        case Status.COMPLETE:
            return "done"
        case Status.ERROR:
            return "failed"
        case Status.WAITING:
            return slug(seen.question.gate if seen.question is not None else "") or "approval"
        case Status.RUNNING:
            return slug(seen.progress or "") or "work"


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if it is taken, which it is from now on."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free


def slug(text: str) -> str:
    """A text as an id: `Reading the item master…` is `reading-the-item-master`; empty if nothing of it can stand in one."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", " ", plain).lower())
    while len("-".join(words)) > _LONGEST_ID and len(words) > 1:
        words.pop()
    return "-".join(words)[:_LONGEST_ID].strip("-")


# The scenario


class Draft(Struct):
    """What is written: a file, and in a sentence each what it lacks."""

    text: str
    missing: tuple[str, ...]


def draft_of(story: Story, name: str, source: str, head: Sequence[str]) -> Draft:
    """The scenario `name` of a story; `source` is the file that it was learned from, `head` what is said of that."""
    about, missing, turns = story.about, [*story.missing], list[_Steps]()
    for turn in story.turns:
        turns.append(_Steps(turn, turns[-1].room if turns else _ROOM))
    first, *others = [
        _asks(turn, missing) | {"steps": steps.written} for turn, steps in zip(story.turns, turns, strict=True)
    ]
    steps, message = first.pop("steps"), " ".join(story.turns[0].message.split())
    team = about.team if about.team and _CODE.fullmatch(about.team) else None
    agent: dict[str, Json] = {"code": team or f"{name.upper().replace('-', '_')}_TEAM"}
    agent |= {"version": about.version} if about.version else {}
    members: YamlMembers = {
        "lab": 1,
        "name": name,
        "title": message if len(message) <= _LONGEST_TITLE else f"{message[: _LONGEST_TITLE - 1]}…",
        "shows": f"Learned from {source}",
        "agent": agent if team else Commented(agent, _NO_TEAM),
        **first,
    }
    members |= {"settings": about.settings} if about.settings else {}
    lifetime = about.lifetime or _LIFETIME
    token: dict[str, Json] = {} if lifetime == _LIFETIME else {"lifetime": duration_text(lifetime)}
    lasts = [each.patience for each in turns] + [each.begins for turn in story.turns for each in turn.stretches[-1:]]
    token |= {"renewed": True} if about.renewed or max(lasts) >= lifetime else {}
    members |= ({"token": token} if token else {}) | {"seed": 1} | _latency(story)
    if others and (unasked := _unasked(story, turns)):
        _answer(unasked, story.turns[1:], others)
        members["turn_order"] = "any"
    members |= {"steps": steps} | ({"turns": tuple(others)} if others else {})
    faults = story.faults[:_MOST_FAULTS]
    if faults:
        members["faults"] = tuple(Commented(fault.document, fault.note) for fault in faults)
    if (more := len(story.faults) - len(faults)) > 0:
        missing.append(f"Faults beyond the first {_MOST_FAULTS} are left out: {more}.")
    members |= {"expect": expected} if (expected := _expected(story)) else {}
    first_line = (
        "# yaml-language-server: $schema=lab.schema.json     (written by: lab schema > scenarios/lab.schema.json)"
    )
    lines = [first_line, *(line for sentence in (*head, *about.notes, *missing) for line in _comment(sentence))]
    for key, member in members.items():
        lines += ["", *_yaml({key: member})] if key in _APART else _yaml({key: member})
    return Draft("\n".join(lines) + "\n", tuple(missing))


def _asks(turn: Turn, missing: list[str]) -> YamlMembers:
    message, parameters, text = turn.message if turn.message.strip() else "(nothing)", turn.parameters, ""
    if parameters and (len(text := text_of(parameters)) > _LONGEST_VALUE or deep(parameters, text, _DEEPEST)):
        missing.append(f"Parameters that no scenario holds, too deep or long: {', '.join(parameters)[:200]}.")
        parameters = {}
    return {"ask": {"message": message, "parameters": parameters} if parameters else message}


def _unasked(story: Story, turns: Iterable[_Steps]) -> list[str]:
    """The questions that an answer suggested, and nobody asked."""
    asked = {turn.message for turn in story.turns[1:]}
    return [text for steps in turns for text in steps.follow_ups if text not in asked and text.strip()]


def _answer(unasked: Sequence[str], turns: Sequence[Turn], entries: list[YamlMembers]) -> None:
    """Find later messages by their texts, and add an entry for whatever else is asked (scenarios.md §9)."""
    for turn, entry in zip(turns, entries, strict=True):
        exact = f"^{_SIGNS.sub(lambda found: chr(92) + found[0], turn.message)}$"
        with suppress(BadPattern):
            entry |= {"match": exact} if pattern_of(exact).fits(turn.message) else {}
    if len(turns) + 1 < MOST_MESSAGES and all("match" in entry for entry in entries):
        ending: YamlMembers = {"steps": (_unseen("not observed: nobody asked this"),)}
        entries.append({"ask": unasked[0], "optional": True, **ending})


def _latency(story: Story) -> YamlMembers:
    latency: dict[str, Json] = {}
    for route, pace in story.paces.items():
        if pace.usual and pace.usual[-1]:
            low, high = duration_text(pace.usual[0]), duration_text(pace.usual[-1])
            latency[route] = low if low == high else {"between": [low, high]}
    return {"latency": latency} if latency else {}


def _expected(story: Story) -> dict[str, Json]:
    """How a run of the lab's own client ends, where that isn't COMPLETE."""
    turn = story.turns[-1]
    answers = (fault.members.get("answer") for fault in story.faults if fault.route == "status")
    if refused := next((answer for answer in answers if answer in (400, 403, 404)), None):
        return {"refused": refused}  # whatever the recorded client did, ours asks no more
    last = turn.last
    if last is None:
        status = turn.invoke.replied.response.status
        return {"refused": status} if 400 <= status < 600 and turn.invoke.replied.cut is None else {"status": None}
    if last.final:
        return {"status": "ERROR"} if last.status is Status.ERROR else {}
    # what may pass, a client asks again after
    return {"refused": 401} if turn.polls and turn.polls[-1].replied.response.status == 401 else {}
