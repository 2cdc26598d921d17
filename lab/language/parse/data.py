"""What the entries of `data` say of each other: what Faker can make, what values are made of, circles."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec.structs import replace

from lab.language.complaints import Complaints
from lab.language.generators import NoValue, fake_length
from lab.language.parse.names import Names, check_text
from lab.language.templates import TemplateError, derivation
from lab.program.draws import DataRow, Datum, Derivation, Element, Fake, Listed
from lab.program.words import KeyPath

MOST_GENERATED = 500_000
"""Characters that a scenario's generated values come to in all, by one of each: about as many milliseconds' work."""
_LONGEST_CHAIN = 16
"""How many values may be made of each other in a row."""


def check_data(data: Mapping[str, Datum], path: KeyPath, names: Names, complaints: Complaints) -> None:
    """Complain about what can't be generated, and about values that can't be made of others."""
    length = sum(_fakes((*path, key), datum, complaints) for key, datum in data.items())
    if length > MOST_GENERATED:
        what = f"about {length} generated characters for each job, {MOST_GENERATED} at most"
        complaints.add(path, what, "draw fewer, or shorter ones")
    _check_entries(data, path, names, complaints)
    _circles({name: [*_used(datum, "data")] for name, datum in data.items()}, path, complaints)


def _fakes(path: KeyPath, datum: Element, complaints: Complaints) -> int:
    """About how many characters an entry of `data` generates; 0 for one that is complained of."""
    match datum:
        case Fake():
            try:
                return fake_length(datum.fake, datum.locale, datum.arguments) if complaints.sound(path) else 0
            except NoValue as error:
                complaints.add((*path, error.key), str(error), error.hint)
                return 0
        case Listed():
            return _fakes((*path, "list"), datum.list, complaints) * datum.most
        case DataRow():
            return sum(_fakes((*path, "each", name), each, complaints) for name, each in datum.each.items())
        case _:
            return 0


def _check_entries(data: Mapping[str, Datum], path: KeyPath, names: Names, complaints: Complaints) -> None:
    """The names in values that are made of others; rows have some of their own."""
    for name, datum in data.items():
        place: KeyPath = (*path, name)
        element: Element = datum
        while isinstance(element, Listed):
            place, element = (*place, "list"), element.list
        if isinstance(element, Derivation):
            check_text((*place, "value"), element.value, names, complaints, derivation)
        elif isinstance(element, DataRow):
            row, place = element.each, (*place, "each")
            _check_entries(row, place, replace(names, row=frozenset(row)), complaints)
            _circles({key: [*_used(each, "row")] for key, each in row.items()}, place, complaints)


def _used(datum: Element, root: str) -> Iterator[str]:
    """The entries of `data`, or of the row in which the entry stands, of which it is made."""
    match datum:
        case Derivation(value=text):
            try:
                looked_up = derivation(text).looked_up
            except TemplateError as error:
                looked_up = error.looked_up
            yield from (used[1] for _, used in looked_up if used[0] == root and len(used) > 1)
        case Listed():
            yield from _used(datum.list, root)
        case DataRow() if root == "data":  # in a row within a row, row is the inner one
            for each in datum.each.values():
                yield from _used(each, root)


def _circles(needs: Mapping[str, Sequence[str]], path: KeyPath, complaints: Complaints) -> None:
    """Complain about values that are made of themselves, and about chains that are too long."""
    sorter = TopologicalSorter(needs)
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        first = min(circle, key=list(needs).index)
        at = circle.index(first)
        shown = " -> ".join([*circle[at:-1], *circle[: at + 1]] if at else circle)
        complaints.add((*path, first), f"{first} is made of itself: {shown}", "let one of them be drawn, or a constant")
        return
    depths: dict[str, int] = {}
    for name in order:
        depths[name] = 1 + max((depths[each] for each in needs.get(name, ())), default=0)
        if depths[name] == _LONGEST_CHAIN + 1:
            what = f"{name} is made of others in {depths[name]} steps, {_LONGEST_CHAIN} at most"
            complaints.add((*path, name), what, "make it of earlier ones")
