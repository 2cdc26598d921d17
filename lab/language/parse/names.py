"""The names that texts and conditions use, checked against the scenario around them, and conditions that can give no answer.

All that can be looked up is one tree, `known_in_part` of a part; a path is followed in it from its root on. Where the tree says
that a value hasn't the next part, that is a complaint; and where a condition is one look-up, the end of its path says
whether it can be an answer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from msgspec import Struct

from lab.core.exchange import Json
from lab.language.complaints import Complaints, Position
from lab.language.step_texts import TextReader
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
from lab.program.scenario import Scenario, Turn
from lab.program.steps import Delegate, Gate, with_children
from lab.program.words import KeyPath, among


class _Kind(Struct, frozen=True):
    """What a value is that is surely neither true nor false, and a condition that asks for it: `{0}` looks it up."""

    what: str
    ask: str


_NUMBER = _Kind("a number", "compare it, as {{{{ {0} > 500 }}}}")
_TEXT = _Kind("a text", "compare it, as {{{{ {0} == '…' }}}}; a number that comes as text: {{{{ {0} | int > 500 }}}}")
_LIST = _Kind("a list", "ask for an element, as {{{{ '…' in {0} }}}}, or {{{{ {0} | length > 0 }}}}")
_KINDS: dict[type, _Kind] = {int: _NUMBER, float: _NUMBER, str: _TEXT, list: _LIST}


class KnownValue(Struct, frozen=True):
    """What is known of a value that can be looked up."""

    kind: _Kind | None = None
    parts: Mapping[str, "KnownValue"] = {}
    element: "KnownValue | None" = None
    """What a number leads to."""
    lacks: str = ""
    """What is said of a part that it hasn't; empty: it may have any."""
    hint: Callable[[str], str] | None = None
    """What to do about such a part; None: the parts that there are."""
    values: tuple[Json, ...] = ()
    """Those of which it is one."""

    def part(self, name: str) -> "KnownValue | None":
        """What is known of a part; None: there is no such part."""
        if name in self.parts:
            return self.parts[name]
        if self.values:
            return KnownValue(values=tuple(each.get(name) if isinstance(each, dict) else None for each in self.values))
        if self.element is not None and name.lstrip("-").isdigit():
            return self.element
        return None if self.lacks else _ANYTHING

    @property
    def surely(self) -> _Kind | None:
        """What it is, if it is surely neither true nor false."""
        kinds = {_KINDS.get(type(each)) for each in self.values}
        return kinds.pop() if len(kinds) == 1 else self.kind


_ANYTHING = KnownValue()
_A_NUMBER = KnownValue(_NUMBER, lacks="{at} has no {part}", hint=lambda part: "it is a number")
_A_TEXT = KnownValue(_TEXT, element=_ANYTHING, lacks="{at} has no {part}", hint=lambda part: "it is a text")


def _record(what: str, **parts: KnownValue) -> KnownValue:
    return KnownValue(parts=parts, lacks=f"{what} has no {{part}}")


_VOTE = dict.fromkeys(("verdict", "by", "comment"), _A_TEXT)
_VOTES = KnownValue(_LIST, element=_record("a vote", **_VOTE))
_ROUNDS = KnownValue(_LIST, element=_record("a round", **_VOTE, votes=_VOTES))
_DECISION = _record("a decision", **_VOTE, votes=_VOTES, rounds=_ROUNDS)
_HANDED_BACK = KnownValue(
    _TEXT,
    element=_ANYTHING,
    lacks="what a delegate hands back is a text: it has no {part}",
    hint=lambda part: "let it hand back that part alone",
)
_EVERYWHERE = {
    "message": _A_TEXT,
    "now": _A_TEXT,
    "turn": _A_NUMBER,
    "job": _record("job", id=_A_TEXT),
    "user": _record("user", name=_A_TEXT, display=_A_TEXT, roles=KnownValue(_LIST, element=_ANYTHING)),
    "client": _record("client", id=_A_TEXT),
}


def known_in_part(
    part: Scenario | Turn,
    *,
    data_sound: bool,
    groups: Collection[str] | None,
    earlier: Sequence[Collection[str] | None] | None,
    parameters: Mapping[str, Json],
) -> KnownValue:
    """What a part of a scenario offers to its texts; `data_sound` False, `groups` None: the shape of data or match is broken.

    `earlier` is the data of the turns before; None where every message starts at the top. `parameters` are those of the
    own message; others may bring more.
    """
    steps = list(with_children(part.steps))
    gates, delegates = ([step.id for step in steps if isinstance(step, kind)] for kind in (Gate, Delegate))
    own, named, turns = _ANYTHING, _ANYTHING, KnownValue(_LIST, element=_turn(None))
    if earlier is not None:
        first = "the first is turns[0]" if earlier else ""
        by_place = {str(each): _turn(names, each) for each, names in enumerate(earlier)}
        by_place |= {str(each - len(earlier)): by_place[str(each)] for each in range(len(earlier))}
        turns = KnownValue(_LIST, by_place, lacks="there is no turn {part} before this one", hint=lambda part: first)
    if data_sound:
        parts = {name: _of_datum(datum) for name, datum in part.data.items()}
        own = KnownValue(parts=parts, lacks="data has no {part}", hint=partial(_elsewhere, part.data, earlier or ()))
    if groups is not None:
        name_it = None if groups else lambda part: "a group of match is named (?P<NAME>…), and looked at as match.NAME"
        named = KnownValue(parts=dict.fromkeys(groups, _A_TEXT), lacks="match has no group {part}", hint=name_it)
    parts = {
        **_EVERYWHERE,
        "conversation": _record("conversation", id=_A_TEXT, turns=turns),
        "data": own,
        "match": named,
        "parameters": KnownValue(parts={name: KnownValue(values=(value,)) for name, value in parameters.items()}),
        "decisions": _of_steps("decisions", "gate", gates, _DECISION),
        "delegates": _of_steps("delegates", "delegate", delegates, _record("a delegate", output=_HANDED_BACK)),
    }
    return KnownValue(parts=parts, lacks="{part} is known inside each only", hint=lambda part: "write data.NAME")


def within_row(names: KnownValue, row: Collection[str]) -> KnownValue:
    """The same inside a row of these values."""
    of_row = KnownValue(parts=dict.fromkeys(row, _ANYTHING), lacks="the row has no {part}")
    return KnownValue(parts={**names.parts, "row": of_row})


def _of_datum(datum: Datum) -> KnownValue:
    match datum:
        case Constant(value=value):
            return KnownValue(values=(value,))
        case OneOf(one_of=values):
            return KnownValue(values=values)
        case Number():
            return KnownValue(_NUMBER)
        case Listed():
            return KnownValue(_LIST)
        case _:  # what Faker makes, and what is made of others, may be true or false
            return _ANYTHING


def _turn(data: Collection[str] | None, place: int = 0) -> KnownValue:
    known = _ANYTHING
    if data is not None:
        known = KnownValue(parts=dict.fromkeys(data, _ANYTHING), lacks=f"the data of turns[{place}] has no {{part}}")
    return _record("a turn", message=_A_TEXT, match=_ANYTHING, data=known, output=_ANYTHING)


def _of_steps(root: str, kind: str, ids: Collection[str], each: KnownValue) -> KnownValue:
    def hint(word: str) -> str:
        # an expression takes a part of the id away, as of big-boss without quotes
        cut = next((name for name in sorted(ids) if name.startswith(f"{word}-")), "")
        return f"write {spelt_as(root, cut)}" if cut else _known(word, ids)

    return KnownValue(parts=dict.fromkeys(ids, each), lacks=f"there is no {kind} {{part}}", hint=hint)


def _elsewhere(data: Collection[str], earlier: Sequence[Collection[str] | None], name: str) -> str:
    """Where an earlier turn of the conversation has the name."""
    turns = (index for index, known in enumerate(earlier) if known is not None and name in known)
    return next((f"write conversation.turns[{index}].data.{name}" for index in turns), "") or _known(name, data)


def _known(word: str, words: Collection[str]) -> str:
    return among(word, sorted(words)) if words else "there are none"


def spelt_as(root: str, name: str) -> str:
    """How a template looks a name up: `decisions.boss`, `decisions['big-boss']`."""
    return f"{root}.{name}" if name.isidentifier() else f"{root}['{name}']"


def check_text(
    path: KeyPath, text: str, names: KnownValue, complaints: Complaints, reading: TextReader = template
) -> None:
    """Complain about a text that can't be read, about each name in it that the scenario doesn't have, and about a condition
    that looks up what is no answer."""
    block = complaints.locations.nearest(path).block
    if block is not None and block.folded:
        # the lines of the source: folding makes one line of several, and changes nothing else
        text = complaints.locations.source(block)
    faults: tuple[TemplateFault, ...] = ()
    looked_up: LookedUp
    read: Template | Expression | None = None
    try:
        read = reading(text)
        looked_up = read.looked_up
    except TemplateError as error:
        faults, looked_up = error.faults, error.looked_up
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
    known: KnownValue | None = names if reading is condition and isinstance(read, Expression) and read.path else None
    for name in read.path if isinstance(read, Expression) else ():
        known = known.part(name) if known is not None else None
    if known is not None and (kind := known.surely) is not None:
        subject = text.strip().removeprefix("{{").removesuffix("}}").strip("-+ ")
        complaints.add(path, f"gives {kind.what}, and a condition gives true or false", kind.ask.format(subject))


def _missing(used: tuple[str, ...], names: KnownValue) -> tuple[str, str]:
    """What is wrong with a path that is looked up, and a hint; empty if nothing is."""
    known = names
    for place, name in enumerate(used):
        part = known.part(name)
        if part is None:
            hint = _known(name, known.parts) if known.hint is None else known.hint(name)
            return known.lacks.format(part=name, at=".".join(used[:place])), hint
        known = part
    return "", ""


def _rooted(what: str, names: KnownValue, reading: TextReader) -> str:
    """What a name that isn't known by itself is called, for what is wrong with it; empty if it is known nowhere."""
    name = what.removeprefix("unknown name ")
    roots = (
        ("row", "data") if reading is derivation else ("row", "data", "match", "parameters", "decisions", "delegates")
    )
    known = {root: names.parts[root].parts for root in roots if root in names.parts}
    for root in ("decisions", "delegates"):
        if rest := next((each for each in sorted(known.get(root, ())) if each.endswith(f"-{name}")), ""):
            return f"write {spelt_as(root, rest)}"
    return next((f"write {root}.{name}" for root, parts in known.items() if name in parts), "")
