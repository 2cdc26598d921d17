"""What is drawn: how long something takes, in five ways, and the data of a job."""

from typing import Annotated, TypeAlias, assert_never

from pydantic import Field, Tag, model_validator

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
