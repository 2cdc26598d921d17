"""Values as templates see and change them: numbers that keep their places, texts and JSON of bounded size."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import TypeAlias, cast

from jinja2 import Environment, Undefined, pass_environment
from jinja2.filters import do_float, do_int, make_attrgetter
from jinja2.sandbox import SandboxedEnvironment

from lab.language.templates.bounds import RenderFailure, bounded, check_size

BIGGEST = 10**15
"""The largest number that an operator takes or gives."""
RANGE = 1000
"""The longest `range`."""
NO_NUMBER = "finds no number in"
"""What `int` and `float` say of a value that is none, where no default is given."""
BY_ZERO = "division by zero"

Numeric: TypeAlias = int | float | Decimal

_NUMBERS = (int, float, Decimal)
_OF_TEXTS = "join texts with ~, and make numbers of them by | int or | float"
_NOTHING = object()
"""Stands where no default is given."""
_SHOWN = 40
"""Characters of a text in a sentence about it."""
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
        raise RenderFailure(
            f"operators take numbers only; {_OF_TEXTS if isinstance(value, str) else 'join texts with ~'}"
        )
    if not -BIGGEST <= value <= BIGGEST:
        raise RenderFailure("a number is larger than 10^15")
    return value


def arithmetic(operator: str, left: object, right: object) -> Numeric:
    """The result of an operator; a float is converted by its text, so 21.40 + 1.5 is 22.90."""
    one, other = as_number(left), as_number(right)
    if other == 0 and operator in ("/", "//", "%"):
        raise RenderFailure(BY_ZERO)
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
    if method not in modes:
        raise RenderFailure("round goes by 'common', 'ceil' or 'floor'")
    if not -9 <= precision <= 9:
        raise RenderFailure("round takes -9 to 9 places")
    exact = Decimal(str(as_number(value)))
    result = exact.quantize(Decimal(1).scaleb(-precision), modes[method], _EXACT)
    return result if precision > 0 else int(result)


def integer(value: object, default: object = _NOTHING, base: int = 10) -> object:
    """The whole number in a value, `4` in `4.7` too; RenderFailure if there is none and no default."""
    found = do_int(value, cast(int, None), base)
    return _or_default("int", value, default) if found is None else found


def floating(value: object, default: object = _NOTHING) -> object:
    """The number in a value; RenderFailure if there is none and no default."""
    found = do_float(value, cast(float, None))
    return _or_default("float", value, default) if found is None or not isfinite(found) else found


def _or_default(name: str, value: object, default: object) -> object:
    # a 0 that nobody wrote would let an amount of 1,250.00 pass as a small one
    if default is _NOTHING:
        raise RenderFailure(f"{name} {NO_NUMBER} {shown_text(value)}")
    return default


def shown_text(value: object) -> str:
    """A value in a sentence about it: texts in quotes, long ones cut."""
    text = f'"{value}"' if isinstance(value, str) else as_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def elements(value: object) -> list[object]:
    """What a loop passes over."""
    if not isinstance(value, Iterable):
        counted = ": write range(…) to count" if isinstance(value, _NUMBERS) else ""
        raise RenderFailure(f"a loop passes over a list, and this is {shown_text(value)}{counted}")
    return list(value)


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
    "float": floating,
    "int": integer,
    "join": join,
    "replace": replace,
    "round": rounded,
    "safe": lambda value: value,
    "string": lambda value: value,
    "sum": total,
    "tojson": tojson,
}
"""Filters that are ours because Jinja's are unbounded, lose places, or give 0 for what is no number."""
