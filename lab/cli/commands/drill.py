"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

from collections.abc import Collection
from typing import cast

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.core.seeds import Seed
from lab.faults.drills import FAMILIES, Drill, derive
from lab.faults.places import HappyPath
from lab.faults.variants import ScenarioDocument
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import write_texts
from lab.files.scenarios import SCENARIO_ENDING, load_scenario, read_scenario, scenario_path, scenarios_folder
from lab.jobs.compiled import CompiledScenario
from lab.language.document import nearest
from lab.language.parse.yaml_tree import read_yaml
from lab.settings import Flags, ScenarioSettings


def execute(flags: Flags, console: Console) -> int:
    """List the drills, or with `--out` write them, or both with `--json`; how many, and why, goes to stderr."""
    settings = flags.into(ScenarioSettings)
    compiled, happy, chosen = drills_of(settings, flags["target"], flags["family"], flags["only"])
    if flags["out"] is not None:
        texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
        write_texts(flags["out"], {**compiled.files, **texts}, force=flags["force"])
    for each in chosen:
        if flags["json"]:
            document = {"name": each.name, "family": each.family, "kind": each.kind, "where": each.where}
            console.json({**document, "good_client": [*each.ends], "scenario": each.document})
        elif flags["out"] is None:
            console.out(f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    console.err(
        f"{compiled.name}: {happy.formula}" + ("" if len(chosen) == happy.drills else f"; {len(chosen)} of them")
    )
    return 0


def drills_of(
    settings: ScenarioSettings, target: str, family: str | None, only: str | None
) -> tuple[CompiledScenario, HappyPath, tuple[Drill, ...]]:
    """A happy scenario, its places, and those of its drills that `--family` and `--only` choose."""
    compiled, document, seed = written_scenario(settings, target)
    happy, drills = derive(document, compiled, seed)
    return compiled, happy, _chosen(tuple(drills), family, only)


def written_scenario(settings: ScenarioSettings, target: str) -> tuple[CompiledScenario, ScenarioDocument, Seed]:
    """A scenario, the same as its author wrote it, and the seed that settles where faults strike, which it names."""
    folder = scenarios_folder(settings.scenarios)
    compiled = load_scenario(target, folder)
    path = scenario_path(target, folder)
    document = cast("ScenarioDocument", read_yaml(read_scenario(path), str(path)).value)
    seed = compiled.scenario.seed or 0 if settings.seed is None else settings.seed
    return compiled, {**document, "seed": seed}, seed


def chosen_families(text: str | None, known: Collection[str] = FAMILIES) -> tuple[str, ...]:
    """Those that `--family` names, as W,P; none named: all."""
    families = tuple(each.strip().upper() for each in text.split(",")) if text else tuple(known)
    for each in families:
        if each not in known:
            raise UsageError(f"There is no family {each}.", hint=f"They are {', '.join(known)}.")
    return families


def _chosen(drills: tuple[Drill, ...], family: str | None, only: str | None) -> tuple[Drill, ...]:
    """Those of the families, or the one of that name."""
    families = chosen_families(family)
    of_families = tuple(drill for drill in drills if drill.family in families)
    if only is None:
        return of_families
    chosen = tuple(each for each in of_families if only in (each.name, each.document["name"]))
    if not chosen:
        near = nearest(only, (each.name for each in of_families))
        raise UsageError(f"There is no drill {only}.", hint=near or "lab drill SCENARIO lists them.")
    return chosen
