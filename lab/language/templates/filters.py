"""Values as templates see and change them: numbers that keep their places, texts and JSON of bounded size."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import TypeAlias

from jinja2 import Environment, Undefined, pass_environment
from jinja2.filters import make_attrgetter
from jinja2.sandbox import SandboxedEnvironment

from lab.language.templates.bounds import RenderFailure, bounded, check_size

BIGGEST = 10**15
"""The largest number that an operator takes or gives."""
RANGE = 1000
"""The longest `range`."""

Numeric: TypeAlias = int | float | Decimal

_NUMBERS = (int, float, Decimal)
_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)
_DECIMAL: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "/": _EXACT.divide,
    "//": _EXACT.divide_int,
    "%": _EXACT.remainder,
}
_INTEGER = SandboxedEnvironment.default_binop_table
"""Python's own operators."""


def as_number(value: object) -> Numeric:
    """The value, if it is a number within bounds; RenderFailure if not."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        str(value)  # what is undefined raises its own error, which names what is missing
        raise RenderFailure("operators take numbers only; join texts with ~")
    if not -BIGGEST <= value <= BIGGEST:
        raise RenderFailure("a number is larger than 10^15")
    return value


def arithmetic(operator: str, left: object, right: object) -> Numeric:
    """The result of an operator; a float is converted by its text, so 21.40 + 1.5 is 22.90."""
    one, other = as_number(left), as_number(right)
    if isinstance(one, int) and isinstance(other, int):
        return as_number(_INTEGER[operator](one, other))
    return as_number(_DECIMAL[operator](Decimal(str(one)), Decimal(str(other))))


def as_shown(value: object) -> object:
    """A value as an output shows it: decimals with all places, lists and mappings as JSON.

    RenderFailure for anything else: what Python says of an object is nobody's text.
    """
    match value:
        case None | str() | int() | float() | Undefined():
            return value
        case Decimal():
            return format(value, "f")
        case list() | tuple() | Mapping():
            return json_text(value)
        case _:
            raise RenderFailure("this has no form as a text")


def as_text(value: object) -> str:
    """`as_shown`, as text."""
    return str(as_shown(value))


def json_text(value: object, indent: int | None = None) -> str:
    """The value as JSON, numbers with all their places, keys in the author's order; nothing escaped for HTML."""
    return "".join(bounded(_json(value, indent, "\n")))


def _json(value: object, indent: int | None, newline: str) -> Iterator[str]:
    match value:
        case None | bool() | str():
            yield json.dumps(value, ensure_ascii=False)
        case int() | float() | Decimal():
            if not isfinite(value):
                raise RenderFailure(f"{value} has no form in JSON")
            yield as_text(value)
        case Mapping():
            pairs = [(json.dumps(str(key), ensure_ascii=False) + ": ", element) for key, element in value.items()]
            yield from _json_row("{}", pairs, indent, newline)
        case list() | tuple():
            yield from _json_row("[]", [("", element) for element in value], indent, newline)
        case _:
            as_text(value)  # what is undefined raises its own error, which names what is missing
            raise RenderFailure("this has no form in JSON")


def _json_row(brackets: str, elements: list[tuple[str, object]], indent: int | None, newline: str) -> Iterator[str]:
    inner = newline + " " * (indent or 0)
    yield brackets[0]
    for place, (head, element) in enumerate(elements):
        yield ("," if place else "") + (inner if indent is not None else " " if place else "") + head
        yield from _json(element, indent, inner)
    yield (newline if indent is not None and elements else "") + brackets[1]


@pass_environment
def join(environment: Environment, value: Iterable[object], d: object = "", attribute: str | None = None) -> str:
    """The texts of the elements, or of their `attribute`, with `d` between them."""
    return "".join(bounded(_with_gaps(_parts(environment, value, attribute), as_text(d))))


def _parts(environment: Environment, value: Iterable[object], attribute: str | None) -> Iterable[object]:
    return value if attribute is None else map(make_attrgetter(environment, attribute), value)


def _with_gaps(value: Iterable[object], gap: str) -> Iterator[str]:
    for place, element in enumerate(value):
        if place and gap:
            yield gap
        yield as_text(element)


def replace(value: str, old: object, new: object, count: int | None = None) -> str:
    """The text with each `old` as `new`, the first `count` only if that is given."""
    before, after = as_text(old), as_text(new)
    times = value.count(before)
    if count is not None and 0 <= count < times:
        times = count
    check_size(len(value) + times * (len(after) - len(before)))
    return str(value).replace(before, after, times)


def rounded(value: object, precision: int = 0, method: str = "common") -> Numeric:
    """The number with `precision` places, -9 to 9; halves go away from zero; or `ceil`, `floor`."""
    modes = {"common": "ROUND_HALF_UP", "ceil": "ROUND_CEILING", "floor": "ROUND_FLOOR"}
    if not -9 <= precision <= 9:
        raise RenderFailure("round takes -9 to 9 places")
    exact = Decimal(str(as_number(value)))
    result = exact.quantize(Decimal(1).scaleb(-precision), modes[method], _EXACT)
    return result if precision > 0 else int(result)


@pass_environment
def total(
    environment: Environment, value: Iterable[object], attribute: str | None = None, start: Numeric = 0
) -> Numeric:
    """The sum of the numbers, or of their `attribute`, places kept."""
    result = start
    for element in _parts(environment, value, attribute):
        result = arithmetic("+", result, element)
    return result


def tojson(value: object, indent: int | None = None) -> str:
    """The value as JSON; `indent` 0 to 8."""
    if isinstance(value, Undefined):
        str(value)
    if indent is not None and not 0 <= indent <= 8:
        raise RenderFailure("tojson indents by 0 to 8")
    return json_text(value, indent)


def limited_range(*bounds: int) -> list[int]:
    """`range` as a list, 1000 long at most."""
    numbers = range(*bounds)
    if len(numbers) > RANGE:
        raise RenderFailure(f"range is longer than {RANGE}")
    return list(numbers)


OWN: dict[str, Callable[..., object]] = {
    "join": join,
    "replace": replace,
    "round": rounded,
    "safe": lambda value: value,
    "string": lambda value: value,
    "sum": total,
    "tojson": tojson,
}
"""Filters that are ours because Jinja's are unbounded, or lose places."""
