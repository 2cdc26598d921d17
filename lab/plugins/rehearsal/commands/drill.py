"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

from lab.cli.console import Console
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import write_texts
from lab.files.scenarios import SCENARIO_ENDING
from lab.plugins.rehearsal.drills.drills import FAMILIES
from lab.plugins.rehearsal.drills.named import drills_of
from lab.plugins.rehearsal.options import DrillSettings


def execute(settings: DrillSettings, console: Console) -> int:
    """List the drills, or with `--into` write them, or both with `--json`; how many, and why, goes to stderr."""
    program, happy, chosen = drills_of(settings.where, settings.target, settings.family, settings.only)
    if settings.into is not None:
        texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
        write_texts(settings.into, {**program.files, **texts}, force=settings.force)
    for each in chosen:
        if settings.json:
            document = {"name": each.name, "family": each.family, "kind": each.kind, "where": each.where}
            console.json({**document, "good_client": [*each.ends], "scenario": each.document})
        elif settings.into is None:
            console.out(f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    console.err(
        f"{program.name}: {happy.formula}" + ("" if len(chosen) == happy.drills else f"; {len(chosen)} of them")
    )
    return 0
