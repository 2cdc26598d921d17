"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

import json
from typing import cast

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.faults.drills import FAMILIES, Drill, derive
from lab.faults.variants import Document
from lab.faults.yamltext import yaml_text
from lab.files import SCENARIO_ENDING, load_scenario, read_scenario, scenario_path, scenarios_folder, write_texts
from lab.language.document import nearest
from lab.language.parse.tree import read
from lab.settings import Settings


def execute(asked: Settings, console: Console) -> int:
    """List the drills, or with `--out` write them; how many there are, and why, goes to stderr."""
    (name,) = asked.targets
    folder = scenarios_folder(asked.scenarios)
    made = load_scenario(name, folder)
    path = scenario_path(name, folder)
    document = cast("Document", read(read_scenario(path), str(path)).value)
    # where faults strike is settled by the seed, so each drill names it
    seed = made.scenario.seed or 0 if asked.seed is None else asked.seed
    happy, drills = derive({**document, "seed": seed}, made, seed)
    chosen = _chosen(tuple(drills), asked)
    if asked.out is not None:
        texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
        write_texts(asked.out, {**made.files, **texts}, force=asked.force)
    else:
        for each in chosen:
            console.out(_json(each) if asked.json else f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    console.err(f"{made.name}: {happy.formula}" + ("" if len(chosen) == happy.drills else f"; {len(chosen)} of them"))
    return 0


def _chosen(drills: tuple[Drill, ...], asked: Settings) -> tuple[Drill, ...]:
    families = tuple(each.strip().upper() for each in asked.family.split(",")) if asked.family else tuple(FAMILIES)
    for family in families:
        if family not in FAMILIES:
            raise UsageError(f"There is no family {family}.", hint=f"They are {', '.join(FAMILIES)}.")
    of_families = tuple(each for each in drills if each.family in families)
    if asked.only is None:
        return of_families
    chosen = tuple(each for each in of_families if asked.only in (each.name, each.document["name"]))
    if not chosen:
        near = nearest(asked.only, (each.name for each in of_families))
        raise UsageError(f"There is no drill {asked.only}.", hint=near or "lab drill SCENARIO lists them.")
    return chosen


def _json(drill: Drill) -> str:
    members = {
        "name": drill.name, "family": drill.family, "kind": drill.kind, "where": drill.where,
        "scenario": drill.document,
    }  # fmt: skip
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))
