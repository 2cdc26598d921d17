"""Generated data: what `data` draws for one job, by name.

What is drawn is recorded in JSON (`generate`) and given back to templates with the constants (`values`), so a replay needs
neither the seed nor the data generator. A drawn value depends on its name alone: seed, scenario, ordinal, entry.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from lab.core.exchange import Json
from lab.core.seeds import Seed, digest, draw
from lab.language.generators import LOCALE, faked
from lab.program.draws import Constant, DataRow, Datum, Derivation, Element, Fake, Listed, Number, OneOf


def generate(data: Mapping[str, Datum], seed: Seed, prefix: str) -> dict[str, Json]:
    """What is drawn for one job, as it is recorded; `prefix` is `SCENARIO/ORDINAL`. Constants are left out."""
    return _drawn_of(data, seed, f"{prefix}/data")


def _drawn_of(data: Mapping[str, Datum], seed: Seed, stream: str) -> dict[str, Json]:
    return {name: draw_value(datum, seed, f"{stream}/{name}") for name, datum in data.items() if is_drawn(datum)}


def is_drawn(datum: Datum) -> bool:
    """Whether an entry is settled by chance; else it is a constant, or made of others."""
    return isinstance(datum, Number | OneOf | Fake | Listed)


def draw_value(datum: Element, seed: Seed, stream: str) -> Json:
    """What the stream of that name settles for an entry, as it is recorded."""
    match datum:
        case Number():
            count = draw(seed, stream, *datum.steps)
            return str(Decimal(count).scaleb(-datum.decimals)) if datum.decimals else count
        case OneOf():
            return datum.drawn(seed, stream)
        case Fake():
            seeded = int.from_bytes(digest(seed, stream))
            return faked(datum.fake, datum.locale, datum.arguments, seeded)
        case Listed():
            return [draw_value(datum.list, seed, f"{stream}/{place}") for place in range(datum.counted(seed, stream))]
        case DataRow():
            return _drawn_of(datum.each, seed, stream)
        case Derivation():
            return None  # its place in a list
        case Constant():
            return datum.value


def drawn_as(datum: Element, drawn: Json, seed: Seed, stream: str, *, texts: bool = False) -> bool:
    """Whether this was drawn for the entry, as far as the seed alone settles it.

    `texts`: generated text is made again, too; it is the same only of the same version of the generator.
    """
    match datum:
        case Fake() if not texts:
            return True
        case Listed() if isinstance(drawn, list) and len(drawn) == datum.counted(seed, stream):
            rows = enumerate(drawn)
            return all(drawn_as(datum.list, one, seed, f"{stream}/{place}", texts=texts) for place, one in rows)
        case DataRow() if isinstance(drawn, dict) and drawn.keys() == {
            n for n, each in datum.each.items() if is_drawn(each)
        }:
            row = datum.each
            return all(drawn_as(row[name], one, seed, f"{stream}/{name}", texts=texts) for name, one in drawn.items())
        case _:
            again = draw_value(datum, seed, stream)
            return type(again) is type(drawn) and again == drawn


def locales_of(data: Iterable[Element]) -> set[str]:
    """Of which locales the entries generate values."""
    found: set[str] = set()
    for datum in data:
        match datum:
            case Fake():
                found.add(datum.locale or LOCALE)
            case Listed():
                found |= locales_of((datum.list,))
            case DataRow():
                found |= locales_of(datum.each.values())
    return found
