"""Drills that a command names: those of a happy scenario, by their families or one by its name."""

from collections.abc import Collection
from typing import cast

from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.files.scenarios import load_scenario, read_scenario, scenario_path, scenarios_folder
from lab.jobs.program import Program
from lab.language.parse.yaml_tree import read_yaml
from lab.plugins.rehearsal.drills.drills import FAMILIES, Drill, derive
from lab.plugins.rehearsal.drills.places import HappyPath
from lab.plugins.rehearsal.drills.variants import ScenarioDocument
from lab.program.words import nearest
from lab.settings import ScenarioSettings


def drills_of(
    settings: ScenarioSettings, target: str, families: Collection[str], only: str | None
) -> tuple[Program, HappyPath, tuple[Drill, ...]]:
    """A happy scenario, its places, and those of its drills that `--family` and `--only` choose."""
    program, document, seed = written_scenario(settings, target)
    happy, drills = derive(document, program, seed)
    return program, happy, _chosen(tuple(drills), families, only)


def written_scenario(settings: ScenarioSettings, target: str) -> tuple[Program, ScenarioDocument, Seed]:
    """A scenario, the same as its author wrote it, and the seed that settles where faults strike, which it names."""
    folder = scenarios_folder(settings.scenarios)
    program = load_scenario(target, folder)
    path = scenario_path(target, folder)
    document = cast("ScenarioDocument", read_yaml(read_scenario(path), str(path)).value)
    seed = program.scenario.seed or 0 if settings.seed is None else settings.seed
    return program, {**document, "seed": seed}, seed


def chosen_families(named: Collection[str], known: Collection[str] = FAMILIES) -> tuple[str, ...]:
    """Those that are named; none named: all."""
    families = tuple(named or known)
    for each in families:
        if each not in known:
            raise UsageError(f"There is no family {each}.", hint=f"They are {', '.join(known)}.")
    return families


def _chosen(drills: tuple[Drill, ...], named: Collection[str], only: str | None) -> tuple[Drill, ...]:
    """Those of the families, or the one of that name."""
    families = chosen_families(named)
    of_families = tuple(drill for drill in drills if drill.family in families)
    if only is None:
        return of_families
    chosen = tuple(each for each in of_families if only in (each.name, each.document["name"]))
    if not chosen:
        near = nearest(only, (each.name for each in of_families))
        raise UsageError(f"There is no drill {only}.", hint=near or "lab drill SCENARIO lists them.")
    return chosen
