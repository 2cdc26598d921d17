"""The names that templates use, checked against the scenario around them."""

from dataclasses import dataclass

from lab.language.document import nearest
from lab.language.parse.collect import Collector
from lab.language.parse.tree import Mark, Path
from lab.language.templates import Fault, Paths, TemplateError, template

_FIELDS = {
    "decisions": frozenset({"verdict", "by", "comment", "votes"}),
    "votes": frozenset({"verdict", "by", "comment"}),
    "job": frozenset({"id"}),
    "conversation": frozenset({"id", "turns"}),
    "turns": frozenset({"message", "match", "data", "output"}),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What a scenario offers to its templates; None where its shape is broken, so nothing can be told."""

    data: frozenset[str] | None
    groups: frozenset[str] | None
    gates: frozenset[str]
    earlier: tuple[frozenset[str] | None, ...] | None = None
    """The data of the turns before this one; None where every message starts at the top."""


def check_text(path: Path, text: str, names: Names, collector: Collector) -> None:
    """Complain about a text that is no template, and about each name in it that the scenario doesn't have."""
    faults, paths = _checked(_as_written(path, text, collector))
    for fault in faults:
        collector.add(path, fault.what, fault.hint, mark=_mark(path, fault.line, collector))
    for line, used in paths:
        what, hint = _missing(used, names)
        if what:
            collector.add(path, what, hint, mark=_mark(path, line, collector))


def _checked(text: str) -> tuple[tuple[Fault, ...], Paths]:
    try:
        return (), template(text).paths
    except TemplateError as error:
        return error.faults, error.paths


def _as_written(path: Path, text: str, collector: Collector) -> str:
    """The text with the lines of the source: folding makes one line of several, and changes nothing else."""
    block = collector.places.place(path).block
    return collector.places.source(block) if block is not None and block.folded else text


def _mark(path: Path, line: int, collector: Collector) -> Mark:
    """The place of a template's line: exact in block text; in other text the place of its beginning."""
    block = collector.places.place(path).block
    return collector.places.value(path) if block is None else Mark(block.first + line - 1, 1)


def _missing(used: tuple[str, ...], names: Names) -> tuple[str, str]:
    """What is wrong with a path that a template looks up, and a hint; empty if nothing is."""
    match used:
        case ("data", name, *_) if names.data is not None and name not in names.data:
            return f"data has no {name}", _elsewhere(name, names) or nearest(name, names.data) or _known(names.data)
        case ("match", name, *_) if names.groups is not None and name not in names.groups:
            return f"match has no group {name}", nearest(name, names.groups) or _known(names.groups)
        case ("decisions", gate, *_) if gate not in names.gates:
            return f"there is no gate {gate}", nearest(gate, names.gates) or _known(names.gates)
        case ("decisions", _, field, *_) if field not in _FIELDS["decisions"]:
            return f"a decision has no {field}", nearest(field, _FIELDS["decisions"]) or _known(_FIELDS["decisions"])
        case ("decisions", _, "votes", _, field, *_) if field not in _FIELDS["votes"]:
            return f"a vote has no {field}", nearest(field, _FIELDS["votes"]) or _known(_FIELDS["votes"])
        case ("conversation", "turns", index, *_) if _no_turn(index, names):
            return f"there is no turn {index} before this one", "the first is turns[0]" if names.earlier else ""
        case ("conversation", "turns", index, "data", name, *_) if _unknown(index, name, names):
            return f"the data of turns[{index}] has no {name}", _known(_data(index, names) or frozenset())
        case ("conversation", "turns", _, field, *_) if field not in _FIELDS["turns"]:
            return f"a turn has no {field}", nearest(field, _FIELDS["turns"]) or _known(_FIELDS["turns"])
        case ("job" | "conversation" as root, field, *_) if field not in _FIELDS[root]:
            return f"{root} has no {field}", nearest(field, _FIELDS[root]) or _known(_FIELDS[root])
        case ("message" | "now" | "turn" as root, part, *_) if not part.lstrip("-").isdigit():
            return f"{root} has no {part}", "it is a number" if root == "turn" else "it is a text"
        case _:
            return "", ""


def _no_turn(index: str, names: Names) -> bool:
    return names.earlier is not None and index.isdigit() and int(index) >= len(names.earlier)


def _data(index: str, names: Names) -> frozenset[str] | None:
    if names.earlier is None or not index.isdigit() or _no_turn(index, names):
        return None
    return names.earlier[int(index)]


def _unknown(index: str, name: str, names: Names) -> bool:
    known = _data(index, names)
    return known is not None and name not in known


def _elsewhere(name: str, names: Names) -> str:
    """Where an earlier turn of the conversation has the name."""
    for index, known in enumerate(names.earlier or ()):
        if known is not None and name in known:
            return f"write conversation.turns[{index}].data.{name}"
    return ""


def _known(words: frozenset[str]) -> str:
    return f"known here: {', '.join(sorted(words))}" if words else "there are none"
