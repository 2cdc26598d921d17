"""What Faker makes for `data`: the values, and which of its providers may make any.

A value must be JSON, and the same for the same seed on every day and in every process, or no run could be made again. No
list could say that of a thousand providers in a hundred locales, so `lab check` tries what a scenario asks for: some
seeds, each twice, and watched, for what looks at the clock is the same again a moment later. Only what no trial tells
is denied by name.
"""

import sys
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from inspect import Parameter, isroutine, signature
from types import FrameType
from typing import TYPE_CHECKING

from lab.core.errors import Unusable, closest
from lab.core.exchange import Json, json_bytes, text_of
from lab.core.jsontext import BadJson, read_json
from lab.program.words import nearest

if TYPE_CHECKING:
    from faker import Generator

LOCALE = "en_US"
"""Where a generated value comes from if its entry names no locale."""
USUAL = frozenset(
    "address bs building_number bothify catch_phrase city color_name company company_suffix country country_code "
    "currency_code first_name iban job last_name license_plate name postcode state street_address street_name "
    "word".split()
)
PATTERNED = ("numerify", "bothify", "lexify")
"""Providers that are known to fit as they stand, or with a `text`: a scenario with no others loads without Faker."""
DENIED = frozenset(
    "binary image json_bytes tar zip enum pydict pyiterable pylist pyobject pyset pystruct pytuple".split()
) | {"city it_IT"}
"""Bytes and files, which would be made before they are refused, and what holds values of any kind. Of one locale: what
is chosen from a set of texts, whose order is another in each process."""

_CLOCKS = frozenset("date.today datetime.today datetime.now datetime.utcnow time time_ns localtime gmtime".split())
_SEEDS = 24
"""Tried: a clock that one value in seven looks at is missed in one trial of forty, and always in the same."""
_ENOUGH, _MOST_CALLS = 100_000, 2_000_000
"""Calls after which no further seed is tried; calls of a value that takes too long, about a second."""
_MOST = 10_000
"""The largest number as an argument."""
_LARGE = frozenset("min max min_value max_value step center radius".split())
"""Arguments that say how large a number is, not how many there are of something: 10^15 at most."""
_ELSE = "take another provider, write a constant, or list values in one_of"
_TODAY = "write a constant, or take the date from now, as {{ now[:10] }}"
_PLAIN_LENGTH = 64
"""Taken for the length of what passes without a look at Faker."""


class NoValue(Unusable):
    """Why an entry `{fake: …}` makes no value; `key` is the one that is wrong."""

    def __init__(self, what: str, hint: str, key: str = "fake") -> None:
        super().__init__(what, hint)
        self.key = key


@lru_cache(maxsize=16)
def _generator(locale: str) -> "Generator":
    from faker import Factory  # slow to load, and most scenarios' steps never ask for it

    return Factory.create(locale)


def load_generators(locales: Iterable[str]) -> None:
    """Load what generates values: a tenth of a second, which would else pass at the first draw."""
    for locale in locales:
        _generator(locale)


def faked(provider: str, locale: str | None, arguments: Mapping[str, object], seed: int) -> Json:
    """The value of that seed, as it is recorded."""
    generator = _generator(locale or LOCALE).seed_instance(seed)
    return _json(getattr(generator, provider)(**arguments))


def _json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return format(value, "f")
        case Mapping():
            return {str(key): _json(element) for key, element in value.items()}
        case list() | tuple():
            return [_json(element) for element in value]
        case _:
            raise BadJson(f"{type(value).__name__} is no JSON")


def fake_length(provider: str, locale: str | None, arguments: Mapping[str, Json]) -> int:
    """About how many characters a value of an entry `{fake: provider, locale: …, …}` has; NoValue if it makes none."""
    if locale is None and not arguments and provider in USUAL:
        return _PLAIN_LENGTH
    text = arguments.get("text") if len(arguments) == 1 and locale is None and provider in PATTERNED else None
    if isinstance(text, str) and len(text) <= _PLAIN_LENGTH:
        return _PLAIN_LENGTH
    place = locale or LOCALE
    try:
        known = {name for name, member in vars(_generator(place)).items() if isroutine(member)}
    except (AttributeError, ImportError, ValueError):
        from faker.config import AVAILABLE_LOCALES

        raise NoValue(f"Faker has no locale {place}", nearest(place, AVAILABLE_LOCALES), "locale") from None
    if provider not in known:
        raise NoValue(f"Faker has no provider {provider}", _nearest(provider, known - DENIED))
    if {provider, f"{provider} {place}"} & DENIED:
        raise NoValue(f"{provider} in {place} makes what is no JSON, or isn't the same in each run", _ELSE)
    declared = signature(getattr(_generator(place), provider)).parameters
    for name, value in arguments.items():
        _check_argument(provider, name, value, declared)
    return _tried(provider, place, arguments, declared)


def _nearest(provider: str, known: Collection[str]) -> str:
    """The provider that a word is a slip of, or with which it ends, as name for person_name; else a list."""
    if not closest(provider, known, 0.8):
        endings = [each for each in known if len(each) > 2 and provider.lower().endswith(each)]
        if endings:
            return f"did you mean {max(endings, key=len)}?"
    return nearest(provider, known) or f"usual ones: {', '.join(sorted(USUAL))}; lab docs scenarios, §6, has more"


def _check_argument(provider: str, name: str, value: Json, declared: Mapping[str, Parameter]) -> None:
    """What Faker wouldn't refuse by itself, or not before long; its types are its own affair."""
    if name not in declared:
        raise NoValue(f"{provider} has no argument {name}", nearest(name, [*declared, "locale"]), name)
    most = 10**15 if name in _LARGE else _MOST
    if isinstance(value, int | float) and not -most <= value <= most:
        raise NoValue(f"{provider}: {name} is {most} at most", "take a smaller number", name)
    if "{{" in text_of(value):  # a template of Faker's own calls any of its methods by name
        raise NoValue(f"{provider}: {name} takes no {{{{…}}}}", "draw each part, and join them in a template", name)


def _tried(provider: str, locale: str, arguments: Mapping[str, Json], declared: Mapping[str, Parameter]) -> int:
    """The length of the longest of the values that are tried."""
    calls, clock, longest, before = 0, False, 0, sys.getprofile()

    def watch(_frame: FrameType, event: str, called: object) -> None:
        nonlocal calls, clock
        calls += 1
        clock = clock or (event == "c_call" and getattr(called, "__qualname__", "") in _CLOCKS)
        if calls > _MOST_CALLS:
            raise RuntimeError("a value takes too long to make")

    for seed in range(_SEEDS):
        problem: NoValue | None = None
        sys.setprofile(watch)
        try:
            value, again = (faked(provider, locale, arguments, seed) for _ in range(2))
            if not read_json(json_bytes(value)) == value == again:
                problem = NoValue(f"{provider} in {locale} isn't the same in each run", _ELSE)
            longest = max(longest, len(text_of(value)))
        except BadJson as error:
            problem = NoValue(f"{provider} makes what can't be recorded: {error}", _ELSE)
        except Exception as error:  # noqa: BLE001 - a provider raises whatever it likes for arguments that don't suit it
            given = ", ".join(f"{name}: {text_of(each)}" for name, each in arguments.items()) or f"locale: {locale}"
            hint = f"Faker has {', '.join(str(declared[name]) for name in arguments)}" if arguments else _ELSE
            problem = NoValue(f"{provider} doesn't take {given}: {error}", hint, next(iter(arguments), "fake"))
        finally:
            sys.setprofile(before)
        if clock:
            problem = NoValue(f"{provider} counts from today's date", _TODAY)
        if problem is not None:
            raise problem
        if calls > _ENOUGH:
            break
    return longest
