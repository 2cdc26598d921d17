"""What is drawn: how long something takes, in five ways, and the data of a job."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, TypeAlias, assert_never

from pydantic import ConfigDict, Field, Tag, WithJsonSchema, model_validator
from pydantic import JsonValue as Json

from lab.core.clock import Millis
from lab.core.seeds import Seed, draw, draw_exponential, draw_log_normal
from lab.language.document.base import Duration, Model, branch_by_key


class Between(Model):
    """A uniform draw, both ends included."""

    between: tuple[Duration, Duration] = Field(strict=False, description="shortest and longest, as [2s, 4s]")

    @model_validator(mode="after")
    def _ordered(self) -> "Between":
        if self.between[0] > self.between[1]:
            raise ValueError("between: the shorter duration comes first")
        return self


class LogNormal(Model):
    """A log-normal draw, given by its median and 95th percentile."""

    median: Duration = Field(description="half of the draws are shorter")
    p95: Duration = Field(description="one in twenty is longer")

    @model_validator(mode="after")
    def _ordered(self) -> "LogNormal":
        if self.median <= 0 or self.p95 < self.median:
            raise ValueError("the median is more than 0ms, and p95 not less than the median")
        return self


class Observed(Model):
    """A draw from measured values."""

    observed: tuple[Duration, ...] = Field(strict=False, min_length=1, description="measured values, each as likely")


class Exponential(Model):
    """An exponential draw, given by its mean: short ones are the most likely, and one in twenty is three times the mean."""

    mean: Duration = Field(description="their mean; one in twenty is longer than three times that")


Latency: TypeAlias = Annotated[
    Annotated[Duration, Tag("latency:fixed")]
    | Annotated[Between, Tag("latency:between")]
    | Annotated[LogNormal, Tag("latency:median")]
    | Annotated[Observed, Tag("latency:observed")]
    | Annotated[Exponential, Tag("latency:mean")],
    branch_by_key(
        "latency",
        {"between": Between, "observed": Observed, "mean": Exponential, "median": LogNormal},
        mapping="median",
        other="fixed",
    ),
]
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
            return max(form.observed)
        case Exponential():
            return 3 * form.mean
        case _:
            assert_never(form)


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


class OneOf(Model):
    """One of the listed values."""

    one_of: tuple[Json, ...] = Field(strict=False, min_length=1, description="the values, each as likely")


class Fake(Model):
    """A value from Faker; further keys are the provider's own arguments."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    fake: str = Field(description="a Faker provider, such as company or name")
    locale: str | None = Field(None, pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$", description="as de_DE; en_US if absent")


class Listed(Model):
    """A list of `count` values, each drawn on its own."""

    list: "Datum" = Field(description="what each value is drawn from")
    count: int = Field(ge=0, le=1000, description="how many")

    @property
    def size(self) -> int:
        """How many values it holds, those of lists within it counted."""
        return self.count * (self.list.size if isinstance(self.list, Listed) else 1)

    @model_validator(mode="after")
    def _small(self) -> "Listed":
        if self.size > 10_000:
            raise ValueError("a list holds at most 10000 values, those of lists within it counted")
        return self


DRAWN: dict[str, type[Model]] = {"between": Number, "one_of": OneOf, "fake": Fake, "list": Listed}
"""What makes an entry of `data` a draw, by its key."""
_NOT_DRAWN = WithJsonSchema({
    "description": "a constant",
    "not": {"type": "object", "anyOf": [{"required": [key]} for key in DRAWN]},
})  # fmt: skip

Datum: TypeAlias = Annotated[
    Annotated[Json, _NOT_DRAWN, Tag("data:constant")]
    | Annotated[Number, Tag("data:between")]
    | Annotated[OneOf, Tag("data:one_of")]
    | Annotated[Fake, Tag("data:fake")]
    | Annotated[Listed, Tag("data:list")],
    branch_by_key("data", DRAWN, mapping="constant", other="constant"),
]
"""One entry of `data`: a constant, or something drawn once per job."""
