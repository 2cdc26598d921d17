"""Generated data: what `data` draws for one job, by name.

What is drawn is recorded in JSON (`generate`) and given back to templates with the constants (`values`), so a replay needs
neither the seed nor the data generator. A drawn value depends on its name alone: seed, scenario, ordinal, entry.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING

from lab.core.exchange import Json, text_of
from lab.core.seeds import Seed, digest, draw
from lab.language.document import DataRow, Datum, Derivation, Element, Fake, Listed, Number, OneOf, nearest
from lab.language.generators import ARGUMENTS, GENERATORS, SPECIAL, UNSTEADY

if TYPE_CHECKING:
    from faker import Generator

LOCALE = "en_US"
"""Where a generated value comes from if its entry names no locale."""
MOST_GENERATED = 500_000
"""Characters that a scenario's generated values come to in all, by one of each: about as many milliseconds' work."""

_PLAIN_LENGTH = 64
"""Taken for the length of what passes without a look at Faker."""


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
            return _faked(datum.fake, datum.locale or LOCALE, datum.model_extra or {}, seeded)
        case Listed():
            return [draw_value(datum.list, seed, f"{stream}/{place}") for place in range(datum.counted(seed, stream))]
        case DataRow():
            return _drawn_of(datum.each, seed, stream)
        case Derivation():
            return None  # its place in a list
        case _:
            return datum


def drawn_as(datum: Element, drawn: Json, seed: Seed, stream: str, *, texts: bool = False) -> bool:
    """Whether this was drawn for the entry, as far as the seed alone settles it.

    `texts`: generated text is made again, too; it is the same only of the same version of the generator.
    """
    match datum:
        case Fake() if not texts:
            return True
        case Listed():
            return (
                isinstance(drawn, list)
                and len(drawn) == datum.counted(seed, stream)
                and all(
                    drawn_as(datum.list, one, seed, f"{stream}/{place}", texts=texts) for place, one in enumerate(drawn)
                )
            )
        case DataRow():
            entries = {name: each for name, each in datum.each.items() if is_drawn(each)}
            return (
                isinstance(drawn, dict)
                and drawn.keys() == entries.keys()
                and all(
                    drawn_as(each, drawn[name], seed, f"{stream}/{name}", texts=texts) for name, each in entries.items()
                )
            )
        case _:
            again = draw_value(datum, seed, stream)
            return type(again) is type(drawn) and again == drawn


def _faked(provider: str, locale: str, arguments: Mapping[str, object], seed: int) -> Json:
    generator = _generator(locale)
    generator.seed_instance(seed)
    provide: Callable[..., object] = getattr(generator, provider)
    return _json(provide(**arguments))


def _json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): _json(element) for key, element in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [_json(element) for element in value]
        case _:
            return str(value)


@lru_cache(maxsize=16)
def _generator(locale: str) -> "Generator":
    from faker import Factory  # slow to load, and most scenarios' steps never ask for it

    return Factory.create(locale)


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
            case _:
                pass
    return found


def load_generators(locales: Iterable[str]) -> None:
    """Load what generates values: a tenth of a second, which would else pass at the first draw."""
    for locale in locales:
        _generator(locale)


@lru_cache(maxsize=16)
def _providers(locale: str) -> Mapping[str, str]:
    """The names of what can be generated, each with the module that defines it."""
    names: dict[str, str] = {}
    for provider in reversed(_generator(locale).get_providers()):
        for kind in reversed(type(provider).__mro__[:-1]):
            names |= {
                name: kind.__module__
                for name, member in vars(kind).items()
                if not name.startswith("_") and callable(getattr(provider, name))
                if not isinstance(member, type)
            }
    return names


USUAL = frozenset(
    "address bs building_number bothify catch_phrase city color_name company company_suffix country country_code "
    "currency_code first_name iban job last_name license_plate name postcode state street_address street_name "
    "word".split()
)
"""Providers that are known to fit as they stand: a scenario with no others loads without Faker, which costs 50 ms."""


PATTERNED = ("numerify", "bothify", "lexify")
"""Providers that fill a pattern given as `text`."""


def _usual(provider: str, arguments: Mapping[str, Json]) -> bool:
    if provider in PATTERNED:
        text = arguments.get("text")
        return len(arguments) == 1 and isinstance(text, str) and len(text) <= _PLAIN_LENGTH
    return provider in USUAL and not arguments


def check_fake(provider: str, locale: str | None, arguments: Mapping[str, Json]) -> str | None:
    """What is wrong with an entry `{fake: provider, locale: …, …}`, or None."""
    if locale is None and _usual(provider, arguments):
        return None
    place = locale or LOCALE
    try:
        _generator(place)
    except (AttributeError, ImportError, ValueError):
        from faker.config import AVAILABLE_LOCALES

        return f"Faker has no locale {place}; {nearest(place, AVAILABLE_LOCALES)}".rstrip("; ")
    known = _providers(place)
    if provider not in known:
        return f"Faker has no provider {provider}; {_nearest(provider, GENERATORS & set(known))}"
    if place in UNSTEADY.get(provider, ()):
        return f"{provider} in {place} isn't the same in each run; take another locale, or list values in one_of"
    if provider not in GENERATORS:
        return _unlisted(provider, known)
    return _check_arguments(provider, place, arguments)


def _nearest(provider: str, known: Collection[str]) -> str:
    """The provider that a word is a slip of, or with which it ends, as name for person_name; else a list."""
    if not get_close_matches(provider, known, 1, 0.8):
        endings = [each for each in known if len(each) > 2 and provider.lower().endswith(each)]
        if endings:
            return f"did you mean {max(endings, key=len)}?"
    return nearest(provider, known) or f"usual ones: {', '.join(sorted(USUAL))}; lab docs scenarios, §6, has more"


def _unlisted(provider: str, known: Mapping[str, str]) -> str:
    if known[provider].startswith("faker.providers.date_time"):
        return (
            f"{provider} counts from today's date; write a constant, or take the date from now, as {{{{ now[:10] }}}}"
        )
    hint = nearest(provider, GENERATORS & set(known)) or "lab docs scenarios, §6, says which it takes"
    return f"{provider} is no generator of the lab: it isn't the same in each run, or makes no bounded text; {hint}"


def _check_arguments(provider: str, locale: str, arguments: Mapping[str, Json]) -> str | None:
    call: Callable[..., object] = getattr(_generator(locale), provider)
    known = [name for name in signature(call).parameters if (provider, name) in SPECIAL or name in ARGUMENTS]
    for name, value in arguments.items():
        if name not in known:
            return f"{provider} has no argument {name}; {nearest(name, [*known, 'locale'])}".rstrip("; ")
        complaint = (SPECIAL.get((provider, name)) or ARGUMENTS[name]).complaint(value)
        if complaint:
            return f"{provider}: {name} {complaint}"
    try:
        first, second = (text_of(_faked(provider, locale, arguments, 0)) for _ in range(2))
    except Exception as error:  # noqa: BLE001 - a provider raises whatever it likes for arguments that don't suit it
        return f"{provider} doesn't take these arguments: {error}"
    if first != second:
        return f"{provider} gives another value each time; write a constant, or list values in one_of"
    return None


def fake_length(provider: str, locale: str | None, arguments: Mapping[str, Json]) -> int:
    """How many characters a value of an entry has, about, that `check_fake` found right."""
    if locale is None and _usual(provider, arguments):
        return _PLAIN_LENGTH
    return len(text_of(_faked(provider, locale or LOCALE, arguments, 0)))
