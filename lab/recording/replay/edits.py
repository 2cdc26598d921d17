"""What an edit of a scenario changes of recorded jobs: what chance settles otherwise, and which step takes another time.

A replay takes what was drawn from the recording, so of itself it would show nothing of an edit of a scenario's `data` or
durations, nor of another way to draw (recordings.md §6.2). Left are durations that were written out, and later visits of a
step: how long it took stands between two facts of its job.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.jobs.plan import settle_draws, takes
from lab.jobs.program import Program
from lab.language.values import drawn_as, is_drawn
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.program.steps import TimedStep
from lab.program.words import duration_text
from lab.recording.divergences import Difference, diff
from lab.recording.format.lines import Entry, Recording

_LOOKED_AT = 20
"""Jobs of a scenario's turn: if none of them is drawn otherwise, that turn's draws are as they were."""


class _Accepted(NamedTuple):
    """A recorded acceptance, and the program that its job would run by now."""

    place: tuple[str, int]
    """Scenario and turn."""
    ordinal: int
    drawn: dict[str, Json]
    program: Program


def edited_scenarios(recording: Recording) -> set[str]:
    """The scenarios that were edited while it was recorded."""
    return {line.text("scenario") or "" for line in recording.facts("scenario.loaded")}


def _accepted(line: Entry, catalog: Catalog) -> _Accepted | None:
    """None: its scenario has no such turn any more, or the line is damaged."""
    scenario, turn, entry, ordinal = (
        line.text("scenario") or "",
        line.get("turn"),
        line.get("entry"),
        line.get("ordinal"),
    )
    part = entry + 1 if isinstance(entry, int) else turn
    chosen, drawn = catalog.by_name.get(scenario), line.get("drawn")
    if not isinstance(part, int) or not isinstance(ordinal, int) or chosen is None or chosen.of_turn(part) is None:
        return None
    program = catalog.playing(chosen, line.text("user"), part)
    return _Accepted((scenario, part), ordinal, drawn if isinstance(drawn, dict) else {}, program)


# What is drawn


def redrawn(
    recording: Recording, config: Config, changed: frozenset[str], meanwhile: Collection[str], *, texts: bool
) -> Iterator[Difference]:
    """The first acceptance of each turn of a scenario of which something is drawn otherwise; `changed` since were some.

    What those drew from that were edited `meanwhile`, nobody can tell. `texts`: of these generated text counts, for the generator has the version that the recording's had.
    """
    catalog, looked_at = Catalog(config, config.identity), Counter[tuple[str, int]]()
    for line in recording.facts("job.accepted"):
        if line.text("scenario") in meanwhile or (job := _accepted(line, catalog)) is None:
            continue
        if looked_at[job.place] >= _LOOKED_AT:
            continue
        looked_at[job.place] += 1
        settled, exact = settle_draws(job.program, config.seed, job.ordinal), job.place[0] not in changed
        now = {**_lasting(job, config.seed), **settled}
        otherwise = _drawn_otherwise(job, config.seed, now, texts=texts and not exact)
        if names := sorted(otherwise | (job.drawn.keys() ^ settled.keys() if exact else set())):
            looked_at[job.place] = _LOOKED_AT
            recorded, replayed = ({each: of[each] for each in names if each in of} for of in (job.drawn, now))
            shown = tuple(diff(recorded, replayed, f"{recording.name}:{line.n + 1} → drawn"))
            more = f", as are {len(names) - 1} more" if len(names) > 1 else ""
            what = f"job.accepted: {names[0]} is drawn otherwise now{more}; --regenerate shows what follows"
            yield Difference(line.text("job"), line.n + 1, what, shown)


def _drawn_otherwise(job: _Accepted, seed: int, now: dict[str, Json], *, texts: bool) -> set[str]:
    """The names under which a scenario draws otherwise than it did; a step that is new or gone shows in the timeline."""
    program, drawn = job.program, job.drawn
    data = {f"data/{name}": datum for name, datum in program.scenario.data.items() if is_drawn(datum)}
    found = data.keys() ^ {name for name in drawn if name.startswith("data/")}
    for name in data.keys() & drawn.keys():
        if not drawn_as(data[name], drawn[name], seed, f"{program.name}/{job.ordinal}/{name}", texts=texts):
            found.add(name)
    visited = now.keys() & drawn.keys() - data.keys()
    return found | {name for name in visited if drawn[name] is not None and drawn[name] != now[name]}


def _lasting(job: _Accepted, seed: int) -> dict[str, Json]:
    """How long steps last at their first visit, also those of which it is written."""
    steps = (name for name, step in job.program.steps.items() if isinstance(step, TimedStep))
    return {f"{name}/takes": takes(job.program, seed, job.ordinal, name, 0) for name in steps}


# How long steps take


class _Course(Struct):
    """How far a recorded job came, step by step."""

    program: Program
    ordinal: int
    step: str
    since: Millis
    drawn: Mapping[str, Json]
    """What a replay takes from the recording."""
    visits: Counter[str] = field(default_factory=Counter)
    cut_short: bool = False
    """Whether somebody ended the wait at which it stands."""

    def retimed(self, now: Millis, seed: int) -> str:
        """In a sentence, how long the step that ends now took and takes; nothing if that is the same."""
        step, visit = self.program.steps.get(self.step), self.visits[self.step]
        self.visits[self.step] += 1
        if not isinstance(step, TimedStep) or self.cut_short or (visit == 0 and f"{self.step}/takes" in self.drawn):
            return ""
        lasted, lasting = now - self.since, takes(self.program, seed, self.ordinal, self.step, visit)
        again = f" at visit {visit + 1}" if visit else ""
        then = f"step {self.step} took {duration_text(lasted)}{again}, and takes {duration_text(lasting)} now"
        return then if lasted != lasting else ""


def retimed_steps(recording: Recording, config: Config, changed: frozenset[str]) -> dict[str | None, str]:
    """By Job ID, of the jobs of `changed` scenarios: the first step that takes another time now, and both times, as a sentence."""
    catalog, courses, found = Catalog(config, config.identity), dict[str | None, _Course](), dict[str | None, str]()
    facts = recording.facts("job.accepted", "wait.ended", "job.status") if changed else ()
    for line in facts:
        job = line.text("job")
        if line.type == "job.accepted":
            if line.text("scenario") in changed and (begun := _accepted(line, catalog)) is not None:
                drawn = begun.drawn if config.recorded is not None else {}
                courses[job] = _Course(begun.program, begun.ordinal, begun.program.first.id, line.instant, drawn)
        elif (course := courses.get(job)) is None:
            continue
        elif line.type == "wait.ended":
            course.cut_short = True
        else:
            if sentence := course.retimed(line.instant, config.seed):
                found.setdefault(job, sentence)
            course.step, course.since, course.cut_short = line.text("step") or "", line.instant, False
    return found
