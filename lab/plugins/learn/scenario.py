"""What was observed -> the scenario that plays it again, as YAML with comments (recordings.md §17)."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TypeAlias
from unicodedata import normalize

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.core.jsontext import deep, value_or_none
from lab.dialects.client import Question
from lab.faults.yamltext import yaml_block, yaml_line
from lab.language.complaints import one_line
from lab.plugins.learn.story import LearnedFault, ObservedTurn, StatusStretch, Story
from lab.program.steps import LARGEST_OUTPUT
from lab.program.words import Status, Verdict, duration_text

_WIDTH = 100
_APART = frozenset(("seed", "steps", "turns", "faults", "expect"))
"""Keys of a scenario that begin a paragraph."""
_LIFETIME: Millis = 3_600_000
_PATIENCE: Millis = 900_000
_LONGEST_TITLE = 70
_LONGEST_ID = 40
_LONGEST_OUTPUT = 400_000
"""Characters of an output that stands in a scenario, whose file is 1 MiB at most."""
_LONGEST_VALUE = 20_000
_DEEPEST = 20
"""Characters and levels of what stands in the scenario as such, and not as its JSON (scenarios.md §2)."""
_FIRST_LINE = "# yaml-language-server: $schema=lab.schema.json     (written by: lab schema > scenarios/lab.schema.json)"
_NO_TEAM = "observed was no team of such a name: this is ours"
_MARKS = re.compile(r"\{[{%#]")
_NO_VALUE = re.compile(r"\{[{%#]|NaN|Infinity")
"""JSON with these stands as its text."""
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


class _Steps:
    """The steps of a turn."""

    def __init__(self, turn: ObservedTurn) -> None:
        self._turn, taken = turn, set[str]()
        # how a job would have ended that was cancelled nobody saw
        stretches = [each for each in turn.stretches if each.status is not Status.CANCELLED]
        self._ids = [_free(_id_of(stretch), taken) for stretch in stretches]
        self.written: tuple[YamlMembers, ...] = tuple(self._step(place, each) for place, each in enumerate(stretches))
        if not stretches or not stretches[-1].status.final:
            reason = (
                "the job was cancelled" if len(stretches) < len(turn.stretches) else "the calls end before the job does"
            )
            why = reason if stretches else "no poll showed the job"
            self.written += (_unseen(f"not observed: {why}"),)

    def _step(self, place: int, stretch: StatusStretch) -> YamlMembers:
        seen, name, question = stretch.seen, self._ids[place], stretch.seen.question
        waits = stretch.status is Status.WAITING
        if stretch.status is Status.COMPLETE:
            ending: YamlMembers = {"complete": name, "output": _output(seen.output)}
            return ending | ({"follow_up": [quoted(each) for each in seen.follow_up]} if seen.follow_up else {})
        if stretch.status is Status.ERROR:
            partial = {"output": quoted(seen.output)} if seen.output is not None else {}
            return {"error": name, "text": quoted(seen.error or seen.word), **partial}
        if waits and (question is None or question.human):
            return self._gate(place, question or Question(job=""))
        said = question.text if waits and question is not None else seen.progress
        takes = Commented(duration_text(self._turn.length(place)), self._turn.bounds(place))
        step: YamlMembers = {"wait" if waits else "work": name, "takes": takes}
        return step | ({"says": quoted(said)} if said else {})

    def _gate(self, place: int, question: Question) -> YamlMembers:
        """What its question says, how it ended, and what of that is assumed."""
        vote, assumed = self._vote(place, question)
        lasts, patience = self._turn.length(place), self._turn.patience.get(question.gate, 0)
        verdict = vote["verdict"] if vote is not None else None
        timed_out = verdict == Verdict.TIMED_OUT
        waits = duration_text(lasts if timed_out else patience if patience > lasts else max(_PATIENCE, 2 * lasts))
        members: YamlMembers = {
            "gate": self._ids[place],
            "asks": quoted(question.text) if question.text else Commented("May it go on?", "not observed"),
        }
        if question.channel in ("EMAIL", "APPROVAL_PROCESS"):
            members["channel"] = question.channel
        observed = patience or timed_out
        members["patience"] = waits if observed else Commented(waits, "not observed, but that it is longer")
        members |= self._verdicts(place, question, verdict)
        if question.free:
            members["approval"] = False
        labels: dict[str, Json] = {
            _LABELS[verdict][0]: label
            for verdict, label in question.verdicts
            if verdict in _LABELS and _LABELS[verdict][1] != label
        }
        if labels:
            members["labels"] = labels
        if vote is None:
            return members | {"reviewer": Commented("nobody", "not observed: nobody had decided when the calls ended")}
        bounds = self._turn.bounds(place)
        if verdict == Verdict.CHANGES:
            vote = {**vote, "comment": vote.get("comment") or "(not observed)"}
        reviewer: dict[str, Json] = {"after": duration_text(lasts)}
        reviewer |= {name: each for name, each in vote.items() if each}
        said = f"assumed; {bounds}" if assumed else bounds
        members["reviewer"] = Commented("nobody" if timed_out else reviewer, said)
        return members

    def _verdicts(self, place: int, question: Question, verdict: Json) -> YamlMembers:
        """Where verdicts lead: the one that was given to what followed, changes that nobody wanted back a step."""
        routes: dict[str, Json] = {}
        if place + 1 < len(self._ids) and verdict not in (None, Verdict.APPROVED):
            routes[str(verdict)] = self._ids[place + 1]
        offered = any(each is Verdict.CHANGES for each, _ in question.verdicts)
        if offered and place and verdict != Verdict.CHANGES:
            routes[str(Verdict.CHANGES)] = self._ids[place - 1]
            return {"verdicts": Commented(routes, "not observed: where changes lead")}
        return {"verdicts": routes} if routes else {}

    def _vote(self, place: int, question: Question) -> tuple[dict[str, Json] | None, bool]:
        """How a gate ended, and whether that is assumed: to be approved, unless the job fails then."""
        stretches = self._turn.stretches
        # on a wire that names no gates it is the n-th that ended, in the order of facts
        number = sum(each.status is Status.WAITING for each in stretches[:place])
        ended = [vote for *_, vote in self._turn.votes[number : number + 1]]
        if question.gate:
            ended = [vote for *which, vote in self._turn.votes if which == [question.gate, question.round]]
        vote = next(iter(ended), None)
        later = stretches[place + 1 :]
        if vote is not None or not later:
            return vote, False
        following = next((each.seen.question for each in later if each.status is Status.WAITING), None)
        if question.gate and following and (following.gate, following.round) == (question.gate, question.round + 1):
            return {"verdict": str(Verdict.CHANGES)}, False
        verdict = Verdict.REJECTED if later[0].status is Status.ERROR else Verdict.APPROVED
        return {"verdict": str(verdict)}, True


def _output(output: str | None) -> Json | Commented:
    if output is None:
        return None
    if len(yaml_line(output)) > _LONGEST_OUTPUT:
        size = min(len(output.encode("utf-8", "replace")), LARGEST_OUTPUT)
        return Commented({"filler": f"{size}B"}, "a text of that size: it is too long to stand here")
    value = value_or_none(output)
    odd = len(output) > _LONGEST_VALUE or deep(value, output, _DEEPEST) or _NO_VALUE.search(output)
    return (
        {"json": value} if isinstance(value, dict | list) and text_of(value) == output and not odd else quoted(output)
    )


def _unseen(why: str) -> YamlMembers:
    """An ending that nobody saw."""
    return {"complete": Commented("not-observed", why), "output": None}


def _id_of(stretch: StatusStretch) -> str:
    gate, progress = stretch.seen.question.gate if stretch.seen.question is not None else "", stretch.seen.progress
    running = slug(progress or "") or "work"
    ids = {Status.COMPLETE: "done", Status.ERROR: "failed", Status.WAITING: slug(gate) or "approval"}
    return ids.get(stretch.status, running)


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


def scenario_text(story: Story, name: str, source: str, head: Sequence[str]) -> str:
    """The scenario `name` of a story; `source` is the file that it was learned from, `head` what is said of that."""
    turns: list[YamlMembers] = []
    for turn in story.turns:
        said: Json = {"message": turn.message, "parameters": turn.parameters} if turn.parameters else turn.message
        turns.append({"ask": said, "steps": _Steps(turn).written})
    first, *others = turns
    message = " ".join(story.turns[0].message.split())
    team = story.team if story.team and _CODE.fullmatch(story.team) else None
    agent: dict[str, Json] = {"code": team or f"{name.upper().replace('-', '_')}_TEAM"}
    agent |= {"version": story.version} if story.version else {}
    lifetime = story.lifetime or _LIFETIME
    token: dict[str, Json] = {} if lifetime == _LIFETIME else {"lifetime": duration_text(lifetime)}
    stretches = [each for turn in story.turns for each in turn.stretches]
    lasts = any(each.status is Status.WAITING or each.begins >= lifetime for each in stretches)
    token |= {"renewed": True} if story.renewed or lasts else {}
    members: YamlMembers = {
        "lab": 1,
        "name": name,
        "title": message if len(message) <= _LONGEST_TITLE else f"{message[: _LONGEST_TITLE - 1]}…",
        "shows": f"Learned from {source}",
        "agent": agent if team else Commented(agent, _NO_TEAM),
        "ask": first.pop("ask"),
        "settings": {"invoke_status": 200} if story.invoke_status == 200 else {},
        "token": token,
        "seed": 1,
        "latency": _latency(story),
    }
    later = {turn.message for turn in story.turns[1:]}
    unsaid = [text for each in stretches for text in each.seen.follow_up if text not in later and text.strip()]
    if others and unsaid:  # an entry without match answers whatever no other does (scenarios.md §9)
        for turn, entry in zip(story.turns[1:], others, strict=True):
            entry["match"] = f"^{_SIGNS.sub(lambda found: chr(92) + found[0], turn.message)}$"
        ending: YamlMembers = {"steps": (_unseen("not observed: nobody asked this"),)}
        others.append({"ask": unsaid[0], "optional": True, **ending})
        members["turn_order"] = "any"
    members |= first | {"turns": tuple(others), "expect": _expected(story)}
    members["faults"] = tuple(Commented(_fault(each), each.note) for each in story.faults)
    lines = [_FIRST_LINE, *(line for sentence in (*head, *story.notes) for line in _comment(sentence))]
    for key, member in members.items():
        if member not in ({}, ()):
            lines += ["", *_yaml({key: member})] if key in _APART else _yaml({key: member})
    return "\n".join(lines) + "\n"


def _fault(fault: LearnedFault) -> dict[str, Json]:
    calls: Json = fault.first if fault.first == fault.last else f"{fault.first}-{fault.last}"
    when: dict[str, Json] = {"calls": calls}
    if fault.after is not None:
        when = {"after": duration_text(fault.after), "calls": "every 1"}
    turn: dict[str, Json] = {} if fault.turn is None else {"turn": fault.turn}
    return {"route": fault.route, **when, **turn, **fault.members}


def _latency(story: Story) -> dict[str, Json]:
    latency: dict[str, Json] = {}
    for route, pace in story.paces.items():
        if pace.usual and pace.usual[-1]:
            low, high = duration_text(pace.usual[0]), duration_text(pace.usual[-1])
            latency[route] = low if low == high else {"between": [low, high]}
    return latency


def _expected(story: Story) -> dict[str, Json]:
    """How a run of the lab's own client ends, where that isn't COMPLETE."""
    turn = story.turns[-1]
    answers = (fault.members.get("answer") for fault in story.faults if fault.route == "status")
    if refused := next((answer for answer in answers if answer in (400, 403, 404)), None):
        return {"refused": refused}  # whatever the recorded client did, ours asks no more
    last = turn.last
    if last is None:
        status = turn.invoke.status
        return {"refused": status} if 400 <= status < 600 and turn.invoke.cut is None else {"status": None}
    if last.final:
        return {"status": "ERROR"} if last.status is Status.ERROR else {}
    # what may pass, a client asks again after
    return {"refused": 401} if turn.polls and turn.polls[-1].status == 401 else {}
