"""What is drawn for a job: numbers, choices, values from Faker, lists and rows of them, and values made of others."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Self, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic import JsonValue as Json

from lab.core.seeds import Seed, draw
from lab.language.document.base import Model, branch_by_key

LONGEST_LIST = 10_000
"""Values in a list, those of lists within it counted."""


class Number(Model):
    """A drawn number: an integer, or with `decimals` a decimal that keeps its places."""

    between: tuple[int | float, int | float] = Field(strict=False, description="smallest and largest, as [18, 24]")
    decimals: int = Field(0, ge=0, le=9, description="places after the point; 0 draws integers")

    @property
    def steps(self) -> tuple[int, int]:
        """Smallest and largest, counted in the last place: `[18, 24]` with two decimals is 1800 to 2400."""
        low, high = (Decimal(str(bound)).scaleb(self.decimals) for bound in self.between)
        return int(low.to_integral_value(ROUND_CEILING)), int(high.to_integral_value(ROUND_FLOOR))

    @model_validator(mode="after")
    def _ordered(self) -> "Number":
        if not all(-(10**15) <= bound <= 10**15 for bound in self.between):
            raise ValueError("between: a number is at most 10^15")
        if self.between[0] > self.between[1]:
            raise ValueError("between: the smaller number comes first")
        if self.steps[0] > self.steps[1]:
            raise ValueError(f"between: no number with {self.decimals} decimals lies between these")
        return self


Weight: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]


class OneOf(Model):
    """One of the listed values."""

    one_of: tuple[Json, ...] = Field(strict=False, min_length=1, description="the values, each as likely")
    weights: tuple[Weight, ...] | None = Field(
        None, strict=False, description="how likely each is, as whole numbers: with [3, 1] three of four are the first"
    )

    @model_validator(mode="after")
    def _weighed(self) -> "OneOf":
        if self.weights is not None and len(self.weights) != len(self.one_of):
            raise ValueError(f"weights: one for each of the {len(self.one_of)} values; this has {len(self.weights)}")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("weights: one at least is more than 0")
        return self

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


class Fake(Model):
    """A value from Faker; further keys are the provider's own arguments."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    fake: str = Field(description="a Faker provider, such as company or name")
    locale: str | None = Field(None, pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", description="as de_DE; en_US if absent")


class Derivation(Model):
    """A value made of others of `data`, and inside a row of the row's."""

    value: str = Field(
        description="one expression in {{ }}, whose value it is, or a text with some; it sees data, in a row row too"
    )


_Length: TypeAlias = Annotated[int, Field(ge=0, le=1000)]


class LengthRange(Model):
    """A drawn number of values."""

    between: tuple[_Length, _Length] = Field(strict=False, description="smallest and largest, as [1, 5]")

    @model_validator(mode="after")
    def _ordered(self) -> "LengthRange":
        if self.between[0] > self.between[1]:
            raise ValueError("between: the smaller number comes first")
        return self


class LengthChoice(OneOf):
    """One of the listed numbers of values."""

    one_of: tuple[_Length, ...] = Field(strict=False, min_length=1, description="the numbers, each as likely")


Count: TypeAlias = Annotated[
    Annotated[_Length, Tag("count:number")]
    | Annotated[LengthRange, Tag("count:between")]
    | Annotated[LengthChoice, Tag("count:one_of")],
    branch_by_key("count", {"between": LengthRange, "one_of": LengthChoice}, mapping="between", other="number"),
]
"""How many values a list has: said, or drawn once per job."""


class Listed(Model):
    """A list of `count` values, each drawn on its own."""

    list: "Element" = Field(description="what each value is drawn from; {each: {NAME: …}} for rows of several values")
    count: Count = Field(description="how many: a number, or drawn by {between: [1, 5]}, {one_of: [1, 5]}")

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
                found = self.count.drawn(seed, f"{stream}/count")
                assert isinstance(found, int)
                return found

    @model_validator(mode="after")
    def _small(self) -> Self:
        if values_in(self) > LONGEST_LIST:
            raise ValueError(f"a list holds at most {LONGEST_LIST} values, those of lists within it counted")
        return self


class DataRow(Model):
    """Several values that belong together, in a list."""

    each: dict[str, "Datum"] = Field(
        min_length=1, description="the values of a row by name; row.NAME in a {value: …} is another one of the same row"
    )


def values_in(datum: "Element") -> int:
    """How many values an entry holds at most."""
    match datum:
        case Listed():
            return datum.most * values_in(datum.list)
        case DataRow():
            return sum(map(values_in, datum.each.values()))
        case _:
            return 1


DRAWN: dict[str, type[Model]] = {"between": Number, "one_of": OneOf, "fake": Fake, "list": Listed}
"""What makes an entry of `data` a draw, by its key."""
DERIVED = "value"
"""The key of one that is made of others, where a template stands behind it: else the mapping is a constant."""
EACH = "each"
"""The key of a row."""
_FORMS: Mapping[str, type[Model]] = {**DRAWN, DERIVED: Derivation, EACH: DataRow}


def form_of_datum(value: object, *, listed: bool = False) -> str:
    """The key that tells what an entry of `data` is, in a list with `listed`; `constant` for what is none of these."""
    if not isinstance(value, Mapping):
        return next((key for key, model in _FORMS.items() if isinstance(value, model)), "constant")
    if (key := next((key for key in DRAWN if key in value), None)) is not None:
        return key
    if listed and EACH in value:
        return EACH
    text = value.get(DERIVED)
    return DERIVED if isinstance(text, str) and ("{{" in text or "{%" in text) else "constant"


def _not_drawn(*keys: str) -> WithJsonSchema:
    """A constant: any value but a mapping with one of these keys, or one that is made of others."""
    derived = {"required": [DERIVED], "properties": {DERIVED: {"type": "string", "pattern": r"\{[{%]"}}}
    forms = [*({"required": [key]} for key in keys), derived]
    return WithJsonSchema({"description": "a constant", "not": {"type": "object", "anyOf": forms}})


_Constant: TypeAlias = Annotated[Json, _not_drawn(*DRAWN), Tag("data:constant")]
_Element: TypeAlias = Annotated[Json, _not_drawn(*DRAWN, EACH), Tag("data:constant")]
_Number: TypeAlias = Annotated[Number, Tag("data:between")]
_OneOf: TypeAlias = Annotated[OneOf, Tag("data:one_of")]
_Fake: TypeAlias = Annotated[Fake, Tag("data:fake")]
_Listed: TypeAlias = Annotated[Listed, Tag("data:list")]
_Derivation: TypeAlias = Annotated[Derivation, Tag("data:value")]

Datum: TypeAlias = Annotated[
    _Constant | _Number | _OneOf | _Fake | _Listed | _Derivation,
    Discriminator(lambda value: f"data:{form_of_datum(value)}"),
]
"""One entry of `data`: a constant, something drawn once per job, or made of what was."""
Element: TypeAlias = Annotated[
    _Element | _Number | _OneOf | _Fake | _Listed | _Derivation | Annotated[DataRow, Tag("data:each")],
    Discriminator(lambda value: f"data:{form_of_datum(value, listed=True)}"),
]
"""What a list holds: entries, or rows of them."""
Listed.model_rebuild()
DataRow.model_rebuild()
