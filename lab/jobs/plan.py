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
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.seeds import Seed
from lab.jobs.turns import part_for, parts_for
from lab.language.document import Scenario, Step, TimedStep, draw_latency
from lab.language.generate import drawn_as, generate, is_drawn, restore
from lab.language.patterns import Pattern, pattern_of

Drawn: TypeAlias = Mapping[str, Json]
"""What chance settled, by name: `data/NAME` and the `STEP/takes` of first visits (recordings.md §2.3)."""


class Input(Struct, frozen=True):
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

    @property
    def parameters(self) -> Mapping[str, Json]:
        """Those in force: its own, and of the first turn's those that it doesn't send anew."""
        return {**self.first_parameters, **self.input.parameters}


class CompiledScenario(Struct, frozen=True, eq=False):
    """A scenario indexed, made once and shared by all its jobs; equal to itself only, so that others may index by it.

    Each later turn of a conversation is a compiled scenario of its own: its steps, data and draws know nothing of those of
    the turns before, and it may use the same ids.
    """

    scenario: Scenario
    digest: str
    """SHA-256 of the file's bytes with CRLF made LF, in hex."""
    steps: Mapping[str, Step]
    successors: Mapping[str, Step]
    pattern: Pattern | None
    turns: tuple["CompiledScenario", ...] = ()
    """What answers the second and later messages of a conversation."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The texts of the files that outputs name."""
    source: str = ""
    """The file's text, where it was read from one."""
    queued: Millis = 0
    """How long an accepted job lies before its work begins."""

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.scenario.name

    @property
    def first(self) -> Step:
        """The step in which every job begins."""
        return self.scenario.steps[0]

    @property
    def order_free(self) -> bool:
        """Whether later messages may come in any order."""
        return self.scenario.turn_order == "any" and bool(self.turns)

    def part_for(self, turn: int, message: str, used: Collection[int] = ()) -> int | None:
        """Which part answers the n-th message of a conversation, as `of_turn` counts them; None: none does.

        `used`: the parts that answered the messages before (scenarios.md §9).
        """
        return part_for(self.scenario, turn, message, used)

    def parts_for(self, messages: Iterable[str]) -> list[int | None]:
        """Which part answers each message of a conversation; None: none does."""
        return parts_for(self.scenario, messages)

    @property
    def sent(self) -> tuple["CompiledScenario", ...]:
        """What answers the messages that the external app sends by itself, turn by turn."""
        parts = self.parts_for(each.message for each in self.scenario.user_messages)
        return tuple(each for part in parts if part is not None and (each := self.of_turn(part)) is not None)

    def of_turn(self, turn: int) -> "CompiledScenario | None":
        """Part n: 1 the scenario itself, from 2 on its later turns as they are written; None: past the last."""
        if turn <= 1 or not self.turns:
            return self
        return self.turns[turn - 2] if turn - 2 < len(self.turns) else None

    def after(self, step: str) -> Step:
        """The step that follows `step`: its `next`, else the next in order."""
        return self.successors[step]

    def fits(self, message: str) -> bool:
        """Whether `match` is found in the message."""
        return self.pattern is None or self.pattern.fits(message)

    def groups(self, message: str) -> dict[str, str]:
        """The named groups of `match` in the message, missing ones empty; none if it doesn't fit; LongMatch."""
        return (self.pattern.groups(message) if self.pattern is not None else None) or {}


def compile_scenario(
    scenario: Scenario, digest: str = "", files: Mapping[str, str] | None = None, source: str = ""
) -> CompiledScenario:
    """Index a scenario that `lab.language.parse` has accepted; `files` holds the texts that its outputs name."""
    steps: dict[str, Step] = {step.id: step for step in scenario.steps}
    successors: dict[str, Step] = {}
    # only `next` leads elsewhere than on; verdicts and retry loops depend on what happens, so they are the timeline's
    for step, following in zip(scenario.steps, scenario.steps[1:], strict=False):
        named = getattr(step, "next", None)  # endings have none, and nobody asks what follows them
        successors[step.id] = steps[named] if named else following
    pattern = pattern_of(scenario.match) if scenario.match else None
    later = (scenario.of_turn(turn) for turn in range(2, len(scenario.turns) + 2))
    turns = tuple(compile_scenario(each, digest, files) for each in later if each is not None)
    return CompiledScenario(scenario, digest, steps, successors, pattern, turns, files or {}, source)


class Plan(Struct, frozen=True, eq=False):
    """A compiled scenario for one invocation, with its seed and what was drawn; made anew each time, and equal to itself only."""

    compiled: CompiledScenario
    invocation: Invocation
    seed: Seed
    data: Mapping[str, object]
    """`data` of the scenario as templates see it."""
    drawn: Drawn = {}
    """What the journal holds of its draws; in a replay the durations of first visits too. These win."""
    scripted: bool = True
    """Whether the scenario's reviewers answer; False when a person does."""
    earlier: Callable[[], Sequence[object]] = tuple
    """The earlier turns of its conversation as templates see them, computed when one is looked at."""
    alias: str | None = None
    """The id under which the job is asked for, if it isn't its own; nothing is drawn from it."""

    @property
    def shown(self) -> str:
        """The job's id in bodies."""
        return self.alias or self.invocation.job

    def began(self, now: Millis) -> Millis:
        """When the job began, as it says of itself at `now`: at its acceptance, and once its work has begun, then."""
        worked = self.invocation.at + self.compiled.queued
        return worked if now >= worked else self.invocation.at

    def takes(self, step: str, visit: int) -> Millis:
        """How long a work step or a wait lasts at this visit, from 0, in milliseconds."""
        known = self.drawn.get(f"{step}/takes") if visit == 0 else None
        if isinstance(known, int):
            return known
        return takes(self.compiled, self.seed, self.invocation.ordinal, step, visit)


def takes(compiled: CompiledScenario, seed: Seed, ordinal: int, step: str, visit: int) -> Millis:
    """The draw behind a step's duration: stream `SCENARIO/ORDINAL/STEP/takes#VISIT`, no `#VISIT` at visit 0.

    A later turn's job draws from the same streams under another ordinal: it is a further job of the scenario.
    """
    lasting = compiled.steps[step]
    assert isinstance(lasting, TimedStep)
    number = f"#{visit}" if visit else ""
    return draw_latency(seed, f"{compiled.name}/{ordinal}/{step}/takes{number}", lasting.takes)


def settle_draws(compiled: CompiledScenario, seed: Seed, ordinal: int) -> dict[str, Json]:
    """Everything chance settles at acceptance, sorted by name: what `drawn` of `job.accepted` holds.

    Values stand there as JSON, a decimal as its text: `restore` gives it its places back.
    """
    data = generate(compiled.scenario.data, seed, f"{compiled.name}/{ordinal}")
    drawn = {f"data/{name}": value for name, value in data.items()}
    drawn |= {f"{name}/takes": takes(compiled, seed, ordinal, name, 0) for name in _timed(compiled)}
    return dict(sorted(drawn.items()))


def _timed(compiled: CompiledScenario) -> Iterator[str]:
    """The steps whose durations are drawn."""
    for name, step in compiled.steps.items():
        # a duration that is written out is no draw: an edited scenario may change it, and a replay then says so
        if isinstance(step, TimedStep) and not isinstance(step.takes, int):
            yield name


def misdrawn(compiled: CompiledScenario, seed: Seed, ordinal: int, drawn: Drawn) -> str | None:
    """The first name under which `drawn` holds what chance can't have settled so at acceptance; None: it all fits.

    Generated text may be anything: another version of the generator gives another.
    """
    stream = f"{compiled.name}/{ordinal}"
    data = {f"data/{name}": datum for name, datum in compiled.scenario.data.items() if is_drawn(datum)}
    timed = {f"{name}/takes": takes(compiled, seed, ordinal, name, 0) for name in _timed(compiled)}
    for name in sorted(data.keys() | timed.keys() | drawn.keys()):
        value = drawn.get(name)
        if name in data and name in drawn and drawn_as(data[name], value, seed, f"{stream}/{name}"):
            continue
        if name not in timed or type(value) is not int or value != timed[name]:
            return name
    return None


def drawn_otherwise(compiled: CompiledScenario, seed: Seed, ordinal: int, drawn: Drawn, *, texts: bool) -> list[str]:
    """The names under which an edited scenario draws otherwise than `drawn` has it, sorted.

    A step that is new or gone is none of them: that shows in the timeline. `texts`: generated text counts.
    """
    data = {f"data/{name}": datum for name, datum in compiled.scenario.data.items() if is_drawn(datum)}
    found = data.keys() ^ {name for name in drawn if name.startswith("data/")}
    for name in data.keys() & drawn.keys():
        if not drawn_as(data[name], drawn[name], seed, f"{compiled.name}/{ordinal}/{name}", texts=texts):
            found.add(name)
    for name, step in compiled.steps.items():
        known = drawn.get(f"{name}/takes")
        if known is not None and isinstance(step, TimedStep) and known != takes(compiled, seed, ordinal, name, 0):
            found.add(f"{name}/takes")
    return sorted(found)


def plan(
    compiled: CompiledScenario, invocation: Invocation, seed: Seed, drawn: Drawn,
    *, scripted: bool, earlier: Callable[[], Sequence[object]] = tuple,
) -> Plan:  # fmt: skip
    """The plan of a job for which `drawn` was settled: all of it, or its generated data alone."""
    values = {name[5:]: value for name, value in drawn.items() if name.startswith("data/")}
    data = restore(compiled.scenario.data, values, seed, f"{compiled.name}/{invocation.ordinal}")
    return Plan(compiled, invocation, seed, data, drawn, scripted, earlier)
