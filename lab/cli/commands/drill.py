"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

from typing import cast

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.faults.drills import FAMILIES, Drill, derive
from lab.faults.variants import ScenarioDocument
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import write_texts
from lab.files.scenarios import SCENARIO_ENDING, load_scenario, read_scenario, scenario_path, scenarios_folder
from lab.language.document import nearest
from lab.language.parse.yaml_tree import read_yaml
from lab.settings import Flags, ScenarioSettings


class DrillSettings(ScenarioSettings, frozen=True, kw_only=True):
    """What `lab drill` was asked."""

    target: str = ""
    """The happy scenario, by name or path."""
    out: str | None = None
    """The folder to which drills are written, a file each; None: they are listed."""
    force: bool = False
    family: str | None = None
    """The families of drills that are meant, as W,P."""
    only: str | None = None
    """The one drill that is meant."""
    json: bool = False


def execute(flags: Flags, console: Console) -> int:
    """List the drills, or with `--out` write them; how many there are, and why, goes to stderr."""
    settings = flags.into(DrillSettings)
    folder = scenarios_folder(settings.scenarios)
    compiled = load_scenario(settings.target, folder)
    path = scenario_path(settings.target, folder)
    document = cast("ScenarioDocument", read_yaml(read_scenario(path), str(path)).value)
    # where faults strike is settled by the seed, so each drill names it
    seed = compiled.scenario.seed or 0 if settings.seed is None else settings.seed
    happy, drills = derive({**document, "seed": seed}, compiled, seed)
    chosen = _chosen(tuple(drills), settings)
    if settings.out is not None:
        texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
        write_texts(settings.out, {**compiled.files, **texts}, force=settings.force)
    else:
        for each in chosen:
            if settings.json:
                document = {"name": each.name, "family": each.family, "kind": each.kind, "where": each.where}
                console.json({**document, "scenario": each.document})
            else:
                console.out(f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    console.err(
        f"{compiled.name}: {happy.formula}" + ("" if len(chosen) == happy.drills else f"; {len(chosen)} of them")
    )
    return 0


def _chosen(drills: tuple[Drill, ...], settings: DrillSettings) -> tuple[Drill, ...]:
    families = (
        tuple(each.strip().upper() for each in settings.family.split(",")) if settings.family else tuple(FAMILIES)
    )
    for family in families:
        if family not in FAMILIES:
            raise UsageError(f"There is no family {family}.", hint=f"They are {', '.join(FAMILIES)}.")
    of_families = tuple(each for each in drills if each.family in families)
    if settings.only is None:
        return of_families
    chosen = tuple(each for each in of_families if settings.only in (each.name, each.document["name"]))
    if not chosen:
        near = nearest(settings.only, (each.name for each in of_families))
        raise UsageError(f"There is no drill {settings.only}.", hint=near or "lab drill SCENARIO lists them.")
    return chosen
