"""What is drawn for a job: how long something takes, numbers, choices, generated values, lists of them, and what is made of these."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, ClassVar, TypeAlias, assert_never, cast

from msgspec import Meta, Struct

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed, draw, draw_exponential, draw_log_normal
from lab.program.words import Duration, Form, FormOf, KeyPath

# Latencies


class Between(Form, frozen=True, tag="between"):
    """A uniform draw, both ends included."""

    between: tuple[Duration, Duration]
    """shortest and longest, as [2s, 4s]"""

    def flaws(self) -> Iterator[str]:
        if self.between[0] > self.between[1]:
            yield "between: the shorter duration comes first"


class Observed(Form, frozen=True, tag="observed"):
    """A draw from measured values."""

    observed: Annotated[tuple[Duration, ...], Meta(min_length=1)]
    """measured values, each as likely"""


class Exponential(Form, frozen=True, tag="mean"):
    """An exponential draw, given by its mean: short ones are the most likely, and one in twenty is three times the mean."""

    mean: Duration
    """their mean; one in twenty is longer than three times that"""


class LogNormal(Form, frozen=True, tag="median"):
    """A log-normal draw, given by its median and 95th percentile."""

    median: Duration
    """half of the draws are shorter"""
    p95: Duration
    """one in twenty is longer"""

    def flaws(self) -> Iterator[str]:
        if self.median <= 0 or self.p95 < self.median:
            yield "the median is more than 0ms, and p95 not less than the median"


Latency: TypeAlias = Annotated[Duration | Between | Observed | Exponential | LogNormal, FormOf(mapping="median")]
"""How long something takes, in the five ways it may be written."""


def draw_latency(seed: Seed, stream: str, form: Latency) -> Millis:
    """What a latency settles to for the stream of that name, in milliseconds."""
    match form:
        case int():
            return form
        case Between():
            return draw(seed, stream, *form.between)
        case LogNormal():
            return draw_log_normal(seed, stream, form.median, form.p95)
        case Observed():
            return form.observed[draw(seed, stream, 0, len(form.observed) - 1)]
        case Exponential():
            return draw_exponential(seed, stream, form.mean)
        case _:
            assert_never(form)


def longest_latency(form: Latency) -> Millis:
    """The longest that a latency is expected to be: of one that has no end, its 95th percentile."""
    match form:
        case int():
            return form
        case Between():
            return form.between[1]
        case LogNormal():
            return form.p95
        case Observed():
            return max(form.observed, default=0)  # of a stand-in there is none
        case Exponential():
            return 3 * form.mean
        case _:
            assert_never(form)


# Data

LONGEST_LIST = 10_000
"""Values in a list, those of lists within it counted."""


class Constant(Form, frozen=True, tag="constant"):
    """A value that is written as it is."""

    value: Json


class Number(Form, frozen=True, tag="between"):
    """A drawn number: an integer, or with `decimals` a decimal that keeps its places."""

    between: tuple[int | float, int | float]
    """smallest and largest, as [18, 24]"""
    decimals: Annotated[int, Meta(ge=0, le=9)] = 0
    """places after the point; 0 draws integers"""

    @property
    def steps(self) -> tuple[int, int]:
        """Smallest and largest, counted in the last place: `[18, 24]` with two decimals is 1800 to 2400."""
        low, high = (Decimal(str(bound)).scaleb(self.decimals) for bound in self.between)
        return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))

    def flaws(self) -> Iterator[str]:
        if not all(-(10**15) <= bound <= 10**15 for bound in self.between):
            yield "between: a number is at most 10^15"
        elif self.between[0] > self.between[1]:
            yield "between: the smaller number comes first"
        elif self.steps[0] > self.steps[1]:
            yield f"between: no number with {self.decimals} decimals lies between these"


Weight: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
Weights: TypeAlias = tuple[Weight, ...] | None


class OneOf(Form, frozen=True, tag="one_of"):
    """One of the listed values."""

    one_of: Annotated[tuple[Json, ...], Meta(min_length=1)]
    """the values, each as likely"""
    weights: Weights = None
    """how likely each is, as whole numbers: with [3, 1] three of four are the first"""

    def flaws(self) -> Iterator[str]:
        if self.weights is not None and len(self.weights) != len(self.one_of):
            yield f"weights: one for each of the {len(self.one_of)} values; this has {len(self.weights)}"
        elif self.weights is not None and not sum(self.weights):
            yield "weights: one at least is more than 0"

    def drawn(self, seed: Seed, stream: str) -> Json:
        """The value that the stream of that name settles."""
        if self.weights is None:
            return self.one_of[draw(seed, stream, 0, len(self.one_of) - 1)]
        left = draw(seed, stream, 0, sum(self.weights) - 1)
        for value, weight in zip(self.one_of, self.weights, strict=True):
            left -= weight
            if left < 0:
                return value
        raise AssertionError("the draw is less than the sum of the weights")


class Fake(Form, frozen=True, tag="fake"):
    """A value from Faker; further keys are the provider's own arguments."""

    further: ClassVar[str] = "arguments"
    fake: str
    """a Faker provider, such as company or name"""
    locale: Annotated[str, Meta(pattern="^[a-z]{2,3}(_[A-Z]{2})?$")] | None = None
    """as de_DE; en_US if absent"""
    arguments: Mapping[str, Json] = {}


class Derivation(Form, frozen=True, tag="value"):
    """A value made of others of `data`, and inside a row of the row's."""

    value: str
    """one expression in {{ }}, whose value it is, or a text with some; it sees data, in a row row too"""


Length: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]


class LengthRange(Form, frozen=True, tag="between"):
    """A drawn number of values."""

    between: tuple[Length, Length]
    """smallest and largest, as [1, 5]"""

    def flaws(self) -> Iterator[str]:
        if self.between[0] > self.between[1]:
            yield "between: the smaller number comes first"


class LengthChoice(OneOf, frozen=True, tag="one_of"):
    """One of the listed numbers of values."""

    one_of: Annotated[tuple[Length, ...], Meta(min_length=1)]
    """the numbers, each as likely"""


Count: TypeAlias = Annotated[Length | LengthRange | LengthChoice, FormOf(mapping="between")]
"""How many values a list has: said, or drawn once per job."""


class Listed(Form, frozen=True, tag="list"):
    """A list of `count` values, each drawn on its own."""

    list: "Element"
    """what each value is drawn from; {each: {NAME: …}} for rows of several values"""
    count: Count
    """how many: a number, or drawn by {between: [1, 5]}, {one_of: [1, 5]}"""

    @property
    def most(self) -> int:
        """How many values it may have at most."""
        match self.count:
            case int():
                return self.count
            case LengthRange():
                return self.count.between[1]
            case LengthChoice():
                return max(self.count.one_of)

    def counted(self, seed: Seed, stream: str) -> int:
        """How many values the list of that name has."""
        match self.count:
            case int():
                return self.count
            case LengthRange():
                return draw(seed, f"{stream}/count", *self.count.between)
            case LengthChoice():
                return cast(int, self.count.drawn(seed, f"{stream}/count"))

    def flaws(self) -> Iterator[str]:
        if values_in(self) > LONGEST_LIST:
            yield f"a list holds at most {LONGEST_LIST} values, those of lists within it counted"


class DataRow(Form, frozen=True, tag="each"):
    """Several values that belong together, in a list."""

    each: Annotated[Mapping[str, "Datum"], Meta(min_length=1)]
    """the values of a row by name; row.NAME in a {value: …} is another one of the same row"""


class DrawnElement(Struct, frozen=True):
    """An entry of `data`, or what stands within one."""

    place: KeyPath
    """Within the entry."""
    element: "Element"
    row: DataRow | None
    """The innermost row around it."""
    most: int
    """How often it is drawn at most."""


def elements_in(
    element: "Element", place: KeyPath = (), row: DataRow | None = None, most: int = 1
) -> Iterator[DrawnElement]:
    """The entry, and all within its lists and rows."""
    yield DrawnElement(place, element, row, most)
    if isinstance(element, Listed):
        yield from elements_in(element.list, (*place, "list"), row, most * element.most)
    elif isinstance(element, DataRow):
        for name, each in element.each.items():
            yield from elements_in(each, (*place, "each", name), element, most)


def values_in(datum: "Element") -> int:
    """How many values an entry holds at most."""
    return sum(each.most for each in elements_in(datum) if not isinstance(each.element, Listed | DataRow))


DRAWN = ("between", "one_of", "fake", "list")
"""The keys that make an entry of `data` a draw."""


def form_of_datum(value: object) -> str:
    """What an entry of `data` is, by its key; `constant` for what is none of them."""
    if not isinstance(value, Mapping):
        return "constant"
    if (key := next((key for key in DRAWN if key in value), None)) is not None:
        return key
    text = value.get("value")
    return "value" if isinstance(text, str) and ("{{" in text or "{%" in text) else "constant"


def form_of_element(value: object) -> str:
    """The same of what a list holds, which may be rows."""
    form = form_of_datum(value)
    return "each" if form not in DRAWN and isinstance(value, Mapping) and "each" in value else form


Datum: TypeAlias = Annotated[Constant | Number | OneOf | Fake | Listed | Derivation, FormOf(by=form_of_datum)]
"""One entry of `data`: a constant, something drawn once per job, or made of what was."""
Element: TypeAlias = Annotated[
    Constant | Number | OneOf | Fake | Listed | Derivation | DataRow, FormOf(by=form_of_element)
]
"""What a list holds: entries, or rows of them."""
Data: TypeAlias = Mapping[str, Datum]
