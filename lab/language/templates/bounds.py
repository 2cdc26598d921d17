"""What both roads share, without Jinja: names and faults, steps and sizes, look-ups, the forms of values as texts."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from decimal import Decimal
from typing import TypeAlias, TypeVar, cast

import msgspec
from msgspec import Struct

from lab.program.steps import LARGEST_OUTPUT

TEMPLATE_NAMES = frozenset(
    "message match parameters data decisions delegates user client job turn conversation now".split()
)
"""The names that a template may use."""
TIMELESS_NAMES = TEMPLATE_NAMES - {"now"}
"""Those that a condition may use: where a job goes doesn't depend on when somebody began it."""
DATA_NAMES = frozenset({"data", "row"})
"""Those that a value may use which is made of others."""
NO_ANSWER = "is neither true nor false"
"""How a failure ends that is a condition's own."""
MOST_WORK = 200_000
"""The steps of one rendering, and of one call. The worst text known takes some 40 ms for them; a table of 1,000 rows of
ten cells fits."""
POOL = MOST_WORK // 2
"""The steps of all texts of one call after which none is begun. The last of them may go on as far as one alone may."""
LONG_WORK = POOL // 5
"""Steps of a call after which others are to be served before the next such one: 5 ms or so."""
_TOO_MUCH = "the texts together do too much work"
TEXT_TOO_LARGE = f"the text would be larger than {LARGEST_OUTPUT >> 20} MiB"
_ALONE = re.compile(r"^[ \t]*(\{%(?:(?!%\}).)*?|\{#(?:(?!#\}).)*?)([-+]?[%#]\})[ \t]*\n", re.MULTILINE)
"""A line that holds one tag or comment and nothing else."""
_SHOWN = 40
"""Characters of a value in a sentence about it."""

# tuples, for a union is made anew each time; a dict first, for a Mapping is asked for by a protocol
_MAPPINGS = (dict, Mapping)
_SEQUENCES = (str, list, tuple)
_WHOLES = (list, tuple, *_MAPPINGS)

LookedUp: TypeAlias = tuple[tuple[int, tuple[str, ...]], ...]
"""Paths that a template looks up, with their lines: `(2, ("data", "supplier"))`; cut short where a part is computed."""
Lookup: TypeAlias = tuple[str | int, ...]
Made = TypeVar("Made")
_MISSING = object()


class TemplateFault(Struct, frozen=True):
    """One thing that a template may not do; `line` counts from 1 within its text."""

    line: int
    what: str
    hint: str = ""


class TemplateError(ValueError):
    """A text is not a template that the lab renders; carries every fault, and the paths as `Template.looked_up`."""

    def __init__(self, faults: tuple[TemplateFault, ...], looked_up: LookedUp = ()) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.what}" for fault in faults))
        self.faults = faults
        self.looked_up = looked_up


class RenderFailure(ValueError):
    """A template that was allowed can't be rendered with these names."""


class Unwritten(Struct, frozen=True):
    """A text, a condition or an output that failed while a job runs: what is served instead doesn't say why."""

    scenario: str
    digest: str
    step: str
    instead: str
    """What came of it, in words."""
    why: str


class Pool:
    """The steps that are left to all texts of one call, and who is told of those that fail."""

    __slots__ = ("left", "tell")

    def __init__(self, tell: Callable[[Unwritten], object] = lambda _: None, left: int = POOL) -> None:
        self.tell = tell
        self.left = left

    @property
    def worked_long(self) -> bool:
        return self.left < POOL - LONG_WORK


_POOL: ContextVar[Pool | None] = ContextVar("pool", default=None)


class Budget:
    """The steps that are left to one rendering, or to several that share it; they are spent of the pool around it too."""

    __slots__ = ("left", "pool")

    def __init__(self, *, alone: bool = False) -> None:
        self.left = MOST_WORK
        self.pool = None if alone else _POOL.get()


_NOBODYS = Budget()
"""Of which is spent what Jinja finds out while it compiles: for each text once, so nobody asks how much is left."""
_NOBODYS.left = sys.maxsize
_BUDGET: ContextVar[Budget] = ContextVar("budget", default=_NOBODYS)


def pooled(pool: Pool, make: Callable[[], Made]) -> Made:
    """What is made while its texts together have the steps of a pool: once none is left, no further one is begun.

    So a call is bounded too, however many texts it renders, and nobody else waits long.
    """
    before = _POOL.set(pool)
    try:
        return make()
    finally:
        _POOL.reset(before)


def unpooled(make: Callable[[], Made]) -> Made:
    """What is made in no pool, as conditions are looked at: where a job goes mustn't depend on what else a call renders."""
    pool = _POOL.get()
    return make() if pool is None else pooled(Pool(pool.tell, sys.maxsize), make)


def each_pooled(parts: Iterator[Made], tell: Callable[[Unwritten], object]) -> Iterator[Made]:
    """What is made bit by bit, each part within a pool of its own: others are served between them."""
    while (part := pooled(Pool(tell), lambda: next(parts, _MISSING))) is not _MISSING:
        yield cast(Made, part)


def tell_unwritten(unwritten: Unwritten) -> None:
    """Tell whoever wants to know within the pool around."""
    if (pool := _POOL.get()) is not None:
        pool.tell(unwritten)


def within(budget: Budget | None, make: Callable[[Mapping[str, object]], Made], names: Mapping[str, object]) -> Made:
    """What is made of names within a budget, or one of its own; RenderFailure whatever goes wrong."""
    budget = budget or Budget()
    if budget.pool is not None and budget.pool.left <= 0:
        raise RenderFailure(_TOO_MUCH)
    before = _BUDGET.set(budget)
    try:
        return make(names)
    except RenderFailure:
        raise
    except Exception as error:  # whatever a template provokes is its author's fault, not ours
        raise RenderFailure(f"{error}" or type(error).__name__) from error
    finally:
        _BUDGET.reset(before)


def spend(steps: int) -> None:
    """Take steps off the budget of the rendering under way; RenderFailure once none is left."""
    budget = _BUDGET.get()
    budget.left -= steps
    if budget.left < 0:
        raise RenderFailure("the template does too much work")
    if (pool := budget.pool) is not None:
        pool.left -= steps
        if pool.left < POOL - MOST_WORK:
            raise RenderFailure(_TOO_MUCH)


def weigh(value: object, depth: int = 0) -> None:
    """Spend what it takes to look at all of a value: one step an element, or for each 16 characters."""
    if isinstance(value, str):
        spend(1 + (len(value) >> 4))
    elif isinstance(value, _WHOLES):
        # what lies deeper costs more: each step down is a call, and so many more blanks where JSON is indented
        spend(1 + len(value) * (1 + depth // 8))
        for element in value:
            weigh(element, depth + 1)
        for element in value.values() if isinstance(value, _MAPPINGS) else ():
            weigh(element, depth + 1)
    else:
        spend(1)


def without_lone_tags(text: str) -> str:
    """A template of which a line that holds one tag or comment (`{% for … %}`), and nothing else, leaves no line behind."""
    # the newline goes inside the tag, where it means nothing: so no line is left over, and every line keeps its number
    return text if "raw" in text else _ALONE.sub(r"\1\n\2", text)


def fitting(text: str) -> str:
    """The text; RenderFailure if it is larger than an output may be."""
    if len(text if text.isascii() else text.encode("utf-8", "surrogatepass")) > LARGEST_OUTPUT:
        raise RenderFailure(TEXT_TOO_LARGE)
    return text


def text_within_size(pieces: Iterable[str], gap: str = "") -> str:
    """The pieces as one text; RenderFailure as soon as they come to more than an output may hold."""
    kept, total = list[str](), -len(gap)
    for piece in pieces:
        total += len(gap) + len(piece)
        if total > LARGEST_OUTPUT:
            raise RenderFailure(TEXT_TOO_LARGE)
        kept.append(piece)
    return fitting(gap.join(kept))


def member_of(value: object, key: object, missing: object = None) -> object:
    """What stands in a mapping, a list or a text under a key or an index; `missing` where nothing does."""
    try:
        if isinstance(value, _MAPPINGS) or (isinstance(value, _SEQUENCES) and isinstance(key, int)):
            return value[key]  # type: ignore[index, call-overload]
    except (LookupError, TypeError):
        pass  # a key that can't be hashed is as unknown as any other
    return missing


def look_up(path: Lookup, names: Mapping[str, object]) -> object:
    """What stands at the end of a path; RenderFailure names the first part that isn't there."""
    found: object = names
    for part in path:
        # a dictionary is asked for by its type, as most are: a Mapping is found by a protocol
        found = found.get(part, _MISSING) if type(found) is dict else member_of(found, part, _MISSING)
        if found is _MISSING:
            raise RenderFailure(f"there is no {part} here")
    return found


def as_text(value: object) -> str:
    """A value as an output shows it: decimals with all places, lists and mappings as JSON.

    RenderFailure for anything else: what Python says of an object is nobody's text.
    """
    match value:
        case str():
            return value
        case None | int() | float():
            return str(value)
        case Decimal():
            return format(value, "f")
        case list() | tuple() | Mapping():
            return json_text(value)
        case _:
            str(value)  # as in `_encodable`
            raise RenderFailure("this has no form as a text")


def shown_text(value: object) -> str:
    """A value in a sentence about it: texts in quotes, long ones cut."""
    text = f'"{value}"' if isinstance(value, str) else as_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def json_text(value: object, indent: int = 0) -> str:
    """The value as JSON, numbers with all their places, keys in the author's order; nothing escaped for HTML."""
    weigh(value)
    return fitting(msgspec.json.format(_JSON.encode(value), indent=indent).decode())


def _encodable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    str(value)  # what is undefined raises its own error, which names what is missing
    raise RenderFailure("this has no form in JSON")


_JSON = msgspec.json.Encoder(enc_hook=_encodable, decimal_format="number")
