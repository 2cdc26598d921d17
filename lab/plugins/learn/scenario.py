"""What was observed -> the scenario that plays it again, as YAML with comments (recordings.md §17)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from textwrap import wrap
from typing import TypeAlias
from unicodedata import normalize

from msgspec import Struct
from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of, text_or_json
from lab.core.jsontext import value_or_none
from lab.dialects.client import Question
from lab.faults.yamltext import yaml_block, yaml_line
from lab.language.complaints import LARGEST_FILE, one_line
from lab.language.patterns import BadPattern, pattern_of
from lab.plugins.learn.model import MOST_MESSAGES, TIMED_ROUTES, ObservedDecision, ObservedJob, Session, StatusStretch
from lab.program.steps import LARGEST_OUTPUT
from lab.program.words import Status, Verdict, duration_text

_WIDTH = 100
_APART = frozenset(("seed", "steps", "turns", "faults", "expect"))
"""Keys of a scenario that begin a paragraph."""
_LIFETIME: Millis = 3_600_000
_PATIENCE: Millis = 900_000
_LONGEST_TITLE = 70
_LONGEST_ID = 40
_MOST_FAULTS = 200
_MOST_FOLLOW_UPS = 50
_LONGEST_FOLLOW_UP = 500
_LONGEST_OUTPUTS = (200_000, 20_000, 2_000)
"""Bytes of an output that stands in the scenario, whose file is 1 MiB at most: the first with which that is so."""
_LONGEST_PARAMETER = 20_000
_DEEPEST = 20
_MOST_VALUES = 10_000
"""Levels and values of an output that stands in the scenario as such, and not as its JSON (scenarios.md §2)."""
_NO_TEAM = "observed was no team of such a name: this is ours"
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


class BlockList(Struct, frozen=True):
    """A list of mappings, each on lines of its own."""

    each: "tuple[YamlMembers, ...]"


class Nested(Struct, frozen=True):
    """A mapping on lines of its own, each member with what is said of it."""

    members: "YamlMembers"


Member: TypeAlias = "Json | Commented | BlockList | Nested | tuple[Commented, ...]"
YamlMembers: TypeAlias = "dict[str, Member]"


def _yaml(members: YamlMembers) -> Iterator[str]:
    for name, member in members.items():
        match member:
            case BlockList(each):
                yield f"{name}:"
                for block in each:
                    lines = list(_yaml(block))
                    # a comment above the first key must not take the dash
                    dash = next(place for place, line in enumerate(lines) if not line.startswith("#"))
                    for place, line in enumerate(lines):
                        yield f"  {'- ' if place == dash else '  '}{line}" if line else ""
            case Nested(inner):
                yield f"{name}:"
                yield from (f"  {line}" for line in _yaml(inner))
            case tuple():  # a list of mappings, each on one line
                yield f"{name}:"
                yield from (f"  {x}" for row in member for x in _beside([f"- {yaml_line(row.value)}"], row.comment))
            case Commented(value, comment):
                yield from _beside(_plain(name, value), comment)
            case _:
                yield from _plain(name, member)


def _plain(name: str, value: Json) -> list[str]:
    if isinstance(value, dict | list):
        line = f"{name}: {yaml_line(value)}"
        if len(line) < _WIDTH and "\n" not in line:
            return [line]
    return yaml_block({name: value}).splitlines()


def _beside(lines: list[str], comment: str) -> Iterator[str]:
    """A comment behind the line, where it fits, else above."""
    if comment and len(lines) == 1 and len(lines[0]) + len(comment) < _WIDTH:
        yield f"{lines[0]}  # {one_line(comment)}"
    else:
        yield from _comment(comment) if comment else ()
        yield from lines


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(one_line(text), _WIDTH - 2)]


# What repeats the request becomes a template's field; all else stays the very text (scenarios.md §8)

_TOKEN = re.compile(r"(?:(?<![\w-])([A-Za-z]+) )?(?<![\w-])((?=[\w-]*\d)[A-Za-z0-9][\w-]*)", re.ASCII)
_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[\W_]")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NO_NAMES = frozenset("a an and at by for from in is of on or the to with".split())
_WHOLE = 12
"""Characters of a message, at least, that is looked for as a whole."""
_SHORTEST = 3
_MOST_PARTS = 100
_LONGEST_PART = 2_000


class Repeated(Struct, frozen=True):
    """A part of a request that texts may repeat, and how a template of the same turn names it."""

    value: str
    name: str
    group: str = ""
    """What finds it in a message; empty: it is a parameter, or the whole message."""


def parts_of(message: str, parameters: Mapping[str, Json]) -> list[Repeated]:
    """What of a request may be repeated: the message, its parameters, and what in it looks like a number or an id."""
    found = [Repeated(message, "message")] if _WHOLE <= len(message) <= _LONGEST_PART else []
    for name, value in parameters.items():
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if _SHORTEST <= len(text) <= _LONGEST_PART and _NAME.fullmatch(name):
            found.append(Repeated(text, f"parameters.{name}"))
    taken: set[str] = set()
    for token in _TOKEN.finditer(message):
        before, value = token.groups()
        if value.isdigit() and len(value) < _SHORTEST:
            continue
        small = (before or "").lower()
        base = name = small if small and small not in _NO_NAMES and token.start() else "value"
        number = 1
        while name in taken:
            number += 1
            name = f"{base}{number}"
        taken.add(name)
        shape = "".join(map(_shape, _RUN.findall(value)))
        found.append(Repeated(value, f"match.{name}", f"{before + ' ' if before else ''}(?P<{name}>{shape})"))
        if len(taken) >= _MOST_PARTS:
            break
    return found


def _shape(run: str) -> str:
    return r"\d+" if run.isdigit() else "[A-Z]+" if run.isupper() else "[a-z]+" if run.islower() else run


def pattern_for(message: str, parts: Iterable[Repeated]) -> str | None:
    """A pattern that finds these parts in the message, in their order; None: there are none, or no pattern of ours does."""
    wanted = [part for part in parts if part.group]
    pattern = ".*".join(part.group for part in wanted)
    names = {part.name.removeprefix("match."): part.value for part in wanted}
    with suppress(BadPattern):
        # in linear time, as a mock does: there may be any number of parts that look alike
        return pattern if wanted and pattern_of(pattern).groups(message) == names else None
    return None


class Templates:
    """Texts as templates of one turn: what repeats a request named, what looks like a template quoted."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """`fields`: by value, the expression that gives it."""
        self._fields = fields
        values = sorted(fields, key=len, reverse=True)
        self._marks = re.compile("|".join((r"\{[{%#]", *(rf"(?<![\w{{-]){re.escape(v)}(?![\w}}-])" for v in values))))
        self.used: set[str] = set()
        """The values that were found."""

    def text(self, text: str) -> str:
        """The template that renders to the text."""
        return self._marks.sub(self._field, text)

    def _field(self, found: re.Match[str]) -> str:
        if found[0] not in self._fields:
            return f"{{{{ '{found[0]}' }}}}"
        self.used.add(found[0])
        return f"{{{{ {self._fields[found[0]]} }}}}"

    def value(self, value: Json) -> Json:
        """The same of all texts within a value; names of members are no templates."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(part) for part in value]
            case dict():
                return {name: self.value(part) for name, part in value.items()}
            case _:
                return value


# Stretches -> the steps of a turn


class _Turn:
    """A job as a turn of the scenario."""

    def __init__(self, job: ObservedJob, parts: list[Repeated], templates: Templates, longest: int) -> None:
        """`longest`: bytes of an output that stands in the scenario."""
        self.job, self.parts, self.templates, self.longest = job, parts, templates, longest
        self.ids = list(_unique(map(_id_of, job.stretches)))
        self.patience: Millis = 0
        """The longest that a gate of it may wait."""
        ends = [each.glimpse.follow_up for each in job.stretches if each.status is Status.COMPLETE]
        self.follow_ups = ends[-1][:_MOST_FOLLOW_UPS] if ends else ()
        self.steps()  # what its texts repeat is known from now on

    def steps(self, left_out: Collection[str] = ()) -> BlockList:
        """All of them, without the follow-ups that are left out; an ending that nobody saw is said to be one."""
        steps = [self._step(place, each, left_out) for place, each in enumerate(self.job.stretches)]
        if not steps or not self.job.stretches[-1].status.final:
            why = "not observed: the calls end before the job does" if steps else "not observed: no poll showed the job"
            steps.append({"complete": Commented("not-observed", why), "output": None})
        return BlockList(tuple(steps))

    def _step(self, place: int, stretch: StatusStretch, left_out: Collection[str]) -> YamlMembers:
        glimpse, name, question = stretch.glimpse, self.ids[place], stretch.glimpse.question
        waits = stretch.status is Status.WAITING
        if stretch.status is Status.COMPLETE:
            ending: YamlMembers = {"complete": name, "output": self._output(glimpse.output)}
            questions: list[Json] = [self.templates.text(each) for each in self.follow_ups if each not in left_out]
            return ending | ({"follow_up": questions} if questions else {})
        if stretch.status is Status.ERROR:
            failure: YamlMembers = {"error": name, "text": self.templates.text(glimpse.error or glimpse.word)}
            partial = text_or_json(glimpse.output)
            return failure | ({"output": self.templates.text(partial)} if partial is not None else {})
        if waits and (question is None or question.human):
            return self._gate(place, question or Question(job=""))
        said = question.text if waits and question is not None else glimpse.text
        takes = Commented(duration_text(self.job.length(place)), self.job.bounds(place))
        step: YamlMembers = {"wait" if waits else "work": name, "takes": takes}
        return step | ({"says": self.templates.text(said)} if said else {})

    def _output(self, output: Json) -> Json | Commented:
        text = text_or_json(output)
        value = value_or_none(output) if isinstance(output, str) else output
        if isinstance(value, dict | list) and writable(value, self.longest) and text_of(value) == text:
            return {"json": self.templates.value(value)}
        size = len((text or "").encode("utf-8", "replace"))
        if size > self.longest:
            size = min(size, LARGEST_OUTPUT)
            short = f"{size // 1_000_000}MB" if size % 1_000_000 == 0 else f"{size}B"
            return Commented({"filler": short}, "a text of that size: it is too long to stand here")
        return self.templates.text(text) if text is not None else None

    # Gates

    def _gate(self, place: int, question: Question) -> YamlMembers:
        """What its question says, how it ended, and what of that is assumed."""
        gate, known, assumed = self._decision(place, question)
        lasts, patience = self.job.length(place), dict(self.job.patience).get(gate, 0)
        timed_out = known is not None and known.verdict is Verdict.TIMED_OUT
        waits = lasts if timed_out else patience if patience > lasts else max(_PATIENCE, 2 * lasts)
        self.patience = max(self.patience, waits)
        asks, text = self.templates.text(question.text or "May it go on?"), duration_text(waits)
        members: YamlMembers = {
            "gate": self.ids[place],
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
        said = f"assumed; {self.job.bounds(place)}" if assumed else self.job.bounds(place)
        if known is None:
            said = "not observed: nobody had decided when the calls ended"
        if known is None or timed_out:
            return members | {"reviewer": Commented("nobody", said)}
        vote: dict[str, Json] = {"after": duration_text(lasts), "verdict": str(known.verdict)}
        comment = known.comment or ("(not observed)" if known.verdict is Verdict.CHANGES else None)
        vote |= {name: each for name, each in (("by", known.by), ("comment", comment)) if each}
        return members | {"reviewer": Commented(vote, said)}

    def _verdicts(self, place: int, question: Question, known: ObservedDecision | None) -> YamlMembers:
        """Where verdicts lead: the one that was given to what followed, changes that nobody wanted back a step."""
        routes: dict[str, Json] = {}
        verdict = known.verdict if known is not None else None
        if place + 1 < len(self.ids) and verdict not in (None, Verdict.APPROVED):
            routes[str(verdict)] = self.ids[place + 1]
        offered = any(each is Verdict.CHANGES for each, _ in question.verdicts)
        if offered and place and verdict is not Verdict.CHANGES:
            routes[str(Verdict.CHANGES)] = self.ids[place - 1]
            return {"verdicts": Commented(routes, "not observed: where changes lead")}
        return {"verdicts": routes} if routes else {}

    def _decision(self, place: int, question: Question) -> tuple[str, ObservedDecision | None, bool]:
        """Which gate it is, how it ended, and whether that is assumed: to be approved, unless the job fails then."""
        gate, round_, stretches = question.gate, question.round, self.job.stretches
        if not gate:
            # a wire that names no gates: it is the n-th that ended, in the order of facts
            ended = self.job.decisions[sum(each.status is Status.WAITING for each in stretches[:place]) :][:1]
            gate, round_ = (ended[0].gate, ended[0].round) if ended else ("", 0)
        known = next((each for each in self.job.decisions if (each.gate, each.round) == (gate, round_)), None)
        later = stretches[place + 1 :]
        if known is not None or not later:
            return gate, known, False
        following = next((each.glimpse.question for each in later if each.status is Status.WAITING), None)
        if question.gate and following and (following.gate, following.round) == (question.gate, question.round + 1):
            return gate, ObservedDecision(gate=gate, round=round_, verdict=Verdict.CHANGES), False
        verdict = Verdict.REJECTED if later[0].status is Status.ERROR else Verdict.APPROVED
        return gate, ObservedDecision(gate=gate, round=round_, verdict=verdict), True


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


def _id_of(stretch: StatusStretch) -> str:
    glimpse = stretch.glimpse
    match stretch.status:
        case Status.COMPLETE:
            return "done"
        case Status.ERROR:
            return "failed"
        case Status.WAITING:
            return slug(glimpse.question.gate if glimpse.question is not None else "") or "approval"
        case Status.RUNNING:
            return slug(glimpse.text or "") or "work"


def slug(text: str) -> str:
    """A text as an id: `Reading the item master…` is `reading-the-item-master`; empty if nothing of it can stand in one."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub("(?<=[a-z])(?=[A-Z])", " ", plain).lower())
    while len("-".join(words)) > _LONGEST_ID and len(words) > 1:
        words.pop()
    return "-".join(words)[:_LONGEST_ID].strip("-")


def _unique(names: Iterable[str]) -> Iterator[str]:
    used: set[str] = set()
    for name in names:
        number, free = 1, name
        while free in used:
            number += 1
            free = f"{name}-{number}"
        used.add(free)
        yield free


# The scenario


class Draft(Struct):
    """What is written: a file, and in a sentence each what it lacks."""

    text: str
    missing: tuple[str, ...]


def draft_of(session: Session, name: str, source: str, head: Sequence[str]) -> Draft:
    """The scenario `name` of a session; `source` is the file that it was learned from, `head` what is said of that."""
    session, notes = _within_limits(session)
    for longest in _LONGEST_OUTPUTS:
        draft = _draft(session, name, source, longest, (head, notes))
        if len(draft.text.encode("utf-8", "replace")) <= LARGEST_FILE:
            break
    return draft


def _within_limits(session: Session) -> tuple[Session, list[str]]:
    """Without the parameters and faults that no scenario holds; a sentence for each kind of these."""
    notes: list[str] = []
    jobs: list[ObservedJob] = []
    odd: list[str] = []
    for job in session.jobs:
        kept = {name: value for name, value in job.parameters.items() if writable(value, _LONGEST_PARAMETER)}
        odd += (f"{name[:40]!r}" for name in job.parameters if name not in kept)
        jobs.append(replace(job, parameters=kept))
    if odd:
        left = ", ".join(odd[:5])
        notes.append(f"Parameters are left out that no scenario holds, too deep, long or no number: {left}.")
    if (more := len(session.faults) - _MOST_FAULTS) > 0:
        notes.append(f"Faults beyond the first {_MOST_FAULTS} are left out: {more}.")
    return replace(session, jobs=tuple(jobs), faults=session.faults[:_MOST_FAULTS]), notes


def _draft(session: Session, name: str, source: str, longest: int, said: tuple[Sequence[str], Sequence[str]]) -> Draft:
    turns = _turns(session, longest)
    first = turns[0]
    team = session.about.team if session.about.team and _CODE.fullmatch(session.about.team) else None
    agent: dict[str, Json] = {"code": team or f"{name.upper().replace('-', '_')}_TEAM"}
    agent |= {"version": session.about.version} if session.about.version else {}
    line = " ".join(first.job.message.split())
    members: YamlMembers = {
        "lab": 1,
        "name": name,
        "title": line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1]}…",
        "shows": f"Learned from {source}",
        "agent": agent if team else Commented(agent, _NO_TEAM),
        **_asks(first, turns),
    }
    members |= {"settings": session.about.settings} if session.about.settings else {}
    lifetime = session.about.lifetime or _LIFETIME
    token: dict[str, Json] = {} if lifetime == _LIFETIME else {"lifetime": duration_text(lifetime)}
    lasts = [turn.patience for turn in turns] + [each.begins for turn in turns for each in turn.job.stretches[-1:]]
    token |= {"renewed": True} if session.about.renewed or max(lasts) >= lifetime else {}
    members |= ({"token": token} if token else {}) | {"seed": 1} | _latency(session)
    patterns = [_pattern(turn, turns) for turn in turns]
    unasked = _unanswered(turns, patterns, in_order=False)
    answered = [text for text in unasked if _answerable(text)][: MOST_MESSAGES - len(turns)]
    left_out = set(unasked) - set(answered)
    later = [_asks(turn, turns) | {"steps": turn.steps(left_out)} for turn in turns[1:]]
    later += map(_optional, answered)
    if later and _unanswered(turns, patterns, in_order=True):
        members["turn_order"] = "any"
    members["steps"] = first.steps(left_out)
    if later:
        members["turns"] = BlockList(tuple(later))
    if session.faults:
        members["faults"] = tuple(Commented(fault.document, fault.note) for fault in session.faults)
    members |= {"expect": session.expected} if session.expected else {}
    head, notes = said
    missing = (
        [f"Follow-ups that nobody asked, and no entry can answer, are left out: {len(left_out)}."] if left_out else []
    )
    missing = [*session.missing, *missing, *notes]
    first_line = (
        "# yaml-language-server: $schema=lab.schema.json     (written by: lab schema > scenarios/lab.schema.json)"
    )
    lines = [first_line, *(line for sentence in (*head, *session.about.notes, *missing) for line in _comment(sentence))]
    for key, member in members.items():
        lines += ["", *_yaml({key: member})] if key in _APART else _yaml({key: member})
    return Draft("\n".join(lines) + "\n", tuple(missing))


def _turns(session: Session, longest: int) -> list[_Turn]:
    turns: list[_Turn] = []
    fields: dict[str, str] = {}
    for number, job in enumerate(session.jobs):
        # of another API nobody's client sends the parameters that are ours now
        parts = parts_of(job.message, job.parameters if session.about.team is not None else {})
        if pattern_for(job.message, parts) is None:
            parts = [part for part in parts if not part.group]
        turns.append(_Turn(job, parts, Templates(fields | {part.value: part.name for part in parts}), longest))
        for part in parts:
            if part.name != "message":
                later = "" if part.name.startswith("parameters") else f"conversation.turns[{number}]."
                fields[part.value] = later + part.name
    return turns


def _asks(turn: _Turn, turns: Sequence[_Turn]) -> YamlMembers:
    """What is asked, and what finds in a message the parts that texts of this and later turns repeat."""
    message = turn.job.message
    said = message if message.strip() else "(nothing)"
    ask: Json = {"message": said, "parameters": turn.job.parameters} if turn.job.parameters else said
    pattern = _pattern(turn, turns)
    asks: YamlMembers = {"ask": ask}
    return asks | ({"match": pattern} if pattern is not None else {})


def _pattern(turn: _Turn, turns: Sequence[_Turn]) -> str | None:
    used = set[str]().union(*(each.templates.used for each in turns))
    wanted = [part for part in turn.parts if part.group and part.value in used]
    return pattern_for(turn.job.message, wanted) or pattern_for(turn.job.message, turn.parts) if wanted else None


def _latency(session: Session) -> YamlMembers:
    latency: YamlMembers = {}
    for route, pace in zip(TIMED_ROUTES, session.paces, strict=True):
        if pace.usual and pace.usual[-1]:
            between: Json = {"between": [duration_text(pace.usual[0]), duration_text(pace.usual[-1])]}
            spread = Commented(between, f"median {pace.median}ms of {len(pace.usual)}")
            latency[route] = duration_text(pace.median) if pace.fixed else spread
    return {"latency": Nested(latency)} if latency else {}


# Follow-ups that an answer suggested and nobody asked are answered to whoever asks them (scenarios.md §9)


def _unanswered(turns: Sequence[_Turn], patterns: Sequence[str | None], *, in_order: bool) -> list[str]:
    """Those that no turn answers, each once; `patterns` is what must be found in a turn's message, None for nothing.

    `in_order`: only the next turn may.
    """
    found: dict[str, None] = {}
    for place, turn in enumerate(turns):
        others = [pattern for other, pattern in enumerate(patterns) if not other or other != place]
        if in_order and len(patterns) > 1:
            others = [*patterns[place + 1 : place + 2]]
        found |= dict.fromkeys(text for text in turn.follow_ups if not any(_fits(each, text) for each in others))
    return [*found]


def _optional(question: str) -> YamlMembers:
    """The entry that answers it: that it ends is all that is known."""
    ending: YamlMembers = {"complete": Commented("not-observed", "not observed: nobody asked this"), "output": None}
    return {"ask": question, "match": _exactly(question), "optional": True, "steps": BlockList((ending,))}


def _answerable(question: str) -> bool:
    """Whether an entry can be written that answers this question, and no other."""
    return bool(question.strip()) and len(question) <= _LONGEST_FOLLOW_UP and _fits(_exactly(question), question)


def _exactly(text: str) -> str:
    escaped = _SIGNS.sub(lambda found: chr(92) + found[0], text)
    return f"^{escaped}$"


def _fits(pattern: str | None, text: str) -> bool:
    with suppress(BadPattern):
        return pattern is None or pattern_of(pattern).fits(text)
    return False
