"""What the entries of `data` say of each other: what Faker can make, what values are made of, circles."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from lab.language.complaints import Complaints
from lab.language.generators import NoValue, fake_length
from lab.language.parse.names import Known, check_text, within_row
from lab.language.templates import TemplateError, derivation
from lab.program.draws import DataRow, Datum, Derivation, Drawn, Fake, drawn_in
from lab.program.words import KeyPath

MOST_GENERATED = 500_000
"""Characters that a scenario's generated values come to in all, by one of each: about as many milliseconds' work."""
_LONGEST_CHAIN = 16
"""How many values may be made of each other in a row."""


def check_data(data: Mapping[str, Datum], path: KeyPath, names: Known, complaints: Complaints) -> None:
    """Complain about what can't be generated, and about values that can't be made of others."""
    length = 0
    within = {name: [*drawn_in(datum)] for name, datum in data.items()}
    for name, drawn in within.items():
        for each in drawn:
            at = (*path, name, *each.place)
            match each.element:
                case Fake(fake=fake, locale=locale, arguments=arguments) if complaints.sound(at):
                    try:
                        length += each.most * fake_length(fake, locale, arguments)
                    except NoValue as error:
                        complaints.add((*at, error.key), str(error), error.hint)
                case Derivation(value=text):
                    seen = names if each.row is None else within_row(names, each.row.each)
                    check_text((*at, "value"), text, seen, complaints, derivation)
                case DataRow(each=row):
                    needs = {key: [*_used(drawn_in(of), "row")] for key, of in row.items()}
                    _circles(needs, (*at, "each"), complaints)
    if length > MOST_GENERATED:
        what = f"about {length} generated characters for each job, {MOST_GENERATED} at most"
        complaints.add(path, what, "draw fewer, or shorter ones")
    _circles({name: [*_used(drawn, "data")] for name, drawn in within.items()}, path, complaints)


def _used(drawn: Iterator[Drawn] | Sequence[Drawn], root: str) -> Iterator[str]:
    """The entries of `data`, or of the row in which these stand, of which they are made."""
    for each in drawn:
        # in a row within a row, row is the inner one
        if isinstance(each.element, Derivation) and (root == "data" or each.row is None):
            try:
                looked_up = derivation(each.element.value).looked_up
            except TemplateError as error:
                looked_up = error.looked_up
            yield from (used[1] for _, used in looked_up if used[0] == root and len(used) > 1)


def _circles(needs: Mapping[str, Sequence[str]], path: KeyPath, complaints: Complaints) -> None:
    """Complain about values that are made of themselves, and about chains that are too long."""
    try:
        order = list(TopologicalSorter(needs).static_order())
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
