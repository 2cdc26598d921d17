"""A story -> the scenario that plays it again, as YAML with comments (recordings.md §17)."""

import re

from msgspec import Struct

from lab.core.clock import Epoch, Millis
from lab.core.exchange import Json
from lab.language.document import Status, duration_text
from lab.language.parse.decoding import LARGEST_FILE
from lab.plugins.learn.commented_yaml import BlockList, Commented, Nested, RowList, YamlMembers, scenario_text
from lab.plugins.learn.failures import FaultsFound, faults_of
from lab.plugins.learn.follow_ups import answerable, optional_turns, unanswered
from lab.plugins.learn.pace import RoutePace, earliest_polls, pace_of
from lab.plugins.learn.repeats import Repeated, Templates, parts_of, pattern_for
from lab.plugins.learn.steps import StepWriter, writable
from lab.plugins.learn.story import ObservedTurn, Story
from lab.plugins.learn.stretches import stretches_of

_ROUTES = ("token", "invoke", "status")
_LIFETIME: Millis = 3_600_000
_LONGEST_TITLE = 70
_MOST_FAULTS = 200
_MOST_TURNS = 51
_LONGEST_OUTPUTS = (200_000, 20_000, 2_000)
"""Bytes of an output that stands in the scenario, whose file is 1 MiB at most: the first with which that is so."""
_LONGEST_PARAMETER = 20_000
_NO_TEAM = "observed was no team of such a name: this is ours"
_CODE = re.compile(r"[A-Za-z0-9_]{1,200}")


class Draft(Struct):
    """What is written: a file, and in a sentence each what it lacks."""

    text: str
    missing: tuple[str, ...]


class _Turn(Struct):
    turn: ObservedTurn
    steps: StepWriter
    parts: list[Repeated]
    templates: Templates


def draft_of(story: Story, name: str, source: str, epoch: Epoch) -> Draft:
    """The scenario `name` of a story; `source` is the file that it was learned from."""
    notes = [*_within_limits(story), *_without_odd_parameters(story)]
    for longest in _LONGEST_OUTPUTS:
        draft = _draft(story, name, (source, epoch), longest, notes)
        if len(draft.text.encode("utf-8", "replace")) <= LARGEST_FILE:
            break
    return draft


def _draft(story: Story, name: str, origin: tuple[str, Epoch], longest: int, notes: list[str]) -> Draft:
    source, epoch = origin
    paces = {route: pace_of(story.calls.get(route, ())) for route in _ROUTES}
    turns = _turns(story, paces, longest)
    found = faults_of(story, paces, epoch)
    found.notes += notes
    members = _head(story, name, source, turns)
    members |= {"seed": 1} | _latency(story, paces) | _conversation(turns, found)
    members |= _faults(found) | _expected(story)
    return Draft(scenario_text(_comments(story, source, found), members), tuple(found.notes))


def _conversation(turns: list[_Turn], found: FaultsFound) -> YamlMembers:
    """The steps of the first message, and the entries that answer others: those that were said, and those suggested."""
    patterns = [text if isinstance(text := _match(each, turns).get("match"), str) else None for each in turns]
    suggested = [each.steps.follow_ups for each in turns]
    in_any_order = bool(unanswered(suggested, patterns, in_order=True))
    questions = unanswered(suggested, patterns, in_order=False)
    written = [each for each in questions if answerable(each)][: _MOST_TURNS - len(turns)]
    left_out = frozenset(questions) - frozenset(written)
    if left_out:
        found.notes.append(f"Follow-ups that nobody asked, and no entry can answer, are left out: {len(left_out)}.")
    first, *others = [each.steps.block(left_out) for each in turns]
    later = [_later(each, block, turns) for each, block in zip(turns[1:], others, strict=True)]
    later += optional_turns(written)
    if not later:
        return {"steps": first}
    order: YamlMembers = {"turn_order": "any"} if in_any_order else {}
    return order | {"steps": first, "turns": BlockList(tuple(later))}


def _within_limits(story: Story) -> list[str]:
    """Leave out the messages that no scenario holds; a sentence if there are some."""
    more = len(story.turns) - _MOST_TURNS
    del story.turns[_MOST_TURNS:]
    return [f"Messages beyond the first {_MOST_TURNS} are left out: {more}."] if more > 0 else []


def _without_odd_parameters(story: Story) -> list[str]:
    """Leave out the parameters that no scenario holds; a sentence if there are some."""
    odd: list[str] = []
    for turn in story.turns:
        mine = [name for name, value in turn.parameters.items() if not writable(value, _LONGEST_PARAMETER)]
        turn.parameters = {name: value for name, value in turn.parameters.items() if name not in mine}
        odd += mine
    names = ", ".join(f"{name[:40]!r}" for name in odd[:5])
    return [f"Parameters are left out that no scenario holds, too deep, long or no number: {names}."] if odd else []


def _turns(story: Story, paces: dict[str, RoutePace], longest: int) -> list[_Turn]:
    turns: list[_Turn] = []
    fields: dict[str, str] = {}
    for number, turn in enumerate(story.turns):
        # of another API nobody's client sends the parameters that are ours now
        parts = parts_of(turn.message, turn.parameters if story.team is not None else {})
        if pattern_for(turn.message, parts) is None:
            parts = [part for part in parts if not part.group]
        templates = Templates(fields | {part.value: part.name for part in parts})
        stretches = stretches_of(turn, earliest_polls(turn, paces["invoke"], paces["status"]))
        steps = StepWriter(turn, stretches, templates, longest)
        steps.block()  # what its texts repeat is known from now on
        turns.append(_Turn(turn, steps, parts, templates))
        fields |= {part.value: part.later.format(number) for part in parts if part.name != "message"}
    return turns


def _head(story: Story, name: str, source: str, turns: list[_Turn]) -> YamlMembers:
    first = turns[0]
    team = story.team if story.team and _CODE.fullmatch(story.team) else None
    code = team or f"{name.upper().replace('-', '_')}_TEAM"
    agent: dict[str, Json] = {"code": code} | ({"version": story.version} if story.version else {})
    members: YamlMembers = {
        "lab": 1,
        "name": name,
        "title": _title(first.turn.message),
        "shows": f"Learned from {source}",
        "agent": agent if story.team == code else Commented(agent, _NO_TEAM),
        "ask": _ask(first.turn),
    }
    members |= _match(first, turns)
    if story.settings:
        members["settings"] = dict(story.settings)
    longest = max((each.steps.patience for each in turns), default=0)
    lifetime = story.lifetime or _LIFETIME
    token: dict[str, Json] = {} if lifetime == _LIFETIME else {"lifetime": duration_text(lifetime)}
    lasts = max((each.steps.stretches[-1].begins for each in turns if each.steps.stretches), default=0)
    if story.renewed or longest >= lifetime or lasts >= lifetime:
        token["renewed"] = True
    return members | ({"token": token} if token else {})


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1]}…"


def _ask(turn: ObservedTurn) -> Json:
    message = turn.message if turn.message.strip() else "(nothing)"
    return {"message": message, "parameters": dict(turn.parameters)} if turn.parameters else message


def _match(turn: _Turn, turns: list[_Turn]) -> YamlMembers:
    """What finds in a message the parts that texts of this and later turns repeat."""
    used = set[str]().union(*(each.templates.used for each in turns))
    wanted = [part for part in turn.parts if part.group and part.value in used]
    message = turn.turn.message
    pattern = pattern_for(message, wanted) or pattern_for(message, turn.parts) if wanted else None
    return {} if pattern is None else {"match": pattern}


def _later(turn: _Turn, steps: BlockList, turns: list[_Turn]) -> YamlMembers:
    return {"ask": _ask(turn.turn)} | _match(turn, turns) | {"steps": steps}


def _latency(story: Story, paces: dict[str, RoutePace]) -> YamlMembers:
    if not story.timed:
        return {}
    latency: YamlMembers = {}
    for route, pace in paces.items():
        if not pace.usual or not pace.usual[-1]:
            continue
        least, most = pace.usual[0], pace.usual[-1]
        latency[route] = (
            duration_text(pace.median)
            if pace.fixed
            else Commented(
                {"between": [duration_text(least), duration_text(most)]}, f"median {pace.median}ms of {len(pace.usual)}"
            )
        )
    return {"latency": Nested(latency)} if latency else {}


def _faults(found: FaultsFound) -> YamlMembers:
    rows = tuple((fault.document, fault.note) for fault in found.faults[:_MOST_FAULTS])
    if (more := len(found.faults) - len(rows)) > 0:
        found.notes.append(f"Faults beyond the first {_MOST_FAULTS} are left out: {more}.")
    return {"faults": RowList(rows)} if rows else {}


def _expected(story: Story) -> YamlMembers:
    """How a run of the lab's own client ends, where that isn't COMPLETE."""
    turn = story.turns[-1]
    last = turn.last
    if last is None:
        status = turn.invoke.replied.response.status
        refused = 400 <= status < 600 and turn.invoke.replied.cut is None
        return {"expect": {"refused": status} if refused else {"status": None}}
    if last.status is not None and last.status.final:
        return {"expect": {"status": "ERROR"}} if last.status is Status.ERROR else {}
    ended = turn.polls[-1].call.replied.response.status if turn.polls else 0
    # what may pass, a client asks again after
    return {"expect": {"refused": ended}} if 400 <= ended < 500 and ended != 429 else {}


def _comments(story: Story, source: str, found: FaultsFound) -> list[str]:
    head = [
        "yaml-language-server: $schema=lab.schema.json     (written by: lab schema > scenarios/lab.schema.json)",
        f"Learned by lab learn from {source}. Steps end as late as the polls allow; beside each stands how short and how long it can have been.",
    ]
    if not story.timed:
        head.append("The file doesn't say when calls were made: a second between two polls is assumed.")
    if not any(call.latency for calls in story.calls.values() for call in calls):
        head.append(
            "Nor does it say how long answers took."
            if not story.timed
            else "The file doesn't say how long answers took."
        )
    return [*head, *story.notes, *found.notes]
