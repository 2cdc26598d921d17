"""What chance settles otherwise than it did when a recording was made (recordings.md §6.2).

A replay takes what was drawn from the recording, so of itself it would show nothing of an edit of a scenario's `data` or
durations, nor of another way to draw.
"""

from collections import Counter
from collections.abc import Iterator

from lab.core.exchange import Json
from lab.jobs.plan import settle_draws, takes
from lab.jobs.program import Program
from lab.language.values import drawn_as, is_drawn
from lab.mock.catalog import Catalog
from lab.mock.config import Config
from lab.program.steps import TimedStep
from lab.recording.divergences import Difference, diff
from lab.recording.format.lines import Recording
from lab.recording.replay.replayer import edited_scenarios
from lab.recording.replay.step_times import accepted_part

_LOOKED_AT = 20
"""Jobs of a scenario's turn: if none of them is drawn otherwise, that turn's draws are as they were."""


def redrawn(recording: Recording, config: Config, changed: frozenset[str], *, texts: bool) -> Iterator[Difference]:
    """The first acceptance of each turn of a scenario of which something is drawn otherwise; `changed` since were some.

    `texts`: of these generated text counts, for the generator has the version that the recording's had.
    """
    catalog = Catalog(config, config.identity)
    looked_at: Counter[tuple[str, int]] = Counter()
    meanwhile = edited_scenarios(recording)  # what these drew from, nobody can tell
    for line in recording.facts("job.accepted"):
        scenario, part, ordinal = line.text("scenario") or "", accepted_part(line), line.get("ordinal")
        chosen, drawn = catalog.by_name.get(scenario) if scenario not in meanwhile else None, line.get("drawn")
        if chosen is None or part is None or not isinstance(ordinal, int) or chosen.of_turn(part) is None:
            continue
        place = scenario, part
        if looked_at[place] >= _LOOKED_AT:
            continue
        looked_at[place] += 1
        program, drawn = catalog.playing(chosen, line.text("user"), part), drawn if isinstance(drawn, dict) else {}
        settled = settle_draws(program, config.seed, ordinal)
        now, exact = {**_lasting(program, config.seed, ordinal), **settled}, scenario not in changed
        otherwise = _drawn_otherwise(program, config.seed, ordinal, drawn, now, texts=texts and not exact)
        if names := sorted(otherwise | (drawn.keys() ^ settled.keys() if exact else set())):
            looked_at[place] = _LOOKED_AT
            recorded, replayed = ({each: of[each] for each in names if each in of} for of in (drawn, now))
            shown = tuple(diff(recorded, replayed, f"{recording.name}:{line.n + 1} → drawn"))
            more = f", as are {len(names) - 1} more" if len(names) > 1 else ""
            what = f"job.accepted: {names[0]} is drawn otherwise now{more}; --regenerate shows what follows"
            yield Difference(line.text("job"), line.n + 1, what, shown)


def _drawn_otherwise(
    program: Program, seed: int, ordinal: int, drawn: dict[str, Json], now: dict[str, Json], *, texts: bool
) -> set[str]:
    """The names under which a scenario draws otherwise than it did; a step that is new or gone shows in the timeline."""
    data = {f"data/{name}": datum for name, datum in program.scenario.data.items() if is_drawn(datum)}
    found = data.keys() ^ {name for name in drawn if name.startswith("data/")}
    for name in data.keys() & drawn.keys():
        if not drawn_as(data[name], drawn[name], seed, f"{program.name}/{ordinal}/{name}", texts=texts):
            found.add(name)
    visited = now.keys() & drawn.keys() - data.keys()
    return found | {name for name in visited if drawn[name] is not None and drawn[name] != now[name]}


def _lasting(program: Program, seed: int, ordinal: int) -> dict[str, Json]:
    """How long steps last at their first visit, also those of which it is written."""
    steps = (name for name, step in program.steps.items() if isinstance(step, TimedStep))
    return {f"{name}/takes": takes(program, seed, ordinal, name, 0) for name in steps}
