"""What the entries of `data` say of each other: what Faker can make, what values are made of, circles."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec.structs import replace
from pydantic import ValidationError

from lab.core.exchange import Json
from lab.language.document import Listed, form_of_datum
from lab.language.generators import NoValue, fake_length
from lab.language.parse.complaints import Complaints, KeyPath
from lab.language.parse.template_names import Names, check_text
from lab.language.parse.yaml_tree import mapping_of
from lab.language.templates import TemplateError, derivation

MOST_GENERATED = 500_000
"""Characters that a scenario's generated values come to in all, by one of each: about as many milliseconds' work."""
_LONGEST_CHAIN = 16
"""How many values may be made of each other in a row."""


def check_data(data: Mapping[str, Json], path: KeyPath, names: Names, complaints: Complaints) -> None:
    """Complain about what can't be generated, and about values that can't be made of others."""
    length = sum(_fakes((*path, key), datum, complaints) for key, datum in data.items())
    if length > MOST_GENERATED:
        what = f"about {length} generated characters for each job, {MOST_GENERATED} at most"
        complaints.add(path, what, "draw fewer, or shorter ones")
    _check_entries(data, path, names, complaints)
    _circles({name: [*_used(datum, "data")] for name, datum in data.items()}, path, complaints)


def _fakes(path: KeyPath, datum: Json, complaints: Complaints) -> int:
    """About how many characters an entry of `data` generates; 0 for one that is complained of."""
    if not isinstance(datum, dict):
        return 0
    if isinstance(provider := datum.get("fake"), str):
        locale = datum.get("locale")
        arguments = {name: value for name, value in datum.items() if name not in ("fake", "locale")}
        if locale is None or isinstance(locale, str):
            try:
                return fake_length(provider, locale, arguments)
            except NoValue as error:
                complaints.add((*path, error.key), str(error), error.hint)
    elif "list" in datum:
        return _fakes((*path, "list"), datum["list"], complaints) * _most(datum.get("count"))
    elif path[-1] == "list":
        row = mapping_of(datum.get("each"))
        return sum(_fakes((*path, "each", name), each, complaints) for name, each in row.items())
    return 0


def _most(count: Json) -> int:
    """How many values a list of that count may have; 0 if it is none."""
    try:
        return Listed.model_validate({"list": None, "count": count}).most
    except ValidationError:
        return 0


def _check_entries(data: Mapping[str, Json], path: KeyPath, names: Names, complaints: Complaints) -> None:
    """The names in values that are made of others; rows have some of their own."""
    for name, datum in data.items():
        place: KeyPath = (*path, name)
        while form_of_datum(datum, listed=place[-1] == "list") == "list":
            place, datum = (*place, "list"), mapping_of(datum).get("list")
        form = form_of_datum(datum, listed=place[-1] == "list")
        if form == "value":
            check_text((*place, "value"), str(mapping_of(datum)["value"]), names, complaints, derivation)
        elif form == "each":
            row, place = mapping_of(mapping_of(datum)["each"]), (*place, "each")
            _check_entries(row, place, replace(names, row=frozenset(row)), complaints)
            _circles({key: [*_used(each, "row")] for key, each in row.items()}, place, complaints)


def _used(datum: Json, root: str) -> Iterator[str]:
    """The entries of `data`, or of the row in which the entry stands, of which it is made."""
    match form_of_datum(datum, listed=True):
        case "value":
            yield from _named(str(mapping_of(datum)["value"]), root)
        case "list":
            yield from _used(mapping_of(datum).get("list"), root)
        case "each" if root == "data":  # in a row within a row, row is the inner one
            for each in mapping_of(mapping_of(datum)["each"]).values():
                yield from _used(each, root)
        case _:
            pass


def _named(text: str, root: str) -> Iterator[str]:
    try:
        looked_up = derivation(text).looked_up
    except TemplateError as error:
        looked_up = error.looked_up
    yield from (used[1] for _, used in looked_up if used[0] == root and len(used) > 1)


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
