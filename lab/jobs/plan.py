"""A plan: a scenario for one invocation, with all chance settled by a seed. Chance ends here.

Whatever a job will ever do follows from its plan, from the decisions made on it, and from the instant at which somebody
looks. So a plan holds nothing that changes, and may be made anew whenever it is asked for.

What must hold
    1. Made twice of the same parts it is the same: no clock, no counter, no generator stands behind a draw.
    2. What was drawn once stays as it was drawn. A job's generated data and the durations of the first visits go into the
       journal with its acceptance (`settle_draws`), and a replay takes them from there: it depends neither on the
       version of the data generator nor on a median that was edited since.
    3. Later visits of a step are drawn from their names, always. How often a loop is walked isn't known at acceptance.

A worked example: seed 42, the client's first job of the scenario `talk`, whose step `fetch` takes [2s, 4s]

    visit 0    drawn["fetch/takes"] if it is there (in a replay), else the draw of stream `talk/1/fetch/takes`
    visit 1    the draw of stream `talk/1/fetch/takes#1`, whoever drew what before
    the client's second job draws from `talk/2/fetch/takes`

Where a step leads by chance is drawn in the same way, from `talk/1/fetch/next`: one lot a visit, whichever of its lists of
branches it is held against (`branches`). So a list that is added, or one share in it that is changed, moves no other draw.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Json, within_text
from lab.core.seeds import Seed, draw
from lab.jobs.program import Program
from lab.language.values import generate, restore
from lab.program.draws import draw_latency
from lab.program.steps import TimedStep
from lab.program.words import MILLION

Drawn: TypeAlias = Mapping[str, Json]
"""What chance settled, by name: `data/NAME`, and `STEP/takes` and `STEP/next` of first visits (recordings.md §2.3)."""


class Input(Struct, frozen=True, dict=True):
    """What invokeAsync was asked, normalised (contract.md §3); absent fields have their defaults."""

    message: str
    conversational: bool = False
    invocation_mode: str = "END_USER"
    version: int | None = None
    status: str = "PUBLISHED"
    parameters: Mapping[str, Json] = {}
    refresh_cache: bool = False
    use_internal_config: bool = False
    stream_output: bool = False
    progress_message: bool = False
    metadata: Mapping[str, Json] | None = None
    """Of a request over A2A: what its task carries along."""
    long: bool = False
    """Whether it takes long to write."""

    def quoted(self) -> Mapping[str, bytes]:
        """What of it may be long, as it stands in a text within JSON: made once."""
        if "writings" not in (own := self.__dict__):
            parts: dict[str, Json] = {"message": self.message, "parameters": dict(self.parameters)}
            own["writings"] = {name: within_text(part) for name, part in parts.items()}
        return cast("Mapping[str, bytes]", own["writings"])


class JobUser(Struct, frozen=True):
    """Whose token it was, as conditions and texts see the user."""

    name: str
    display: str = ""
    roles: tuple[str, ...] = ()


class Invocation(Struct, frozen=True):
    """What the accepted request said: the plan's one input besides scenario and seed.

    What is drawn for the job is named by its ordinal: a client's second job of a scenario draws other durations than its
    first, and the same ones in every run of that seed, whatever other clients did meanwhile.
    """

    job: str
    client: str
    team: str
    scenario: str
    ordinal: int
    """Of the job among its client's jobs of the scenario, from 1."""
    at: Millis
    input: Input
    conversation: str | None = None
    turn: int = 1
    first_parameters: Mapping[str, Json] = {}
    """The parameters of its conversation's first turn (contract.md §3.1)."""
    user: JobUser | None = None
    """None: the token is a client's own."""

    @property
    def parameters(self) -> Mapping[str, Json]:
        """Those in force: its own, and of the first turn's those that it doesn't send anew."""
        return {**self.first_parameters, **self.input.parameters}


class Plan(Struct, frozen=True, eq=False, dict=True):
    """A program for one invocation, with its seed and what was drawn; made anew each time, and equal to itself only."""

    program: Program
    invocation: Invocation
    seed: Seed
    drawn: Drawn = {}
    """What the journal holds of its draws; in a replay the durations of first visits too. These win."""
    scripted: bool = True
    """Whether the scenario's reviewers answer; False when a person does."""
    earlier: Callable[[], Sequence[object]] = tuple
    """The earlier turns of its conversation as templates see them, computed when one is looked at."""
    alias: str | None = None
    """The id under which the job is asked for, if it isn't its own; nothing is drawn from it."""

    @property
    def data(self) -> Mapping[str, object]:
        """`data` of the scenario as templates see it, made once; most looks at a job see none of it."""
        if "data" not in (own := self.__dict__):  # `cached_property` takes a lock
            program, stream = self.program, f"{self.program.name}/{self.invocation.ordinal}"
            own["data"] = restore(program.scenario.data, self.drawn, self.seed, stream, under="data/")
        return cast("Mapping[str, object]", own["data"])

    @property
    def shown(self) -> str:
        """The job's id in bodies."""
        return self.alias or self.invocation.job

    def began(self, now: Millis) -> Millis:
        """When the job began, as it says of itself at `now`: at its acceptance, and once its work has begun, then."""
        worked = self.invocation.at + self.program.queued
        return worked if now >= worked else self.invocation.at

    def takes(self, step: str, visit: int) -> Millis:
        """How long a work step or a wait lasts at this visit, from 0, in milliseconds."""
        return self._settled(takes, "takes", step, visit)

    def lot(self, step: str, visit: int) -> int:
        """What is held against the chances of a step's branches at this visit: 0 to 999,999."""
        return self._settled(lot, "next", step, visit)

    def _settled(self, draws: "Callable[[Program, Seed, int, str, int], int]", use: str, step: str, visit: int) -> int:
        known = self.drawn.get(f"{step}/{use}") if visit == 0 else None
        return known if isinstance(known, int) else draws(self.program, self.seed, self.invocation.ordinal, step, visit)


def _stream(program: Program, ordinal: int, use: str, visit: int) -> str:
    """`SCENARIO/ORDINAL/STEP/takes#VISIT`, no `#VISIT` at visit 0.

    A later turn's job draws from the same streams under another ordinal: it is a further job of the scenario.
    """
    return f"{program.name}/{ordinal}/{use}{f'#{visit}' if visit else ''}"


def takes(program: Program, seed: Seed, ordinal: int, step: str, visit: int) -> Millis:
    lasting = program.steps[step]
    assert isinstance(lasting, TimedStep)
    return draw_latency(seed, _stream(program, ordinal, f"{step}/takes", visit), lasting.takes)


def lot(program: Program, seed: Seed, ordinal: int, step: str, visit: int) -> int:
    return draw(seed, _stream(program, ordinal, f"{step}/next", visit), 0, MILLION - 1)


def settle_draws(program: Program, seed: Seed, ordinal: int) -> dict[str, Json]:
    """Everything chance settles at acceptance, sorted by name: what `drawn` of `job.accepted` holds.

    Values stand there as JSON, a decimal as its text: `restore` gives it its places back.
    """
    data = generate(program.scenario.data, seed, f"{program.name}/{ordinal}")
    drawn = {f"data/{name}": value for name, value in data.items()}
    for name, step in program.steps.items():
        # a duration that is written out is no draw: an edited scenario may change it, and a replay then says so
        if isinstance(step, TimedStep) and not isinstance(step.takes, int):
            drawn[f"{name}/takes"] = takes(program, seed, ordinal, name, 0)
    drawn |= {f"{name}/next": lot(program, seed, ordinal, name, 0) for name in program.lots}
    return dict(sorted(drawn.items()))
