"""The values of `data`: what is drawn for one job, by name, and what templates see of it.

What is drawn is recorded in JSON (`generate`) and given back to templates with the constants (`restore`), so a replay needs
neither the seed nor the data generator. A drawn value depends on its name alone: seed, scenario, ordinal, entry.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import cast

from lab.core.exchange import Json
from lab.core.seeds import Seed, digest, draw
from lab.language.generators import LOCALE, faked
from lab.language.templates import Expression, RenderFailure, derivation
from lab.language.templates.bounds import Budget
from lab.program.draws import Constant, DataRow, Datum, Derivation, Element, Fake, Listed, Number, OneOf, elements_in


def generate(data: Mapping[str, Datum], seed: Seed, prefix: str) -> dict[str, Json]:
    """What is drawn for one job, as it is recorded; `prefix` is `SCENARIO/ORDINAL`. Constants are left out."""
    return _drawn_of(data, seed, f"{prefix}/data", texts=True)


def _drawn_of(data: Mapping[str, Datum], seed: Seed, stream: str, *, texts: bool) -> dict[str, Json]:
    drawn = {name: datum for name, datum in data.items() if is_drawn(datum)}
    return {name: _draw(datum, seed, f"{stream}/{name}", texts=texts) for name, datum in drawn.items()}


def is_drawn(datum: Datum) -> bool:
    """Whether an entry is settled by chance; else it is a constant, or made of others."""
    return isinstance(datum, Number | OneOf | Fake | Listed)


def _draw(datum: Element, seed: Seed, stream: str, *, texts: bool) -> Json:
    """What the stream of that name settles for an entry, as it is recorded; without `texts`, anything for what is generated."""
    match datum:
        case Number():
            count = draw(seed, stream, *datum.steps)
            return str(Decimal(count).scaleb(-datum.decimals)) if datum.decimals else count
        case OneOf():
            return datum.drawn(seed, stream)
        case Fake():
            if not texts:
                return cast(Json, _ANYTHING)
            return faked(datum.fake, datum.locale, datum.arguments, int.from_bytes(digest(seed, stream)))
        case Listed():
            places = range(datum.counted(seed, stream))
            return [_draw(datum.list, seed, f"{stream}/{place}", texts=texts) for place in places]
        case DataRow():
            return _drawn_of(datum.each, seed, stream, texts=texts)
        case Derivation():
            return None  # its place in a list
        case Constant():
            return datum.value


class _Anything:
    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


_ANYTHING = _Anything()


def drawn_as(datum: Element, drawn: Json, seed: Seed, stream: str, *, texts: bool = False) -> bool:
    """Whether this was drawn for the entry, as far as the seed alone settles it.

    `texts`: generated text is made again, too; it is the same only of the same version of the generator.
    """
    return _draw(datum, seed, stream, texts=texts) == drawn


def locales_of(data: Iterable[Element]) -> set[str]:
    """Of which locales the entries generate values."""
    elements = (each.element for datum in data for each in elements_in(datum))
    return {each.locale or LOCALE for each in elements if isinstance(each, Fake)}


def restore(
    data: Mapping[str, Datum], drawn: Mapping[str, Json], seed: Seed, prefix: str, *, under: str = ""
) -> Mapping[str, object]:
    """The values that templates see: constants, what was drawn, decimals as Decimal, and what is made of these.

    Each is restored when it is first looked at: RenderFailure then, if it can't be made of others. What `drawn` doesn't
    hold is drawn then too: an entry may be new since, or have been a constant. `under` stands before each name there.
    """
    return _Entries(data, drawn, seed, f"{prefix}/data", under=under)


class Lazy(Mapping[str, object]):
    """Members that are found when they are first looked at: by a function, or by a subclass."""

    def __init__(self, names: Collection[str], by: Callable[[str], object] | None = None) -> None:
        self._names = names
        self._by = by
        self._found: dict[str, object] = {}

    def _find(self, name: str) -> object:
        assert self._by is not None
        return self._by(name)

    def __getitem__(self, name: str) -> object:
        found = self._found.get(name, self)
        if found is self:
            if name not in self._names:
                raise KeyError(name)
            found = self._found[name] = self._find(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Entries(Lazy):
    """Entries of `data`, or of a row.

    `around` a row stand the entries of `data`, and the steps that are left to the entry in which it is.
    """

    def __init__(
        self,
        data: Mapping[str, Datum],
        drawn: Mapping[str, Json],
        seed: Seed,
        stream: str,
        around: "tuple[_Entries, Budget] | None" = None,
        under: str = "",
    ) -> None:
        super().__init__(data)
        self._data = data
        self._drawn = drawn
        self._seed = seed
        self._stream = stream
        self._around = around
        self._under = under
        self._under_way: set[str] = set()

    def _find(self, name: str) -> object:
        datum = self._data[name]
        known = self._drawn.get(place := self._under + name)
        if known is not None and isinstance(datum, OneOf | Fake):  # as it was drawn
            return known
        if name in self._under_way:
            raise RenderFailure(f"{name} is made of itself")
        stream = f"{self._stream}/{name}"
        if known is None and place not in self._drawn and is_drawn(datum):
            known = _draw(datum, self._seed, stream, texts=True)
        self._under_way.add(name)
        try:
            # each entry has its own budget, or what is looked at first would decide what fails
            return self._restored(datum, known, stream, self._around or (self, Budget()))
        finally:
            self._under_way.discard(name)

    def _restored(self, datum: Element, drawn: Json, stream: str, around: "tuple[_Entries, Budget]") -> object:
        match datum:
            case Number() if isinstance(drawn, str):
                try:
                    return Decimal(drawn)
                except ArithmeticError:  # it was drawn for an entry of another kind
                    return drawn
            case Listed() if isinstance(drawn, list):
                places = enumerate(drawn)
                return [self._restored(datum.list, each, f"{stream}/{place}", around) for place, each in places]
            case DataRow():
                known = drawn if isinstance(drawn, dict) else {}
                return dict(_Entries(datum.each, known, self._seed, stream, around))
            case Derivation():
                whole, budget = around
                names = {"data": whole, "row": {} if self._around is None else self}
                read = derivation(datum.value)
                return read.value(names, budget) if isinstance(read, Expression) else read.render(names, budget)
            case Constant():
                return datum.value
            case _:
                return drawn
