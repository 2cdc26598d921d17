"""The names that texts and conditions use, checked against the scenario around them, and conditions that can give no answer."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from msgspec import Struct, field

from lab.core.exchange import Json
from lab.language.complaints import Complaints, Position
from lab.language.templates import (
    Expression,
    LookedUp,
    Template,
    TemplateError,
    TemplateFault,
    condition,
    derivation,
    template,
)
from lab.program.draws import Constant, Datum, Listed, Number, OneOf
from lab.program.words import KeyPath, nearest

_FIELDS = {
    "user": frozenset({"name", "display", "roles"}),
    "client": frozenset({"id"}),
    "decisions": frozenset({"verdict", "by", "comment", "votes", "rounds"}),
    "delegates": frozenset({"output"}),
    "votes": frozenset({"verdict", "by", "comment"}),
    "rounds": frozenset({"verdict", "by", "comment", "votes"}),
    "job": frozenset({"id"}),
    "conversation": frozenset({"id", "turns"}),
    "turns": frozenset({"message", "match", "data", "output"}),
}


_NAME_IT = "a group of match is named (?P<NAME>…), and looked at as match.NAME"


class Names(Struct, frozen=True):
    """What a scenario offers to its templates; None where its shape is broken, so nothing can be told."""

    data: Mapping[str, Datum] | None
    groups: frozenset[str] | None
    gates: frozenset[str]
    delegates: frozenset[str] = frozenset()
    earlier: tuple[frozenset[str] | None, ...] | None = None
    """The data of the turns before this one; None where every message starts at the top."""
    row: frozenset[str] | None = None
    """The values of the row in which a text stands."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Those that the own message brings; others may bring more."""


TextReader: TypeAlias = Callable[[str], Template | Expression]
"""What reads a text: `template`, `timeless_template`, `condition` or `derivation`."""


def check_text(path: KeyPath, text: str, names: Names, complaints: Complaints, reading: TextReader = template) -> None:
    """Complain about a text that is no template, and about each name in it that the scenario doesn't have."""
    block = complaints.locations.nearest(path).block
    if block is not None and block.folded:
        # the lines of the source: folding makes one line of several, and changes nothing else
        text = complaints.locations.source(block)
    faults, looked_up = _checked(text, reading)
    problems = [(fault.line, fault.what, _rooted(fault.what, names, reading) or fault.hint) for fault in faults]
    problems += [(line, *_missing(used, names)) for line, used in looked_up]
    if reading is derivation:  # what is made of all of them would be made of itself
        problems += [
            (line, f"which of {root}?", f"name it: {root}.NAME") for line, (root, *more) in looked_up if not more
        ]
    for line, what, hint in problems:
        if what:
            # exact in block text; in other text the place of its beginning
            complaints.add(path, what, hint, at=Position(block.first + line - 1, 1) if block is not None else None)


def _checked(text: str, reading: TextReader) -> tuple[tuple[TemplateFault, ...], LookedUp]:
    try:
        return (), reading(text).looked_up
    except TemplateError as error:
        return error.faults, error.looked_up


def _missing(used: tuple[str, ...], names: Names) -> tuple[str, str]:
    """What is wrong with a path that a template looks up, and a hint; empty if nothing is."""
    match used:
        case ("data", name, *_) if names.data is not None and name not in names.data:
            return f"data has no {name}", _elsewhere(name, names) or _known(name, names.data)
        case ("row", *_) if names.row is None:
            return "row is known inside each only", "write data.NAME"
        case ("row", name, *_) if names.row is not None and name not in names.row:
            return f"the row has no {name}", _known(name, names.row)
        case ("match", name, *_) if names.groups is not None and name not in names.groups:
            return f"match has no group {name}", _known(name, names.groups) if names.groups else _NAME_IT
        case ("decisions", gate, *_) if gate not in names.gates:
            return f"there is no gate {gate}", _cut("decisions", gate, names.gates) or _known(gate, names.gates)
        case ("decisions", _, *rest):
            return _missing_of_decision(tuple(rest))
        case ("delegates", step, *_) if step not in names.delegates:
            return f"there is no delegate {step}", _cut("delegates", step, names.delegates) or _known(
                step, names.delegates
            )
        case ("delegates", _, "output", part, *_) if not part.lstrip("-").isdigit():
            return f"what a delegate hands back is a text: it has no {part}", "let it hand back that part alone"
        case ("delegates", _, field, *_) if field not in _FIELDS["delegates"]:
            return f"a delegate has no {field}", _known(field, _FIELDS["delegates"])
        case ("conversation", "turns", index, *_) if _no_turn(index, names):
            return f"there is no turn {index} before this one", "the first is turns[0]" if names.earlier else ""
        case ("conversation", "turns", index, "data", name, *_) if (
            known := _data(index, names)
        ) is not None and name not in known:
            return f"the data of turns[{index}] has no {name}", _listed(known)
        case ("conversation", "turns", _, field, *_) if field not in _FIELDS["turns"]:
            return f"a turn has no {field}", _known(field, _FIELDS["turns"])
        case ("job" | "conversation" | "user" | "client" as root, field, *_) if field not in _FIELDS[root]:
            return f"{root} has no {field}", _known(field, _FIELDS[root])
        case ("message" | "now" | "turn" as root, part, *_) if not part.lstrip("-").isdigit():
            return f"{root} has no {part}", "it is a number" if root == "turn" else "it is a text"
        case _:
            return "", ""


def _missing_of_decision(used: tuple[str, ...]) -> tuple[str, str]:
    match used:
        case (field, *_) if field not in _FIELDS["decisions"]:
            return f"a decision has no {field}", _known(field, _FIELDS["decisions"])
        case ("rounds", _, field, *_) if field not in _FIELDS["rounds"]:
            return f"a round has no {field}", _known(field, _FIELDS["rounds"])
        case ("votes", _, field, *_) | ("rounds", _, "votes", _, field, *_) if field not in _FIELDS["votes"]:
            return f"a vote has no {field}", _known(field, _FIELDS["votes"])
        case _:
            return "", ""


def _rooted(what: str, names: Names, reading: TextReader) -> str:
    """What a name that isn't known by itself is called, for what is wrong with it; empty if it is known nowhere."""
    name = what.removeprefix("unknown name ")
    places: list[tuple[Collection[str] | None, str]] = [(names.row, "row."), (names.data, "data.")]
    if reading is not derivation:
        places += [(names.groups, "match."), (names.parameters, "parameters.")]
        places += [(names.gates, "decisions."), (names.delegates, "delegates.")]
        for ids, root in ((names.gates, "decisions"), (names.delegates, "delegates")):
            if rest := next((each for each in sorted(ids) if each.endswith(f"-{name}")), ""):
                return f"write {spelt_as(root, rest)}"
    return next((f"write {root}{name}" for known, root in places if known and name in known), "")


def _cut(root: str, word: str, known: Collection[str]) -> str:
    """How the step is looked up of whose id an expression takes a part away, as `big-boss` without quotes."""
    ids = sorted(name for name in known if name.startswith(f"{word}-"))
    return f"write {spelt_as(root, ids[0])}" if ids else ""


def _no_turn(index: str, names: Names) -> bool:
    return names.earlier is not None and index.isdigit() and int(index) >= len(names.earlier)


def _data(index: str, names: Names) -> frozenset[str] | None:
    """The data of an earlier turn; None if it can't be told."""
    if names.earlier is None or not index.isdigit() or _no_turn(index, names):
        return None
    return names.earlier[int(index)]


def _elsewhere(name: str, names: Names) -> str:
    """Where an earlier turn of the conversation has the name."""
    turns = (index for index, known in enumerate(names.earlier or ()) if known is not None and name in known)
    return next((f"write conversation.turns[{index}].data.{name}" for index in turns), "")


def spelt_as(root: str, name: str) -> str:
    """How a template spells a part: with a - in its name in brackets, for a - in an expression takes away."""
    return f"{root}['{name}']" if "-" in name else f"{root}.{name}"


def _known(word: str, words: Collection[str]) -> str:
    return nearest(word, words) or _listed(words)


def _listed(words: Collection[str]) -> str:
    return f"known here: {', '.join(sorted(words))}" if words else "there are none"


# Conditions that only look something up which is neither true nor false: in each job, or in that of the own message

_ALWAYS_TEXTS = {"client": ("id",), "user": ("name", "display"), "job": ("id",), "conversation": ("id",)}
"""What is a text in each job."""
_OF_A_STEP = {"decisions": ("verdict", "by", "comment"), "delegates": ("output",)}
"""What is a text of each gate, or delegate."""


class _Kind(Struct, frozen=True):
    """What a value is, and a condition that asks for it; `{}` is what looks it up."""

    what: str
    ask: str


_NUMBER = _Kind("a number", "compare it, as {{{{ {0} > 500 }}}}")
_TEXT = _Kind("a text", "compare it, as {{{{ {0} == '…' }}}}; a number that comes as text: {{{{ {0} | int > 500 }}}}")
_LIST = _Kind("a list", "ask for an element, as {{{{ '…' in {0} }}}}, or {{{{ {0} | length > 0 }}}}")


def check_condition(path: KeyPath, text: str, names: Names, complaints: Complaints) -> None:
    """Complain about a text that is no condition, about names in it, and if it looks up what is no answer."""
    check_text(path, text, names, complaints, condition)
    try:
        looked_up = condition(text).path
    except TemplateError:
        return  # that was complained of
    kind = _kind(looked_up, names)
    if kind is not None:
        subject = text.strip().removeprefix("{{").removesuffix("}}").strip("-+ ")
        what = f"gives {kind.what}, and a condition gives true or false"
        complaints.add(path, what, kind.ask.format(subject))


def _kind(path: tuple[str, ...], names: Names) -> _Kind | None:
    """What a path leads to, if that is surely neither true nor false; else None."""
    match path:
        case ("parameters", name, *rest):
            return _kind_of_value(names.parameters.get(name), rest)
        case ("data", name, *rest):
            return _kind_of_datum((names.data or {}).get(name), rest)
        case ("match", name) if names.groups is not None and name in names.groups:
            return _TEXT
        case ("decisions" | "delegates" as root, _, field) if field in _OF_A_STEP[root]:
            return _TEXT
        case ("user", "roles"):
            return _LIST
        case ("turn",):
            return _NUMBER
        case ("message",):
            return _TEXT
        case (root, field) if field in _ALWAYS_TEXTS.get(root, ()):
            return _TEXT
        case _:
            return None


def _kind_of_datum(datum: Datum | None, rest: list[str]) -> _Kind | None:
    match datum:
        case Constant(value=value):
            return _kind_of_value(value, rest)
        case Number() if not rest:
            return _NUMBER
        case Listed() if not rest:
            return _LIST
        case OneOf(one_of=values):
            kinds = {_kind_of_value(each, rest) for each in values}
            return kinds.pop() if len(kinds) == 1 else None
        case _:  # what Faker makes, and what is made of others, may be true or false
            return None


def _kind_of_value(value: Json, rest: list[str]) -> _Kind | None:
    """Of a value, or of what stands within it."""
    match value, rest:
        case bool(), _:
            return None
        case ((int() | float()), []):
            return _NUMBER
        case str(), []:
            return _TEXT
        case list(), []:
            return _LIST
        case dict(), [key, *further]:
            return _kind_of_value(value.get(key), further)
        case _:
            return None
