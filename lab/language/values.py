"""The values of `data` as templates see them: constants, what was drawn, and what is made of these."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.language.generate import draw_value, is_drawn
from lab.language.templates import Expression, RenderFailure, Template, derivation
from lab.language.templates.bounds import Budget
from lab.program.draws import Constant, DataRow, Datum, Derivation, Element, Fake, Listed, Number, OneOf


def restore(data: Mapping[str, Datum], drawn: Mapping[str, Json], seed: Seed, prefix: str) -> Mapping[str, object]:
    """The values that templates see: constants, what was drawn, decimals as Decimal, and what is made of these.

    Each is restored when it is first looked at: RenderFailure then, if it can't be made of others. What `drawn` doesn't
    hold is drawn then too: an entry may be new since, or have been a constant.
    """
    return _Entries(data, drawn, seed, f"{prefix}/data")


class _Entries(Mapping[str, object]):
    """Entries of `data`, or of a row (`whole` stands around it), each restored when it is first looked at."""

    def __init__(
        self,
        data: Mapping[str, Datum],
        drawn: Mapping[str, Json],
        seed: Seed,
        stream: str,
        whole: "_Entries | None" = None,
    ) -> None:
        self._data = data
        self._drawn = drawn
        self._seed = seed
        self._stream = stream
        self._whole = whole
        self.budget: Budget = Budget() if whole is None else whole.budget
        self._found: dict[str, object] = {}
        self._under_way: set[str] = set()

    def __getitem__(self, name: str) -> object:
        if name not in self._found:
            datum, stream = self._data[name], f"{self._stream}/{name}"
            if name in self._under_way:
                raise RenderFailure(f"{name} is made of itself")
            self._under_way.add(name)
            # each entry has its own budget, or what is looked at first would decide what fails
            around, self.budget = self.budget, self.budget if self._whole is not None else Budget()
            try:
                known = self._drawn.get(name)
                if name not in self._drawn and is_drawn(datum):
                    known = draw_value(datum, self._seed, stream)
                self._found[name] = self._restored(datum, known, stream)
            finally:
                self.budget = around
                self._under_way.discard(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def _restored(self, datum: Element, drawn: Json, stream: str) -> object:
        match datum:
            case Number() if isinstance(drawn, str):
                try:
                    return Decimal(drawn)
                except ArithmeticError:  # it was drawn for an entry of another kind
                    return drawn
            case Listed() if isinstance(drawn, list):
                places = enumerate(drawn)
                return [self._restored(datum.list, element, f"{stream}/{place}") for place, element in places]
            case DataRow():
                known = drawn if isinstance(drawn, dict) else {}
                return dict(_Entries(datum.each, known, self._seed, stream, self._whole or self))
            case Derivation():
                return self._made_of_others(datum.value)
            case Number() | OneOf() | Fake() | Listed():
                return drawn
            case Constant():
                return datum.value

    def _made_of_others(self, text: str) -> object:
        names = {"data": self._whole or self, "row": self if self._whole is not None else {}}
        match read := derivation(text):
            case Expression():
                return read.value(names, self.budget)
            case Template():
                return read.render(names, self.budget)
